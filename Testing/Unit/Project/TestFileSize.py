"""Sizes that people write, and what is refused for its size."""

import pytest

from M3DLib.Errors import M3DError
from M3DLib.FileSize import fileSizeLimit, freeMemory, parseFileSize, requireRoom


@pytest.mark.parametrize(
    ("text", "size"), [("800", 800 << 20), ("800M", 800 << 20), ("1.5 gb", 3 << 29), ("2G", 2 << 30), ("1KiB", 1 << 10)]
)
def test_sizesAreReadAsPeopleWriteThem(text, size):
    assert parseFileSize(text) == size


@pytest.mark.parametrize("text", ["", "0", "-5", "many", "1e3", "5 apples", "nan"])
def test_whatIsNoSizeIsRefused(text):
    with pytest.raises(M3DError, match="no size"):
        parseFileSize(text)


def test_limitHoldsInsideItsBlockOnly():
    with fileSizeLimit(1000):
        requireRoom(1000, "This")
        with pytest.raises(M3DError, match="--max-file-size"):
            requireRoom(1001, "This")
        with fileSizeLimit(None), pytest.raises(M3DError, match="as told"):
            requireRoom(1001, "This")
    requireRoom(1001, "This")


def test_memoryThatIsThereIsTheLimitOtherwise():
    assert freeMemory() > 1 << 24
    with pytest.raises(M3DError, match="half of the memory that is free"):
        requireRoom(1 << 50, "This")


def test_bombIsToldByItsRatioUnlessTheUserKnowsBetter():
    with pytest.raises(M3DError, match="100 times"):
        requireRoom(300_000_000, "This", packed=1_000_000)
    requireRoom(100_000_000, "This", packed=1_000)
    with fileSizeLimit(1_000_000_000):
        requireRoom(300_000_000, "This", packed=1_000_000)
