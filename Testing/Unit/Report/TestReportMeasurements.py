"""What the measurement report says of each number: its name, its unit, its digits, its limit and its evaluation."""

import math
import re

import pytest
from highdicom.sr import srread
from pydicom.sr.codedict import codes

from M3DTestSupport.MeasurementReports import groupsOf, instances
from M3DTestSupport.Project import ROOT
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DValidationLib.Profile import loadCatalogue
from M3DValidationLib.Report.Dicom.DeviationGroups import deviationGroups
from M3DValidationLib.Report.Dicom.FindingGroups import findingGroups
from M3DValidationLib.Report.Dicom.ReportCodes import SCHEME
from M3DValidationLib.Report.Dicom.ReportConclusion import conclusionOf

CODES_PAGE = (ROOT / "Docs" / "ReportCodes.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report's JSON and the file of its measurement report."""
    folder = tmp_path_factory.mktemp("measurements")
    (folder / "scan").mkdir()
    writeNamedScan(folder / "scan")
    report = validated(folder / "scan", folder / "out", "--formats", "sr")
    (file,) = instances(folder / "out" / "dicom")
    return report, file


def findingItems(file):
    """The NUM items of the findings, each with the items below it by concept."""
    group = groupsOf(file)["Findings"][0]
    for item in group.ContentSequence:
        if item.ValueType == "NUM":
            yield item, {below.name.meaning: below for below in item.get("ContentSequence", ())}


def aFinding(**changes):
    base = {
        "requirement": "mesh-volume-change",
        "title": "The mesh has the volume of its voxels",
        "verdict": "fail",
        "measured": -7.123456,
        "limit": 2.5,
        "warningLimit": 5.0,
        "sense": "atMost",
        "unit": "%",
        "source": "because",
    }
    return {**base, **changes}


def theItem(finding):
    (group,) = findingGroups({"verdict": "fail", "findings": [finding]})
    (item,) = [item for item in group[0].ContentSequence if item.ValueType == "NUM"]
    return item, {below.name.meaning: below for below in item.ContentSequence}


def test_everyNumberOfAFindingHasTheNameOfAMeasurement(made):
    report, file = made
    wanted = [finding for finding in report["findings"] if isinstance(finding["measured"], (int, float))]
    items = list(findingItems(file))
    assert [item.name.meaning for item, _below in items] == [finding["quantity"] for finding in wanted]
    titles = {finding["title"] for finding in report["findings"]}
    assert not titles & {item.name.meaning for item, _below in items}


def test_whatIsMeasuredHasANameOfItsOwn():
    catalogue = loadCatalogue().values()
    names = [requirement.quantity for requirement in catalogue if requirement.quantity]
    assert len(set(names)) == len(names)
    for requirement in catalogue:
        assert requirement.quantity or requirement.sense == "stated", requirement.id
        assert len(requirement.quantity) <= 64 and requirement.quantity != requirement.title


def test_theLimitStandsByTheNumberAndSaysHowItWasJudged(made):
    report, file = made
    judged = 0
    measured = [finding for finding in report["findings"] if isinstance(finding["measured"], (int, float))]
    for finding, (item, below) in zip(measured, findingItems(file), strict=True):
        if finding["limit"] is None:
            assert "Normality" not in below
            continue
        side = "Normal Range Lower Limit" if finding["sense"] == "atLeast" else "Normal Range Upper Limit"
        assert below[side].value == finding["limit"] and below[side].unit == item.unit
        assert below["Normal Range Authority"].TextValue == finding["source"]
        isNormal = below["Normality"].value == codes.cid222.Normal
        assert isNormal == (finding["verdict"] == "pass"), finding["requirement"]
        judged += 1
    assert judged > 20


@pytest.mark.parametrize(
    ("changes", "normality"),
    [
        ({}, codes.cid222.AbnormallyLow),
        ({"measured": 7.1}, codes.cid222.AbnormallyHigh),
        ({"measured": -1.0, "verdict": "pass"}, codes.cid222.Normal),
        ({"measured": -1.0, "verdict": "notAssessable"}, codes.cid222.NormalityUndetermined),
        ({"requirement": "scan-covered", "sense": "atLeast", "measured": 1.0}, codes.cid222.AbnormallyLow),
        # What fails for another reason than its number is abnormal without a side.
        ({"measured": 1.0}, codes.cid222.Abnormal),
    ],
)
def test_aNumberLiesOnTheSideOfItsLimitThatItIsSaidToLieOn(changes, normality):
    _item, below = theItem(aFinding(**changes))
    assert below["Normality"].value == normality


def test_aSignedNumberHasALimitOnBothSides():
    item, below = theItem(aFinding())
    assert below["Normal Range Lower Limit"].value == -2.5 and below["Normal Range Upper Limit"].value == 2.5
    assert below["Normal Range description"].TextValue == "at most ±2.5 %, a warning to ±5 %"
    assert item.MeasuredValueSequence[0].NumericValue.original_string == "-7.12" and item.value == -7.123456


def test_digitsAreThoseThatPeopleRead(made):
    _report, file = made
    for item, _below in findingItems(file):
        text = str(item.MeasuredValueSequence[0].NumericValue)
        digits = re.sub(r"[eE].*", "", text).lstrip("-0.").replace(".", "").rstrip("0")
        assert len(digits) <= max(4, len(str(abs(int(item.value))))), text
        assert math.isclose(float(text), item.value, rel_tol=0.006, abs_tol=1e-12)


def test_noDigitIsLeftOutThatDecides():
    """0.5004 mm that fails at 0.5 mm is not written as 0.5 mm."""
    item, _below = theItem(aFinding(requirement="deviation-p95", unit="mm", limit=0.5, measured=0.5004))
    assert float(item.MeasuredValueSequence[0].NumericValue) > 0.5


def test_uncertaintySaysHowManyDigitsThereAre():
    facts = {"meanSigned": 0.123456, "uncertainty95": 0.04, "worstPointLps": None}
    report = {"deviation": {"image": facts}, "input": {}}
    (group,) = deviationGroups(report, [])
    (mean, half) = [item for item in group[0].ContentSequence if item.ValueType == "NUM"]
    assert str(mean.MeasuredValueSequence[0].NumericValue) == "0.12" and mean.value == 0.123456
    assert half.value == 0.04


def test_theConclusionStandsFirstAsText(made):
    report, file = made
    items = srread(file).ContentSequence
    contained = [item for item in items if item.RelationshipType == "CONTAINS"]
    assert [item.name.meaning for item in contained] == ["Conclusions", "Imaging Measurements"]
    (text,) = contained[0].ContentSequence
    assert text.name == codes.DCM.Conclusion and text.TextValue == conclusionOf(report)
    for finding in report["findings"]:
        if finding["verdict"] == "fail":
            assert finding["quantity"] in text.TextValue
    assert "at most 1 mm allowed" in text.TextValue or not any(f["verdict"] == "fail" for f in report["findings"])


def test_everyCodeOfTheProjectIsOnItsPage(made):
    _report, file = made
    known = set(re.findall(r"`([^`]+)`", CODES_PAGE)) | set(loadCatalogue())

    found = set()

    def collect(dataset):
        if dataset.get("CodingSchemeDesignator") == SCHEME and ("CodeValue" in dataset or "LongCodeValue" in dataset):
            found.add(str(dataset.get("CodeValue") or dataset.get("LongCodeValue")))
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value:
                    collect(item)

    collect(srread(file))
    assert len(found) > 50 and sorted(found - known) == []
