"""M3D Validation: is a scan good enough for a model, and does the model show what the scan shows?"""

import logging

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)

from M3DPanelLib.ParameterPanel import ParameterPanel
from M3DValidationPanelLib.ValidationParameters import M3DValidationParameterNode


class M3DValidation(ScriptedLoadableModule):
    """The module as Slicer's module list shows it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("M3D Validation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Printing")]
        self.parent.dependencies = ["DICOM", "Models", "Segmentations"]
        self.parent.contributors = ["The SlicerM3D contributors"]
        self.parent.helpText = _(
            "Checks a scan, a segmentation and a model against the requirements of an intended use: whether the slices "
            "are thin enough, whether the anatomy is wholly in the image, how far the surface of the model is from the "
            "edge that the image shows, and whether a printer can make it. It reports what was measured, against which "
            "limit and where the limit comes from; what could not be checked is said to be so."
        )
        self.parent.helpText += "<br><br>" + _('See the <a href="{address}">documentation</a>.').format(
            address="https://github.com/SlicerM3D/SlicerM3D/blob/main/Docs/M3DValidation.md"
        )
        self.parent.acknowledgementText = _(
            "Written for the SlicerM3D extension. It follows ISO/IEC 3532-1, whose clauses the findings name."
        )


class M3DValidationWidget(ParameterPanel):
    """The panel: hands what the user chooses to the logic, and shows what comes back."""

    uiFile = "UI/M3DValidation.ui"
    packages = ("M3DValidationPanelLib", "M3DPanelLib", "M3DValidationLib", "M3DBatchLib", "M3DLib")

    def makeLogic(self):
        """The logic of the module."""
        return M3DValidationLogic()

    def makeForm(self):
        """What the panel shows."""
        from M3DValidationPanelLib.ValidationForm import ValidationForm

        return ValidationForm(self.ui, self)


class M3DValidationLogic(ScriptedLoadableModuleLogic):
    """Validates nodes and files; to be used from scripts too, with or without a main window.

    Example, for Slicer's Python console::

        from M3DValidation import M3DValidationLogic

        volume = slicer.util.getNode("2: CT bone")
        segmentation = slicer.util.getNode("Segmentation")
        report = M3DValidationLogic().validate(volume, segmentation, "Segment_1", "anatomical-model")
        print(report.verdict, report.data["deviation"]["image"]["meanSigned"])

    All functions raise ``M3DLib.Errors.M3DError`` with sentences for the user when something is wrong with the input.
    ``progress(fraction, text)`` is called during long work and may raise ``M3DLib.Errors.Cancelled`` to stop it.
    """

    def getParameterNode(self):
        """What the panel keeps in the scene."""
        return M3DValidationParameterNode(super().getParameterNode())

    def validate(
        self,
        volumeNode=None,
        segmentationNode=None,
        segmentId="",
        profile="anatomical-model",
        *,
        modelNode=None,
        **more,
    ):
        """Validate a scan, a segment of it or a model, or both.

        :param segmentId: all segments when empty.
        :param profile: name or file of a profile.
        :param modelNode: a model instead of a segmentation.
        :param more: ``surfaceParameters``, ``lineNodes`` (line markups as reference distances), ``tolerance`` (mm),
            ``partReason`` (why the model is meant to be a part only), ``controlNode`` (another series of
            the scan, by which the model is judged too), ``person``, ``pseudonym``, ``progress``.
        :return: ``M3DValidationLib.Report.Report.Report``: ``verdict``, ``findings``, ``data`` (the JSON),
            ``pictures``, and ``cases``, whose ``measurements["deviation"].maps["image"]`` has the distance at every
            point.
        """
        from M3DLib.Errors import M3DError

        if segmentationNode is not None and modelNode is not None:
            raise M3DError("Validate a segmentation or a model, not both at once.")
        node = segmentationNode if segmentationNode is not None else modelNode
        segmentIds = [segmentId] if segmentId else []
        return self.validateNodes(volumeNode, node, segmentIds, profile, **more)[0]

    def validateNodes(self, volumeNode, node, segmentIds=(), profile="anatomical-model", **more):
        """Like :meth:`validate`, for a segmentation or model node alike; None for the scan alone.

        :param more: of ``M3DValidationLib.InSlicer.SceneValidation.validateNodes``.
        :return: the report, and what a user should know of how the scan was taken from the scene.
        """
        from M3DLib.SlicerAdaptors import applicationDatabase, applicationVersion, renderIfPossible
        from M3DValidationLib.InSlicer.SceneValidation import validateNodes

        renderIfPossible()
        more = {"database": applicationDatabase(), "applicationVersion": applicationVersion(), **more}
        report, warnings = validateNodes(volumeNode, node, segmentIds, profile, **more)
        for warning in warnings:
            logging.warning(warning)
        return report, warnings

    def validateParameters(self, parameters, progress=None):
        """Validate what the panel's parameters say; returns what :meth:`validateNodes` does."""
        from M3DValidationPanelLib.ValidationActions import validationOf

        more = {} if progress is None else {"background": True, "progress": progress}
        return self.validateNodes(**validationOf(parameters), **more)

    def addResults(self, report, volumeNode=None, node=None, segmentId=""):
        """Put a report into the scene: findings, map, histogram; returns the text node that the rest hangs on."""
        from M3DValidationLib.InSlicer.ResultNodes import addResults

        return addResults(report, slicer.mrmlScene, volumeNode, node, segmentId)

    def keepResults(self, report, parameters, volumeNode=None, node=None, segmentId=""):
        """Put a report into the scene in place of the one that the panel shows; returns its text node.

        :param volumeNode, node, segmentId: what was validated.
        :raises M3DError: it is no longer in the scene.
        """
        from M3DLib.Errors import M3DError
        from M3DValidationLib.InSlicer.ResultNodes import isReport, removeResults

        if any(one is not None and one.GetScene() is None for one in (volumeNode, node)):
            raise M3DError("What was validated is no longer in the scene, so the results are not kept.")
        earlier = parameters.report
        added = self.addResults(report, volumeNode, node, segmentId)
        parameters.report = added
        if isReport(earlier):
            removeResults(earlier, slicer.mrmlScene)
        return added

    def saveReport(self, reportNode, folder, formats=("html",), language="en"):
        """Write a report that is in the scene into a folder: JSON and pictures always.

        :param reportNode: text node, as :meth:`addResults` gives it.
        :param formats: further faces, "html" and "pdf", which need Jinja2 and typst.
        :param language: of these faces, as in ``m3d report --language``; other languages than English need Babel.
        :return: the files.
        """
        from pathlib import Path

        from M3DLib.Language.Languages import languageOf
        from M3DValidationLib.InSlicer.ResultNodes import readResults
        from M3DValidationLib.Report.Content.ReportFormats import formatsOf, requireFormats
        from M3DValidationLib.Report.ReportFiles import faces
        from M3DValidationLib.Report.ReportFolder import replaceReport

        chosen = formatsOf(",".join(formats))
        requireFormats(chosen)
        results = readResults(reportNode)
        files = faces(results.data, results.files, chosen, languageOf(language))
        replaceReport(Path(folder), files)
        return [Path(folder) / name for name in files]

    def writeReport(self, report, folder, formats=("json", "html"), language="en"):
        """Write a report that was just made into a folder: JSON and pictures always.

        :param report: of ``M3DValidationLib``, as ``comparisonReport`` makes it.
        :param formats, language: as in :meth:`saveReport`.
        :return: the files.
        """
        from pathlib import Path

        from M3DLib.Language.Languages import languageOf
        from M3DValidationLib.Report.Content.ReportFormats import formatsOf, requireFormats
        from M3DValidationLib.Report.ReportFiles import faces
        from M3DValidationLib.Report.ReportFolder import replaceReport, requireReportFolder

        chosen = formatsOf(",".join(formats))
        requireFormats(chosen)
        requireReportFolder(Path(folder))
        files = faces(report.data, report.attachments, chosen, languageOf(language))
        replaceReport(Path(folder), files)
        return [Path(folder) / name for name in files]

    def storeReport(self, reportNode, volumeNode=None, withPdf=False, store=None, language="en"):
        """Put a report into the study of its scan, all of it or nothing.

        :param volumeNode: the scan; the one the report was made on when None.
        :param store: ``M3DLib.Store.DicomWebStore.DicomWebStore`` for a PACS; Slicer's DICOM database when None.
        :param language: of the PDF, as in :meth:`saveReport`.
        :return: SOP Instance UIDs: of the measurement report and, with a PDF, of that.
        """
        from M3DLib.InSlicer.SlicerDatabase import DatabaseStore
        from M3DLib.Language.Languages import languageOf
        from M3DLib.SlicerAdaptors import applicationDatabase, newIndexer
        from M3DValidationLib.InSlicer.StoredReport import rememberStored, reportObjectsOf

        database = applicationDatabase()
        language = languageOf(language)
        objects = reportObjectsOf(reportNode, database, volumeNode, withPdf=withPdf, language=language)
        if store is not None:
            return store.add(objects)
        uids = DatabaseStore(database, newIndexer()).add(objects)
        rememberStored(reportNode, uids)
        return uids

    def prepareExport(self, reportNode, reason=""):
        """Fill in M3D Export with the model that was validated, how it was made, and its report.

        The report is stored in the DICOM database first, when it is not there yet, for the model refers to it.

        :param reportNode: text node, as :meth:`addResults` gives it.
        :param reason: why the model is exported although something fails; needed when something does.
        :raises M3DError: the report has no place in the patient's study, for it is pseudonymized, no surface was
            validated, or what was validated is no longer in the scene.
        """
        # The hand-over is the one thing that this module asks of the other, through its logic as a script would, so
        # that neither knows the other's panel.
        from M3DExport import M3DExportLogic
        from M3DLib.InSlicer.ValidatedModel import ValidatedModel
        from M3DLib.SlicerAdaptors import applicationDatabase
        from M3DValidationLib.InSlicer.StoredReport import exportValuesOf, recordReason, storedInstances
        from M3DValidationPanelLib.ResultSubject import validationText

        values = exportValuesOf(reportNode, reason)
        uids = storedInstances(reportNode, applicationDatabase())
        # The stored report is to say why its model was exported although something fails.
        isNew = bool(values["override"]) and recordReason(reportNode, values["override"])
        if isNew or not uids:
            uids = self.storeReport(reportNode)
        names = ("override", "verdict", "profile")
        validated = ValidatedModel(values.pop("sha256"), tuple(uids), **{name: values.pop(name) for name in names})
        M3DExportLogic().fillIn(**values, validated=validated, validation=validationText(reportNode))

    def run(self, arguments):
        """Validate files as the command ``m3d validate`` does.

        :param arguments: the options of the command, a list of text; ``--json FILE.json`` writes the report's JSON.
        :return: 0 nothing fails, 1 something fails, 3 a check that the profile requires could not be made.
        :raises M3DError: the options or the files are wrong.
        """
        from M3DBatchLib.CommandLine import makeParser
        from M3DBatchLib.JsonFile import takeJsonFile
        from M3DBatchLib.Terminal import Terminal
        from M3DLib.Errors import M3DError

        terminal = Terminal(json=False)
        given, terminal.jsonFile = takeJsonFile(["validate", *map(str, arguments)])
        try:
            options = makeParser().parse_args(given)
        except SystemExit as error:
            # The parser of the command line ends the program, which would be Slicer here.
            raise M3DError("These are not options of m3d validate; the console says what is wrong.") from error
        try:
            terminal.requireOutput()
            return options.run(options, terminal)
        finally:
            terminal.close()

    def profiles(self):
        """Names and titles of the intended uses that are there, the default first."""
        from M3DValidationLib.Profile import loadProfile, profileNames

        return [(name, loadProfile(name).title) for name in profileNames()]


class M3DValidationTest(ScriptedLoadableModuleTest):
    """What "Reload and Test" runs."""

    def setUp(self):
        """Begin with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run the test."""
        self.setUp()
        self.test_phantomIsMeasured()

    def test_phantomIsMeasured(self):
        """The surface of a ball is where its scan shows it."""
        from DICOMLib import DICOMUtils

        from M3DPanelLib.PhantomSample import addSmallPhantom

        with DICOMUtils.TemporaryDICOMDatabase():
            volume, segmentation = addSmallPhantom()
            report = M3DValidationLogic().validate(volume, segmentation)
        deviation = report.data["deviation"]["image"]
        self.assertLess(abs(deviation["meanSigned"]), 0.1)
        self.assertGreater(deviation["coverage"], 0.9)
