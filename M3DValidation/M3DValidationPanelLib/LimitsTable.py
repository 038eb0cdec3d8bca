"""The intended use and its limits: shown, changed for a run, saved as a profile of a name of its own."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.PanelActions import errorsShown

from .FindingsTable import shortUnit
from .ValidationParameters import (
    baseProfileOf,
    changedLimitsOf,
    changeLimit,
    takeBackLimit,
)

_COLUMNS = 4
_TITLE, _PASS, _WARNING = range(3)


class LimitsTable:
    """Shows the limits of the chosen profile and takes changes of them, which are typed into their cells.

    :param ui: the widgets of ``M3DValidation.ui``.
    """

    def __init__(self, ui):
        import qt

        self.ui = ui
        self._parameters = None
        self._shown = None
        self._filling = False
        self._requirements = []
        ui.limitsTable.setColumnCount(_COLUMNS)
        ui.limitsTable.setHorizontalHeaderLabels([_("Requirement"), _("Pass"), _("Warning"), _("Unit")])
        header = ui.limitsTable.horizontalHeader()
        for column in range(_COLUMNS):
            isTitle = column == _TITLE
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch if isTitle else qt.QHeaderView.ResizeToContents)
        ui.limitsTable.connect("itemSelectionChanged()", self._onSelection)
        ui.limitsTable.connect("cellChanged(int,int)", self._onCell)
        ui.profileComboBox.connect("currentIndexChanged(int)", self._onProfile)
        ui.resetLimitButton.connect("clicked()", self._onReset)
        ui.saveProfileButton.connect("clicked()", self._onSave)

    def show(self, parameters):
        """Show the profile of these parameters; None for none."""
        self._parameters = parameters
        if parameters is None:
            self._shown = None
            return
        choice = (parameters.profile, parameters.limits, parameters.tolerance)
        if choice == self._shown:
            return
        self._shown = choice
        self._fillProfiles()
        self._fillLimits()

    def _fillProfiles(self):
        from M3DLib.SlicerAdaptors import userFolder
        from M3DValidationLib.Profile import loadProfile, profileNames
        from M3DValidationLib.ProfileEditing import siteProfiles

        saved, problems = siteProfiles(userFolder("M3DProfiles"))
        combo = self.ui.profileComboBox
        wasBlocked = combo.blockSignals(True)
        try:
            combo.clear()
            for name in profileNames():
                combo.addItem(translatedMessage(loadProfile(name).title), name)
            for name, file in saved.items():
                combo.addItem(loadProfile(file).title, name)
            combo.currentIndex = combo.findData(self._parameters.profile)
        finally:
            combo.blockSignals(wasBlocked)
        self.ui.profileWarningLabel.text = "\n".join(map(translatedMessage, problems))
        self.ui.profileWarningLabel.visible = bool(problems)

    def _fillLimits(self):
        from M3DLib.Errors import M3DError

        table = self.ui.limitsTable
        try:
            profile = baseProfileOf(self._parameters)
        except M3DError as error:
            self._requirements = []
            table.setRowCount(0)
            self.ui.profileDescriptionLabel.text = translatedMessage(str(error))
            return
        self._requirements = [entry for entry in profile.requirements.values() if entry.sense != "stated"]
        chosen = table.currentRow()
        self._filling = True
        try:
            table.setRowCount(len(self._requirements))
            for row, requirement in enumerate(self._requirements):
                self._fillRow(row, requirement)
        finally:
            self._filling = False
        if 0 <= chosen < len(self._requirements):
            table.selectRow(chosen)
        tolerance = self._parameters.tolerance or profile.toleranceMm
        self.ui.profileDescriptionLabel.text = _("{description} Tolerance {tolerance:g} mm. Version {version}.").format(
            description=translatedMessage(profile.description), tolerance=tolerance, version=profile.version
        )
        self._onSelection()

    def _fillRow(self, row, requirement):
        import qt

        changed = changedLimitsOf(self._parameters)
        limits = changed.get(requirement.id, (requirement.passLimit, requirement.warningLimit))
        mark = "* " if requirement.id in changed else ""
        texts = (
            mark + translatedMessage(requirement.title),
            limitText(limits[0]),
            limitText(limits[1]),
            shortUnit(requirement.unit),
        )
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(
                _("{title}. {clause}. Source: {source}").format(
                    title=translatedMessage(requirement.title),
                    clause=translatedMessage(requirement.clause),
                    source=translatedMessage(requirement.source),
                )
            )
            if column not in (_PASS, _WARNING):
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            self.ui.limitsTable.setItem(row, column, item)

    def _chosen(self):
        row = self.ui.limitsTable.currentRow()
        return self._requirements[row] if 0 <= row < len(self._requirements) else None

    def _onSelection(self):
        requirement = self._chosen()
        self.ui.resetLimitButton.enabled = requirement is not None
        if requirement is None:
            self.ui.limitLabel.text = _("Double-click a limit to change it; an empty cell is no limit.")
            return
        sense = _("at least") if requirement.sense == "atLeast" else _("at most")
        self.ui.limitLabel.text = _("{title}: {sense} ... {unit}. {source}").format(
            title=translatedMessage(requirement.title),
            sense=sense,
            unit=requirement.unit,
            source=translatedMessage(requirement.source),
        )

    def _onProfile(self, index):
        name = self.ui.profileComboBox.itemData(index)
        if self._parameters is not None and name and name != self._parameters.profile:
            with slicer.util.NodeModify(self._parameters):
                self._parameters.profile = name
                self._parameters.limits = ""

    def _onCell(self, row, column):
        """Take what was typed into a cell; what is no limit is taken back."""
        from M3DLib.Errors import M3DError

        if self._filling or self._parameters is None or column not in (_PASS, _WARNING):
            return
        requirement = self._requirements[row]
        with errorsShown(_("The limit was not changed.")):
            try:
                values = tuple(limitOf(self.ui.limitsTable.item(row, cell).text()) for cell in (_PASS, _WARNING))
                self._change(requirement, values)
            except M3DError:
                self._filling = True
                try:
                    self._fillRow(row, requirement)
                finally:
                    self._filling = False
                raise

    def _change(self, requirement, values):
        from M3DLib.Errors import M3DError

        if values == (requirement.passLimit, requirement.warningLimit):
            takeBackLimit(self._parameters, requirement.id)
            return
        before = self._parameters.limits
        try:
            changeLimit(self._parameters, requirement.id, *values)
            self._requireValid()
        except M3DError:
            self._parameters.limits = before
            raise

    def _requireValid(self):
        from .ValidationParameters import profileOf

        profileOf(self._parameters)

    def _onReset(self):
        requirement = self._chosen()
        if requirement is not None:
            takeBackLimit(self._parameters, requirement.id)

    def _onSave(self):
        from M3DLib.SlicerAdaptors import userFolder
        from M3DValidationLib.ProfileEditing import changedProfileData, profileNameOf, saveProfile

        with errorsShown(_("The profile was not saved.")):
            title = self.ui.profileNameLineEdit.text.strip()
            data = changedProfileData(
                baseProfileOf(self._parameters),
                changedLimitsOf(self._parameters),
                self._parameters.tolerance or None,
                name=profileNameOf(title),
                title=title,
                source=_("Set by the site"),
            )
            saveProfile(data, userFolder("M3DProfiles"))
            self.ui.profileNameLineEdit.text = ""
            self._shown = None
            with slicer.util.NodeModify(self._parameters):
                self._parameters.profile = data["profile"]
                self._parameters.limits = ""
                self._parameters.tolerance = 0.0


def limitText(value):
    """A limit as it is typed; nothing where there is none."""
    return "" if value is None else f"{value:g}"


def limitOf(text):
    """The number a user has typed, None where the field is empty.

    :raises M3DError: it is no number.
    """
    from M3DLib.Errors import M3DError

    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise M3DError(f"'{text}' is no number.") from error
