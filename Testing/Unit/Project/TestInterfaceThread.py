"""Work beside a user interface: what belongs to the interface is done by it, and whoever stops is obeyed."""

import threading

import pytest

from M3DLib.Background import inBackground, inInterface
from M3DLib.Errors import Cancelled


def nothing(fraction, text):
    """No progress to show."""


def test_whatBelongsToTheInterfaceIsDoneByIt():
    def work(said):
        return threading.current_thread(), inInterface(threading.current_thread)

    worker, asked = inBackground(work, nothing)
    assert worker is not threading.current_thread()
    assert asked is threading.current_thread()


def test_withoutAnInterfaceItIsDoneAtOnce():
    assert inInterface(threading.current_thread) is threading.current_thread()


def test_whatFailsThereFailsInTheWork():
    failed = []

    def work(said):
        try:
            inInterface(lambda: {}["nothing"])
        except KeyError as error:
            failed.append(error)
        return "went on"

    assert inBackground(work, nothing) == "went on"
    assert len(failed) == 1


def test_workThatIsStoppedDoesNothingMoreInTheInterface():
    begun, done = threading.Event(), []

    def work(said):
        begun.wait()
        inInterface(lambda: done.append(1))

    def stop(fraction, text):
        begun.set()
        raise Cancelled

    with pytest.raises(Cancelled):
        inBackground(work, stop)
    assert not done


def test_whatWasOpenedIsClosedAlsoWhenTheWorkIsStopped():
    closed = []

    def work(said):
        try:
            while True:
                said(0.5, "working")
        finally:
            inInterface(lambda: closed.append(threading.current_thread()), always=True)

    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        inBackground(work, stop)
    assert closed == [threading.current_thread()]
