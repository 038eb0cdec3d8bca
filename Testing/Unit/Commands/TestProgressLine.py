"""The line of progress: what is done, how far it is, and the time left as soon as that can be told."""

import pytest

from M3DBatchLib.ProgressLine import ProgressLine, spoken


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def line(clock):
    made = ProgressLine(lambda _text: None, clock)
    yield made
    made.close()


def test_shortWorkShowsNoTime(line, clock):
    line.update(0.0, "Reading")
    clock.now += 1.5
    line.update(0.5, "Reading")
    assert line.line() == "[############............] Reading"


def test_longWorkShowsTheTimeThatIsLeft(line, clock):
    line.update(0.0, "Measuring")
    clock.now += 10
    line.update(0.25, "Measuring")
    assert line.line().endswith("Measuring (about 30 s left)")
    clock.now += 20
    line.update(0.75, "Measuring")
    assert line.line().endswith("Measuring (about 10 s left)")


def test_timeThatHasPassedSinceTheLastReportIsTakenOff(line, clock):
    line.update(0.0, "Measuring")
    clock.now += 10
    line.update(0.5, "Measuring")
    clock.now += 4
    assert line.line().endswith("(about 6 s left)")


def test_workThatReportsNothingShowsThatItGoesOn(line, clock):
    line.update(0.0, "Making the surface")
    clock.now += 7
    assert line.line().endswith("Making the surface (7 s)")


def test_newWorkBeginsANewEstimate(line, clock):
    line.update(0.0, "Reading")
    clock.now += 30
    line.update(0.9, "Reading")
    line.update(0.0, "Measuring")
    assert line.line().endswith("] Measuring")
    clock.now += 4
    line.update(0.5, "Measuring")
    assert line.line().endswith("Measuring (about 4 s left)")


def test_estimateThatHasRunOutIsNotShown(line, clock):
    line.update(0.0, "Measuring")
    clock.now += 2
    line.update(0.5, "Measuring")
    clock.now += 30
    assert line.line().endswith("Measuring (32 s)")


def test_lineIsTakenAwayAndDrawnAgain(clock):
    written = []
    line = ProgressLine(written.append, clock)
    line.update(0.5, "Reading")
    line.clear()
    assert written[-1] == "\r\x1b[2K" and not line.shown
    clock.now += 1
    line.update(0.6, "Reading")
    assert "Reading" in written[-1] and line.shown
    line.close()
    assert not line.shown


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "about 1 s"), (7.4, "about 7 s"), (23, "about 25 s"), (200, "about 3 min")]
)
def test_timesAreSpokenAsRoughlyAsTheyAreKnown(seconds, words):
    assert spoken(seconds) == words
