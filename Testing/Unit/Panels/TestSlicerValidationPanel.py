"""The panel of M3D Validation, with widgets that refuse names which Slicer's widgets do not have."""

import json

import pytest

from M3DLib.Errors import M3DError
from M3DTestSupport.ScannedBall import CENTER, SEGMENT_ID
from M3DTestSupport.SceneCases import addVolumeNode, importSeries
from M3DTestSupport.SlicerWidgets import emit, typeInto
from M3DTestSupport.ValidationPanel import choose, openPanel, rowOf, showAll


@pytest.fixture
def nodes(scannedBall):
    return scannedBall


@pytest.fixture
def widget(validationPanel):
    return validationPanel


class TestInput:
    def test_segmentationBringsItsFirstSegmentAndItsScan(self, widget, nodes):
        parameters = widget._parameterNode
        assert parameters.volume is nodes[0]
        assert parameters.segmentId == SEGMENT_ID
        assert widget.ui.segmentComboBox.itemText(0) == "ball"
        assert widget.ui.validateButton.enabled

    def test_buttonSaysWhatIsMissing(self, widget):
        widget._parameterNode.volume = None
        assert not widget.ui.validateButton.enabled
        assert "Choose the volume" in widget.ui.validateButton.toolTip
        choose(widget, None)
        assert "volume, a segmentation or a model" in widget.ui.validateButton.toolTip

    def test_scanAloneCanBeValidated(self, widget, nodes):
        choose(widget, None)
        widget._parameterNode.volume = nodes[0]
        assert widget.ui.validateButton.enabled
        widget.ui.validateButton.click()
        showAll(widget)
        assert widget.ui.findingsTable.rowCount > 20
        assert not widget.ui.exportButton.enabled

    def test_widgetsOfTheSurfaceAreForSegmentsOnly(self, widget, application):
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "model")
        choose(widget, model)
        assert not widget.ui.smoothingSlider.visible
        assert not widget.ui.segmentComboBox.visible

    def test_firstSegmentationIsChosenWhenThePanelOpens(self, panelApplication, nodes):
        widget = openPanel()
        assert widget._parameterNode.inputNode is nodes[1]
        assert widget._parameterNode.volume is nodes[0]
        assert widget.ui.validateButton.enabled

    def test_scanAloneStaysChosenWhenThePanelIsOpenedAgain(self, widget, nodes):
        choose(widget, None)
        widget._parameterNode.volume = nodes[0]
        widget.exit()
        widget.enter()
        assert widget._parameterNode.inputNode is None
        assert widget._parameterNode.volume is nodes[0]

    def test_scanOfAnotherSegmentationIsNotKeptForOneWithoutScan(self, widget, panelApplication, nodes, tmp_path):
        volume, files = importSeries(panelApplication, tmp_path / "second", patientId="P2")
        addVolumeNode(panelApplication, volume, files, "other scan")
        stray = panelApplication.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "stray")
        stray.GetSegmentation().AddEmptySegment("s", "s")
        choose(widget, stray)
        assert widget._parameterNode.volume is None
        assert not widget.ui.validateButton.enabled
        assert "Choose the volume" in widget.ui.validateButton.toolTip

    def test_renamedAndAddedSegmentsAppear(self, widget, nodes):
        segmentation = nodes[1].GetSegmentation()
        segmentation.GetSegment(SEGMENT_ID).SetName("sphere")
        assert widget.ui.segmentComboBox.itemText(0) == "sphere"
        segmentation.AddEmptySegment("second", "second")
        assert widget.ui.segmentComboBox.itemText(1) == "second"
        segmentation.RemoveSegment("second")
        assert widget.ui.segmentComboBox.findData("second") == -1
        widget.exit()
        segmentation.GetSegment(SEGMENT_ID).SetName("ball again")

    def test_toleranceTakesMillimetersOnlyAndNothingNegative(self, widget):
        spinBox = widget.ui.toleranceSpinBox
        assert (spinBox.minimum, spinBox.maximum) == (0, 20)
        assert spinBox.property("specialValueText") == "as the profile says"

    def test_reportFolderOfAnEarlierSceneIsNoDot(self, widget):
        widget._parameterNode.reportFolder = "."
        assert widget.ui.folderPathLineEdit.currentPath == ""
        emit(widget.ui.folderPathLineEdit, "currentPathChanged(QString)", "/reports")
        assert widget._parameterNode.reportFolder == "/reports"


class TestLimits:
    def choose(self, widget, text):
        table = widget.ui.limitsTable
        row = next(row for row in range(table.rowCount) if text in table.item(row, 0).text())
        table.selectRow(row)
        return row

    def change(self, widget, passLimit, warningLimit):
        table = widget.ui.limitsTable
        row = table.currentRow()
        typeInto(table, row, 1, passLimit)
        typeInto(table, row, 2, warningLimit)

    def test_limitsOfTheIntendedUseAreShownWithTheirSource(self, widget):
        row = self.choose(widget, "The mesh is neither too large nor too small")
        assert widget.ui.limitsTable.item(row, 1).text() == "0.25"
        assert "van Eijnatten" in widget.ui.limitLabel.text

    def test_changedLimitIsMarkedAndJudgedBy(self, widget):
        row = self.choose(widget, "The mesh is neither too large nor too small")
        self.change(widget, "0,0001", "0.0002")
        assert widget.ui.limitsTable.item(row, 0).text().startswith("* ")
        widget.ui.validateButton.click()
        row = rowOf(widget, "The mesh is neither too large nor too small")
        assert widget.ui.findingsTable.item(row, 0).text() == "✗"
        assert widget.ui.findingsTable.item(row, 0).toolTip().startswith("Fail: ")
        data = json.loads(widget._parameterNode.report.GetText())
        assert data["profile"]["name"] == "anatomical-model-changed"
        finding = next(f for f in data["findings"] if f["requirement"] == "deviation-bias")
        assert finding["limit"] == 0.0001
        assert finding["source"] == "Set by the user for this run"

    def test_changeIsTakenBack(self, widget):
        row = self.choose(widget, "The mesh is neither too large nor too small")
        self.change(widget, "0.1", "0.2")
        assert widget.ui.limitsTable.item(row, 1).text() == "0.1"
        widget.ui.resetLimitButton.click()
        assert widget._parameterNode.limits == ""
        assert widget.ui.limitsTable.item(row, 1).text() == "0.25"

    @pytest.mark.parametrize(("text", "message"), [("abc", "no number"), ("1", "must not be stricter")])
    def test_wrongLimitIsRefusedAndTheOldOneStays(self, application, widget, text, message):
        row = self.choose(widget, "The mesh is neither too large nor too small")
        with application.showing(message):
            typeInto(widget.ui.limitsTable, row, 1, text)
        assert widget._parameterNode.limits == ""
        assert widget.ui.limitsTable.item(row, 1).text() == "0.25"

    def test_limitsAreSavedAsAProfileThatIsThenInTheList(self, widget, application, nodes):
        self.choose(widget, "The mesh is neither too large nor too small")
        self.change(widget, "0.1", "0.2")
        widget._parameterNode.tolerance = 0.4
        widget.ui.profileNameLineEdit.text = "Our Guides 2026"
        widget.ui.saveProfileButton.click()
        assert widget._parameterNode.profile == "our-guides-2026"
        assert widget._parameterNode.tolerance == 0
        again = openPanel()
        combo = again.ui.profileComboBox
        assert combo.itemText(combo.findData("our-guides-2026")) == "Our Guides 2026"
        row = self.choose(again, "The mesh is neither too large nor too small")
        assert again.ui.limitsTable.item(row, 1).text() == "0.1"
        assert "Tolerance 0.4 mm" in again.ui.profileDescriptionLabel.text

    def test_nameOfABuiltInProfileIsRefused(self, application, widget):
        widget.ui.profileNameLineEdit.text = "Implant"
        with application.showing("built-in profile"):
            widget.ui.saveProfileButton.click()

    def test_anotherIntendedUseHasItsOwnLimits(self, widget):
        self.choose(widget, "The mesh is neither too large nor too small")
        self.change(widget, "0.1", "0.2")
        combo = widget.ui.profileComboBox
        combo.currentIndex = combo.findData("implant")
        assert widget._parameterNode.profile == "implant"
        assert widget._parameterNode.limits == ""

    def test_profileThatIsGoneIsNamed(self, application, widget):
        widget._parameterNode.profile = "deleted-profile"
        assert "There is no profile" in widget.ui.profileDescriptionLabel.text
        with application.showing("There is no profile"):
            widget.ui.validateButton.click()
        assert "Not validated" in widget.ui.statusLabel.text


def test_consoleExampleOfTheLogicWorks(application, nodes):
    from M3DValidation import M3DValidationLogic

    report = M3DValidationLogic().validate(*nodes, SEGMENT_ID, "anatomical-model")
    assert report.verdict.value == "fail"
    assert abs(report.data["deviation"]["image"]["meanSigned"]) < 0.05
    made = [step["software"] for step in report.data["dataFlow"] if step["step"] == "surface"]
    assert [entry for entry in made[0] if entry.startswith("3D Slicer")] == ["3D Slicer 5.12.3-2026-07-22"]
    with pytest.raises(M3DError, match="not both"):
        M3DValidationLogic().validate(*nodes, modelNode=nodes[1])


def test_referenceLineIsChosenAndItsLengthKept(panelApplication, nodes):
    from M3DValidationLib.InSlicer.MarkupReferences import NOMINAL

    line = panelApplication.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "across")
    for side in (-9.5, 9.5):
        line.AddControlPoint(-CENTER[0] + side, -CENTER[1], CENTER[2])
    widget = openPanel()
    choose(widget, nodes[1])
    combo = widget.ui.linesComboBox
    combo.setCurrentNode(line)
    combo.setCheckState(line, 2)
    widget.ui.nominalLineEdit.text = "20"
    emit(widget.ui.nominalLineEdit, "editingFinished()")
    assert line.GetAttribute(NOMINAL) == "20"
    widget.ui.nominalLineEdit.text = "long"
    with panelApplication.showing("number of millimeters"):
        emit(widget.ui.nominalLineEdit, "editingFinished()")
    assert widget.ui.nominalLineEdit.text == "20"
    widget.ui.validateButton.click()
    data = json.loads(widget._parameterNode.report.GetText())
    assert any(finding["requirement"] == "reference-image" for finding in data["findings"])
