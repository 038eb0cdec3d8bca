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

    def test_foldedSurfaceSaysWhatIsChosen(self):
        self.addPhantom()
        self.widget.enter()
        section = self.widget.ui.surfaceCollapsibleButton
        self.assertTrue(section.collapsed)
        self.assertEqual(section.text, "Surface: smoothing 0.2")
        self.widget.ui.smoothingSlider.value = 0
        self.assertEqual(section.text, "Surface: as the voxels are")

    def test_panelHasOneWidth(self):
        volume, segmentation = self.addPhantom()
        self.widget.enter()
        width = self.widget.parent.minimumSizeHint.width()
        segmentation.GetSegmentation().GetNthSegment(0).SetName("a segment with a very long name, " * 5)
        volume.SetName("a series with a very long description, " * 5)
        for section in ("input", "surface", "description", "earlier", "case", "output", "fetch", "handOver"):
            getattr(self.widget.ui, f"{section}CollapsibleButton").collapsed = False
            slicer.app.processEvents()
            self.assertEqual(self.widget.parent.minimumSizeHint.width(), width)

    def test_buttonAndResultAreSeenInASmallWindow(self):
        window = slicer.util.mainWindow()
        if window is None:
            self.skipTest("There is no window to see them in")
        self.addPhantom()
        window.showNormal()
        window.resize(1280, 800)
        slicer.util.selectModule("M3DExport")
        self.widget.ui.exportButton.click()
        slicer.app.processEvents()
        area = self.widget.ui.exportButton
        while area is not None and not area.inherits("QScrollArea"):
            area = area.parent()
        bottom = area.mapToGlobal(area.rect.bottomLeft()).y()
        for shown in (self.widget.ui.exportButton, self.widget.ui.resultLabel):
            self.assertLessEqual(shown.mapToGlobal(shown.rect.bottomLeft()).y(), bottom)

    def test_fetchingSaysWhatIsMissingAndWhatFails(self):
        self.widget.enter()
        self.widget.ui.fetchCollapsibleButton.collapsed = False
        self.assertFalse(self.widget.ui.fetchButton.enabled)
        self.widget.ui.fetchServerComboBox.setEditText("http://127.0.0.1:9/dicom-web")
        self.widget.ui.fetchLineEdit.text = "P-1"
        self.assertTrue(self.widget.ui.fetchButton.enabled)
        self.widget.ui.fetchButton.click()
        self.assertIn("The scan was not fetched", self.widget.ui.fetchResultLabel.text)

    def test_packageIsMadeUnderAPseudonym(self):
        self.requirePackages("asn1crypto", "bagit", "dicomanonymizer", "keyring", "pypdf")
        _volume, segmentation = self.addPhantom()
        (self.folder / "case").mkdir()
        self.widget.enter()
        self.widget.logic.exportToFolder(segmentation, [], self.folder / "case")
        self.widget.ui.handOverPathLineEdit.currentPath = str(self.folder / "case")
        self.widget.ui.packagePathLineEdit.currentPath = str(self.folder / "case.zip")
        self.assertFalse(self.widget.ui.packageButton.enabled)
        self.widget.ui.pseudonymLineEdit.text = "P-1"
        self.widget.ui.noFaceLineEdit.text = "a ball"
        self.widget.ui.tablePasswordLineEdit.text = "a test"
        self.widget.ui.packageButton.click()
        self.assertIn("packed into", self.widget.ui.packageResultLabel.text)
        self.assertTrue((self.folder / "case.identity").is_file())
        self.assertFalse((self.folder / "case.identity.key").exists())

    def test_caseIsOpenedAndTheExportIsOnItsRecord(self):
        self.requirePackages("rfc8785")
        from M3DLib.CaseRecord.RecordFile import readEvents

        self.addPhantom()
        self.widget.enter()
        self.widget.ui.casePathLineEdit.currentPath = str(self.folder / "case")
        self.widget.ui.caseOrderLineEdit.text = "O-1"
        self.widget.ui.caseRequirementLineEdit.text = "a ball"
        self.widget.ui.caseNameLineEdit.text = "Ada"
        self.widget.ui.caseRoleLineEdit.text = "engineer"
        self.widget.ui.caseOpenButton.click()
        self.widget.ui.exportButton.click()
        self.assertEqual(readEvents(self.folder / "case")[-1].event, "exported")

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
