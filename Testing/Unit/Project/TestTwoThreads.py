"""Two works at once: what they return, what stops them, and in which thread progress is told."""

import threading

import pytest

from M3DLib.Errors import Cancelled
from M3DLib.TwoThreads import besideEachOther


def test_bothWorksRunAtTheSameTimeAndGiveTheirResults():
    meeting = threading.Barrier(2, timeout=20)

    def work(name):
        def run(progress):
            # Neither gets past this before the other has come to it.
            meeting.wait()
            progress(0.5, name)
            return name

        return run

    assert besideEachOther(work("one"), work("other")) == ("one", "other")


def test_progressIsToldInTheCallersThreadOnlyAndNeverGoesBack():
    told, here = [], threading.current_thread()

    def work(progress):
        for step in range(5):
            progress(step / 5, "working")

    def progress(fraction, text):
        assert threading.current_thread() is here
        told.append(fraction)

    besideEachOther(work, work, progress)
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_whatProgressRaisesStopsBothWorks():
    begun, ended = threading.Event(), []

    def other(progress):
        begun.set()
        while True:
            try:
                progress(0.1, "still at work")
            except Cancelled:
                ended.append("other")
                raise

    def one(progress):
        begun.wait(20)
        progress(0.2, "asking")
        ended.append("one went on")

    def stopping(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        besideEachOther(one, other, stopping)
    assert ended == ["other"]


def test_anErrorOfTheOtherWorkStopsTheOneAtItsNextWord():
    failed = threading.Event()

    def other(progress):
        failed.set()
        raise ValueError("nothing there")

    def one(progress):
        failed.wait(20)
        while True:
            progress(0.3, "working")

    with pytest.raises(ValueError, match="nothing there"):
        besideEachOther(one, other)


def test_anErrorOfTheOneStopsTheOther():
    stopped = []

    def other(progress):
        while True:
            try:
                progress(0.0, "working")
            except Cancelled:
                stopped.append(True)
                raise

    def one(progress):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        besideEachOther(one, other)
    assert stopped
