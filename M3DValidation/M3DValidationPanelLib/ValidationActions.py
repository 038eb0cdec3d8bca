"""What the buttons of the M3D Validation panel do."""

import json
import pathlib

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelActions import PanelActions, errorsShown
from M3DPanelLib.PanelForm import isSegmentation
from M3DPanelLib.SurfaceChoices import surfaceOf

from .ReportChoices import ensureFaces, facesOf
from .ResultSubject import contentStamp, rememberSettings, settingsOf
from .ValidationParameters import controlOf, lineNodesOf, partOf, profileOf


class ValidationActions(PanelActions):
    """Validate, save, store, and hand over to M3D Export; its widgets are those of ``M3DValidation.ui``."""

    def __init__(self, ui, widget, results):
        super().__init__(ui, widget)
        self.isRunning = False
        self._results = results
        self._saved = None

    def showButtons(self, parameters):
        """Enable what can be done with the results, and say why the rest cannot."""
        from M3DValidationLib.InSlicer.ResultNodes import isModelReport, isReport, verdictOf

        report = parameters.report
        there = isReport(report)
        for widget in (self.ui.saveButton, self.ui.storeButton):
            widget.enabled = there and not self.isRunning
        # The JSON is English, so that it reads the same everywhere.
        self.ui.languageComboBox.enabled = bool(facesOf(parameters))
        for widget in (self.ui.openReportButton, self.ui.showFolderButton):
            widget.visible = self._saved is not None
        failed = there and verdictOf(report) == "fail"
        self.ui.reasonLineEdit.visible = failed
        self.ui.reasonLabel.visible = failed
        hasModel = there and isModelReport(report)
        hasReason = bool(self.ui.reasonLineEdit.text.strip())
        self.ui.exportButton.enabled = there and hasModel and (not failed or hasReason) and not self.isRunning
        if not there:
            self.ui.exportButton.toolTip = _("Validate the model first")
        elif not hasModel:
            self.ui.exportButton.toolTip = _("The report is not about a model and its scan, or they are gone")
        elif failed and not hasReason:
            self.ui.exportButton.toolTip = _("Something fails: say why the model is exported all the same")
        else:
            self.ui.exportButton.toolTip = _("Open M3D Export with everything filled in")

    def validate(self, parameters, showButtons):
        """Validate what the parameters say, and put the results into the scene in place of the earlier ones.

        :param showButtons: called when the work begins, so that nothing is begun beside it.
        """
        from M3DValidationLib.InSlicer.ResultNodes import isReport

        if self.isRunning:
            return
        case = parameters.caseFolder
        # The application handles its events meanwhile: what is chosen then is not what was validated.
        validated = parameters.volume, parameters.inputNode, parameters.segmentId
        settings, stamp = settingsOf(parameters), contentStamp(*validated)
        warnings = []

        def validate(progress):
            asked = {"command": "M3D Validation", **json.loads(settings)}
            with self.case.onRecord(case, "validated", asked, validated[0]) as work:
                report, said = self.widget.logic.validateParameters(parameters, progress)
                work.result = {"verdict": report.data["verdict"], "exitStatus": report.data["exitStatus"]}
            warnings.extend(said)
            node = self.widget.logic.keepResults(report, parameters, *validated)
            rememberSettings(node, settings)
            self._results.remember(node, stamp)
            self._saved = None

        stopped = _("Stopped.")
        if isReport(parameters.report):
            stopped = _("Stopped; the earlier results are still there.")
        self.isRunning = True
        showButtons()
        try:
            isDone = self.work(
                _("Validating"),
                validate,
                self.ui.statusLabel,
                failed=_("The validation could not be done."),
                reason=_("Not validated: {reason}"),
                stopped=stopped,
            )
        finally:
            self.isRunning = False
        if isDone:
            self.ui.statusLabel.text = "\n".join(map(translatedMessage, warnings))

    def save(self, parameters):
        """Write the report into the folder that is chosen."""
        self.ui.outputLabel.text = ""
        with errorsShown(_("The report was not saved."), waitCursor=True):
            from M3DLib.Errors import M3DError

            if not parameters.reportFolder:
                raise M3DError(_("Choose the folder that the report goes to."))
            formats, language, folder = facesOf(parameters), parameters.language, parameters.reportFolder
            ensureFaces(formats, language)
            said = {"command": "M3D Validation", "formats": formats, "language": language.value}
            with self.case.onRecord(parameters.caseFolder, "validated", said, parameters.volume) as work:
                files = self.widget.logic.saveReport(parameters.report, folder, formats, language.value)
                work.files = [("report" if file.stem == "report" else "picture", file) for file in files]
            self.case.show(parameters)
            self._saved = pathlib.Path(folder), files
            self.showButtons(parameters)
            names = "\n".join(file.name for file in files)
            self.ui.outputLabel.text = _("Written to {folder}:\n{names}").format(folder=folder, names=names)

    def openReport(self):
        """Open the report that was saved last: the face that is easiest to read."""
        _folder, files = self._saved
        byEnding = {file.suffix: file for file in files if file.stem == "report"}
        _open(next(byEnding[ending] for ending in (".html", ".pdf", ".json") if ending in byEnding))

    def showFolder(self):
        """Open the folder of the report that was saved last."""
        _open(self._saved[0])

    def store(self, parameters):
        """Put the report into the DICOM database, in the study of the scan."""
        from M3DLib.SlicerAdaptors import applicationDatabase

        self.ui.outputLabel.text = ""
        database, withPdf, language = applicationDatabase(), parameters.pdf, parameters.language
        with errorsShown(_("The report was not stored."), waitCursor=True):
            if withPdf:
                ensureFaces(["pdf"], language)
            said = {"command": "M3D Validation", "stored": "DICOM database"}
            with self.case.onRecord(parameters.caseFolder, "validated", said, parameters.volume) as work:
                uids = self.widget.logic.storeReport(
                    parameters.report, parameters.volume, withPdf=withPdf, language=language.value
                )
                work.files = [("report", pathlib.Path(database.fileForInstance(uid))) for uid in uids]
            self.case.show(parameters)
            words = _("{count} object(s) in the DICOM database:").format(count=len(uids))
            self.ui.outputLabel.text = "\n".join([words, *uids])

    def export(self, parameters):
        """Open M3D Export with the validated model, its description and its report filled in."""
        with errorsShown(_("The model cannot be handed over.")):
            self.widget.logic.prepareExport(parameters.report, self.ui.reasonLineEdit.text.strip())
            slicer.util.selectModule("M3DExport")


def _open(path):
    import qt

    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))


def validationOf(parameters):
    """Arguments of the logic's ``validateNodes`` as the panel says."""
    node = parameters.inputNode
    hasSegments = isSegmentation(node)
    return {
        "volumeNode": parameters.volume,
        "node": node,
        "segmentIds": [parameters.segmentId] if hasSegments else [],
        "profile": profileOf(parameters),
        "tolerance": parameters.tolerance or None,
        "partReason": partOf(parameters),
        "surfaceParameters": surfaceOf(parameters) if hasSegments else None,
        "controlNode": controlOf(parameters),
        "lineNodes": lineNodesOf(parameters),
        "person": parameters.person.strip(),
        "pseudonym": parameters.pseudonym.strip(),
    }
