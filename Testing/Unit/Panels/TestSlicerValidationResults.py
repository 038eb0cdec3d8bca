"""What the panel of M3D Validation shows and does once something was validated."""

import json

import numpy as np
import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DTestSupport.ScannedBall import CENTER, SEGMENT_ID
from M3DTestSupport.SceneCases import addSegmentation
from M3DTestSupport.SlicerQt import QDesktopServices, QLabel
from M3DTestSupport.SlicerWidgets import emit
from M3DTestSupport.ValidationPanel import choose, rowOf, showAll, validateBall


@pytest.fixture
def nodes(scannedBall):
    return scannedBall


@pytest.fixture
def widget(validationPanel):
    return validationPanel


class TestResults:
    @pytest.fixture
    def validated(self, widget):
        validateBall(widget)
        return widget

    def rows(self, widget):
        """Rows of the table: a heading as its text, a finding as its four texts."""
        table = widget.ui.findingsTable
        cells = [[table.item(row, column) for column in range(4)] for row in range(table.rowCount)]
        return [row[0].text() if row[1] is None else tuple(cell.text() for cell in row) for row in cells]

    def test_findingsAreBelowTheirClauseTheWorstFirst(self, validated):
        showAll(validated)
        data = json.loads(validated._parameterNode.report.GetText())
        rows = self.rows(validated)
        headings = [row for row in rows if isinstance(row, str)]
        assert len(rows) - len(headings) == len(data["findings"])
        assert sorted(headings) == sorted({finding["clause"] for finding in data["findings"]})
        assert isinstance(rows[0], str)
        order = {"✗": 0, "?": 1, "!": 2, "✓": 3, "i": 4}
        worst = []
        for row in rows:
            if isinstance(row, str):
                worst.append([])
            else:
                worst[-1].append(order[row[0]])
        assert all(group == sorted(group) for group in worst)
        assert [group[0] for group in worst] == sorted(group[0] for group in worst)

    def test_headingsCannotBeChosenAndSpanTheTable(self, validated):
        from M3DTestSupport.SlicerQt import Qt

        table = validated.ui.findingsTable
        assert table.item(0, 0).flags() == Qt.ItemIsEnabled
        assert table._values["spans"][0, 0] == (1, 4)
        table.selectRow(0)
        assert validated.ui.findingBrowser.plainText == ""

    def test_onlyWhatDoesNotPassIsShownAtFirst(self, validated):
        data = json.loads(validated._parameterNode.report.GetText())
        icons = [row[0] for row in self.rows(validated) if not isinstance(row, str)]
        assert icons
        assert not {"✓", "i"} & set(icons)
        attention = sum(finding["verdict"] not in ("pass", "information") for finding in data["findings"])
        assert len(icons) == attention
        assert f"({attention} of {len(data['findings'])} shown)" in validated.ui.attentionCheckBox.text

    def test_titlesTellFindingsOfOneRequirementApart(self, validated):
        showAll(validated)
        titles = [row[1] for row in self.rows(validated) if not isinstance(row, str)]
        assert "KVP (0018,0060) is on record" in titles
        assert sorted(titles) == sorted(set(titles))

    def test_columnsFitANarrowPanel(self, validated):
        from M3DTestSupport.SlicerQt import QHeaderView

        for table, title in ((validated.ui.findingsTable, 1), (validated.ui.limitsTable, 0)):
            header = table.horizontalHeader()
            modes = [header._values["mode", column] for column in range(4)]
            assert modes[title] == QHeaderView.Stretch
            assert modes.count(QHeaderView.ResizeToContents) == 3

    def test_verdictSaysOfWhatByWhichProfileAndWhen(self, validated):
        from datetime import datetime

        text = validated.ui.verdictLabel.text
        data = json.loads(validated._parameterNode.report.GetText())
        assert text.startswith("✗ Fail: ball on CT, by profile Anatomical model, ")
        assert "At least one requirement fails." in text
        made = datetime.fromisoformat(data["made"]["time"]).astimezone()
        assert made.strftime("%Y-%m-%d %H:%M") in text

    def test_resultsOfAnotherInputAreMarkedAsOutdated(self, validated, panelApplication, nodes):
        assert "Outdated" not in validated.ui.verdictLabel.text
        other = addSegmentation(panelApplication, nodes[0], {"cube": np.s_[12:20, 12:20, 12:20]}, "other")
        choose(validated, other)
        assert "Outdated: another segmentation or model" in validated.ui.verdictLabel.text
        assert "ball on CT" in validated.ui.verdictLabel.text
        choose(validated, nodes[1])
        assert "Outdated" not in validated.ui.verdictLabel.text
        validated._parameterNode.tolerance = 0.4
        assert "Outdated: intended use, limits" in validated.ui.verdictLabel.text
        validated._parameterNode.tolerance = 0.0
        validated._parameterNode.smoothing = 0.7
        assert "Outdated" in validated.ui.verdictLabel.text

    def test_resultsOfAnEditedSegmentAreMarkedAsOutdated(self, validated, nodes):
        nodes[1].GetSegmentation().GetSegment(SEGMENT_ID).GetRepresentation("Binary labelmap").Modified()
        validated.form.show(validated._parameterNode)
        assert "Outdated: the scan or the model was edited or moved since" in validated.ui.verdictLabel.text

    def test_resultsAreOutdatedAfterAValidationOfAnotherInputFailed(self, validated, panelApplication, nodes):
        empty = addSegmentation(panelApplication, nodes[0], {"nothing": None}, "other")
        choose(validated, empty)
        with panelApplication.showing("'nothing' is empty"):
            validated.ui.validateButton.click()
        assert "Not validated" in validated.ui.statusLabel.text
        assert "Outdated" in validated.ui.verdictLabel.text
        assert "ball on CT" in validated.ui.verdictLabel.text

    def test_choosingAFindingJumpsToItsPlaceAndMarksIt(self, validated, application):
        slices = application.scene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
        validated.ui.findingsTable.selectRow(rowOf(validated, "No part of the surface lies far"))
        assert "lies far" not in validated.ui.findingBrowser.plainText
        assert "mm² deviates" in validated.ui.findingBrowser.plainText
        place = [slices.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
        assert np.linalg.norm(np.subtract(place, (-CENTER[0], -CENTER[1], CENTER[2]))) == pytest.approx(10, abs=1.5)
        shown = ", ".join(f"{value:.1f}" for value in place)
        assert f"RAS {shown} mm" in validated.ui.placeLabel.text
        marks = application.scene.GetNodesByClass("vtkMRMLMarkupsFiducialNode")
        assert marks.GetNumberOfItems() == 1
        assert marks.GetItemAsObject(0).GetNthControlPointPosition(0) == pytest.approx(place)
        validated.ui.findingsTable.selectRow(rowOf(validated, "thin enough"))
        assert application.scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
        assert "no single place" in validated.ui.placeLabel.text

    def test_pictureOfAFindingIsShown(self, validated):
        validated.ui.findingsTable.selectRow(rowOf(validated, "anatomy"))
        assert validated.ui.pictureButton.visible
        assert "Projections" in validated.ui.pictureButton.toolTip
        # In the panel as an icon of fixed size, which cannot widen it; large in a window of its own.
        validated.ui.pictureButton.click()
        title, width = QLabel.shown[-1]
        assert title
        assert width > 440

    def test_newResultsTakeThePlaceOfTheOld(self, validated, application):
        count = application.scene.GetNumberOfNodes()
        before = validated._parameterNode.report.GetID()
        validated.ui.validateButton.click()
        assert application.scene.GetNumberOfNodes() == count
        assert validated._parameterNode.report.GetID() != before

    def test_noSecondValidationIsBegunWhileOneRuns(self, validated, monkeypatch):
        from M3DLib.SlicerAdaptors import ProgressDialog

        enabled = []

        def look(self, fraction, text):
            validated.form.show(validated._parameterNode)
            validated.ui.validateButton.click()
            ui = validated.ui
            enabled.extend(button.enabled for button in (ui.validateButton, ui.saveButton, ui.storeButton))

        monkeypatch.setattr(ProgressDialog, "report", look)
        validated.ui.validateButton.click()
        assert enabled
        assert not any(enabled)
        assert validated.ui.validateButton.enabled

    def test_sceneThatIsClosedMeanwhileKeepsNoResults(self, validated, application, nodes, monkeypatch):
        from M3DLib.SlicerAdaptors import ProgressDialog

        monkeypatch.setattr(
            ProgressDialog, "report", lambda self, fraction, text: application.scene.RemoveNode(nodes[1])
        )
        with application.showing("no longer in the scene"):
            validated.ui.validateButton.click()
        assert "not kept" in validated.ui.statusLabel.text

    def test_cancellingKeepsTheOldResults(self, validated, monkeypatch):
        from M3DLib.SlicerAdaptors import ProgressDialog

        def cancel(self, fraction, text):
            raise Cancelled

        before = validated._parameterNode.report
        monkeypatch.setattr(ProgressDialog, "report", cancel)
        validated.ui.validateButton.click()
        assert "Stopped" in validated.ui.statusLabel.text
        assert validated._parameterNode.report is before

    def test_cancellingTheFirstValidationPromisesNoEarlierResults(self, widget, monkeypatch):
        from M3DLib.SlicerAdaptors import ProgressDialog

        def cancel(self, fraction, text):
            raise Cancelled

        monkeypatch.setattr(ProgressDialog, "report", cancel)
        widget.ui.validateButton.click()
        assert widget.ui.statusLabel.text == "Stopped."

    def test_resultsAreShownAgainWhenThePanelIsOpenedAgain(self, validated):
        validated.exit()
        assert validated.ui.findingsTable.rowCount == 0
        validated.enter()
        showAll(validated)
        assert validated.ui.findingsTable.rowCount > 20

    def test_closingTheSceneForgetsThem(self, validated, application):
        application.scene.Clear(0)
        assert validated._parameterNode.report is None
        assert validated.ui.findingsTable.rowCount == 0
        assert not validated.ui.saveButton.enabled
        validated.cleanup()


class TestOutput:
    @pytest.fixture
    def validated(self, widget):
        validateBall(widget)
        return widget

    def test_reportIsSaved(self, validated, tmp_path):
        pytest.importorskip("jinja2", reason="the report in HTML needs Jinja2, which is not installed")
        folder = tmp_path / "report"
        validated._parameterNode.reportFolder = str(folder)
        validated._parameterNode.pdf = False
        validated.ui.saveButton.click()
        names = {file.name for file in folder.iterdir()}
        assert {"report.json", "report.html", "field-of-view.png"} <= names
        assert "report.html" in validated.ui.outputLabel.text
        assert validated.ui.openReportButton.visible
        validated.ui.openReportButton.click()
        validated.ui.showFolderButton.click()
        assert QDesktopServices.opened[-2:] == [f"file://{folder / 'report.html'}", f"file://{folder}"]
        saved = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        assert saved == json.loads(validated._parameterNode.report.GetText())

    def test_folderMustBeChosen(self, validated, application):
        with application.showing("Choose the folder"):
            validated.ui.saveButton.click()

    def test_reportIsStoredInTheStudyOfTheScan(self, validated, application, nodes):
        validated._parameterNode.pdf = False
        validated.ui.storeButton.click()
        uid = validated.ui.outputLabel.text.splitlines()[1]
        image = nodes[0].GetAttribute("DICOM.instanceUIDs").split()[0]
        for tag in ("0020,000D", "0010,0020"):
            assert application.database.instanceValue(uid, tag) == application.database.instanceValue(image, tag)
        assert application.database.instanceValue(uid, "0008,0060") == "SR"

    def test_pseudonymizedReportHasNoPlaceInTheStudy(self, widget, application):
        widget._parameterNode.pseudonym = "Case 7"
        widget._parameterNode.pdf = False
        widget.ui.validateButton.click()
        before = set(application.database._files)
        with application.showing("empty the field of the pseudonym"):
            widget.ui.storeButton.click()
        assert set(application.database._files) == before

    def test_failedModelIsExportedForAReasonOnlyAndItsObjectRefersToTheReport(self, validated, application, nodes):
        import pydicom
        import slicer

        from M3DExport import M3DExportLogic

        opened = []
        slicer.util.selectModule = opened.append
        assert not validated.ui.exportButton.enabled
        validated.ui.reasonLineEdit.text = "Teaching, no patient"
        emit(validated.ui.reasonLineEdit, "textChanged(QString)", "Teaching, no patient")
        assert validated.ui.exportButton.enabled
        validated.ui.exportButton.click()
        assert opened == ["M3DExport"]
        logic = M3DExportLogic()
        parameters = logic.getParameterNode()
        assert parameters.inputNode is nodes[1]
        assert parameters.segmentIds == [SEGMENT_ID]
        assert parameters.sourceVolume is nodes[0]
        assert parameters.validation.startswith("Validated on 2")
        assert parameters.validation.endswith("by profile Anatomical model: Fail.")
        (uid,) = logic.exportParameters(parameters)
        dataset = pydicom.dcmread(application.database.fileForInstance(uid))
        report = dataset.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
        assert application.database.instanceValue(report, "0008,0060") == "SR"
        stored = pydicom.dcmread(application.database.fileForInstance(report))
        texts = [str(element.value) for element in stored.iterall() if element.keyword == "TextValue"]
        assert "Teaching, no patient" in texts
        algorithm = dataset.DerivationAlgorithmSequence[0].AlgorithmParameters
        assert "validation=fail,exportedAnyway=Teaching; no patient" in algorithm

    def test_whatIsExportedIsWhatWasValidatedAndNotWhatIsChosenNow(self, validated, application, nodes):
        import slicer

        from M3DExport import M3DExportLogic

        slicer.util.selectModule = lambda name: None
        other = addSegmentation(application, nodes[0], {"cube": np.s_[12:20, 12:20, 12:20]}, "other")
        choose(validated, other)
        validated._parameterNode.smoothing = 0.9
        validated.ui.reasonLineEdit.text = "Teaching"
        validated.ui.exportButton.click()
        logic = M3DExportLogic()
        parameters = logic.getParameterNode()
        assert parameters.inputNode is nodes[1]
        assert parameters.smoothing == 0.2
        assert len(logic.exportParameters(parameters)) == 1

    def test_reportOfAModelThatIsGoneIsNotExported(self, validated, application, nodes):
        application.scene.RemoveNode(nodes[1])
        with pytest.raises(M3DError, match="no longer in the scene"):
            validated.logic.prepareExport(validated._parameterNode.report, "Teaching")

    def test_modelThatHasChangedSinceIsNotExportedAsValidated(self, validated, application, nodes):
        import slicer

        from M3DExport import M3DExportLogic
        from M3DExportPanelLib.ExportParameters import forgetValidation

        slicer.util.selectModule = lambda name: None
        validated.ui.reasonLineEdit.text = "Teaching"
        validated.ui.exportButton.click()
        logic = M3DExportLogic()
        parameters = logic.getParameterNode()
        other = addSegmentation(application, nodes[0], {"cube": np.s_[12:20, 12:20, 12:20]}, "other")
        segmentation = nodes[1].GetSegmentation()
        segmentation.RemoveSegment(SEGMENT_ID)
        segmentation.AddSegment(other.GetSegmentation().GetNthSegment(0), SEGMENT_ID)
        with pytest.raises(M3DError, match="not the one that was validated"):
            logic.exportParameters(parameters)
        forgetValidation(parameters)
        assert len(logic.exportParameters(parameters)) == 1
