"""The section "Hand over": what leaves the house, as ``m3d package`` packs it."""

import pathlib

from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.NeededPackages import ensureNeeded

# Path widgets of the section, and the parameter that each shows.
PATHS = {
    "handOverPathLineEdit": "handOverFolder",
    "packagePathLineEdit": "packageFile",
    "signKeyPathLineEdit": "signKey",
    "encryptForPathLineEdit": "encryptFor",
    "tableForPathLineEdit": "tableFor",
}
_ONLY_WITHOUT_IDENTITY = (
    "pseudonymLineEdit",
    "keepImagesCheckBox",
    "faceIsNeededLineEdit",
    "noFaceLineEdit",
    "tableForPathLineEdit",
    "tablePasswordLineEdit",
)


class HandOverSection:
    """The widgets of ``M3DExport.ui`` that say what is packed, for whom, and how.

    :param actions: those of the panel, whose ``work`` does what takes long.
    """

    def __init__(self, ui, actions):
        self.ui = ui
        self.actions = actions
        self._parameters = None
        self._showing = False
        for name, parameter in PATHS.items():
            widget = getattr(ui, name)
            widget.connect("currentPathChanged(QString)", lambda path, key=parameter: self._onPath(key, path))
        ui.packageButton.connect("clicked()", self._onPack)

    def show(self, parameters):
        """Show these parameters."""
        self._parameters = parameters
        self._showing = True
        try:
            for name, parameter in PATHS.items():
                getattr(self.ui, name).currentPath = getattr(parameters, parameter)
        finally:
            self._showing = False
        withIdentity = parameters.withIdentity
        for name in _ONLY_WITHOUT_IDENTITY:
            getattr(self.ui, name).enabled = not withIdentity
        missing = self._missing()
        self.ui.packageButton.enabled = not missing
        self.ui.packageButton.toolTip = missing or _("Pack, search for what is left of the identity, and write")

    def _missing(self):
        """What is still to be chosen, "" for nothing."""
        parameters = self._parameters
        if not parameters.handOverFolder:
            return _("Choose the folder whose files are handed over")
        if not parameters.packageFile:
            return _("Choose the file of the package")
        if not parameters.withIdentity and not parameters.pseudonym.strip():
            return _("Give the pseudonym that stands in for the patient")
        return ""

    def _onPath(self, parameter, path):
        if self._parameters is not None and not self._showing:
            setattr(self._parameters, parameter, path)

    def _onPack(self):
        made, parameters = [], self._parameters

        def pack(progress):
            said = {"command": "M3D Export", "pseudonymized": not parameters.withIdentity}
            with self.actions.case.onRecord(parameters.caseFolder, "packaged", said) as work:
                packed = self.actions.widget.logic.handOver(parameters, progress, self._passwords())
                work.files = [("package", packed.output)]
                work.result = {"files": len(packed.files), "leftOut": len(packed.leftOut)}
            made.append(packed)

        if self.actions.work(
            _("Packing"),
            pack,
            self.ui.packageResultLabel,
            failed=_("Nothing was packed."),
            reason=_("Nothing was packed: {reason}"),
            stopped=_("Stopped; nothing was packed."),
            waitCursor=True,
            prepare=lambda: ensureNeeded(["handOver", "html", "pdf"], "M3DExport"),
        ):
            self.ui.packageResultLabel.text = resultText(made[0])
            self.actions.case.show(parameters)

    def _passwords(self):
        return self.ui.signPasswordLineEdit.text, self.ui.tablePasswordLineEdit.text


def requestOf(parameters, passwords=("", "")):
    """What the panel asks for, as ``M3DLib.HandOver.PackageRequest.PackageRequest``.

    :param passwords: of the key that signs, and of the table; they are kept nowhere.
    """
    from M3DLib.HandOver.PackageRequest import PackageRequest

    withIdentity = parameters.withIdentity
    return PackageRequest(
        paths=[pathlib.Path(parameters.handOverFolder)],
        output=pathlib.Path(parameters.packageFile),
        # What was typed in before the box was checked is not meant any more.
        pseudonym="" if withIdentity else parameters.pseudonym,
        withIdentity=withIdentity,
        keepImages=parameters.keepImages,
        faceIsNeeded=parameters.faceIsNeeded.strip(),
        noFace=parameters.noFace.strip(),
        signers=[pathlib.Path(parameters.signKey)] if parameters.signKey else [],
        recipients=[pathlib.Path(parameters.encryptFor)] if parameters.encryptFor else [],
        timeStampServer=parameters.timeStampServer.strip(),
        tableFor=[pathlib.Path(parameters.tableFor)] if parameters.tableFor and not withIdentity else [],
        keyPassword=passwords[0],
        tablePassword=passwords[1],
        faces=_faces(),
    )


def _faces():
    """What makes reports anew: of M3D Validation, where that module is installed too; None elsewhere."""
    import importlib

    try:
        return importlib.import_module("M3DValidationLib.Report.ReportFiles").faces
    except ImportError:
        return None


def resultText(made):
    """What was packed, what was left out, and what to keep, for the label below the button."""
    lines = [_("{count} files packed into {file}.").format(count=len(made.files), file=made.output)]
    if made.searched is not None:
        lines.append(
            _("{count} texts were searched for the identity; nothing of it was found.").format(
                count=made.searched.texts
            )
        )
    if made.table is not None:
        lines.append(_("The way back to the patient, which stays in the house: {file}").format(file=made.table))
    lines += map(translatedMessage, made.warnings)
    for file, why in made.leftOut[:10]:
        lines.append(_("Left out: {name}: {reason}.").format(name=file.name, reason=translatedMessage(why)))
    if len(made.leftOut) > 10:
        lines.append(_("... and {count} more").format(count=len(made.leftOut) - 10))
    return "\n".join(lines)
