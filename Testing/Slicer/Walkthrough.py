"""Walks through the panel of M3D Export as a user does and saves a picture of each step.

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
        from M3DExportLib.PhantomSample import loadPhantomSample

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
