"""The section "Fetch a scan from a PACS": into the DICOM database, as ``m3d fetch`` fetches into a folder."""

from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage

# What can name a scan, by the names of ``M3DLib.Store.Pacs.PacsQuery.PacsQuery``.
NAMED_BY = (
    ("patientId", _("Patient ID")),
    ("accessionNumber", _("Accession Number")),
    ("studyInstanceUid", _("Study Instance UID")),
)


class FetchSection:
    """The widgets of ``M3DExport.ui`` that say what is fetched, and from where.

    :param actions: those of the panel, whose ``work`` does what takes long.
    """

    def __init__(self, ui, actions):
        self.ui = ui
        self.actions = actions
        for name, label in NAMED_BY:
            ui.fetchByComboBox.addItem(label, name)
        ui.fetchLineEdit.connect("textChanged(QString)", lambda text: self._showButton())
        ui.fetchServerComboBox.connect("editTextChanged(QString)", lambda text: self._showButton())
        ui.fetchCollapsibleButton.connect("contentsCollapsed(bool)", self._onFolded)
        ui.fetchButton.connect("clicked()", self._onFetch)

    def show(self):
        """Enable the button, or say what is missing."""
        self._showButton()

    def _onFolded(self, isFolded):
        if not isFolded:
            self._fillServers()

    def _fillServers(self):
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.PacsServers import knownServers
        from M3DLib.SlicerAdaptors import rawSetting

        combo, typed = self.ui.fetchServerComboBox, self._server()
        combo.clear()
        try:
            for server in knownServers(rawSetting):
                combo.addItem(server.name, server.name)
        except M3DError as error:
            # The settings file is wrong; an address can be typed in all the same.
            self.ui.fetchResultLabel.text = translatedMessage(str(error))
        if typed:
            combo.setEditText(typed)

    def _server(self):
        return str(self.ui.fetchServerComboBox.currentText or "").strip()

    def _showButton(self):
        if not self.actions.isDatabaseOpen():
            missing = _("Create the DICOM database first; what is fetched goes there")
        elif not self._server():
            missing = _("Choose the server, or type its address")
        elif not self.ui.fetchLineEdit.text.strip():
            missing = _("Say which scan is fetched")
        else:
            missing = ""
        self.ui.fetchButton.enabled = not missing
        self.ui.fetchButton.toolTip = missing or _("Fetch every series that is named, and import it")

    def _onFetch(self):
        combo = self.ui.fetchByComboBox
        named = {
            combo.itemData(combo.currentIndex): self.ui.fetchLineEdit.text.strip(),
            "modality": self.ui.fetchModalityLineEdit.text.strip(),
        }
        credentials = self.ui.fetchUserLineEdit.text, self.ui.fetchPasswordLineEdit.text
        fetched = []
        if self.actions.work(
            _("Fetching"),
            lambda progress: fetched.append(
                self.actions.widget.logic.fetchScans(self._server(), named, credentials, progress)
            ),
            self.ui.fetchResultLabel,
            failed=_("The scan was not fetched."),
            reason=_("The scan was not fetched: {reason}"),
            stopped=_("Stopped; nothing was imported."),
            waitCursor=True,
            prepare=lambda: self.actions.ensureProtocol(self._server()),
        ):
            self.ui.fetchResultLabel.text = resultText(fetched[0])


def resultText(series):
    """What is in the database now, one line for each series (``FetchedSeries``)."""
    lines = [_("{count} series in the DICOM database:").format(count=len(series))]
    for one in series:
        words = " ".join(filter(None, [one.modality, one.description])) or _("without description")
        lines.append(_("{words}: {count} object(s)").format(words=words, count=one.onServer))
    return "\n".join(lines)
