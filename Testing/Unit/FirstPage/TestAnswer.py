"""The answer of the first page: what follows for the use, why, how far off, and what nobody has looked at."""

import copy
import json

import pytest

from M3DTestSupport.Project import ROOT
from M3DValidationLib.Report.FirstPage.Answer import answerOf, sideOf
from M3DValidationLib.Report.FirstPage.AnswerText import length, quantity
from M3DValidationLib.Report.FirstPage.Importance import GROUPS, byImportance, groupOf

FACTS = {
    "kind": "image",
    "p95Absolute": 0.4045,
    "uncertainty95": 0.0537,
    "calibration": {"withinFittedRange": True},
    "tolerance": 1.0,
    "withinTolerance": 0.999,
    "coverage": 0.92,
    "meanSigned": 0.2,
    "minSigned": -0.4,
    "maxSigned": 0.9,
    "worstPointLps": [-31.04, 143.99, 705.92],
    "worstSlice": 13,
    "largest": {"areaMm2": 4.0, "counts": True},
}
SCAN = {"withinTolerance": 0.9998, "tolerance": 1.0, "coverage": 0.99, "maxSigned": 2.3, "kind": "scan"}
MODEL = {"name": "skull", "madeFrom": {}, "boundsLps": [[-60, 0, 0], [60, 180, 120]], "title": "", "segment": ""}


def finding(requirement, verdict, measured=1.0, limit=0.5, unit="mm", **more):
    entry = {"requirement": requirement, "verdict": verdict, "measured": measured, "limit": limit, "unit": unit}
    return {**entry, "sense": "atMost", "warningLimit": None, "title": f"Asked: {requirement}", "message": "", **more}


def report(*findings, deviation=None, models=(MODEL,), image=True, **more):
    verdicts = [entry["verdict"] for entry in findings]
    verdict = next((one for one in ("fail", "warning") if one in verdicts), "pass")
    if any(entry["verdict"] == "notAssessable" and entry.get("required") for entry in findings):
        verdict = "fail" if verdict == "fail" else "notAssessable"
    content = {"verdict": verdict, "findings": list(findings), "models": list(models), "toleranceMm": 1.0}
    content |= {"intendedUse": {"title": "Implant template"}, "input": {"image": {"modality": "CT"}} if image else {}}
    return {**content, "deviation": deviation, **more}


def test_whatPassesIsToldWithItsDistancesAndTheUnmeasuredRest():
    answer = answerOf(report(deviation={"image": FACTS, "scan": SCAN}))
    assert answer["sentence"] == (
        "All limits set for the intended use (Implant template) are met. 95 % of the measured surface lies within "
        "0.40 mm of the edge in the scan (uncertainty 0.05 mm), the worst place is 0.90 mm off at R 31.0, P 144.0, "
        "S 705.9 mm, slice 13. 8 % of the surface was not measured. The model covers 99.98 % of the edge that the "
        "scan shows."
    )


def test_whatIsMissingComesFirstWithItsSide():
    bodies = [{"volumeMm3": 211899.4, "centerLps": [80.0, 90.0, 60.0], "slice": 70}]
    lacking = {**SCAN, "withinTolerance": 0.5, "bodiesLeftOut": bodies}
    content = report(
        finding("scan-age", "fail", 400.0, 180, "days"),
        finding("wall-thickness", "fail", 0.2, 0.8, sense="atLeast"),
        finding("deviation-p95", "fail", 0.6, 0.5),
        finding("bodies-left-out", "fail", 211899.4, 30, "mm3"),
        deviation={"image": FACTS, "scan": lacking},
    )
    answer = answerOf(content)
    assert answer["sentence"].startswith(
        "Do not use as intended (Implant template): the scan shows 211899 mm³ of the same material that the model "
        "lacks at the left; 95 % of the measured surface lies within 0.6 mm only (at most 0.5 mm allowed); and 2 more. "
        "Elsewhere 95 % of the measured surface lies within 0.40 mm"
    )
    order = [entry["requirement"] for entry in answer["models"][0]["limits"]]
    assert order == ["bodies-left-out", "deviation-p95", "scan-age", "wall-thickness"]
    assert [entry["group"] for entry in answer["models"][0]["limits"]] == ["model", "model", "image", "print"]


def test_nothingIsSaidToLieWithinWhereNothingWasMeasured():
    unmeasured = {**FACTS, "p95Absolute": None, "worstPointLps": None, "coverage": 0.0, "meanSigned": None}
    answer = answerOf(report(deviation={"image": unmeasured, "segmentation": FACTS, "scan": None}))
    assert "lies within" not in answer["sentence"] and answer["models"][0]["deviation"] is None
    assert "Nothing of the surface could be measured" in answer["sentence"]
    assert "Whether the model lacks something that the scan shows was not looked for." in answer["sentence"]


def test_theSegmentItWasMadeFromStandsInForNoScan():
    problems = {"image": "The scan has gaps."}
    answer = answerOf(report(deviation={"image": None, "segmentation": FACTS, "problems": problems}))
    assert answer["models"][0]["deviation"] is None
    assert "How far the model is from the scan was not measured: The scan has gaps." in answer["sentence"]


def test_aModelAloneAndAScanAloneSaySo():
    alone = answerOf(report(image=False, deviation=None))
    assert "There is no scan to hold it against" in alone["sentence"] and "lies within" not in alone["sentence"]
    scan = answerOf(report(finding("slice-thickness", "fail", 5.0, 1.0), models=()))
    assert scan["sentence"] == (
        "Do not use as intended (Implant template): slices are 5 mm thick (at most 1 mm allowed). There is no model: "
        "only the scan was looked at."
    )
    assert scan["scan"]["verdict"] == "fail" and scan["models"] == []


def test_anUncertaintyThatIsNotKnownIsNotLeftOut():
    answer = answerOf(report(deviation={"image": {**FACTS, "uncertainty95": None}, "scan": SCAN}))
    assert "(uncertainty not known)" in answer["sentence"]


def test_aRequiredCheckThatCouldNotBeMadeIsNoPass():
    answer = answerOf(report(finding("deviation-p95", "notAssessable", None, 0.5, required=True), deviation=None))
    assert answer["sentence"].startswith("Not shown to be fit for the intended use (Implant template): not assessable")
    assert answer["notChecked"] == [{"requirement": "deviation-p95", "title": "Asked: deviation-p95"}]


def test_everyModelHasAVerdictOfItsOwnAndTheScanToo():
    models = [{**MODEL, "name": "skull"}, {**MODEL, "name": "bar"}]
    content = report(
        finding("deviation-p95", "fail", 2.0, 0.5, segment="bar"),
        finding("deviation-p95", "pass", 0.2, 0.5, segment="skull"),
        finding("scan-age", "warning", 100.0, 90, "days"),
        models=models,
        deviation={"image": FACTS, "segments": {"skull": {"image": FACTS, "scan": SCAN}, "bar": {"image": FACTS}}},
    )
    answer = answerOf(content)
    assert {block["name"]: block["verdict"] for block in answer["models"]} == {"skull": "pass", "bar": "fail"}
    assert answer["scan"]["verdict"] == "warning"
    said = answer["sentence"]
    assert (
        said.index("Do not use 'bar'") < said.index("'skull' meets all limits") < said.index("The scan they were made")
    )


def test_aDeclaredPartIsToldAsOne():
    content = report(deviation={"image": FACTS, "scan": SCAN}, declaredPart="left half")
    assert "The model is declared to be a part only (left half)" in answerOf(content)["sentence"]


def test_everyRequirementHasItsPlace():
    folder = ROOT / "M3DValidation" / "M3DValidationLib" / "Requirements"
    ids = [entry["id"] for file in folder.glob("*.json") for entry in _entries(json.loads(file.read_text()))]
    assert len(ids) > 80 and [name for name in ids if groupOf(name) not in GROUPS] == []


def _entries(content):
    return content if isinstance(content, list) else content["requirements"]


def test_theOrderIsByUseAndNotByClause():
    names = ("acquisition-record", "mesh-closed", "slice-thickness", "deviation-bias", "bodies-left-out", "own-rule")
    entries = [finding(name, "fail") for name in names] + [finding("cut-faces", "warning")]
    ordered = [entry["requirement"] for entry in sorted(entries, key=byImportance)]
    assert ordered == [*reversed(names[:5]), "own-rule", "cut-faces"]


@pytest.mark.parametrize(
    ("point", "side"),
    [
        ([50, 0, 0], "left"),
        ([-50, 0, 0], "right"),
        ([0, 9, 0], "posterior"),
        ([0, -9, 0], "anterior"),
        ([0, 0, 30], "superior"),
        ([0, 0, -30], "inferior"),
        ([5, 1, 1], ""),
    ],
)
def test_sidesAreThePatients(point, side):
    assert sideOf(point, [[-40, -10, -20], [40, 10, 20]]) == side and sideOf(point, None) == ""


def test_valuesLookLikeWhatTheyAre():
    assert [length(value) for value in (0.4045, 0.0, 0.001)] == ["0.40 mm", "0.00 mm", "< 0.01 mm"]
    assert [quantity(0.504, "mm"), quantity(12.0, "mm2"), quantity("none", ""), quantity(None, "mm")] == [
        "0.504 mm",
        "12 mm²",
        "none",
        "",
    ]


def test_theAnswerIsMadeFromTheReportAlone():
    content = report(finding("deviation-p95", "fail"), deviation={"image": FACTS, "scan": SCAN})
    before = copy.deepcopy(content)
    assert answerOf(content) == answerOf(json.loads(json.dumps(content))) and content == before
