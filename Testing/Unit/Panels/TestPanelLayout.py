"""The layout of both panels in real Qt: nothing jumps, nothing is cut, nothing covers anything else.

Sizes are those of offscreen Qt with Slicer's margins, measured against pictures of the application. What this cannot
show is what CTK's and MRML's own widgets paint, and other styles and fonts than these.
"""

import sys

import pytest

from M3DTestSupport.ExportPanel import addBoneAndTooth, openExportPanel
from M3DTestSupport.Project import ROOT
from M3DTestSupport.ScannedBall import addScannedBall
from M3DTestSupport.SlicerModules import StandInApplication
from M3DTestSupport.ValidationPanel import openPanel

QtPanels = pytest.importorskip(
    "M3DTestSupport.QtPanels", reason="PySide6-Essentials cannot be used here", exc_type=ImportError
)
QtCore, QtGui, QtWidgets = QtPanels.QtCore, QtPanels.QtGui, QtPanels.QtWidgets
ctkCollapsibleButton = QtPanels.QtStandIns.ctkCollapsibleButton

# Of a window of 1280 x 800 with the Data Probe unfolded, which leaves 298 pixels less (seen in the application).
PANEL_HEIGHT = 800 - 298
# What the .ui files ask for; the application's own default is a little more.
PANEL_WIDTH = 380
UI_FILES = [ROOT / module / "Resources" / "UI" / f"{module}.ui" for module in ("M3DExport", "M3DValidation")]
LONG = "Reconstruction_of_the_mandible_with_a_very_long_series_description_bone_kernel_0.6_mm"
TEXTS = (QtWidgets.QLabel, QtWidgets.QPushButton, QtWidgets.QCheckBox)


@pytest.fixture(autouse=True)
def fonts():
    QtPanels.application()
    if not QtGui.QFontDatabase.families():
        pytest.skip("There is no font, so that every text has no width.")
    yield
    QtPanels.close()


@pytest.fixture(scope="module")
def qtApplication(tmp_path_factory):
    """The application with real Qt, for all tests of this file: a panel takes seconds to fill."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "database").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        application = StandInApplication(patch, folder / "database")
        application.useWidgets(patch, QtPanels.loadQtUi)
        patch.setitem(sys.modules, "qt", QtPanels.qtModule())
        yield application
        application.scene.RemoveAllObservers()


@pytest.fixture(scope="module")
def exportPanel(qtApplication, tmp_path_factory):
    _volume, segmentation = addBoneAndTooth(qtApplication, tmp_path_factory.mktemp("bones"))
    widget = openExportPanel(qtApplication)
    widget.ui.inputSelector.setCurrentNode(segmentation)
    yield widget
    widget.cleanup()


@pytest.fixture(scope="module")
def validationPanel(qtApplication, tmp_path_factory):
    _volume, segmentation = addScannedBall(qtApplication, tmp_path_factory.mktemp("ball"))
    widget = openPanel()
    widget.ui.inputSelector.setCurrentNode(segmentation)
    widget.ui.validateButton.click()
    yield widget
    widget.cleanup()


@pytest.fixture(params=UI_FILES, ids=lambda file: file.stem)
def unfolded(request):
    """The widgets of a panel by name, all sections open and all widgets shown; the panel itself is the first."""
    widgets = {name: part.widget for name, part in QtPanels.loadQtUi(request.param).items()}
    for part in widgets.values():
        if isinstance(part, ctkCollapsibleButton):
            part.setCollapsed(False)
    for part in widgets.values():
        if part.parent() is not None:
            part.show()
    return widgets


def panelOf(widgets):
    return next(iter(widgets.values()))


def topOf(widget):
    return widget.ui.inputSelector.widget.window()


def unfold(widget):
    for part in vars(widget.ui).values():
        if isinstance(part.widget, ctkCollapsibleButton):
            part.widget.setCollapsed(False)
    QtPanels.settle()


def test_exportButtonAndResultAreSeenWithoutScrolling(exportPanel):
    panel = topOf(exportPanel)
    QtPanels.layOut(panel, PANEL_WIDTH, PANEL_HEIGHT)
    exportPanel.ui.exportButton.click()
    QtPanels.settle()
    assert len(exportPanel.ui.resultLabel.text.splitlines()) == 3
    for name in ("exportButton", "resultLabel"):
        shown = getattr(exportPanel.ui, name).widget
        assert shown.height() >= shown.sizeHint().height()
        assert QtPanels.bottomOf(shown, panel) <= PANEL_HEIGHT


def test_foldedSurfaceSaysWhatIsChosen(exportPanel):
    section = exportPanel.ui.surfaceCollapsibleButton
    assert section.text == "Surface: smoothing 0.2"
    exportPanel.ui.smoothingSlider.value = 0
    exportPanel.ui.refineCheckBox.checked = True
    assert section.text == "Surface: moved to the edge"
    exportPanel.ui.refineCheckBox.checked = False
    assert section.text == "Surface: as the voxels are"
    exportPanel.ui.smoothingSlider.value = 0.2


def test_exportPanelHasOneWidthWhateverStandsInIt(exportPanel):
    QtPanels.layOut(topOf(exportPanel), PANEL_WIDTH, 900)
    parameters = exportPanel._parameterNode
    parameters.inputNode.GetSegmentation().GetNthSegment(0).SetName(LONG)
    volume = parameters.sourceVolume
    volume.SetName(LONG)
    exportPanel.ui.sourceSelector.setCurrentNode(None)
    exportPanel.ui.sourceSelector.setCurrentNode(volume)
    for name, part in vars(exportPanel.ui).items():
        if isinstance(part.widget, QtWidgets.QLabel) and name.endswith("Label") and not part.widget.buddy():
            part.text = f"{LONG} {LONG}"
        if type(part.widget) is QtWidgets.QComboBox:
            part.widget.addItem(LONG)
    assert topOf(exportPanel).minimumSizeHint().width() <= PANEL_WIDTH
    unfold(exportPanel)
    assert topOf(exportPanel).minimumSizeHint().width() <= PANEL_WIDTH


class TestFindings:
    def test_verdictTitleMeasuredAndLimitAreSeen(self, validationPanel):
        QtPanels.layOut(topOf(validationPanel), PANEL_WIDTH, 900)
        table = validationPanel.ui.findingsTable.widget
        widths = [table.columnWidth(column) for column in range(table.columnCount())]
        assert table.rowCount() > 2
        assert not table.horizontalScrollBar().isVisible()
        assert not table.verticalHeader().isVisible()
        assert sum(widths) <= table.viewport().width()
        assert widths[0] < 30
        assert widths[1] > 160
        findings = [row for row in range(table.rowCount()) if table.columnSpan(row, 0) == 1]
        for row in findings:
            for column in (0, 2, 3):
                assert table.sizeHintForIndex(table.model().index(row, column)).width() <= widths[column]
        # Those that pass come with longer texts.
        validationPanel.ui.attentionCheckBox.checked = False
        QtPanels.settle()
        assert not table.horizontalScrollBar().isVisible()
        assert table.columnWidth(1) > 120
        validationPanel.ui.attentionCheckBox.checked = True

    def test_titlesOfTheLimitsAreSeen(self, validationPanel):
        QtPanels.layOut(topOf(validationPanel), PANEL_WIDTH, 900)
        unfold(validationPanel)
        table = validationPanel.ui.limitsTable.widget
        assert not table.horizontalScrollBar().isVisible()
        assert table.columnWidth(0) > 120

    def test_panelHasOneWidthWhateverFindingIsChosen(self, validationPanel):
        QtPanels.layOut(topOf(validationPanel), PANEL_WIDTH, 900)
        unfold(validationPanel)
        validationPanel.ui.attentionCheckBox.checked = False
        table = validationPanel.ui.findingsTable
        widths, pictures = set(), 0
        for row in range(table.rowCount):
            table.selectRow(row)
            pictures += not validationPanel.ui.pictureButton.widget.isHidden()
            widths.add(topOf(validationPanel).minimumSizeHint().width())
        assert pictures
        assert max(widths) <= PANEL_WIDTH
        validationPanel.ui.attentionCheckBox.checked = True

    def test_toleranceSaysThatItIsTheProfiles(self, validationPanel):
        spinBox = validationPanel.ui.toleranceSpinBox
        assert spinBox.text == "as the profile says"
        spinBox.value = -3
        assert spinBox.value == 0


def test_languagesOfTheReportAreOfferedByTheirOwnNames(validationPanel):
    combo = validationPanel.ui.languageComboBox.widget
    names = ["English", "Deutsch", "Français", "Español", "日本語", "简体中文"]
    assert [combo.itemText(number) for number in range(combo.count())] == names
    combo.setCurrentIndex(1)
    assert validationPanel._parameterNode.language.value == "de"
    combo.setCurrentIndex(0)


class TestUnfolded:
    def test_nothingCoversAnythingElse(self, unfolded):
        for part in unfolded.values():
            if isinstance(part, QtWidgets.QLabel) and part.wordWrap():
                part.setText("A long sentence that needs several lines where the panel is narrow. " * 4)
        QtPanels.layOut(panelOf(unfolded), PANEL_WIDTH, 900)
        shown = [part for part in unfolded.values() if part.isVisible()]
        for number, one in enumerate(shown):
            for other in shown[number + 1 :]:
                if one.parent() is other.parent():
                    assert not one.geometry().intersects(other.geometry()), (one.objectName(), other.objectName())

    @pytest.mark.parametrize("isLonger", [False, True], ids=["English", "a language of longer words"])
    def test_noTextIsCut(self, unfolded, isLonger):
        panel = panelOf(unfolded)
        if isLonger:
            # Buttons and labels grow by about a third when they are translated into German.
            for part in unfolded.values():
                if isinstance(part, TEXTS):
                    part.setText(part.text() + "n" * (len(part.text()) // 3))
        needed = panel.minimumSizeHint().width()
        assert isLonger or needed <= PANEL_WIDTH
        QtPanels.layOut(panel, max(PANEL_WIDTH, needed), 900)
        for part in unfolded.values():
            if isinstance(part, QtWidgets.QLabel) and part.wordWrap():
                assert part.height() >= part.heightForWidth(part.width()), part.objectName()
            elif isinstance(part, TEXTS):
                assert part.width() >= part.minimumSizeHint().width(), part.objectName()

    def test_keyboardGoesFromTopToBottom(self, unfolded):
        panel = panelOf(unfolded)
        QtPanels.layOut(panel, PANEL_WIDTH, 900)
        places, one = [], panel.nextInFocusChain()
        while one is not panel:
            if one in unfolded.values() and one.isVisible() and one.focusPolicy() & QtCore.Qt.TabFocus:
                place = one.mapTo(panel, QtCore.QPoint(0, 0))
                # Fields of one row differ by a pixel or two.
                places.append((round(place.y() / 8), place.x()))
            one = one.nextInFocusChain()
        assert len(places) > 20
        assert places == sorted(places)

    def test_labelsBelongToTheirFields(self, unfolded):
        """A reader of screens names a field by the label it belongs to."""
        named = 0
        for label in unfolded.values():
            layout = label.parent().layout() if isinstance(label, QtWidgets.QLabel) else None
            if isinstance(layout, QtWidgets.QFormLayout):
                row, role = layout.getWidgetPosition(label)
                item = layout.itemAt(row, QtWidgets.QFormLayout.FieldRole)
                field = item.widget() if item is not None else None
                if role == QtWidgets.QFormLayout.LabelRole and field is not None:
                    assert isinstance(field, QtWidgets.QLabel) or label.buddy() is field, label.objectName()
                    named += 1
        assert named > 10

    def test_numbersHaveBounds(self, unfolded):
        for part in unfolded.values():
            if isinstance(part, QtWidgets.QDoubleSpinBox):
                assert 0 <= part.minimum() < part.maximum() <= 20
                assert part.specialValueText() in ("", part.text())
