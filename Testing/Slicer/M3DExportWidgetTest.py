"""The panel of M3D Export in the application: its life, and a way through it."""

import slicer
from M3DSlicerCase import M3DSlicerCase


class M3DExportWidgetTest(M3DSlicerCase):
    def setUp(self):
        super().setUp()
        self.widget = slicer.util.getModuleWidget("M3DExport")
        self.addCleanup(self.widget.exit)

    def test_panelOpensOnAnEmptyScene(self):
        self.widget.enter()
        self.assertFalse(self.widget.ui.exportButton.enabled)

    def test_choosesWhatIsThereAndExports(self):
        volume, segmentation = self.addPhantom()
        self.widget.enter()
        self.assertEqual(self.widget.ui.inputSelector.currentNode().GetID(), segmentation.GetID())
        self.assertEqual(len(self.widget.ui.segmentsTable.selectedSegmentIDs()), 1)
        self.assertEqual(self.widget.ui.sourceSelector.currentNode().GetID(), volume.GetID())
        self.assertIn("mm", self.widget.ui.inputSummaryLabel.text)
        self.widget.ui.titleLineEdit.text = "Ball"
        self.assertTrue(self.widget.ui.exportButton.enabled)
        self.widget.ui.exportButton.click()
        uid = self.widget.ui.resultLabel.text.splitlines()[1]
        self.assertEqual(slicer.dicomDatabase.instanceValue(uid, "0042,0010"), "Ball")
        self.assertEqual(self.widget.ui.predecessorComboBox.count, 2)

    def test_previewIsMadeAndRemoved(self):
        _volume, segmentation = self.addPhantom()
        self.widget.enter()
        self.widget.ui.inputSelector.setCurrentNode(segmentation)
        self.widget.ui.smoothingSlider.value = 0.5
        self.widget.ui.previewButton.click()
        self.assertIn("largest displacement", self.widget.ui.previewLabel.text)
        self.assertFalse(segmentation.GetDisplayNode().GetVisibility3D())
        self.widget.ui.smoothingSlider.value = 0.8
        self.assertIn("Out of date", self.widget.ui.previewLabel.text)
        self.widget.ui.removePreviewButton.click()
        self.assertTrue(segmentation.GetDisplayNode().GetVisibility3D())
        self.assertFalse(
            [node for node in slicer.util.getNodesByClass("vtkMRMLModelNode") if node.GetAttribute("M3DExport.Preview")]
        )

    def test_surfaceIsMovedToTheImagesEdge(self):
        self.addPhantom()
        self.widget.enter()
        self.assertFalse(self.widget.ui.refineRangeSpinBox.enabled)
        self.assertEqual(self.widget.ui.refineRangeSpinBox.text, "largest voxel edge")
        self.widget.ui.refineCheckBox.checked = True
        self.assertTrue(self.widget.ui.refineRangeSpinBox.enabled)
        self.widget.ui.previewButton.click()
        self.assertIn("largest displacement", self.widget.ui.previewLabel.text)
        self.widget.ui.removePreviewButton.click()
        self.widget.ui.exportButton.click()
        self.assertEqual(len(self.widget.ui.resultLabel.text.splitlines()), 2)

    def test_nothingChosenIsNothingExported(self):
        self.addPhantom()
        self.widget.enter()
        self.widget.ui.segmentsTable.setSelectedSegmentIDs([])
        self.assertEqual(list(self.widget._parameterNode.segmentIds), [])
        self.assertFalse(self.widget.ui.exportButton.enabled)

    def test_volumeThatWasFilteredIsRefusedBeforeTheButtonIsPressed(self):
        volume, _segmentation = self.addPhantom()
        clone = slicer.modules.volumes.logic().CloneVolume(slicer.mrmlScene, volume, "filtered")
        slicer.util.arrayFromVolume(clone)[:] += 3
        slicer.util.arrayFromVolumeModified(clone)
        self.widget.enter()
        self.widget.ui.sourceSelector.setCurrentNode(clone)
        self.assertFalse(self.widget.ui.exportButton.enabled)
        self.assertIn("filtered or edited", self.widget.ui.inputWarningLabel.text)
        self.widget.ui.sourceSelector.setCurrentNode(volume)
        self.assertTrue(self.widget.ui.exportButton.enabled)

    def test_choicesSurviveLeavingAndClosingTheScene(self):
        self.widget.enter()
        self.widget.ui.titleLineEdit.text = "Mandible"
        self.widget.exit()
        self.widget.enter()
        self.assertEqual(self.widget.ui.titleLineEdit.text, "Mandible")
        slicer.mrmlScene.Clear(0)
        self.widget.enter()
        self.assertIsNone(self.widget.ui.inputSelector.currentNode())

    def test_choicesAreSavedWithTheScene(self):
        _volume, segmentation = self.addPhantom()
        self.widget.enter()
        self.widget.ui.inputSelector.setCurrentNode(segmentation)
        self.widget.ui.contentDescriptionLineEdit.text = "for planning"
        file = str(self.folder / "scene.mrb")
        self.assertTrue(slicer.util.saveScene(file, properties={}))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(file)
        self.widget.enter()
        self.assertEqual(self.widget.ui.contentDescriptionLineEdit.text, "for planning")
        self.assertEqual(self.widget.ui.inputSelector.currentNode().GetName(), segmentation.GetName())

    def test_reload(self):
        if slicer.util.mainWindow() is None:
            self.skipTest("Slicer reloads panels in its main window only")
        slicer.util.selectModule("M3DExport")
        self.widget.onReload()
        slicer.util.getModuleWidget("M3DExport").enter()

    def test_sampleIsRegistered(self):
        names = [source.sampleName for source in slicer.modules.sampleDataSources["M3D"]]
        self.assertIn("M3D head phantom CT", names)
