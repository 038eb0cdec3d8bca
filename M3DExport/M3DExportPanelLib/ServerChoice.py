"""Which PACS models go to: the servers that are known, an address typed in, and a test of it."""

from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage


class ServerChoice:
    """The widgets of ``M3DExport.ui`` that say which PACS is meant."""

    def __init__(self, ui, actions):
        self.ui = ui
        self.actions = actions
        self._filling = False
        ui.knownServersComboBox.connect("currentIndexChanged(int)", self._onKnown)
        ui.testServerButton.connect("clicked()", self._onTest)
        ui.serverLineEdit.connect("textChanged(QString)", self._onAddress)

    def show(self, isVisible):
        """Show the widgets, with the servers that are known at this moment."""
        for name in ("knownServers", "server", "user", "password"):
            getattr(self.ui, f"{name}Label").visible = isVisible
        for name in ("knownServersComboBox", "serverLineEdit", "userLineEdit", "passwordLineEdit"):
            getattr(self.ui, name).visible = isVisible
        self.ui.testServerButton.visible = isVisible
        self.ui.serverStatusLabel.visible = isVisible
        if isVisible:
            self._fill()

    def _fill(self):
        from M3DLib.Errors import M3DError
        from M3DLib.InSlicer.PacsServers import knownServers
        from M3DLib.SlicerAdaptors import rawSetting

        combo = self.ui.knownServersComboBox
        self._filling = True
        try:
            combo.clear()
            combo.addItem(_("none"), "")
            for server in knownServers(rawSetting):
                combo.addItem(server.label, server.name)
            combo.currentIndex = max(combo.findData(self.ui.serverLineEdit.text), 0)
        except M3DError as error:
            # The settings file is wrong; what is typed in can be used all the same.
            self.ui.serverStatusLabel.text = translatedMessage(str(error))
        finally:
            self._filling = False

    def _onKnown(self, _index):
        combo = self.ui.knownServersComboBox
        name = combo.itemData(combo.currentIndex)
        if not self._filling and name:
            self.ui.serverLineEdit.text = name

    def _onAddress(self, _text):
        # What was said of another server does not hold for this one.
        self.ui.serverStatusLabel.text = ""

    def _onTest(self):
        self.actions.testServer()
