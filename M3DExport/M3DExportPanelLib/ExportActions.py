"""What the buttons of the M3D Export panel do."""

import logging

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.NeededPackages import ensureNeeded
from M3DPanelLib.PanelActions import PanelActions
from M3DPanelLib.SurfaceChoices import surfaceOf

from .Choices import Destination
from .InputSummary import describeMesh

_PREVIEW = "M3DExport.Preview"


class ExportActions(PanelActions):
    """Preview, export, and what the panel asks of the DICOM database; its widgets are those of ``M3DExport.ui``."""

    def __init__(self, ui, widget):
        from M3DLib.InSlicer.InputHider import InputHider

        super().__init__(ui, widget)
        self._hider = InputHider()
        self._previewed = None
        self._previewText = ""

    def isDatabaseOpen(self):
        """Whether Slicer's DICOM database can be used."""
        from M3DLib.SlicerAdaptors import applicationDatabase

        database = applicationDatabase()
        return database is not None and bool(database.isOpen)

    def createDatabase(self):
        """Let the DICOM module make its default database; it says itself when it cannot."""
        from DICOM import DICOMFileDialog

        DICOMFileDialog.createDefaultDatabase()
        slicer.util.selectModule("M3DExport")

    def openBrowser(self):
        """Show the DICOM browser."""
        slicer.util.selectModule("DICOM")

    def showPatient(self, volume):
        """Show whose model it will be."""
        from M3DLib.SlicerAdaptors import applicationDatabase

        patient = study = _("unknown")
        database = applicationDatabase()
        uids = (volume.GetAttribute("DICOM.instanceUIDs") or "").split() if volume is not None else []
        if uids and self.isDatabaseOpen() and database.fileForInstance(uids[0]):
            name, identifier, description, date = (
                database.instanceValue(uids[0], tag) for tag in ("0010,0010", "0010,0020", "0008,1030", "0008,0020")
            )
            patient = f"{name} ({identifier})"
            study = ", ".join(text for text in (description, date) if text) or _("without description")
        self.ui.patientLabel.text = patient
        self.ui.studyLabel.text = study

    def earlierModels(self, volume):
        """Models of the volume's patient that are in the database, newest first."""
        from M3DLib.InSlicer.SlicerDatabase import modelsOfPatient
        from M3DLib.SlicerAdaptors import applicationDatabase

        uids = (volume.GetAttribute("DICOM.instanceUIDs") or "").split() if volume is not None else []
        if not uids or not self.isDatabaseOpen():
            return []
        database = applicationDatabase()
        study = database.instanceValue(uids[0], "0020,000D")
        return modelsOfPatient(database, study) if study else []

    def modelOf(self, node):
        """SOP Instance UID of the model in the database that a node was loaded from, "" when it was from none."""
        from M3DLib.SlicerAdaptors import applicationDatabase

        uid = (node.GetAttribute("DICOM.instanceUIDs") or "").partition(" ")[0]
        if not uid or not self.isDatabaseOpen():
            return ""
        return uid if applicationDatabase().instanceValue(uid, "0008,0060") == "M3D" else ""

    def preview(self, parameters):
        """Show the surfaces as they would be exported, and what smoothing and decimation do to them."""
        results = []

        def make(progress):
            results.extend(
                self.widget.logic.preview(
                    parameters.inputNode,
                    list(parameters.segmentIds),
                    parameters.sourceVolume,
                    surfaceOf(parameters),
                    merge=parameters.merge,
                    progress=progress,
                )
            )

        if self.work(
            _("Preview"),
            make,
            self.ui.previewLabel,
            failed=_("The preview failed."),
            reason=_("No preview: {reason}"),
            stopped=_("Stopped; there is no preview."),
            waitCursor=True,
        ):
            self._showPreview(results, parameters.sourceVolume)
            # The segmentation would cover it.
            self._hider.hide(parameters.inputNode)
            self._previewed = _previewChoice(parameters)

    def _showPreview(self, results, volume):
        from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel

        self.removePreview()
        lines = []
        for mesh, comparison in results:
            node = addMeshAsModel(mesh, slicer.mrmlScene, _("{name} preview").format(name=mesh.name))
            node.SetAttribute(_PREVIEW, "1")
            node.SetSaveWithScene(False)
            if volume is not None:
                node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
            lines.append(describeMesh(mesh, mesh.name))
            if comparison is not None:
                lines.append(describeComparison(comparison))
        self._previewText = "\n".join(lines)

    def showPreviewState(self, parameters):
        """Say what the preview shows, and whether the export would still look like it."""
        isThere = bool(self._previewNodes())
        self.ui.removePreviewButton.visible = isThere
        if not isThere:
            if self._previewed is not None:
                self.removePreview()
            return
        text = self._previewText
        if self._previewed != _previewChoice(parameters):
            text = _("Out of date: something else is chosen now than the preview shows.\n{text}").format(text=text)
        self.ui.previewLabel.text = text

    def removePreview(self):
        """Remove the models of an earlier preview, and show the segmentation again as it was."""
        from M3DLib.InSlicer.SlicerModelNodes import removeNode

        self._previewed, self._previewText = None, ""
        for node in self._previewNodes():
            removeNode(node, slicer.mrmlScene)
        self._hider.restore()
        self.ui.previewLabel.text = ""

    def _previewNodes(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLModelNode")
        return [node for node in nodes if node.GetAttribute(_PREVIEW)]

    def export(self, parameters):
        """Export what the parameters say, show what was written, and put it on the record of the case."""
        from M3DLib.SlicerAdaptors import applicationDatabase

        from .ExportRecord import recordedFiles, recordedSettings

        written = []

        def export(progress):
            said, volume = recordedSettings(parameters), parameters.sourceVolume
            with self.case.onRecord(parameters.caseFolder, "exported", said, volume) as work:
                written.extend(self.widget.logic.exportParameters(parameters, self._credentials(), progress))
                work.files = recordedFiles(written, applicationDatabase())
                work.result = {"destination": parameters.destination.value, "written": [str(one) for one in written]}

        if self.work(
            _("Exporting"),
            export,
            self.ui.resultLabel,
            failed=_("Nothing was exported."),
            reason=_("Nothing was exported: {reason}"),
            stopped=_("Stopped; nothing was exported."),
            waitCursor=True,
            prepare=lambda: self._ensureDestination(parameters),
        ):
            self.ui.resultLabel.text = self._resultText(parameters, written)
            self.case.show(parameters)
            self.removePreview()
            logging.info(f"Objects written by M3D Export: {len(written)}")

    def _ensureDestination(self, parameters):
        """Install what the destination needs, when the user agrees."""
        if parameters.destination == Destination.PACS:
            self.ensureProtocol(parameters.server)
        elif parameters.destination == Destination.FOLDER and parameters.file3mf:
            ensureNeeded(["3mf"], "M3DExport")

    def ensureProtocol(self, server):
        """Install what DIMSE needs, where a server is spoken to by it and the user agrees.

        :param server: as typed in or chosen. :raises M3DError: it is none, or the user does not agree.
        """
        from M3DLib.InSlicer.PacsServers import serverFor
        from M3DLib.SlicerAdaptors import rawSetting

        if not serverFor(server, rawSetting).isDicomWeb:
            ensureNeeded(["dimse"], "M3DExport")

    def _credentials(self):
        return self.ui.userLineEdit.text, self.ui.passwordLineEdit.text

    def testServer(self):
        """Ask the chosen PACS whether it answers, and show what it says."""
        found = []

        server, credentials = self.ui.serverLineEdit.text, self._credentials()

        if self.work(
            _("Testing the server"),
            lambda progress: found.append(self.widget.logic.testServer(server, credentials, progress)),
            self.ui.serverStatusLabel,
            failed=_("The server does not answer."),
            reason=_("The server does not answer: {reason}"),
            stopped=_("Stopped."),
            waitCursor=True,
            prepare=lambda: self.ensureProtocol(server),
        ):
            self.ui.serverStatusLabel.text = translatedMessage(found[0])

    def _resultText(self, parameters, written):
        if parameters.destination == Destination.FOLDER:
            words = _("{count} file(s) written to {folder}:").format(count=len(written), folder=parameters.folder)
            return "\n".join([words, *(file.name for file in written)])
        if parameters.destination == Destination.PACS:
            words = _("{count} model(s) sent and found in the PACS:").format(count=len(written))
        else:
            words = _("{count} model(s) in the DICOM database:").format(count=len(written))
        return "\n".join([words, *written])


def _previewChoice(parameters):
    """Everything that decides what a preview looks like."""
    node = parameters.inputNode
    return (
        node.GetID() if node is not None else "",
        tuple(parameters.segmentIds),
        parameters.method,
        parameters.smoothing,
        parameters.decimation,
        parameters.merge,
        parameters.refine,
        parameters.refineRange,
        parameters.maxError,
    )


def describeComparison(comparison):
    """Numbers after and before, in one line."""
    moved = _("about {value:.2f} mm") if comparison.sampled else _("{value:.2f} mm")
    return _(
        "  {after} triangles (before smoothing and decimation {before}), volume {change:+.2f} %, largest displacement "
        "{moved}"
    ).format(
        after=comparison.trianglesAfter,
        before=comparison.trianglesBefore,
        change=100 * comparison.volumeChange,
        moved=moved.format(value=comparison.largestDisplacement),
    )
