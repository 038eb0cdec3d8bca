"""The findings as a table, and the evidence of the one that is chosen: its place in the views, its picture."""

import tempfile
from pathlib import Path

import slicer
from slicer.i18n import tr as _

# Told apart by shape and word too; readable on light and dark.
_COLORS = {
    "pass": "#1a8f73",
    "warning": "#c77700",
    "fail": "#d6285a",
    "notAssessable": "#7a7ae0",
    "information": "#6b7680",
}
_ORDER = ("fail", "notAssessable", "warning", "pass", "information")
_MARK = "M3DValidation.Place"
# Requirements on the deviation from the scan begin so.
_DEVIATION = "deviation-"
_PICTURE_WIDTH = 440
_HEADERS = 5


class ResultView:
    """Shows the results that the parameters name.

    :param ui: the widgets of ``M3DValidation.ui``.
    :param showMap: called when a finding on the deviation from the scan is chosen.
    """

    def __init__(self, ui, showMap):
        self.ui = ui
        self._showMap = showMap
        self._parameters = None
        self._shownId = None
        self._results = None
        self._rows = []
        self._place = 0
        ui.findingsTable.setColumnCount(_HEADERS)
        ui.findingsTable.setHorizontalHeaderLabels(
            [_("Verdict"), _("Requirement"), _("Measured"), _("Limit"), _("Clause")]
        )
        ui.findingsTable.connect("itemSelectionChanged()", self._onSelection)
        ui.attentionCheckBox.connect("toggled(bool)", lambda isOn: self._fill())
        ui.previousPlaceButton.connect("clicked()", lambda: self._step(-1))
        ui.nextPlaceButton.connect("clicked()", lambda: self._step(1))

    def show(self, parameters):
        """Show the results of these parameters; None for none."""
        self._parameters = parameters
        node = parameters.report if parameters is not None else None
        if node is None:
            self._shownId = self._results = None
            self.ui.resultsCollapsibleButton.enabled = False
            self.ui.verdictLabel.text = ""
            self._fill()
            return
        choice = (node.GetID(), node.GetMTime())
        if choice == self._shownId:
            return
        self._shownId = choice
        from M3DLib.Errors import M3DError
        from M3DValidationLib.InSlicer.ResultNodes import readResults

        self.ui.resultsCollapsibleButton.enabled = True
        try:
            self._results = readResults(node)
        except M3DError as error:
            self._results = None
            self.ui.verdictLabel.text = str(error)
        else:
            self._showVerdict(self._results.data)
        self._fill()

    def _showVerdict(self, data):
        from M3DValidationLib.Report.Content.ReportView import CONCLUSIONS, ICONS, WORDS

        verdict = data["verdict"]
        counts = ", ".join(f"{data['counts'][key]} {WORDS[key].lower()}" for key in _ORDER[:-1] if data["counts"][key])
        self.ui.verdictLabel.text = _("{icon} {word}: {conclusion} ({counts}). Profile: {profile}, {time}").format(
            icon=ICONS[verdict],
            word=WORDS[verdict],
            conclusion=CONCLUSIONS[verdict],
            counts=counts,
            profile=data["profile"]["title"],
            time=data["made"]["time"],
        )
        self.ui.verdictLabel.styleSheet = f"font-weight: bold; color: {_COLORS[verdict]};"

    def _fill(self):
        """One row per finding, by clause, the worst of each clause first."""
        import qt

        from M3DValidationLib.Report.Content.ReportView import findingView

        findings = self._results.data["findings"] if self._results is not None else []
        table = self.ui.findingsTable
        table.clearSelection()
        table.setRowCount(0)
        chosen = [
            number
            for number, finding in enumerate(findings)
            if not (self.ui.attentionCheckBox.checked and finding["verdict"] == "pass")
        ]
        key = lambda number: (findings[number]["clause"], _ORDER.index(findings[number]["verdict"]))  # noqa: E731
        self._rows = sorted(chosen, key=key)
        table.setRowCount(len(self._rows))
        for row, number in enumerate(self._rows):
            view = findingView(findings[number])
            title = f"{view['title']} [{view['segment']}]" if view["segment"] else view["title"]
            texts = (f"{view['icon']} {view['word']}", title, view["measured"], view["limit"], view["clause"])
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(view["message"])
                if column == 0:
                    item.setForeground(qt.QBrush(qt.QColor(_COLORS[view["verdict"]])))
                table.setItem(row, column, item)
        table.resizeColumnsToContents()
        self._onSelection()

    def _chosen(self):
        row = self.ui.findingsTable.currentRow()
        return self._rows[row] if self._results is not None and 0 <= row < len(self._rows) else None

    def _onSelection(self):
        number = self._chosen()
        self._place = 0
        finding = self._results.data["findings"][number] if number is not None else None
        self.ui.findingLabel.text = (
            ""
            if finding is None
            else _("{message}\nSource of the limit: {source}").format(
                message=finding["message"], source=finding["source"] or _("none stated")
            )
        )
        if finding is not None and finding["requirement"].startswith(_DEVIATION):
            self._showMap()
        self._showPicture(finding)
        self._showPlace()

    def _showPicture(self, finding):
        """The picture that belongs to a finding, if the report has one."""
        import qt

        pictures = self._results.data["pictures"] if finding is not None else []
        entry = next((one for one in pictures if one.get("requirement") == finding["requirement"]), None)
        content = self._results.files.get(entry["file"]) if entry is not None else None
        self.ui.pictureLabel.visible = content is not None
        if content is None:
            return
        with tempfile.TemporaryDirectory(prefix="M3D-") as folder:
            file = Path(folder) / "picture.png"
            file.write_bytes(content)
            picture = qt.QPixmap(str(file))
        self.ui.pictureLabel.setPixmap(picture.scaledToWidth(_PICTURE_WIDTH))
        self.ui.pictureLabel.toolTip = entry["alternative"]

    def _step(self, change):
        self._place += change
        self._showPlace()

    def _showPlace(self):
        """Jump to a place of the chosen finding and mark it."""
        number = self._chosen()
        places = self._results.places[number] if number is not None else []
        for button in (self.ui.previousPlaceButton, self.ui.nextPlaceButton):
            button.enabled = len(places) > 1
        if not places:
            self.ui.placeLabel.text = _("This finding is about no single place.") if number is not None else ""
            self._removeMark()
            return
        self._place %= len(places)
        lps = places[self._place]
        self.ui.placeLabel.text = _("Place {number} of {count}: LPS {place} mm").format(
            number=self._place + 1, count=len(places), place=", ".join(f"{value:.1f}" for value in lps)
        )
        ras = self._world((-lps[0], -lps[1], lps[2]))
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
        self._mark(ras)

    def _world(self, ras):
        """A place in the scan's own coordinates as it lies in the world, where the scan is under a transform."""
        volume = self._parameters.volume
        if volume is None or volume.GetParentTransformNode() is None:
            return ras
        world = [0.0, 0.0, 0.0]
        volume.TransformPointToWorld(ras, world)
        return tuple(world)

    def _mark(self, ras):
        mark = self._markNode()
        if mark is None:
            mark = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Place of the finding"))
            mark.SetAttribute(_MARK, "1")
            mark.SetSaveWithScene(False)
            mark.CreateDefaultDisplayNodes()
        mark.SetLocked(True)
        mark.RemoveAllControlPoints()
        mark.AddControlPoint(*ras, _("Finding"))

    def _removeMark(self):
        mark = self._markNode()
        if mark is not None:
            slicer.mrmlScene.RemoveNode(mark)

    def _markNode(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
        return next((node for node in nodes if node.GetAttribute(_MARK)), None)
