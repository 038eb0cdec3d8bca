"""A small fixed part of the fuzzing in ``Testing/Benchmarks/fuzz_files.py``: files are read, remarked on or refused."""

from collections import Counter

import pytest

from M3DTestSupport.FuzzReading import KINDS, outcomes

COUNT = 40


@pytest.mark.parametrize("kind", KINDS)
def test_variantsAreReadRemarkedOrRefused(tmp_path, kind):
    if kind == "3mf":
        pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    found = Counter()
    for number, word, detail, _seconds in outcomes(kind, range(COUNT), tmp_path):
        assert word in ("read", "warned", "refused"), f"variant {number}: {word} {detail}"
        if word == "refused":
            # One sentence that names the file, without the words of a program.
            assert detail.strip() and "Traceback" not in detail, detail
        found[word] += 1
    # The variants are no rubbish: some can be read, and not all of them.
    assert 0 < found["refused"] < COUNT


@pytest.mark.parametrize("number", [313, 1502])
def test_damagedKindOfALongValueIsNoTraceback(number, tmp_path):
    # The value is long enough to be left in the file until it is asked for.
    ((_number, word, detail, _seconds),) = outcomes("series", range(number, number + 1), tmp_path)
    assert word in ("warned", "refused") and "damaged" in detail
