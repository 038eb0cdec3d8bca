"""The widgets of the M3D Export panel that the parameter node cannot connect by itself, and its buttons."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.CaseSection import CaseSection
from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelForm import PanelForm, isSegmentation, segmentIdsOf
from M3DPanelLib.SignalRelay import connectWithoutArguments

from .Choices import Destination
from .ExportActions import ExportActions
from .ExportParameters import FILES, forgetValidation
from .FetchSection import FetchSection
from .HandOverSection import HandOverSection
from .InputSummary import summarizeInput
from .ServerChoice import ServerChoice


class ExportForm(PanelForm):
    """Shows parameters in the panel and takes them from there; its widgets are those of ``M3DExport.ui``."""

    def __init__(self, ui, widget):
        super().__init__(ui, widget)
        self.actions = ExportActions(ui, widget)
        self.case = CaseSection(ui, "M3DExport")
        self.actions.case = self.case
        self._summarized = None
        self._volumeId = None
        self._problem = ""
        ui.sourceSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onSourceChanged)
        connectWithoutArguments(
            ui.segmentsTable, "selectionChanged(QItemSelection,QItemSelection)", self._onSegmentsChanged
        )
        ui.predecessorComboBox.connect("currentIndexChanged(int)", self._onPredecessorChanged)
        ui.refreshButton.connect("clicked()", self._onRefresh)
        ui.previewButton.connect("clicked()", self._onPreview)
        ui.removePreviewButton.connect("clicked()", self._onRemovePreview)
        ui.folderPathLineEdit.connect("currentPathChanged(QString)", self._onFolder)
        ui.exportButton.connect("clicked()", self._onExport)
        ui.browserButton.connect("clicked()", self.actions.openBrowser)
        self.servers = ServerChoice(ui, self.actions)
        self.handOver = HandOverSection(ui, self.actions)
        self.fetch = FetchSection(ui, self.actions)
        ui.createDatabaseButton.connect("clicked()", self._onCreateDatabase)
        ui.forgetValidationButton.connect("clicked()", self._onForgetValidation)

    def showParameters(self, parameters):
        """Show these parameters, None for none."""
        self.case.show(parameters)
        if parameters is None:
            # Nodes of another scene may have the same IDs.
            self._summarized = self._volumeId = None
            return
        self._showInput()
        self._showTitle()
        self._showDestination()
        self._showValidation()
        self._showSummary()
        self.handOver.show(parameters)
        self.fetch.show()
        self.actions.showPreviewState(parameters)

    def _showInput(self):
        node = self._parameters.inputNode
        hasSegments = isSegmentation(node)
        self.ui.inputSelector.setCurrentNode(node)
        table = self.ui.segmentsTable
        table.visible = hasSegments
        self.ui.segmentsLabel.visible = hasSegments
        for widget in (
            self.ui.methodComboBox,
            self.ui.smoothingSlider,
            self.ui.decimationSlider,
            self.ui.mergeCheckBox,
            self.ui.refineCheckBox,
            self.ui.maxErrorSpinBox,
        ):
            widget.enabled = hasSegments
        self.ui.refineRangeSpinBox.enabled = hasSegments and self._parameters.refine
        self.ui.surfaceCollapsibleButton.text = surfaceTitle(self._parameters) if hasSegments else _("Surface")
        shown = node if hasSegments else None
        if table.segmentationNode() is not shown:
            table.setSegmentationNode(shown)
        if hasSegments and list(table.selectedSegmentIDs()) != list(self._parameters.segmentIds):
            table.setSelectedSegmentIDs(list(self._parameters.segmentIds))

    def _showTitle(self):
        """Show what the title will be when it is left empty."""
        node = self._parameters.inputNode
        name = node.GetName() if node else ""
        if isSegmentation(node) and not self._parameters.merge:
            segmentation, known = node.GetSegmentation(), segmentIdsOf(node)
            chosen = [segmentId for segmentId in self._parameters.segmentIds if segmentId in known]
            name = ", ".join(segmentation.GetSegment(segmentId).GetName() for segmentId in chosen)
        self.ui.titleLineEdit.placeholderText = name

    def _showValidation(self):
        """Say what is known of the validation of the model."""
        parameters = self._parameters
        isKnown = bool(parameters.validatedSha256)
        self.ui.validationLabel.visible = isKnown
        self.ui.forgetValidationButton.visible = isKnown
        if not isKnown:
            return
        words = [parameters.validation or _("Validated."), _("It is exported only as it was validated.")]
        if parameters.override:
            words.append(_("Exported although something fails: {reason}.").format(reason=parameters.override))
        words.append(_("Its object refers to the report.") if parameters.reportUids else _("Its report is not stored."))
        self.ui.validationLabel.text = " ".join(words)

    def _showDestination(self):
        destination = self._parameters.destination
        self.ui.folderPathLineEdit.visible = destination == Destination.FOLDER
        self.ui.folderLabel.visible = destination == Destination.FOLDER
        for widget in (self.ui.filesLabel, *(getattr(self.ui, f"{name}CheckBox") for name in FILES)):
            widget.visible = destination == Destination.FOLDER
        # An earlier scene may hold ".", which nobody has chosen.
        folder = self._parameters.folder
        self.ui.folderPathLineEdit.currentPath = "" if folder == "." else folder
        self.servers.show(destination == Destination.PACS)
        isOpen = self.actions.isDatabaseOpen()
        self.ui.createDatabaseButton.visible = not isOpen
        self.ui.browserButton.enabled = isOpen
        labels = {
            Destination.DATABASE: _("Export to DICOM database"),
            Destination.FOLDER: _("Export to folder"),
            Destination.PACS: _("Send to PACS"),
        }
        self.ui.exportButton.text = labels[destination]

    def _showSummary(self):
        """Describe the input, once for each choice, for it looks at all voxels of the segments."""

        parameters = self._parameters
        node, volume = parameters.inputNode, parameters.sourceVolume
        volumeId = volume.GetID() if volume else ""
        if volumeId != self._volumeId:
            self._volumeId = volumeId
            self.actions.showPatient(volume)
            self._fillPredecessors(volume)
        elif (self._chosenPredecessor() or "") != parameters.predecessorUid:
            self._fillPredecessors(volume)
        choice = (
            node.GetID() if node else "",
            node.GetMTime() if node else 0,
            volumeId,
            volume.GetImageData().GetMTime() if volume and volume.GetImageData() else 0,
            tuple(parameters.segmentIds),
            self.ui.titleLineEdit.placeholderText,
        )
        if choice != self._summarized:
            self._summarized = choice
            lines, warnings, self._problem = self._summary()
            self.ui.inputSummaryLabel.text = "\n".join(lines)
            self.ui.inputWarningLabel.text = "\n".join(map(translatedMessage, warnings))
            self.ui.inputWarningLabel.visible = bool(warnings)
        isReady, why = self._isReady()
        self.ui.exportButton.enabled = isReady
        self.ui.exportButton.toolTip = why
        self.ui.previewButton.enabled = node is not None and self._hasChosen()

    def _summary(self):
        """What is to be exported, what speaks against it, and why the volume will be refused, "" when it will not."""
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.SourceProblem import sourceProblem
        from M3DLib.SlicerAdaptors import applicationDatabase

        parameters = self._parameters
        node, volume = parameters.inputNode, parameters.sourceVolume
        if node is None:
            return [_("Choose a segmentation or a model.")], [], ""
        if not self._hasChosen():
            return [_("No segment is chosen.")], [], ""
        problem = ""
        if volume is not None and self.actions.isDatabaseOpen():
            problem = sourceProblem(volume, applicationDatabase())
        try:
            summary = summarizeInput(node, list(parameters.segmentIds), volume)
        except M3DError as error:
            return [], [*error.problems, *filter(None, [problem])], problem
        return summary.lines, [*summary.warnings, *filter(None, [problem])], problem

    def _hasChosen(self):
        """Whether something is chosen of the input: of a segmentation at least one segment."""
        return not isSegmentation(self._parameters.inputNode) or bool(self._parameters.segmentIds)

    def _isReady(self):
        """Whether there is something to export, and what the button does or what is missing."""
        if self._parameters.inputNode is None:
            return False, _("Choose a segmentation or a model to export")
        if not self._hasChosen():
            return False, _("Choose the segments to export")
        if self._parameters.sourceVolume is None:
            return False, _("Choose the source volume: patient and study come from it")
        if not self.actions.isDatabaseOpen():
            return False, _("Create the DICOM database first; the scan's headers are read from it")
        if self._problem:
            return False, translatedMessage(self._problem)
        return True, _("Write one DICOM object per model")

    def chooseInput(self, node):
        """Take a node with all its segments, the scan it was made from, and the model it was loaded from."""
        parameters, volume = self._parameters, super().chooseInput(node)
        parameters.segmentIds = segmentIdsOf(node) if isSegmentation(node) else []
        forgetValidation(parameters)
        if node is not None:
            # Where none is found the user is asked: another node's scan may have the same grid and fit all the same.
            parameters.sourceVolume = volume
            parameters.predecessorUid = self.actions.modelOf(node)

    def _onSourceChanged(self, node):
        """Remember the scan with the node, so that "Export to DICOM" finds it too."""
        if self._parameters is None or self._showing:
            return
        from M3DLib.InSlicer.SlicerExport import SOURCE_VOLUME_ROLE

        if node is not None and self._parameters.inputNode is not None:
            self._parameters.inputNode.SetNodeReferenceID(SOURCE_VOLUME_ROLE, node.GetID())

    def _onSegmentsChanged(self):
        if self._parameters is not None and not self._showing:
            self._parameters.segmentIds = list(self.ui.segmentsTable.selectedSegmentIDs())

    def _chosenPredecessor(self):
        combo = self.ui.predecessorComboBox
        return combo.itemData(combo.currentIndex)

    def _onPredecessorChanged(self, index):
        if self._parameters is not None and not self._showing:
            self._parameters.predecessorUid = self._chosenPredecessor() or ""

    def _onRefresh(self):
        if self._parameters is not None:
            self._fillPredecessors(self._parameters.sourceVolume)

    def _fillPredecessors(self, volume):
        """List the models of the scan's patient that are in the database, and show the chosen one."""
        combo = self.ui.predecessorComboBox
        wasShowing, self._showing = self._showing, True
        try:
            combo.clear()
            combo.addItem(_("none"), "")
            for model in self.actions.earlierModels(volume):
                combo.addItem(model.label, model.sopInstanceUid)
            position = combo.findData(self._parameters.predecessorUid)
            combo.currentIndex = max(position, 0)
            if position < 0:
                self._parameters.predecessorUid = ""
        finally:
            self._showing = wasShowing

    def _onFolder(self, path):
        if self._parameters is not None and not self._showing:
            self._parameters.folder = path

    def _onPreview(self):
        self.actions.preview(self._parameters)
        self.show(self._parameters)

    def _onRemovePreview(self):
        self.actions.removePreview()
        self.show(self._parameters)

    def _onExport(self):
        self.actions.export(self._parameters)
        self._onRefresh()
        self.show(self._parameters)

    def _onForgetValidation(self):
        with slicer.util.NodeModify(self._parameters):
            forgetValidation(self._parameters)

    def _onCreateDatabase(self):
        self.actions.createDatabase()
        self._summarized = self._volumeId = None
        self.show(self._parameters)


def surfaceTitle(parameters):
    """Title of the section on the surface, which says what is chosen there also while it is folded."""
    chosen = []
    if parameters.smoothing > 0:
        chosen.append(_("smoothing {value:g}").format(value=parameters.smoothing))
    if parameters.decimation > 0:
        chosen.append(_("decimation {value:g}").format(value=parameters.decimation))
    if parameters.refine:
        chosen.append(_("moved to the edge"))
    if parameters.maxError > 0:
        chosen.append(_("fewer triangles"))
    return _("Surface: {choices}").format(choices=", ".join(chosen) or _("as the voxels are"))
