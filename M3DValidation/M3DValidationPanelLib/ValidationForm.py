"""The inputs of the M3D Validation panel that the parameter node cannot connect by itself."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.CaseSection import CaseSection
from M3DPanelLib.PanelForm import PanelForm, isSegmentation, segmentIdsOf

from .ComparisonView import ComparisonView
from .DeviationView import DeviationView
from .LimitsTable import LimitsTable
from .ReferenceLines import ReferenceLines
from .ResultView import ResultView
from .ValidationActions import ValidationActions


class ValidationForm(PanelForm):
    """Shows parameters in the panel and takes them from there; its widgets are those of ``M3DValidation.ui``."""

    def __init__(self, ui, widget):
        super().__init__(ui, widget)
        self.limits = LimitsTable(ui)
        self.lines = ReferenceLines(ui)
        self.deviation = DeviationView(ui, widget)
        self.comparison = ComparisonView(ui, widget)
        self.results = ResultView(ui, self.deviation.reveal)
        self.actions = ValidationActions(ui, widget, self.results)
        self.case = CaseSection(ui, "M3DValidation")
        self.actions.case = self.comparison.case = self.case
        ui.segmentComboBox.connect("currentIndexChanged(int)", self._onSegment)
        ui.validateButton.connect("clicked()", self._onValidate)
        ui.saveButton.connect("clicked()", lambda: self.actions.save(self._parameters))
        ui.storeButton.connect("clicked()", lambda: self.actions.store(self._parameters))
        ui.exportButton.connect("clicked()", lambda: self.actions.export(self._parameters))
        ui.openReportButton.connect("clicked()", self.actions.openReport)
        ui.showFolderButton.connect("clicked()", self.actions.showFolder)
        ui.folderPathLineEdit.connect("currentPathChanged(QString)", self._onFolder)
        ui.reasonLineEdit.connect("textChanged(QString)", lambda text: self._showButtons())

    def showParameters(self, parameters):
        """Show these parameters, None for none."""
        for part in (self.case, self.limits, self.lines, self.results, self.deviation, self.comparison):
            part.show(parameters)
        if parameters is not None:
            self.ui.folderPathLineEdit.currentPath = folderOf(parameters.reportFolder)
            self._showInput()
            self._showButtons()

    def nodeRemoved(self, node):
        """Remove what belongs to a report that somebody has removed, and show what is left."""
        from M3DValidationLib.InSlicer.ResultNodes import isReport, removeOrphans

        if isReport(node):
            removeOrphans(node, slicer.mrmlScene)
        super().nodeRemoved(node)

    def _showInput(self):
        node = self._parameters.inputNode
        hasSegments = isSegmentation(node)
        self.ui.inputSelector.setCurrentNode(node)
        combo = self.ui.segmentComboBox
        combo.clear()
        if hasSegments:
            for segmentId in segmentIdsOf(node):
                combo.addItem(node.GetSegmentation().GetSegment(segmentId).GetName(), segmentId)
            combo.currentIndex = combo.findData(self._parameters.segmentId)
        for widget in (
            combo,
            self.ui.segmentLabel,
            self.ui.methodComboBox,
            self.ui.methodLabel,
            self.ui.smoothingSlider,
            self.ui.smoothingLabel,
            self.ui.decimationSlider,
            self.ui.decimationLabel,
            self.ui.refineCheckBox,
            self.ui.refineRangeLabel,
            self.ui.refineRangeSpinBox,
            self.ui.maxErrorLabel,
            self.ui.maxErrorSpinBox,
        ):
            widget.visible = hasSegments
        self.ui.refineRangeSpinBox.enabled = self._parameters.refine
        hasModelAndScan = node is not None and self._parameters.volume is not None
        self.ui.controlLabel.visible = self.ui.controlSelector.visible = hasModelAndScan
        self.ui.partCheckBox.visible = hasModelAndScan
        self.ui.partReasonLineEdit.visible = self.ui.partReasonLabel.visible = hasModelAndScan and self._parameters.part

    def _showButtons(self):
        parameters = self._parameters
        if parameters is None:
            return
        ready, why = self._isReady()
        self.ui.validateButton.enabled = ready
        self.ui.validateButton.toolTip = why
        self.actions.showButtons(parameters)

    def _isReady(self):
        """Whether there is something to validate, and what the button does or what is missing."""
        volume, node = self._parameters.volume, self._parameters.inputNode
        if self.actions.isRunning:
            return False, _("A validation is running")
        if volume is None and node is None:
            return False, _("Choose a volume, a segmentation or a model")
        if node is None:
            return True, _("Check the scan alone")
        if volume is not None and self._parameters.part and not self._parameters.partReason.strip():
            return False, _("Say why the model is meant to be a part of the anatomy only")
        if not isSegmentation(node):
            return True, _("Check the model") if volume is None else _("Check the scan and the model")
        if volume is None:
            return False, _("Choose the volume that the segmentation was drawn on")
        if not self._parameters.segmentId:
            return False, _("Choose the segment to validate")
        return True, _("Check the scan, the segment and the surface made of it")

    def hasInput(self):
        """Whether something is chosen; a scan alone is something to validate, too."""
        return super().hasInput() or bool(self._parameters.volume)

    def chooseInput(self, node):
        """Take a node with its first segment and the scan it was made from.

        Where that is not found the user is asked: the scan of another node may have the same grid and fit all the same.
        """
        volume = super().chooseInput(node)
        if node is not None:
            self._parameters.volume = volume
        self._parameters.segmentId = next(iter(segmentIdsOf(node)), "") if isSegmentation(node) else ""

    def _onSegment(self, index):
        if self._parameters is not None and not self._showing:
            self._parameters.segmentId = self.ui.segmentComboBox.itemData(index) or ""

    def _onFolder(self, path):
        if self._parameters is not None and not self._showing:
            self._parameters.reportFolder = folderOf(path)

    def _onValidate(self):
        self.actions.validate(self._parameters, lambda: self.show(self._parameters))
        self.show(self._parameters)


def folderOf(path):
    """A folder as it is typed, "" for none: an earlier scene may hold ".", which nobody has chosen."""
    return "" if path == "." else path
