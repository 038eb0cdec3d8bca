"""The intended use and its limits: shown, changed for a run, saved as a profile of a name of its own."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.PanelActions import errorsShown

from .ValidationParameters import (
    baseProfileOf,
    changedLimitsOf,
    changeLimit,
    takeBackLimit,
)

_COLUMNS = 4


class LimitsTable:
    """Shows the limits of the chosen profile and takes changes of them.

    :param ui: the widgets of ``M3DValidation.ui``.
    """

    def __init__(self, ui):
        self.ui = ui
        self._parameters = None
        self._shown = None
        self._requirements = []
        ui.limitsTable.setColumnCount(_COLUMNS)
        ui.limitsTable.setHorizontalHeaderLabels([_("Requirement"), _("Pass"), _("Warning"), _("Unit")])
        ui.limitsTable.connect("itemSelectionChanged()", self._onSelection)
        ui.profileComboBox.connect("currentIndexChanged(int)", self._onProfile)
        for edit in (ui.passLimitLineEdit, ui.warningLimitLineEdit):
            edit.connect("editingFinished()", self._onLimit)
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
                combo.addItem(loadProfile(name).title, name)
            for name, file in saved.items():
                combo.addItem(loadProfile(file).title, name)
            combo.currentIndex = combo.findData(self._parameters.profile)
        finally:
            combo.blockSignals(wasBlocked)
        self.ui.profileWarningLabel.text = "\n".join(problems)
        self.ui.profileWarningLabel.visible = bool(problems)

    def _fillLimits(self):
        import qt

        from M3DLib.Errors import M3DError

        table = self.ui.limitsTable
        try:
            profile = baseProfileOf(self._parameters)
        except M3DError as error:
            self._requirements = []
            table.setRowCount(0)
            self.ui.profileDescriptionLabel.text = str(error)
            return
        changed = changedLimitsOf(self._parameters)
        self._requirements = [entry for entry in profile.requirements.values() if entry.sense != "stated"]
        table.setRowCount(len(self._requirements))
        for row, requirement in enumerate(self._requirements):
            limits = changed.get(requirement.id, (requirement.passLimit, requirement.warningLimit))
            mark = "* " if requirement.id in changed else ""
            texts = (mark + requirement.title, limitText(limits[0]), limitText(limits[1]), requirement.unit)
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(
                    _("{clause}. Source: {source}").format(clause=requirement.clause, source=requirement.source)
                )
                table.setItem(row, column, item)
        table.resizeColumnsToContents()
        tolerance = self._parameters.tolerance or profile.toleranceMm
        self.ui.profileDescriptionLabel.text = _("{description} Tolerance {tolerance:g} mm. Version {version}.").format(
            description=profile.description, tolerance=tolerance, version=profile.version
        )
        self._onSelection()

    def _chosen(self):
        row = self.ui.limitsTable.currentRow()
        return self._requirements[row] if 0 <= row < len(self._requirements) else None

    def _onSelection(self):
        requirement = self._chosen()
        edits = (self.ui.passLimitLineEdit, self.ui.warningLimitLineEdit)
        for widget in (*edits, self.ui.resetLimitButton):
            widget.enabled = requirement is not None
        if requirement is None:
            self.ui.limitLabel.text = _("Choose a line to change its limits.")
            return
        changed = changedLimitsOf(self._parameters)
        limits = changed.get(requirement.id, (requirement.passLimit, requirement.warningLimit))
        for edit, value in zip(edits, limits, strict=True):
            edit.text = limitText(value)
        sense = _("at least") if requirement.sense == "atLeast" else _("at most")
        self.ui.limitLabel.text = _("{title}: {sense} ... {unit}. {source}").format(
            title=requirement.title, sense=sense, unit=requirement.unit, source=requirement.source
        )

    def _onProfile(self, index):
        name = self.ui.profileComboBox.itemData(index)
        if self._parameters is not None and name and name != self._parameters.profile:
            with slicer.util.NodeModify(self._parameters):
                self._parameters.profile = name
                self._parameters.limits = ""

    def _onLimit(self):
        from M3DLib.Errors import M3DError

        requirement = self._chosen()
        if requirement is None or self._parameters is None:
            return
        with errorsShown(_("The limit was not changed.")):
            values = tuple(limitOf(edit.text) for edit in (self.ui.passLimitLineEdit, self.ui.warningLimitLineEdit))
            if values == (requirement.passLimit, requirement.warningLimit):
                takeBackLimit(self._parameters, requirement.id)
                return
            before = self._parameters.limits
            changeLimit(self._parameters, requirement.id, *values)
            try:
                self._requireValid()
            except M3DError:
                self._parameters.limits = before
                self._onSelection()
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
