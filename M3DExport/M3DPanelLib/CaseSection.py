"""The section "Case" of the panels: choose or open one, see what is open, confirm it."""

import slicer
from slicer.i18n import tr as _

from .LibraryMessages import translatedMessage
from .NeededPackages import ensureNeeded
from .PanelActions import errorsShown

# What can be confirmed, in the order of the work; a test compares it with the library.
CONFIRMABLE = (
    ("data", _("patient data")),
    ("segmentation", _("segmentation")),
    ("design", _("design")),
    ("print", _("printed part")),
    ("release", _("release")),
)


class CaseSection:
    """Shows the case of a panel's parameters (``caseFolder``); its widgets are alike in both panels' ``.ui`` files.

    :param requester: name of the module, for the question whether a package may be installed.
    """

    def __init__(self, ui, requester):
        self.ui = ui
        self._requester = requester
        self._parameters = None
        self._showing = False
        for what, label in CONFIRMABLE:
            ui.caseWhatComboBox.addItem(label, what)
        ui.casePathLineEdit.connect("currentPathChanged(QString)", self._onFolder)
        ui.caseOpenButton.connect("clicked()", self._onOpen)
        ui.caseConfirmButton.connect("clicked()", self._onConfirm)

    def show(self, parameters):
        """Show the case of these parameters; None for none."""
        from M3DLib.InSlicer.SceneCase import caseView

        self._parameters = parameters
        folder = parameters.caseFolder if parameters is not None else ""
        self._showing = True
        try:
            self.ui.casePathLineEdit.currentPath = "" if folder == "." else folder
        finally:
            self._showing = False
        view = caseView(folder)
        isNew = bool(folder) and not view.isCase
        for widget in (self.ui.caseOrderLineEdit, self.ui.caseRequirementLineEdit, self.ui.caseOpenButton):
            widget.visible = isNew
        canConfirm = view.isCase and not view.problem
        for widget in (self.ui.caseWhatComboBox, self.ui.caseConfirmButton):
            widget.visible = canConfirm
        lines = [translatedMessage(view.problem or view.state)]
        lines += [_("Open: {text}").format(text=translatedMessage(text)) for text in view.open]
        if isNew:
            lines = [_("The folder is no case yet: give the number of the order and what is ordered.")]
        self.ui.caseStateLabel.text = "\n".join(filter(None, lines))

    def who(self):
        """Name and role of who works, as far as they were given."""
        return {"person": self.ui.caseNameLineEdit.text.strip(), "role": self.ui.caseRoleLineEdit.text.strip()}

    def onRecord(self, folder, event, settings, volume=None):
        """Put what is done within on the record of a case, as ``M3DLib.InSlicer.SceneCase.onRecord`` says.

        :param folder: of the case, "" for none. :param volume: the scan it is done on, None for none.
        :raises M3DError: also when what the record needs is not installed and the user does not want it.
        """
        from M3DLib.InSlicer.SceneCase import onRecord
        from M3DLib.SlicerAdaptors import applicationDatabase

        if folder:
            self._ensurePackages()
        return onRecord(folder, event, volume, applicationDatabase(), settings, **self.who())

    def _ensurePackages(self):
        ensureNeeded(["case"], self._requester)

    def _onFolder(self, path):
        if self._parameters is None or self._showing:
            return
        from M3DLib.InSlicer.SceneCase import caseView

        folder = "" if path == "." else path
        self._parameters.caseFolder = folder
        # A path that is typed is told at every letter: only a folder with a record is worth a question.
        if caseView(folder).isCase:
            with errorsShown(_("The case cannot be shown.")):
                self._ensurePackages()
        self.show(self._parameters)

    def _onOpen(self):
        import pathlib

        from M3DLib.CaseRecord.CaseFolder import openCase

        with errorsShown(_("The case was not opened.")):
            self._ensurePackages()
            openCase(
                pathlib.Path(self._parameters.caseFolder),
                self.ui.caseOrderLineEdit.text,
                self.ui.caseRequirementLineEdit.text,
                **self.who(),
            )
        self.show(self._parameters)

    def _onConfirm(self):
        import pathlib

        from M3DLib.Release.CaseRelease import confirm

        combo = self.ui.caseWhatComboBox
        with errorsShown(_("Nothing was confirmed.")):
            what = combo.itemData(combo.currentIndex)
            _event, released, notes = confirm(pathlib.Path(self._parameters.caseFolder), what, **self.who())
            said = [*notes, *(_("Written: {file}").format(file=file) for file in released)]
            if said:
                slicer.util.infoDisplay("\n".join(said))
        self.show(self._parameters)
