"""Work in a thread of its own while another thread keeps a user interface alive."""

import threading
import time

import pytest

from M3DLib.Background import inBackground
from M3DLib.Errors import Cancelled, M3DError


def test_resultComesBackAndProgressIsCalledInThisThreadOnly():
    threads, texts = set(), []

    def work(progress):
        threads.add(threading.current_thread())
        for number in range(4):
            progress(number / 4, f"step {number}")
            time.sleep(0.06)
        return "done"

    def progress(fraction, text):
        assert threading.current_thread() is threading.main_thread()
        texts.append(text)

    assert inBackground(work, progress) == "done"
    assert threading.main_thread() not in threads
    assert "step 3" in texts


def test_cancellingStopsTheWorkAtItsNextReport():
    steps = []

    def work(progress):
        for number in range(1000):
            progress(number / 1000, "working")
            steps.append(number)
            time.sleep(0.01)

    def cancel(fraction, text):
        raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        inBackground(work, cancel)
    assert threading.active_count() == before
    assert len(steps) < 1000


def test_workThatOnlyAsksIsLeftBehindAtOnce():
    answered, left = threading.Event(), threading.Event()

    def wait(progress):
        # A server that says nothing.
        answered.wait(30)
        left.set()

    def cancel(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        inBackground(wait, cancel, leave=True)
    assert not left.is_set()
    answered.set()
    assert left.wait(30)


def test_errorsOfTheWorkAreRaisedWhereItWasAskedFor():
    def work(progress):
        raise M3DError("The scan is missing.")

    with pytest.raises(M3DError, match="The scan is missing"):
        inBackground(work, lambda fraction, text: None)
