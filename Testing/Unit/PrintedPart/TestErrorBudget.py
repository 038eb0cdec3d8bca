"""The error budget: the terms of the field told apart, their expected sum, and what dominates."""

import json

import pytest

from M3DLib.Errors import M3DError
from M3DValidationLib.PrintedPart.ErrorBudget import budgetEntry, budgetFrom, errorBudget


def facts(bias, sd, p95):
    return {"meanSigned": bias, "sd": sd, "p95Absolute": p95, "uncertainty95": 0.05}


def entry(bias, sd, p95=0.5, sure=0.03):
    return budgetEntry(facts(bias, sd, p95), "somewhere", sure)


def test_biasesAddUpAndSpreadsBySquares():
    budget = errorBudget({"SegE": entry(0.2, 0.3), "DEE": entry(-0.05, 0.0), "PrE": entry(0.1, 0.4, sure=0.04)})
    rows = {row["term"]: row for row in budget["rows"]}
    assert list(rows) == ["SegE", "DEE", "PrE", "Expected"]
    assert rows["Expected"]["biasMm"] == pytest.approx(0.25)
    assert rows["Expected"]["sdMm"] == pytest.approx(0.5)
    assert rows["Expected"]["uncertaintyMm"] == pytest.approx((2 * 0.03**2 + 0.04**2) ** 0.5)
    assert budget["dominant"] == "PrE" and budget["missing"] == []
    assert budget["share"] == pytest.approx(0.17 / (0.17 + 0.0025 + 0.13))


def test_aNormalSpreadWithoutBiasHas95PercentWithin196():
    budget = errorBudget({"SegE": entry(0, 0.3), "PrE": entry(0, 0.4)})
    assert budget["rows"][-1]["p95Mm"] == pytest.approx(0.5 * 1.959964, abs=1e-5)


def test_whatIsNotMeasuredIsSaidNotZero():
    budget = errorBudget({"PrE": entry(0.1, 0.2)})
    assert budget["missing"] == ["SegE", "DEE"] and budget["dominant"] is None
    assert budget["rows"][0]["biasMm"] is None and budget["rows"][0]["source"] == "not given"
    assert errorBudget({}) is None


def test_theMeasuredTotalStandsBesideTheExpectedOne():
    budget = errorBudget({"SegE": entry(0, 0.3), "PrE": entry(0, 0.4), "Total": entry(0.02, 0.6)})
    assert [row["term"] for row in budget["rows"]][-2:] == ["Expected", "Total"]


def test_rowsComeFromReports(tmp_path):
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"deviation": {"image": facts(0.1, 0.2, 0.4), "surface": None}}))
    assert budgetFrom(file, "SegE") == {
        "biasMm": 0.1, "sdMm": 0.2, "p95Mm": 0.4, "uncertaintyMm": 0.05, "source": "report.json",
    }  # fmt: skip
    with pytest.raises(M3DError, match="no deviation of the kind surface"):
        budgetFrom(file, "DEE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "not JSON"),
        ("[]", "no deviation"),
        (json.dumps({"deviation": {"surface": facts(0, 1, 2)}, "registration": {"doubtful": True}}), "doubtful"),
        (json.dumps({"deviation": {"surface": facts(None, None, None)}}), "measured nothing"),
    ],
)
def test_reportsThatMeasureNothingAreRefused(tmp_path, content, message):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(M3DError, match=message):
        budgetFrom(tmp_path / "report.json", "PrE")
    with pytest.raises(M3DError, match="cannot be read"):
        budgetFrom(tmp_path / "gone.json", "PrE")
