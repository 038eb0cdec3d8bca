"""The inputs of the M3D Validation panel that the parameter node cannot connect by itself."""

import slicer
from slicer.i18n import tr as _

from .DeviationView import DeviationView
from .LimitsTable import LimitsTable
from .ReferenceLines import ReferenceLines
from .ResultView import ResultView
from .ValidationActions import ValidationActions


class ValidationForm:
    """Shows parameters in the panel and takes them from there.

    :param ui: the widgets of ``M3DValidation.ui``.
    :param widget: the module's widget, asked for its ``logic``.
    """

    def __init__(self, ui, widget):
        self.ui = ui
        self.limits = LimitsTable(ui)
        self.lines = ReferenceLines(ui)
        self.deviation = DeviationView(ui, widget)
        self.results = ResultView(ui, self.deviation.reveal)
        self.actions = ValidationActions(ui, widget)
        self._parameters = None
        self._showing = False
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onInput)
        ui.segmentComboBox.connect("currentIndexChanged(int)", self._onSegment)
        ui.validateButton.connect("clicked()", self._onValidate)
        ui.saveButton.connect("clicked()", lambda: self.actions.save(self._parameters))
        ui.storeButton.connect("clicked()", lambda: self.actions.store(self._parameters))
        ui.exportButton.connect("clicked()", lambda: self.actions.export(self._parameters))
        ui.reasonLineEdit.connect("textChanged(QString)", lambda text: self._showButtons())

    def show(self, parameters):
        """Show these parameters, None for none."""
        self._parameters = parameters
        if self._showing:
            return
        self._showing = True
        try:
            for part in (self.limits, self.lines, self.results, self.deviation):
                part.show(parameters)
            if parameters is not None:
                self._showInput()
                self._showButtons()
        finally:
            self._showing = False

    def _showInput(self):
        node = self._parameters.inputNode
        isSegmentation = node is not None and node.IsA("vtkMRMLSegmentationNode")
        self.ui.inputSelector.setCurrentNode(node)
        combo = self.ui.segmentComboBox
        combo.clear()
        if isSegmentation:
            segmentation = node.GetSegmentation()
            for number in range(segmentation.GetNumberOfSegments()):
                combo.addItem(segmentation.GetNthSegment(number).GetName(), segmentation.GetNthSegmentID(number))
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
        ):
            widget.visible = isSegmentation

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
        if not node.IsA("vtkMRMLSegmentationNode"):
            return True, _("Check the model") if volume is None else _("Check the scan and the model")
        if volume is None:
            return False, _("Choose the volume that the segmentation was drawn on")
        if not self._parameters.segmentId:
            return False, _("Choose the segment to validate")
        return True, _("Check the scan, the segment and the surface made of it")

    def _onInput(self, node):
        if self._parameters is None or self._showing or node is self._parameters.inputNode:
            return
        from M3DLib.InSlicer.SlicerExport import findSource
        from M3DLib.SlicerAdaptors import applicationDatabase

        with slicer.util.NodeModify(self._parameters):
            self._parameters.inputNode = node
            self._parameters.segmentId = ""
            if node is not None:
                source = findSource(node, slicer.mrmlScene, applicationDatabase())
                if source is not None and source.volumeNode is not None:
                    self._parameters.volume = source.volumeNode
                if node.IsA("vtkMRMLSegmentationNode") and node.GetSegmentation().GetNumberOfSegments():
                    self._parameters.segmentId = node.GetSegmentation().GetNthSegmentID(0)

    def _onSegment(self, index):
        if self._parameters is not None and not self._showing:
            self._parameters.segmentId = self.ui.segmentComboBox.itemData(index) or ""

    def _onValidate(self):
        self.actions.validate(self._parameters)
        self.show(self._parameters)
