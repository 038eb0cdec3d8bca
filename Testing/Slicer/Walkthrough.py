"""Walks through the panels of M3D Export and M3D Validation as a user does and saves a picture of each step.

    Slicer --no-splash --testing --additional-module-paths M3DExport M3DValidation \
        --python-script Testing/Slicer/Walkthrough.py OUTPUT_FOLDER

Needs a main window; works on a temporary DICOM database.
"""

import sys
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
        widget.ui.inputSelector.setCurrentNode(None)
        widget.ui.inputSelector.setCurrentNode(segmentation)
        widget.ui.sourceSelector.setCurrentNode(volume)
        self.picture("input")
        widget.ui.smoothingSlider.value = 0.3
        widget.ui.previewButton.click()
        slicer.util.resetThreeDViews()
        widget.ui.inputCollapsibleButton.collapsed = True
        self.picture("preview")
        widget.ui.titleLineEdit.text = "Head phantom"
        widget.ui.usageComboBox.currentIndex = 1
        widget.ui.surfaceCollapsibleButton.collapsed = True
        self.picture("description")
        widget.ui.exportButton.click()
        widget.ui.descriptionCollapsibleButton.collapsed = True
        self.picture("exported")
        uids = widget.ui.resultLabel.text.splitlines()[1:]
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

    def validateModel(self):
        """Validate one of the phantom's inserts, look at the evidence, and hand it over to M3D Export."""
        from M3DPanelLib.PhantomSample import loadPhantomSample

        volume, segmentation = loadPhantomSample()
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        slicer.util.selectModule("M3DValidation")
        widget = slicer.util.getModuleWidget("M3DValidation")
        widget.ui.inputSelector.setCurrentNode(None)
        widget.ui.inputSelector.setCurrentNode(segmentation)
        widget.ui.segmentComboBox.currentIndex = 0
        self.picture("validation-input")
        widget.ui.profileCollapsibleButton.collapsed = False
        widget.ui.limitsTable.selectRow(0)
        self.picture("validation-limits")
        widget.ui.inputCollapsibleButton.collapsed = True
        widget.ui.profileCollapsibleButton.collapsed = True
        widget.ui.validateButton.click()
        self.picture("validation-findings")
        table = widget.ui.findingsTable
        for text, name in (("lies far", "validation-deviation"), ("anatomy", "validation-field-of-view")):
            rows = [row for row in range(table.rowCount) if text in table.item(row, 1).text()]
            table.selectRow(rows[0])
            self.picture(name)
        widget.ui.showMapButton.click()
        widget.ui.resultsCollapsibleButton.collapsed = True
        self.picture("validation-map")
        widget.ui.bandsCheckBox.checked = True
        widget.ui.rangeSlider.value = 1.0
        self.picture("validation-bands")
        widget.ui.outputCollapsibleButton.collapsed = False
        widget.ui.pdfCheckBox.checked = False
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
