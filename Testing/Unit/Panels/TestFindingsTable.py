"""What stands in the narrow columns of the findings' table."""

import pytest

FINDING = {"verdict": "pass", "requirement": "a", "title": "A", "message": "It is so.", "clause": "6.1", "source": ""}


def shown(measured, unit, limit=None, **more):
    """Measured and limit as the table shows them."""
    from M3DValidationLib.Report.Content.ReportView import findingView
    from M3DValidationPanelLib.FindingsTable import shortLimit, shortMeasured

    finding = {**FINDING, "measured": measured, "unit": unit, "limit": limit, **more}
    return shortMeasured(finding, findingView(finding)), shortLimit(finding)


@pytest.mark.parametrize(
    ("arguments", "more", "expected"),
    [
        ((1.0, "mm", 0.5), {"warningLimit": 0.7}, ("1 mm", "≤ 0.5 mm")),
        ((0.0, "degrees", 0.06), {}, ("0 °", "≤ 0.06 °")),
        ((0.0, "% of the anatomy", 0.1), {}, ("0 %", "≤ 0.1 %")),
        ((4624.0, "mm2", 100), {}, ("4624 mm²", "≤ 100 mm²")),
        ((12.0, "×", 10), {"sense": "atLeast"}, ("12 ×", "≥ 10 ×")),
        ((-0.5, "%", 2.5), {"signed": True}, ("−0.5 %", "± 2.5 %")),
        # What is counted is said once.
        ((3, "triangles", 0), {}, ("3 triangles", "≤ 0")),
        (("ORIGINAL\\PRIMARY\\AXIAL", ""), {}, ("ORIGINAL\\PR…", "")),
        ((None, "mm"), {}, ("–", "")),
    ],
)
def test_measuredAndLimitAreShort(panelApplication, arguments, more, expected):
    assert shown(*arguments, **more) == expected


def test_theWholeStandsInTheTooltip(panelApplication):
    from M3DTestSupport.SlicerWidgets import StandInWidget
    from M3DValidationPanelLib.FindingsTable import FindingsTable

    table = StandInWidget("QTableWidget")
    box = StandInWidget("QCheckBox", {"checked": False})
    findings = [{**FINDING, "measured": 0.6, "unit": "mm", "limit": 0.5, "warningLimit": 0.7}]
    FindingsTable(table, box, lambda: None).show(findings)
    assert table.item(1, 1).toolTip().endswith("Measured: 0.6 mm. Limit: at most 0.5 mm (warning to 0.7).")
