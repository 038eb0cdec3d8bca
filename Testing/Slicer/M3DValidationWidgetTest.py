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
        self.widget.ui.validateButton.click()
        return volume, segmentation

    def rowOf(self, text):
        self.widget.ui.attentionCheckBox.checked = False
        table = self.widget.ui.findingsTable
        # Headings have no title of their own.
        titles = [table.item(row, 1) for row in range(table.rowCount)]
        return next(row for row, item in enumerate(titles) if item is not None and text in item.text())

    def reportNode(self):
        return self.widget._parameterNode.report

    def test_panelOpensOnAnEmptyScene(self):
        self.widget.enter()
        self.assertFalse(self.widget.ui.validateButton.enabled)
        self.assertFalse(self.widget.ui.exportButton.enabled)
        self.assertGreater(self.widget.ui.profileComboBox.count, 3)
        self.assertGreater(self.widget.ui.limitsTable.rowCount, 20)

    def test_choosesWhatIsThereAndValidates(self):
        volume, _segmentation = self.validate()
        self.assertEqual(self.widget.ui.volumeSelector.currentNode().GetID(), volume.GetID())
        self.assertFalse(self.widget.ui.findingsTable.verticalHeader().visible)
        shown = self.widget.ui.findingsTable.rowCount
        self.widget.ui.attentionCheckBox.checked = False
        self.assertGreater(self.widget.ui.findingsTable.rowCount, max(40, shown))
        self.assertIn(f"on {volume.GetName()}, by profile", self.widget.ui.verdictLabel.text)
        self.assertTrue(self.widget.ui.saveButton.enabled)

    def test_findingShowsItsPlaceAndPicture(self):
        self.validate()
        self.widget.ui.findingsTable.selectRow(self.rowOf("No part of the surface lies far"))
        self.assertIn("RAS", self.widget.ui.placeLabel.text)
        self.assertTrue(self.widget.ui.findingBrowser.plainText)
        marks = [
            node
            for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
            if node.GetAttribute("M3DValidation.Place")
        ]
        self.assertEqual(len(marks), 1)
        self.widget.ui.findingsTable.selectRow(self.rowOf("anatomy"))
        self.assertFalse(self.widget.ui.pictureButton.icon.isNull())
        self.widget.ui.pictureButton.click()
        self.addCleanup(self.widget.form.results._window.close)

    def test_limitIsChangedInItsCellAndTakenBack(self):
        self.widget.enter()
        table = self.widget.ui.limitsTable
        row = next(row for row in range(table.rowCount) if "too large nor too small" in table.item(row, 0).text())
        table.selectRow(row)
        before = table.item(row, 1).text()
        table.item(row, 1).setText("0.1")
        self.assertTrue(table.item(row, 0).text().startswith("*"))
        table.item(row, 1).setText("abc")
        self.assertEqual(table.item(row, 1).text(), "0.1")
        table.selectRow(row)
        self.widget.ui.resetLimitButton.click()
        self.assertFalse(table.item(row, 0).text().startswith("*"))
        self.assertEqual(table.item(row, 1).text(), before)

    def test_toleranceSaysThatItIsTheProfiles(self):
        self.widget.enter()
        spinBox = self.widget.ui.toleranceSpinBox
        self.assertEqual(spinBox.text, "as the profile says")
        spinBox.value = -3
        self.assertEqual(spinBox.value, 0)

    def test_panelDoesNotChangeItsWidth(self):
        width = self.widget.parent.minimumSizeHint.width()
        self.validate()
        for text in ("No part of the surface lies far", "anatomy"):
            self.widget.ui.findingsTable.selectRow(self.rowOf(text))
            slicer.app.processEvents()
            self.assertEqual(self.widget.parent.minimumSizeHint.width(), width)

    def test_modelThatIsMeantToBeAPartNeedsAReason(self):
        self.addPhantom()
        self.widget.enter()
        self.widget.ui.partCheckBox.checked = True
        self.assertFalse(self.widget.ui.validateButton.enabled)
        self.widget.ui.partReasonLineEdit.text = "upper half for a guide"
        self.assertTrue(self.widget.ui.validateButton.enabled)

    def test_resultsOfAnotherInputAreMarked(self):
        volume, segmentation = self.validate()
        self.assertNotIn("Outdated", self.widget.ui.verdictLabel.text)
        self.widget.ui.inputSelector.setCurrentNode(None)
        self.widget.ui.volumeSelector.setCurrentNode(volume)
        self.assertIn("Outdated", self.widget.ui.verdictLabel.text)
        self.widget.ui.inputSelector.setCurrentNode(segmentation)
        self.assertNotIn("Outdated", self.widget.ui.verdictLabel.text)

    def test_resultsOfAModelThatWasMovedAreMarked(self):
        _volume, segmentation = self.validate()
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = slicer.util.arrayFromTransformMatrix(transform)
        matrix[0, 3] = 1
        slicer.util.updateTransformMatrixFromArray(transform, matrix)
        segmentation.SetAndObserveTransformNodeID(transform.GetID())
        self.widget.exit()
        self.widget.enter()
        self.assertIn("edited or moved since", self.widget.ui.verdictLabel.text)

    def test_findingsFitTheirTable(self):
        self.validate()
        if slicer.util.mainWindow() is not None:
            slicer.util.selectModule("M3DValidation")
        slicer.app.processEvents()
        table = self.widget.ui.findingsTable
        for isShort in (True, False):
            self.widget.ui.attentionCheckBox.checked = isShort
            slicer.app.processEvents()
            self.assertFalse(table.horizontalScrollBar().visible)
            self.assertGreater(table.columnWidth(1), 120)
        self.assertFalse(table.verticalHeader().visible)

    def test_storedReportIsOnTheRecordOfTheCase(self):
        self.requirePackages("rfc8785")
        from M3DLib.CaseRecord.CaseFolder import openCase
        from M3DLib.CaseRecord.RecordFile import readEvents

        self.validate()
        openCase(self.folder / "case", "O-1", "a ball", person="Ada", role="engineer")
        self.widget.ui.casePathLineEdit.currentPath = str(self.folder / "case")
        self.widget.ui.pdfCheckBox.checked = False
        self.widget.ui.storeButton.click()
        self.assertEqual(readEvents(self.folder / "case")[-1].body["outputs"][0]["kind"], "report")

    def test_reportIsSavedInTheChosenLanguage(self):
        self.requirePackages("babel", "jinja2")
        self.validate()
        folder = self.folder / "report"
        combo = self.widget.ui.languageComboBox
        self.assertEqual(combo.count, 6)
        combo.currentIndex = combo.findText("Deutsch")
        self.widget.ui.pdfCheckBox.checked = False
        self.widget.ui.folderPathLineEdit.currentPath = str(folder)
        self.widget.ui.saveButton.click()
        self.assertIn('<html lang="de">', (folder / "report.html").read_text(encoding="utf-8"))

    def test_deletingTheReportDeletesWhatBelongsToIt(self):
        self.validate()
        maps = [node for node in slicer.util.getNodesByClass("vtkMRMLModelNode") if "deviation" in node.GetName()]
        self.assertEqual(len(maps), 1)
        slicer.mrmlScene.RemoveNode(self.reportNode())
        self.assertIsNone(maps[0].GetScene())
        self.assertFalse(slicer.util.getNodesByClass("vtkMRMLPlotChartNode"))
        self.assertFalse(self.widget.ui.deviationCollapsibleButton.enabled)

    def test_resultsLieInOneFolder(self):
        self.validate()
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        folder = hierarchy.GetItemParent(self.itemOf(self.reportNode()))
        self.assertTrue(hierarchy.GetItemName(folder).startswith("Validation of ball 20 mm"))

    def test_renamedSegmentAppears(self):
        _volume, segmentation = self.addPhantom()
        self.widget.enter()
        segmentation.GetSegmentation().GetNthSegment(0).SetName("renamed")
        self.assertEqual(self.widget.ui.segmentComboBox.itemText(0), "renamed")

    def test_mapIsShownAndProbed(self):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        self.validate()
        self.widget.ui.showMapButton.click()
        (node,) = mapsOf(self.widget._parameterNode.report)
        crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        crosshair.SetCursorPositionRAS(node.GetPolyData().GetPoint(0))
        self.assertIn("mm", self.widget.ui.probeLabel.text)
        self.widget.ui.rangeSlider.value = 0.5
        self.assertEqual(node.GetDisplayNode().GetScalarRange(), (-0.5, 0.5))
        self.widget.ui.bandsCheckBox.checked = True
        self.assertEqual(node.GetDisplayNode().GetScalarRange(), (-3.0, 3.0))

    def test_colorsChangeInOneStepAndNotAtEachColor(self):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        self.validate()
        (node,) = mapsOf(self.reportNode())
        events = []
        colors = node.GetDisplayNode().GetColorNode()
        tag = colors.AddObserver("ModifiedEvent", lambda *arguments: events.append(1))
        self.widget.ui.bandsCheckBox.checked = not self.widget.ui.bandsCheckBox.checked
        colors.RemoveObserver(tag)
        self.assertEqual(len(events), 1)

    def test_segmentIsHiddenWhileTheMapIsShownAndAsItWasAfterwards(self):
        _volume, segmentation = self.validate()
        display = segmentation.GetDisplayNode()
        before = display.GetVisibility2DFill(), display.GetVisibility3D()
        self.widget.ui.showMapButton.click()
        self.assertFalse(display.GetVisibility2DFill())
        self.widget.ui.showMapButton.click()
        self.assertEqual((display.GetVisibility2DFill(), display.GetVisibility3D()), before)

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
        self.assertIn("by profile Anatomical model", export.ui.validationLabel.text)

    def test_twoModelsAreCompared(self):
        import vtk

        models = []
        for radius in (10.0, 10.5):
            sphere = vtk.vtkSphereSource()
            sphere.SetRadius(radius)
            sphere.SetThetaResolution(60)
            sphere.SetPhiResolution(60)
            sphere.Update()
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", f"ball {radius:g}")
            node.SetAndObservePolyData(sphere.GetOutput())
            node.CreateDefaultDisplayNodes()
            models.append(node)
        self.widget.enter()
        self.widget.ui.comparedModelSelector.setCurrentNode(models[0])
        self.assertFalse(self.widget.ui.compareButton.enabled)
        self.widget.ui.comparisonReferenceSelector.setCurrentNode(models[1])
        self.widget.ui.compareButton.click()
        self.assertIn("ball 10 against ball 10.5", self.widget.ui.comparisonBrowser.plainText)
        tables = slicer.util.getNodesByClass("vtkMRMLTableNode")
        self.assertIn("ball 10 against ball 10.5", [table.GetName() for table in tables])
        self.assertTrue(self.widget.ui.comparisonReportButton.enabled)

    def test_pointsSayWhereAModelBelongs(self):
        import vtk

        models, lists = [], []
        for shift in (0.0, 40.0):
            cube = vtk.vtkCubeSource()
            cube.SetXLength(20)
            cube.SetYLength(14)
            cube.SetZLength(8)
            cube.SetCenter(shift, 0, 0)
            cube.Update()
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", f"cube {shift:g}")
            node.SetAndObservePolyData(cube.GetOutput())
            node.CreateDefaultDisplayNodes()
            models.append(node)
            marks = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"marks {shift:g}")
            for x, y, z in ((-10, -7, -4), (10, -7, -4), (10, 7, -4), (-10, 7, 4)):
                marks.AddControlPoint(x + shift, y, z)
            lists.append(marks)
        self.widget.enter()
        ui = self.widget.ui
        ui.comparedModelSelector.setCurrentNode(models[1])
        ui.comparisonReferenceSelector.setCurrentNode(models[0])
        ui.comparedPointsSelector.setCurrentNode(lists[1])
        ui.referencePointsSelector.setCurrentNode(lists[0])
        ui.compareButton.click()
        self.assertIn("4 pairs of points", ui.comparisonBrowser.plainText)
        self.assertIsNone(models[1].GetParentTransformNode())
        transform = slicer.util.getNode("cube 40 to cube 0")
        matrix = slicer.util.arrayFromTransformMatrix(transform)
        self.assertAlmostEqual(matrix[0, 3], -40.0, places=3)
        ui.moveComparedCheckBox.checked = True
        ui.compareButton.click()
        self.assertIsNotNone(models[1].GetParentTransformNode())

    def test_reload(self):
        if slicer.util.mainWindow() is None:
            self.skipTest("Slicer reloads panels in its main window only")
        slicer.util.selectModule("M3DValidation")
        self.widget.onReload()
        slicer.util.getModuleWidget("M3DValidation").enter()
