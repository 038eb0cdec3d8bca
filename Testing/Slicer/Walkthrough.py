"""Walks through the panels of M3D Export and M3D Validation as a user does and saves a picture of each step.

    Slicer --no-splash --testing --additional-module-paths M3DExport M3DValidation \
        --python-script Testing/Slicer/Walkthrough.py OUTPUT_FOLDER

Needs a main window; works on a temporary DICOM database.
"""

import sys
import time
from pathlib import Path

import slicer
from DICOMLib import DICOMUtils


class Walkthrough:
    """:param folder: for the pictures; made when it does not exist."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.step = 0

    def picture(self, name):
        """Save a picture of the main window."""
        self.step += 1
        slicer.util.forceRenderAllViews()
        slicer.app.processEvents()
        file = self.folder / f"{self.step:02d}-{name}.png"
        if not slicer.util.mainWindow().grab().save(str(file)):
            raise OSError(f"Cannot write {file}.")
        print(file)

    def run(self):
        """All the steps."""
        self.exportModels()
        slicer.mrmlScene.Clear(0)
        self.validateModel()

    def exportModels(self):
        """Export the phantom's inserts to the database and load them from there."""
        from M3DPanelLib.PhantomSample import loadPhantomSample

        volume, segmentation = loadPhantomSample()
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        self.picture("sample")
        slicer.util.selectModule("M3DExport")
        widget = slicer.util.getModuleWidget("M3DExport")
        # What is there is chosen when the panel opens.
        if widget.ui.sourceSelector.currentNode() is not volume:
            raise RuntimeError("The panel did not choose the scan of the segmentation.")
        widget.ui.segmentsTable.setSelectedSegmentIDs([])
        self.picture("nothing-chosen")
        segments = segmentation.GetSegmentation()
        widget.ui.segmentsTable.setSelectedSegmentIDs(
            [segments.GetNthSegmentID(number) for number in range(segments.GetNumberOfSegments())]
        )
        self.picture("input")
        widget.ui.smoothingSlider.value = 0.3
        widget.ui.previewButton.click()
        slicer.util.resetThreeDViews()
        self.picture("preview")
        widget.ui.smoothingSlider.value = 0.4
        self.picture("preview-out-of-date")
        widget.ui.removePreviewButton.click()
        self.picture("preview-removed")
        widget.ui.refineCheckBox.checked = True
        widget.ui.previewButton.click()
        self.picture("preview-refined")
        widget.ui.refineCheckBox.checked = False
        widget.ui.removePreviewButton.click()
        widget.ui.smoothingSlider.value = 0.3
        widget.ui.inputCollapsibleButton.collapsed = True
        widget.ui.descriptionCollapsibleButton.collapsed = False
        widget.ui.titleLineEdit.text = "Head phantom"
        widget.ui.usageComboBox.currentIndex = 1
        widget.ui.surfaceCollapsibleButton.collapsed = True
        self.picture("description")
        self.refuseFilteredCopy(widget, volume)
        widget.ui.inputCollapsibleButton.collapsed = False
        widget.ui.descriptionCollapsibleButton.collapsed = True
        self.smallWindow("export-in-a-small-window")
        widget.ui.exportButton.click()
        self.smallWindow("exported-in-a-small-window")
        widget.ui.inputCollapsibleButton.collapsed = True
        widget.ui.descriptionCollapsibleButton.collapsed = True
        self.picture("exported")
        uids = widget.ui.resultLabel.text.splitlines()[1:]
        self.handOver(widget)
        slicer.util.selectModule("DICOM")
        self.picture("browser")
        slicer.mrmlScene.Clear(0)
        series = slicer.dicomDatabase.seriesForFile(slicer.dicomDatabase.fileForInstance(uids[0]))
        DICOMUtils.loadSeriesByUID([series])
        slicer.util.selectModule("Models")
        slicer.util.resetThreeDViews()
        self.picture("loaded")
        count = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLModelNode")
        models = [slicer.mrmlScene.GetNthNodeByClass(number, "vtkMRMLModelNode") for number in range(count)]
        loaded = {node.GetAttribute("DICOM.instanceUIDs") for node in models}
        if not set(uids) <= loaded:
            raise RuntimeError(f"{len(set(uids) - loaded)} of {len(uids)} models were not loaded.")

    def smallWindow(self, name):
        """Save a picture of a window of 1280 x 800, in which the button and its result are to be seen."""
        window = slicer.util.mainWindow()
        before = window.size
        window.showNormal()
        window.resize(1280, 800)
        slicer.app.processEvents()
        self.picture(name)
        window.resize(before)

    def handOver(self, widget):
        """Look at the sections that name a PACS, a case and a package, with what they ask for."""
        for section, name in (("case", "case"), ("fetch", "fetch"), ("handOver", "hand-over")):
            button = getattr(widget.ui, f"{section}CollapsibleButton")
            button.collapsed = False
            self.picture(name)
            button.collapsed = True
        widget.ui.fetchServerComboBox.setEditText("http://127.0.0.1:9/dicom-web")
        widget.ui.fetchLineEdit.text = "P-1"
        widget.ui.fetchCollapsibleButton.collapsed = False
        widget.ui.fetchButton.click()
        self.picture("fetch-without-server")
        if not widget.ui.fetchResultLabel.text:
            raise RuntimeError("Nothing is said of a server that does not answer.")
        widget.ui.fetchCollapsibleButton.collapsed = True

    def refuseFilteredCopy(self, widget, volume):
        """A copy whose voxels are others is refused as source before the button is pressed."""
        clone = slicer.modules.volumes.logic().CloneVolume(slicer.mrmlScene, volume, "filtered copy")
        slicer.util.arrayFromVolume(clone)[:] += 1
        slicer.util.arrayFromVolumeModified(clone)
        widget.ui.inputCollapsibleButton.collapsed = False
        widget.ui.sourceSelector.setCurrentNode(clone)
        self.picture("filtered-copy")
        if widget.ui.exportButton.enabled:
            raise RuntimeError("A filtered copy can be exported.")
        widget.ui.sourceSelector.setCurrentNode(volume)
        slicer.mrmlScene.RemoveNode(clone)

    def validateModel(self):
        """Validate one of the phantom's inserts, look at the evidence, and hand it over to M3D Export."""
        from M3DPanelLib.PhantomSample import loadPhantomSample

        volume, segmentation = loadPhantomSample()
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        slicer.util.selectModule("M3DValidation")
        widget = slicer.util.getModuleWidget("M3DValidation")
        if widget.ui.inputSelector.currentNode() is not segmentation:
            raise RuntimeError("The panel did not choose the segmentation.")
        widget.ui.segmentComboBox.currentIndex = 0
        self.picture("validation-input")
        widget.ui.profileCollapsibleButton.collapsed = False
        widget.ui.limitsTable.selectRow(0)
        self.picture("validation-limits")
        widget.ui.inputCollapsibleButton.collapsed = True
        widget.ui.profileCollapsibleButton.collapsed = True
        with LongestPause() as pause:
            widget.ui.validateButton.click()
        print(f"longest time without events during the validation: {pause.seconds:.2f} s")
        self.picture("validation-findings")
        widget.ui.attentionCheckBox.checked = False
        self.picture("validation-all-findings")
        table = widget.ui.findingsTable
        for text, name in (("lies far", "validation-deviation"), ("anatomy", "validation-field-of-view")):
            titles = [table.item(row, 1) for row in range(table.rowCount)]
            rows = [row for row, item in enumerate(titles) if item is not None and text in item.text()]
            table.selectRow(rows[0])
            self.picture(name)
        widget.ui.resultsCollapsibleButton.collapsed = True
        self.picture("validation-map")
        widget.ui.rangeSlider.value = 1.0
        widget.ui.bandsCheckBox.checked = True
        self.picture("validation-bands")
        widget.ui.showMapButton.click()
        self.picture("validation-map-hidden")
        widget.ui.showMapButton.click()
        widget.ui.smoothingSlider.value = 0.5
        widget.ui.resultsCollapsibleButton.collapsed = False
        self.picture("validation-outdated")
        widget.ui.smoothingSlider.value = 0.2
        widget.ui.resultsCollapsibleButton.collapsed = True
        self.compareModels(widget)
        widget.ui.outputCollapsibleButton.collapsed = False
        widget.ui.pdfCheckBox.checked = False
        languages = widget.ui.languageComboBox
        before, languages.currentIndex = languages.currentIndex, languages.findText("Deutsch")
        self.picture("validation-report-language")
        languages.currentIndex = before
        widget.ui.storeButton.click()
        self.picture("validation-stored")
        widget.ui.reasonLineEdit.text = "A walkthrough"
        widget.ui.exportButton.click()
        self.picture("validation-export")
        export = slicer.util.getModuleWidget("M3DExport")
        export.ui.exportButton.click()
        self.picture("validated-exported")
        if "DICOM database" not in export.ui.resultLabel.text:
            raise RuntimeError(f"The validated model was not exported: {export.ui.resultLabel.text}")

    def compareModels(self, widget):
        """Compare two surfaces of one segment, one of them smoothed."""
        from M3DExport import M3DExportLogic
        from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

        parameters = widget._parameterNode
        models = []
        for smoothing in (0.0, 0.8):
            ((mesh, _comparison),) = M3DExportLogic().preview(
                parameters.inputNode, [parameters.segmentId], parameters.volume, SurfaceParameters(smoothing=smoothing)
            )
            models.append(addMeshAsModel(mesh, slicer.mrmlScene, f"smoothing {smoothing:g}"))
        widget.ui.deviationCollapsibleButton.collapsed = True
        widget.ui.compareCollapsibleButton.collapsed = False
        widget.ui.comparedModelSelector.setCurrentNode(models[1])
        widget.ui.comparisonReferenceSelector.setCurrentNode(models[0])
        widget.ui.compareButton.click()
        self.picture("compared")
        if not widget.ui.comparisonBrowser.plainText:
            raise RuntimeError(f"The models were not compared: {widget.ui.comparisonLabel.text}")
        widget.ui.compareCollapsibleButton.collapsed = True
        widget.ui.deviationCollapsibleButton.collapsed = False
        for node in models:
            slicer.mrmlScene.RemoveNode(node)


class LongestPause:
    """The longest time in which the application did not handle its events; a timer of 20 ms is to be heard.

    :ivar seconds: of it.
    """

    def __enter__(self):
        import qt

        self.seconds = 0.0
        self._last = time.monotonic()
        self._timer = qt.QTimer()
        self._timer.setInterval(20)
        self._timer.connect("timeout()", self._onTimeout)
        self._timer.start()
        return self

    def _onTimeout(self):
        now = time.monotonic()
        self.seconds = max(self.seconds, now - self._last)
        self._last = now

    def __exit__(self, *exception):
        self._timer.stop()


def main():
    """Run the walkthrough named on the command line."""
    if len(sys.argv) < 2:
        print(__doc__)
        sys.exit(2)
    if slicer.util.mainWindow() is None:
        print("The walkthrough needs Slicer's main window.")
        sys.exit(2)
    with DICOMUtils.TemporaryDICOMDatabase():
        Walkthrough(sys.argv[1]).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
