"""Numbers as people read them: their digits, signs and units."""

import pytest

from M3DLib.NumberText import (
    decimalsOf,
    exactNumber,
    measuredText,
    millimeters,
    number,
    percentage,
    rounded,
    shareInPercent,
)


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (19.5229, None, "19.5"),
        (19.5229, 0.03, "19.52"),
        (0.8795723, None, "0.88"),
        (0.8795723, 0.06, "0.88"),
        (0.9996, None, "1"),
        (236658.827, None, "236659"),
        (-0.0146, None, "−0.0146"),
        (-0.00001, 0.1, "0"),
        (0.0, None, "0"),
        (12, None, "12"),
        (1234567, None, "1234567"),
        (None, None, "–"),
        ("CT", None, "CT"),
    ],
)
def test_digitsComeFromTheUncertaintyOrAreThree(value, uncertainty, text):
    assert number(value, uncertainty) == text


@pytest.mark.parametrize(
    ("value", "limit"), [(0.5004, 0.5), (0.4996, 0.5), (94.996, 95), (95.0004, 95), (1.00000049, 1.0), (0.0004, 0.0)]
)
def test_noRoundingMovesANumberAcrossItsLimit(value, limit):
    near = rounded(value, limits=(limit,))
    assert (near > limit, near < limit) == (value > limit, value < limit)
    text = measuredText(value, "%", (limit,)).removesuffix(" %")
    assert (float(text) > limit) == (value > limit)


def test_aNumberAtItsLimitButForTheComputersRoundingIsAtIt():
    assert rounded(0.1 + 0.2, limits=(0.3,)) == 0.3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.104e-05, "less than 0.001 mm"),
        (-6.104e-05, "less than 0.001 mm"),
        (0.0, "0 mm"),
        (1.19444, "1.19 mm"),
        (43.0755, "43.1 mm"),
        (214.75, "215 mm"),
        (-1.636, "−1.64 mm"),
        (None, "not measured"),
    ],
)
def test_lengthsAreNeverWrittenAsPowersOfTen(value, text):
    assert millimeters(value) == text


def test_signedLengthsSayTheirSign():
    assert millimeters(2.744, signed=True) == "+2.74 mm" and millimeters(-2.744, signed=True) == "−2.74 mm"
    assert millimeters(0.0, signed=True) == "0 mm"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (54.2715, "54.3 %"),
        (0.0, "0 %"),
        (100.0, "100 %"),
        (99.996, "> 99.99 %"),
        (99.96, "99.96 %"),
        (0.004, "< 0.01 %"),
        (0.0224, "0.02 %"),
        (-0.0, "0 %"),
    ],
)
def test_nothingAndEverythingAreOnlyWhatIsExactlySo(value, text):
    assert percentage(value) == text


def test_aChangeOfNothingHasNoSign():
    assert percentage(-0.0, signed=True) == "0 %"
    assert percentage(-0.003, signed=True) == "< 0.01 %"
    assert percentage(1.5, signed=True) == "+1.5 %" and percentage(-1.468, signed=True) == "−1.5 %"
    assert shareInPercent(None) == "not measured" and shareInPercent(0.5) == "50 %"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "parts", "1 part"),
        (2, "parts", "2 parts"),
        (1, "bodies", "1 body"),
        (2.0, "of the tolerance", "2 × the tolerance"),
        (17518.0, "mm2", "17518 mm²"),
        (0.05, "degrees", "0.05 degrees"),
        (6.103515625e-05, "mm", "less than 0.001 mm"),
        (11.0822, "times", "11.1 ×"),
        (3, "", "3"),
        ("CT", "mm", "CT"),
    ],
)
def test_unitsAreWrittenForPeople(value, unit, text):
    assert measuredText(value, unit) == text


def test_limitsKeepAllTheirDigits():
    assert [exactNumber(value) for value in (0.0005, 1.2345, 4294.0, -2.5, 0.0, 1e-7)] == [
        "0.0005",
        "1.2345",
        "4294",
        "−2.5",
        "0",
        "0.0000001",
    ]


def test_decimalsOfNothing():
    assert decimalsOf(0.0) == decimalsOf(float("nan")) == 0
