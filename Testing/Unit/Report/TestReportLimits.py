"""Limits beside the statistics of the measurement report: those that judged them, on the side that they say."""

import pytest
from pydicom.sr.codedict import codes

from M3DValidationLib.Report.Dicom.DeviationGroups import deviationGroups
from M3DValidationLib.Report.Dicom.DistanceGroups import distanceGroups

NORMAL, HIGH, LOW = codes.cid222.Normal, codes.cid222.AbnormallyHigh, codes.cid222.AbnormallyLow
UNDETERMINED = codes.cid222.NormalityUndetermined
FACTS = {
    "meanSigned": -0.3,
    "median": 0.1,
    "minSigned": -2.0,
    "maxSigned": 0.7,
    "p95Absolute": 0.9,
    "p99Absolute": 0.4,
    "withinTolerance": 0.85,
    "coverage": 0.99,
    "sd": 0.4,
    "tolerance": 0.5,
    "uncertainty95": 0.05,
    "worstPointLps": None,
}


def finding(requirement, measured, verdict, limit, **more):
    base = {"title": requirement, "source": "a guideline", "warningLimit": None}
    base |= {"requirement": requirement, "measured": measured, "verdict": verdict, "limit": limit, "unit": "mm"}
    return {**base, "sense": "atMost", **more}


FINDINGS = [
    finding("deviation-bias", 0.3, "fail", 0.25),
    finding("deviation-p95", 0.9, "fail", 0.5),
    finding("deviation-coverage", 99.0, "pass", 90, unit="%", sense="atLeast"),
    finding("deviation-tolerance", 85.0, "fail", 95, unit="%", sense="atLeast"),
]


def statistics(findings, facts=FACTS, kind="image"):
    """What the group of a comparison says of each figure, by its code and derivation."""
    report = {"deviation": {kind: facts}, "input": {}, "findings": findings}
    (group,) = deviationGroups(report, [])
    found = {}
    for item in group[0].ContentSequence:
        if item.ValueType == "NUM":
            below = {one.name.meaning: one for one in item.get("ContentSequence", ())}
            derivation = below.get("Derivation")
            found[derivation.value.meaning if derivation else item.name.value] = (item, below)
    verdicts = {
        item.name.value: item.value.meaning
        for item in group[0].ContentSequence
        if item.ValueType == "CODE" and item.name.scheme_designator == "99SLICERM3D"
    }
    return found, verdicts


def ends(below):
    return tuple(
        below[f"Normal Range {side} Limit"].value if f"Normal Range {side} Limit" in below else None
        for side in ("Lower", "Upper")
    )


@pytest.mark.parametrize(
    ("name", "limits", "normality"),
    [
        ("Mean", (-0.25, 0.25), LOW),
        ("p95Absolute", (None, 0.5), HIGH),
        ("coverage", (0.9, None), NORMAL),
        ("withinTolerance", (0.95, None), LOW),
        # No requirement is about these distances; each of them is held against the tolerance.
        ("Median", (-0.5, 0.5), NORMAL),
        ("Minimum", (-0.5, 0.5), LOW),
        ("Maximum", (-0.5, 0.5), HIGH),
        ("p99Absolute", (None, 0.5), NORMAL),
    ],
)
def test_aStatisticHasTheLimitThatJudgesIt(name, limits, normality):
    found, _verdicts = statistics(FINDINGS)
    item, below = found[name]
    assert ends(below) == pytest.approx(limits) and below["Normality"].value == normality
    for side in ("Lower", "Upper"):
        if f"Normal Range {side} Limit" in below:
            assert below[f"Normal Range {side} Limit"].unit == item.unit
    wanted = "a guideline" if name in ("Mean", "p95Absolute", "coverage", "withinTolerance") else "tolerance of"
    assert below["Normal Range Authority"].TextValue.startswith(wanted)


def test_whatNothingIsAskedOfHasNoLimit():
    found, _verdicts = statistics(FINDINGS)
    for name in ("Standard Deviation", "uncertainty95", "tolerance"):
        assert "Normality" not in found[name][1]


def test_theVerdictsStandInTheGroupTheyAreAbout():
    _found, verdicts = statistics(FINDINGS)
    assert verdicts["deviation-bias"] == "Fail" and verdicts["deviation-coverage"] == "Pass"
    assert set(verdicts) == {entry["requirement"] for entry in FINDINGS}


def test_whatCouldNotBeJudgedIsNeitherNormalNorAbnormal():
    findings = [finding("deviation-p95", None, "notAssessable", 0.5), finding("deviation-tolerance", None, "fail", 95)]
    findings[1] |= {"verdict": "notAssessable", "unit": "%", "sense": "atLeast"}
    found, verdicts = statistics(findings)
    for name in ("p95Absolute", "withinTolerance", "Maximum", "Median"):
        assert found[name][1]["Normality"].value == UNDETERMINED, name
    assert verdicts["deviation-p95"] == "Not assessable"


def test_aLimitIsNotPutBesideANumberThatItDidNotJudge():
    """Where the report judged another number than the group shows, only the tolerance stands by it."""
    found, _verdicts = statistics([finding("deviation-p95", 0.2, "pass", 0.3)])
    _item, below = found["p95Absolute"]
    assert ends(below) == (None, 0.5) and below["Normality"].value == HIGH


def test_changeOfVolumeHasItsLimitOnBothSides():
    facts = {"volumeChange": -0.07, "worstPointLps": None}
    entry = finding("mesh-volume-change", -7.0, "fail", 2.5, unit="%", signed=True)
    found, _verdicts = statistics([entry], facts, "segmentation")
    _item, below = found["volumeChange"]
    assert ends(below) == pytest.approx((-0.025, 0.025)) and below["Normality"].value == LOW


def test_eachMissingBodyIsHeldAgainstItsLimit():
    facts = {"bodiesLeftOut": [{"volumeMm3": 500.0}], "worstPointLps": None}
    entry = finding("bodies-left-out", 500.0, "fail", 30, unit="mm3")
    found, _verdicts = statistics([entry], facts, "scan")
    assert found["bodiesLeftOut"][1]["Normality"].value == HIGH
    found, _verdicts = statistics([{**entry, "verdict": "information"}], facts, "scan")
    assert found["bodiesLeftOut"][1]["Normality"].value == UNDETERMINED


@pytest.mark.parametrize(
    ("tolerance", "verdict", "limits", "normality"),
    [
        (0.5, "pass", (-0.5, 0.5), NORMAL),
        (None, "pass", (-1.0, 1.0), NORMAL),
        (0.3, "fail", (-0.3, 0.3), LOW),
        (0.3, "notAssessable", (-0.3, 0.3), UNDETERMINED),
    ],
)
def test_aKnownDistanceHasItsOwnToleranceOrTheRequirements(tolerance, verdict, limits, normality):
    row = {"name": "edge", "measuredMm": 5.6, "deviationMm": -0.4, "toleranceMm": tolerance, "verdict": verdict}
    entry = finding("reference-image", 0.4, verdict, 1.0, evidence={"distances": [row]})
    (group,) = distanceGroups({"findings": [entry]}, "")
    (item,) = [item for item in group[0].ContentSequence if item.name.value == "deviationMm"]
    below = {one.name.meaning: one for one in item.ContentSequence}
    assert ends(below) == limits and below["Normality"].value == normality


def test_aScaleIsHeldAgainstOne():
    target = {"name": "ball", "scaleIJK": [1.002, 1.02, 0.97], "sizes": []}
    entry = finding("calibration-scale", 3.0, "fail", 1.0, unit="%", signed=True, evidence={"objects": [target]})
    (group,) = distanceGroups({"findings": [entry]}, "")
    found = [
        {one.name.meaning: one for one in item.ContentSequence}
        for item in group[0].ContentSequence
        if item.ValueType == "NUM"
    ]
    assert [below["Normality"].value for below in found] == [NORMAL, HIGH, LOW]
    assert all(ends(below) == pytest.approx((0.99, 1.01)) for below in found)
