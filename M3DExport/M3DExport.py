"""M3D Export: models of a scan as DICOM Encapsulated STL. This file is the module, its widget and its logic."""

import logging

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

from M3DExportPanelLib.ExportParameters import (
    M3DExportParameterNode,
    descriptionOf,
    earlierOf,
    filesOf,
    validatedOf,
)
from M3DPanelLib.ParameterPanel import ParameterPanel
from M3DPanelLib.PhantomSample import registerSampleData
from M3DPanelLib.SurfaceChoices import surfaceOf


class M3DExport(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("M3D Export")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Printing")]
        self.parent.dependencies = ["DICOM", "Models", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["The SlicerM3D contributors"]
        self.parent.helpText = _(
            "Writes a segmentation or a model as DICOM Encapsulated STL objects: the STL that a 3D printer takes, "
            "inside a DICOM object that says of which patient, study and images it was made, and how. The objects can "
            "be kept in Slicer's DICOM database, in a folder, or in a PACS, beside the images.<br><br>The output is a "
            "record of a shape and of its origin. It is no statement that the shape is right or fit for a purpose: the "
            "module M3D Validation compares it with the images."
        )
        self.parent.helpText += "<br><br>" + _('See the <a href="{address}">documentation</a>.').format(
            address="https://github.com/SlicerM3D/SlicerM3D/blob/main/Docs/M3DExport.md"
        )
        self.parent.acknowledgementText = _(
            "Written for the SlicerM3D extension. It follows DICOM PS3.3 A.85.1 (Encapsulated STL IOD)."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


class M3DExportWidget(ParameterPanel):
    """The panel: hands what the user chooses to the logic, and shows what comes back."""

    uiFile = "UI/M3DExport.ui"
    packages = ("M3DExportPanelLib", "M3DPanelLib", "M3DLib")

    def makeLogic(self):
        """The logic of the module."""
        return M3DExportLogic()

    def makeForm(self):
        """What the panel shows."""
        from M3DExportPanelLib.ExportForm import ExportForm

        return ExportForm(self.ui, self)


class M3DExportLogic(ScriptedLoadableModuleLogic):
    """Exports segments and models; to be used from scripts too, with or without a main window.

    Example, for Slicer's Python console; the volume was loaded from the DICOM database::

        from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
        from M3DExport import M3DExportLogic

        segmentation = slicer.util.getNode("Segmentation")
        volume = slicer.util.getNode("2: CT bone")
        description = ModelDescription(title="Mandible", usage="PlanningIntent")
        surface = SurfaceParameters(smoothing=0.2)
        uids = M3DExportLogic().exportSegments(segmentation, ["Segment_1"], volume, description, surface)
        print(slicer.dicomDatabase.fileForInstance(uids[0]))

    All functions raise ``M3DLib.Errors.M3DError`` with sentences for the user when something is wrong with the input,
    and leave nothing behind then. ``progress(fraction, text)`` is called during long work and may raise
    ``M3DLib.Errors.Cancelled`` to stop it.
    """

    def getParameterNode(self):
        """What the panel keeps in the scene."""
        return M3DExportParameterNode(super().getParameterNode())

    def exportSegments(
        self, segmentationNode, segmentIds, volumeNode=None, description=None, surfaceParameters=None, **more
    ):
        """Export segments to Slicer's DICOM database.

        :param segmentIds: all segments when empty.
        :param volumeNode: the scan, loaded from the DICOM database; found by itself when None.
        :param description: a ``ModelDescription``; what it leaves open comes from the segments.
        :param surfaceParameters: ``M3DLib.Mesh.SurfaceParameters.SurfaceParameters``; its defaults when None.
        :param more: ``merge`` (one object of all segments), ``earlier`` (``EarlierModels``), ``validated``
            (``M3DLib.InSlicer.ValidatedModel.ValidatedModel``), ``progress``.
        :return: SOP Instance UIDs, one per segment, in the order of ``segmentIds``.
        """
        models, progress = self._make(segmentationNode, segmentIds, volumeNode, description, surfaceParameters, **more)
        return self.store(models, progress)

    def exportModel(self, modelNode, volumeNode=None, description=None, **more):
        """Export a model node to Slicer's DICOM database; returns its SOP Instance UID."""
        models, progress = self._make(modelNode, [], volumeNode, description, None, **more)
        return self.store(models, progress)[0]

    def makeModels(self, node, segmentIds=(), volumeNode=None, description=None, surfaceParameters=None, **more):
        """The objects (``Model`` of ``ModelExport``) of a segmentation or model node, stored nowhere yet."""
        return self._make(node, segmentIds, volumeNode, description, surfaceParameters, **more)[0]

    def exportToFolder(
        self, node, segmentIds, folder, volumeNode=None, *, description=None, surfaceParameters=None, files=None, **more
    ):
        """Write the objects of a segmentation or model node into a folder; returns the files.

        :param files: a ``M3DLib.PrintFiles.PrintRequest.PrintRequest`` for model files beside them; None for none.
        """
        from M3DLib.InSlicer.SlicerDatabase import writeFolder
        from M3DLib.PrintFiles.PrintFiles import filesBeside

        if files is not None:
            files.requirePossible()
        models, progress = self._make(node, segmentIds, volumeNode, description, surfaceParameters, **more)
        return writeFolder(
            [model.dataset for model in models],
            folder,
            lambda done, text: progress(0.9 + done / 10, text),
            filesBeside(models, files, folder),
        )

    def exportToPacs(
        self, node, segmentIds, store, volumeNode=None, *, description=None, surfaceParameters=None, **more
    ):
        """Send the objects of a segmentation or model node to a PACS.

        :param store: ``M3DLib.Store.DicomWebStore.DicomWebStore("https://host/dicom-web", user, password)``, or
            ``PacsStore(dimseServer("AET@HOST:PORT"))`` of the same module and ``M3DLib.Store.Servers.PacsServer``.
        :return: SOP Instance UIDs.
        """
        from M3DLib.InSlicer.PacsServers import sendTo

        models, progress = self._make(node, segmentIds, volumeNode, description, surfaceParameters, **more)
        datasets = [model.dataset for model in models]
        return sendTo(store, datasets, lambda done, text: progress(0.9 + done / 10, text))

    def store(self, models, progress=None):
        """Put objects into Slicer's DICOM database, all or none; returns their SOP Instance UIDs."""
        from M3DLib.Errors import noProgress
        from M3DLib.InSlicer.SlicerDatabase import DatabaseStore
        from M3DLib.SlicerAdaptors import applicationDatabase, newIndexer

        progress = progress or noProgress
        store = DatabaseStore(applicationDatabase(), newIndexer())
        uids = store.add([model.dataset for model in models], lambda done, text: progress(0.9 + done / 10, text))
        logging.info(f"Models exported to the DICOM database: {len(uids)}")
        return uids

    def preview(self, node, segmentIds=(), volumeNode=None, surfaceParameters=None, *, merge=False, progress=None):
        """Surfaces as they would be exported, compared with those without smoothing and decimation.

        :return: list of (mesh in LPS mm, ``M3DLib.Mesh.SurfaceComparison.SurfaceComparison``, None for a finished one).
        """
        from M3DLib.Errors import noProgress
        from M3DLib.InSlicer.SlicerPreview import previewOnVolume
        from M3DLib.SlicerAdaptors import applicationDatabase

        parts = self._parts(node, segmentIds, volumeNode, merge)
        return previewOnVolume(parts, surfaceParameters, volumeNode, applicationDatabase(), progress or noProgress)

    def _parts(self, node, segmentIds, volumeNode, merge):
        from M3DLib.InSlicer.SlicerParts import partOfModel, partsOfSegmentation
        from M3DLib.SlicerAdaptors import applicationDatabase

        if node.IsA("vtkMRMLSegmentationNode"):
            return partsOfSegmentation(node, segmentIds, volumeNode, applicationDatabase(), merge)
        return [partOfModel(node, volumeNode)]

    def _make(
        self,
        node,
        segmentIds,
        volumeNode,
        description,
        surfaceParameters,
        *,
        merge=False,
        earlier=None,
        validated=None,
        progress=None,
    ):
        """Models of a node, and the progress callback for storing them."""
        from M3DLib.Errors import M3DError, noProgress
        from M3DLib.InSlicer.SlicerExport import SceneSource, imageOfSource, makeModelsOfParts, requireSource
        from M3DLib.InSlicer.ValidatedModel import recordValidation
        from M3DLib.SlicerAdaptors import (
            applicationDatabase,
            applicationScene,
            renderIfPossible,
            withApplicationVersion,
        )

        progress = progress or noProgress
        database = applicationDatabase()
        if node is None:
            raise M3DError("There is nothing to export: choose a segmentation or a model.")
        source = SceneSource(volumeNode) if volumeNode else requireSource(node, applicationScene(), database)
        parts = self._parts(node, segmentIds, source.volumeNode, merge)
        scan = imageOfSource(source, database, lambda done, text: progress(0.2 * done, text))
        for warning in scan.warnings:
            logging.warning(warning)
        models = makeModelsOfParts(
            parts,
            scan,
            database,
            surfaceParameters,
            withApplicationVersion(description),
            earlier=earlier,
            withIcons=renderIfPossible(),
            progress=lambda done, text: progress(0.2 + 0.7 * done, text),
        )
        if validated is not None:
            recordValidation(models, validated, database)
        return models, progress

    def fillIn(self, **values):
        """Put a validated model into the panel; the values are those of ``ExportParameters.fillIn``."""
        from M3DExportPanelLib.ExportParameters import fillIn

        parameters = self.getParameterNode()
        with slicer.util.NodeModify(parameters):
            fillIn(parameters, **values)

    def exportParameters(self, parameters, credentials=("", ""), progress=None):
        """Export what the panel's parameters say.

        :param credentials: user and password for the PACS.
        :return: what was written: SOP Instance UIDs, or files.
        :raises M3DError: also when no segment of a segmentation is chosen.
        """
        from M3DExportPanelLib.Choices import Destination
        from M3DLib.Errors import M3DError
        from M3DLib.SlicerAdaptors import applicationDatabase

        more = {
            "merge": parameters.merge,
            "earlier": earlierOf(parameters, applicationDatabase()),
            "validated": validatedOf(parameters),
            "progress": progress,
        }
        node, segmentIds, volume = parameters.inputNode, parameters.segmentIds, parameters.sourceVolume
        if node is not None and node.IsA("vtkMRMLSegmentationNode") and not segmentIds:
            # To the functions for scripts, none means all; whoever sees a list in which nothing is chosen means none.
            raise M3DError("No segment is chosen; choose those to export.")
        more |= {"description": descriptionOf(parameters), "surfaceParameters": surfaceOf(parameters)}
        if parameters.destination == Destination.FOLDER:
            if parameters.folder in ("", "."):
                raise M3DError("Choose the folder that the DICOM files go to.")
            more["files"] = filesOf(parameters)
            return self.exportToFolder(node, segmentIds, parameters.folder, volume, **more)
        if parameters.destination == Destination.PACS:
            store = self._pacs(parameters.server, credentials)
            return self.exportToPacs(node, segmentIds, store, volume, **more)
        models, progress = self._make(node, segmentIds, volume, **more)
        return self.store(models, progress)

    def testServer(self, server, credentials=("", ""), progress=None):
        """Ask a PACS whether it answers, for some seconds; returns what it says, in a sentence.

        :param server: name of a known server, DICOMweb address, or AET@HOST:PORT.
        :param credentials: user and password; those of the environment or the keyring when there is no user.
        :raises M3DError: it does not answer, or says no.
        """
        from M3DLib.Errors import noProgress
        from M3DLib.InSlicer.PacsServers import answerOf

        return answerOf(self._pacs(server, credentials), progress or noProgress)

    def fetchScans(self, server, named, credentials=("", ""), progress=None):
        """Fetch scans from a PACS into the DICOM database.

        :param server, credentials: as of :meth:`testServer`.
        :param named: fields of ``M3DLib.Store.Pacs.PacsQuery.PacsQuery``, ``{"patientId": "P-1"}`` for example.
        :return: the series (``M3DLib.Store.Pacs.Fetching.FetchedSeries``).
        :raises M3DError: nothing fits, something is missing of it, or the database does not take it.
        """
        from M3DLib.Errors import noProgress
        from M3DLib.InSlicer.PacsServers import fetchIntoDatabase
        from M3DLib.SlicerAdaptors import applicationDatabase, newIndexer

        places = self._pacs(server, credentials), named, applicationDatabase(), newIndexer()
        return fetchIntoDatabase(*places, progress or noProgress)

    def handOver(self, parameters, progress=None, passwords=("", "")):
        """Pack what the panel's parameters say to be handed over (``M3DLib.HandOver.Packing.PackedCase``).

        :param passwords: of the key that signs, and of the table; those of the environment or keyring when empty.
        """
        from M3DExportPanelLib.HandOverSection import requestOf
        from M3DLib.Errors import noProgress
        from M3DLib.HandOver.Packing import makePackage

        return makePackage(requestOf(parameters, passwords), progress or noProgress)

    def _pacs(self, server, credentials):
        from M3DLib.InSlicer.PacsServers import storeFor
        from M3DLib.SlicerAdaptors import rawSetting

        return storeFor(server, rawSetting, *credentials)


class M3DExportTest(ScriptedLoadableModuleTest):
    """What "Reload and Test" runs: the whole way on a small phantom, in a temporary database."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run the test."""
        self.setUp()
        self.test_phantomComesBack()

    def test_phantomComesBack(self):
        """A ball is exported to a temporary database and found there."""
        from DICOMLib import DICOMUtils

        from M3DPanelLib.PhantomSample import addSmallPhantom

        with DICOMUtils.TemporaryDICOMDatabase():
            volume, segmentation = addSmallPhantom()
            uids = M3DExportLogic().exportSegments(segmentation, [], volume)
            self.assertEqual(len(uids), 1)
            self.assertTrue(slicer.dicomDatabase.fileForInstance(uids[0]))
