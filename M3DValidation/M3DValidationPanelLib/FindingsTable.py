"""The findings as a table that fits a narrow panel: clauses as headings, the worst first."""

from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.LibraryWords import verdictWord

# Told apart by shape and word too; readable on light and dark.
COLORS = {
    "pass": "#1a8f73",
    "warning": "#c77700",
    "fail": "#d6285a",
    "notAssessable": "#7a7ae0",
    "information": "#6b7680",
}
ORDER = ("fail", "notAssessable", "warning", "pass", "information")
# What nobody needs to look at before the rest.
_AT_EASE = ("pass", "information")
_COLUMNS = 4
_TITLE = 1
# Letters of a measured value in its column; the whole of it is in the tooltip.
_SHOWN = 12


class FindingsTable:
    """Rows of findings below a heading for each clause.

    :param table: the widget. :param onlyAttention: the box that leaves out what passes. :param onSelection: called
        when another finding, or none, is chosen.
    """

    def __init__(self, table, onlyAttention, onSelection):
        import qt

        self._table = table
        self._onlyAttention = onlyAttention
        self._onSelection = onSelection
        self._findings = []
        self._rows = []
        table.setColumnCount(_COLUMNS)
        table.setHorizontalHeaderLabels(["", _("Requirement"), _("Measured"), _("Limit")])
        header = table.horizontalHeader()
        for column in range(_COLUMNS):
            isStretched = column == _TITLE
            header.setSectionResizeMode(
                column, qt.QHeaderView.Stretch if isStretched else qt.QHeaderView.ResizeToContents
            )
        table.connect("itemSelectionChanged()", onSelection)
        onlyAttention.connect("toggled(bool)", lambda isOn: self.show(self._findings))

    def show(self, findings):
        """Show findings as the report's JSON has them; nothing is chosen afterwards."""
        self._findings = findings
        self._table.clearSelection()
        self._table.setRowCount(0)
        self._table.clearSpans()
        shown = [
            number
            for number, finding in enumerate(findings)
            if not (self._onlyAttention.checked and finding["verdict"] in _AT_EASE)
        ]
        self._onlyAttention.text = _("Only what does not pass ({shown} of {all} shown)").format(
            shown=len(shown), all=len(findings)
        )
        self._rows = rowsByClause(findings, shown)
        self._table.setRowCount(len(self._rows))
        for row, entry in enumerate(self._rows):
            if isinstance(entry, str):
                self._fillHeading(row, entry)
            else:
                self._fillRow(row, findings[entry])
        self._onSelection()

    def chosen(self):
        """Number of the chosen finding in the report; None when there is none."""
        row = self._table.currentRow()
        entry = self._rows[row] if 0 <= row < len(self._rows) else None
        return entry if isinstance(entry, int) else None

    def _fillHeading(self, row, clause):
        import qt

        clause = translatedMessage(clause)
        item = qt.QTableWidgetItem(clause)
        font = qt.QFont()
        font.setBold(True)
        item.setFont(font)
        item.setToolTip(clause)
        # Enabled, so that it is readable, but nothing to choose.
        item.setFlags(qt.Qt.ItemIsEnabled)
        self._table.setItem(row, 0, item)
        self._table.setSpan(row, 0, 1, _COLUMNS)

    def _fillRow(self, row, finding):
        import qt

        from M3DValidationLib.Report.Content.ReportView import findingView

        view = findingView(finding)
        title = titleOf(view)
        toolTip = [f"{verdictWord(view['verdict'])}: {title}", translatedMessage(view["message"])]
        if view["limit"]:
            toolTip.append(_("Measured: {measured}. Limit: {limit}.").format(**view))
        for column, text in enumerate((view["icon"], title, shortMeasured(finding, view), shortLimit(finding))):
            item = qt.QTableWidgetItem(text)
            item.setToolTip("\n".join(toolTip))
            if column == 0:
                item.setForeground(qt.QBrush(qt.QColor(COLORS[view["verdict"]])))
            self._table.setItem(row, column, item)


def titleOf(view):
    """A finding's title that tells it from others of the same requirement: attribute of the header, or segment."""
    title = translatedMessage(view["title"])
    if view["attribute"]:
        # Without the unit, which follows the tag: "KVP (0018,0060), kV".
        name, end, _unit = view["attribute"].partition("), ")
        title = _("{attribute} is on record").format(attribute=name + end.rstrip(", "))
    return f"{title} [{view['segment']}]" if view["segment"] else title


def shortMeasured(finding, view):
    """What was measured, as short as a narrow column needs it: its unit without what follows ("% of the anatomy")."""
    text, unit = view["measured"], finding["unit"]
    if unit and text.endswith(unit):
        text = f"{text.removesuffix(unit)}{shortUnit(unit)}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def shortLimit(finding):
    """The limit up to (from) which a finding passes, as short as a narrow column needs it; "" when there is none."""
    from M3DLib.NumberText import exactNumber, withUnit

    if finding["limit"] is None:
        return ""
    sign = "≥" if finding.get("sense") == "atLeast" else "±" if finding.get("signed") else "≤"
    unit = shortUnit(finding["unit"])
    # What is counted stands in the column beside it.
    return f"{sign} {withUnit(exactNumber(finding['limit']), unit if len(unit) <= len('days') else '')}".rstrip()


def shortUnit(unit):
    """A unit without what follows it ("% of the anatomy")."""
    return {"degrees": "°"}.get(unit, unit.partition(" ")[0])


def rowsByClause(findings, shown):
    """Rows of a table of findings: a clause (text), then the numbers of its findings, the worst first.

    Clauses come in the order of the worst that each holds, then by their text.

    :param shown: numbers of the findings that are shown.
    """
    worst = lambda number: ORDER.index(findings[number]["verdict"])  # noqa: E731
    clauses = {}
    for number in sorted(shown, key=worst):
        clauses.setdefault(findings[number]["clause"], []).append(number)
    rows = []
    for clause in sorted(clauses, key=lambda clause: (worst(clauses[clause][0]), clause)):
        rows += [clause, *clauses[clause]]
    return rows
