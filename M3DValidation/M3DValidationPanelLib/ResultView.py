"""What came out of a validation: the verdict, the findings, and the evidence of the one that is chosen."""

import tempfile
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.LibraryWords import conclusion, verdictWord

from .FindingsTable import COLORS, ORDER, FindingsTable
from .ResultSubject import ContentStamps, localTime, subjectText, whyOutdated

_MARK = "M3DValidation.Place"
# Requirements on the deviation from the scan begin so.
_DEVIATION = "deviation-"
_OUTDATED = "#808080"


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
        self._stamps = ContentStamps()
        self._picture = self._window = None
        self._place = 0
        self._table = FindingsTable(ui.findingsTable, ui.attentionCheckBox, self._onSelection)
        ui.previousPlaceButton.connect("clicked()", lambda: self._step(-1))
        ui.nextPlaceButton.connect("clicked()", lambda: self._step(1))
        ui.pictureButton.connect("clicked()", self._openPicture)

    def show(self, parameters):
        """Show the results of these parameters; None for none."""
        from M3DValidationLib.InSlicer.ResultNodes import isReport

        self._parameters = parameters
        node = parameters.report if parameters is not None else None
        if not isReport(node):
            self._shownId = self._results = None
            self.ui.resultsCollapsibleButton.enabled = False
            self.ui.verdictLabel.text = ""
            self._table.show([])
            return
        choice = (node.GetID(), node.GetMTime())
        if choice != self._shownId:
            self._shownId = choice
            self._read(node)
        if self._results is not None:
            self._showVerdict(self._results.data)

    def remember(self, report, stamp):
        """Keep what the content of the scan and the model was (``contentStamp``) when a report was made of them."""
        self._stamps.keep(report, stamp)

    def _read(self, node):
        from M3DLib.Errors import M3DError
        from M3DValidationLib.InSlicer.ResultNodes import readResults

        self.ui.resultsCollapsibleButton.enabled = True
        try:
            self._results = readResults(node)
        except M3DError as error:
            self._results = None
            self.ui.verdictLabel.text = translatedMessage(str(error))
        self._table.show(self._results.data["findings"] if self._results is not None else [])

    def _showVerdict(self, data):
        """What the verdict is, of what, by which profile and when; and whether that is the past."""
        from M3DValidationLib.Report.Content.ReportView import ICONS

        report, verdict = self._parameters.report, data["verdict"]
        counts = ", ".join(
            f"{data['counts'][key]} {verdictWord(key).lower()}" for key in ORDER[:-1] if data["counts"][key]
        )
        text = _("{icon} {word}: {subject}, by profile {profile}, {time}\n{conclusion} ({counts})").format(
            icon=ICONS[verdict],
            word=verdictWord(verdict),
            subject=subjectText(report),
            profile=translatedMessage(data["profile"]["title"]),
            time=localTime(data["made"]["time"]),
            conclusion=conclusion(verdict),
            counts=counts,
        )
        reason = whyOutdated(report, self._parameters, self._stamps.of(report))
        if reason:
            text = _("Outdated: {reason}.\n{text}").format(reason=reason, text=text)
        self.ui.verdictLabel.text = text
        self.ui.verdictLabel.styleSheet = f"font-weight: bold; color: {_OUTDATED if reason else COLORS[verdict]};"

    def _chosen(self):
        return self._table.chosen() if self._results is not None else None

    def _onSelection(self):
        number = self._chosen()
        self._place = 0
        finding = self._results.data["findings"][number] if number is not None else None
        self.ui.findingBrowser.plainText = (
            ""
            if finding is None
            else _("{message}\nSource of the limit: {source}").format(
                message=translatedMessage(finding["message"]),
                source=translatedMessage(finding["source"]) or _("none stated"),
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
        self.ui.pictureButton.visible = content is not None
        self._picture = None
        if content is None:
            return
        with tempfile.TemporaryDirectory(prefix="M3D-") as folder:
            file = Path(folder) / "picture.png"
            file.write_bytes(content)
            self._picture = qt.QPixmap(str(file))
        self.ui.pictureButton.setIcon(qt.QIcon(self._picture))
        self.ui.pictureButton.toolTip = _("{text}\nClick to see it in its own size.").format(
            text=translatedMessage(entry["alternative"])
        )

    def _openPicture(self):
        """Show the picture of the chosen finding in its own size, in a window of its own."""
        import qt

        if self._picture is None:
            return
        self._window = qt.QLabel()
        self._window.setPixmap(self._picture)
        self._window.windowTitle = _("Picture of the finding")
        self._window.show()

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
        ras = self._world((-lps[0], -lps[1], lps[2]))
        self.ui.placeLabel.text = _("Place {number} of {count}: RAS {place} mm").format(
            number=self._place + 1, count=len(places), place=", ".join(f"{value + 0.0:.1f}" for value in ras)
        )
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
        self._mark(ras)

    def _world(self, ras):
        """A place in the scan's own coordinates as it lies in the world, where the scan is under a transform."""
        from M3DValidationLib.InSlicer.ResultNodes import VOLUME

        volume = self._parameters.report.GetNodeReference(VOLUME)
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
