"""The panel of M3D Validation in the application: its life, and a way through it."""

import slicer
from M3DSlicerCase import M3DSlicerCase


class M3DValidationWidgetTest(M3DSlicerCase):
    def setUp(self):
        super().setUp()
        self.widget = slicer.util.getModuleWidget("M3DValidation")
        self.addCleanup(self.widget.exit)

    def validate(self):
        volume, segmentation = self.addPhantom()
        self.widget.enter()
        self.widget.ui.inputSelector.setCurrentNode(None)
        self.widget.ui.inputSelector.setCurrentNode(segmentation)
        self.widget.ui.validateButton.click()
        return volume, segmentation

    def rowOf(self, text):
        table = self.widget.ui.findingsTable
        return next(row for row in range(table.rowCount) if text in table.item(row, 1).text())

    def test_panelOpensOnAnEmptyScene(self):
        self.widget.enter()
        self.assertFalse(self.widget.ui.validateButton.enabled)
        self.assertFalse(self.widget.ui.exportButton.enabled)
        self.assertGreater(self.widget.ui.profileComboBox.count, 3)
        self.assertGreater(self.widget.ui.limitsTable.rowCount, 20)

    def test_choosesWhatIsThereAndValidates(self):
        volume, _segmentation = self.validate()
        self.assertEqual(self.widget.ui.volumeSelector.currentNode().GetID(), volume.GetID())
        self.assertGreater(self.widget.ui.findingsTable.rowCount, 40)
        self.assertTrue(self.widget.ui.verdictLabel.text)
        self.assertTrue(self.widget.ui.saveButton.enabled)

    def test_findingShowsItsPlaceAndPicture(self):
        self.validate()
        self.widget.ui.findingsTable.selectRow(self.rowOf("No part of the surface lies far"))
        self.assertIn("LPS", self.widget.ui.placeLabel.text)
        marks = [
            node
            for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
            if node.GetAttribute("M3DValidation.Place")
        ]
        self.assertEqual(len(marks), 1)
        self.widget.ui.findingsTable.selectRow(self.rowOf("anatomy"))
        self.assertFalse(self.widget.ui.pictureLabel.pixmap.isNull())

    def test_limitIsChangedAndTakenBack(self):
        self.widget.enter()
        table = self.widget.ui.limitsTable
        row = next(row for row in range(table.rowCount) if "too large nor too small" in table.item(row, 0).text())
        table.selectRow(row)
        self.widget.ui.passLimitLineEdit.text = "0.1"
        self.widget.form.limits._onLimit()
        self.assertTrue(table.item(row, 0).text().startswith("*"))
        table.selectRow(row)
        self.widget.ui.resetLimitButton.click()
        self.assertFalse(table.item(row, 0).text().startswith("*"))

    def test_mapIsShownAndProbed(self):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        self.validate()
        self.widget.ui.showMapButton.click()
        (node,) = mapsOf(self.widget._parameterNode.report)
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        crosshair.SetCursorPositionRAS(node.GetPolyData().GetPoint(0))
        self.assertIn("mm", self.widget.ui.probeLabel.text)
        self.widget.ui.bandsCheckBox.checked = True
        self.widget.ui.rangeSlider.value = 0.5
        self.assertEqual(node.GetDisplayNode().GetScalarRange(), (-0.5, 0.5))

    def test_resultsSurviveSavingTheScene(self):
        self.validate()
        rows = self.widget.ui.findingsTable.rowCount
        file = str(self.folder / "scene.mrb")
        self.assertTrue(slicer.util.saveScene(file, properties={}))
        slicer.mrmlScene.Clear(0)
        self.widget.enter()
        self.assertEqual(self.widget.ui.findingsTable.rowCount, 0)
        slicer.util.loadScene(file)
        self.widget.enter()
        self.assertEqual(self.widget.ui.findingsTable.rowCount, rows)

    def test_validatedModelGoesToM3DExport(self):
        _volume, segmentation = self.validate()
        self.widget.ui.reasonLineEdit.text = "a test"
        self.assertTrue(self.widget.ui.exportButton.enabled)
        self.widget.logic.prepareExport(self.widget._parameterNode.report, "a test")
        export = slicer.util.getModuleWidget("M3DExport")
        self.addCleanup(export.exit)
        export.enter()
        self.assertEqual(export.ui.inputSelector.currentNode().GetID(), segmentation.GetID())
        self.assertIn("report", export.ui.validationLabel.text)

    def test_reload(self):
        if slicer.util.mainWindow() is None:
            self.skipTest("Slicer reloads panels in its main window only")
        slicer.util.selectModule("M3DValidation")
        self.widget.onReload()
        slicer.util.getModuleWidget("M3DValidation").enter()
