"""The panel of M3D Export, with widgets that refuse names which Slicer's widgets do not have."""

import numpy as np
import pytest

from M3DLib.Dicom import Codes
from M3DTestSupport.ExportPanel import BOX, addBoneAndTooth, openExportPanel
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, importSeries, moveBy
from M3DTestSupport.SlicerWidgets import emit


@pytest.fixture
def case(application, tmp_path):
    return addBoneAndTooth(application, tmp_path / "series")


@pytest.fixture
def widget(panelApplication, case):
    return openExportPanel(panelApplication)


class FakeDialog:
    """A progress dialog that nobody cancels."""

    wasCanceled = False

    def close(self):
        pass

    def deleteLater(self):
        pass


class TestInput:
    def test_firstSegmentationItsScanAndAllItsSegmentsAreChosen(self, widget, case):
        parameters = widget._parameterNode
        assert parameters.inputNode is case[1]
        assert parameters.sourceVolume is case[0]
        assert parameters.segmentIds == ["Segment_1", "Segment_2"]
        assert "bone: 6.4 x 5.6 x 9.0 mm" in widget.ui.inputSummaryLabel.text
        assert widget.ui.exportButton.enabled
        assert widget.ui.patientLabel.text == "Phantom^Head (P1)"

    def test_withoutSourceVolumeTheButtonSaysWhy(self, widget):
        widget._parameterNode.sourceVolume = None
        assert not widget.ui.exportButton.enabled
        assert "source volume" in widget.ui.exportButton.toolTip

    def test_nothingChosenIsNothingExported(self, application, widget):
        before = set(application.database._files)
        widget.ui.segmentsTable.setSelectedSegmentIDs([])
        assert widget._parameterNode.segmentIds == []
        assert not widget.ui.exportButton.enabled
        assert not widget.ui.previewButton.enabled
        assert "Choose the segments" in widget.ui.exportButton.toolTip
        assert "No segment is chosen" in widget.ui.inputSummaryLabel.text
        with pytest.raises(ValueError, match="No segment is chosen"):
            widget.logic.exportParameters(widget._parameterNode)
        assert set(application.database._files) == before

    def test_volumeThatWillBeRefusedDisablesTheButtonAndSaysWhy(self, application, widget, case):
        from M3DLib.InSlicer.SlicerImage import voxelsOfVolumeNode

        voxels = voxelsOfVolumeNode(case[0])
        voxels[0] += 7
        case[0].GetImageData().Modified()
        widget.form.show(widget._parameterNode)
        assert not widget.ui.exportButton.enabled
        assert "filtered or edited" in widget.ui.exportButton.toolTip
        assert "filtered or edited" in widget.ui.inputWarningLabel.text
        voxels[0] -= 7
        case[0].GetImageData().Modified()
        widget.form.show(widget._parameterNode)
        assert widget.ui.exportButton.enabled

    def test_scanOfAnotherSegmentationIsNotKeptForOneWithoutScan(self, application, widget, tmp_path):
        volume, files = importSeries(application, tmp_path / "second", patientId="P2")
        addVolumeNode(application, volume, files, "other scan")
        stray = application.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "stray")
        stray.GetSegmentation().AddEmptySegment("s", "s")
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", stray)
        assert widget._parameterNode.sourceVolume is None
        assert "Choose the source volume" in widget.ui.exportButton.toolTip

    def test_renamedSegmentAppears(self, widget, case):
        case[1].GetSegmentation().GetSegment("Segment_1").SetName("mandible")
        assert "mandible" in widget.ui.inputSummaryLabel.text
        assert widget.ui.titleLineEdit.placeholderText == "mandible, tooth"

    def test_selectionIsTakenWithoutArgumentsThatPythonCannotCopy(self, widget):
        # The stand-in of the table refuses a function of Python at this signal.
        slots = widget.ui.segmentsTable._slots["selectionChanged(QItemSelection,QItemSelection)"]
        assert len(slots) == 1

    def test_tickedSegmentsAreKept(self, widget):
        widget.ui.segmentsTable.setSelectedSegmentIDs(["Segment_2"])
        assert widget._parameterNode.segmentIds == ["Segment_2"]
        assert "bone" not in widget.ui.inputSummaryLabel.text
        assert widget.ui.titleLineEdit.placeholderText == "tooth"

    def test_transformAndEmptySegmentAreWarnedOf(self, panelApplication, case):
        segmentation = addSegmentation(panelApplication, case[0], {"nothing": None, "bone": BOX}, "other")
        moveBy(panelApplication, segmentation, [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        widget = openExportPanel(panelApplication)
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", segmentation)
        assert "'nothing' is empty" in widget.ui.inputWarningLabel.text
        assert "under a transform" in widget.ui.inputWarningLabel.text

    def test_modelShowsItsTrianglesAndWhetherItIsClosed(self, application, widget):
        import vtk

        source = vtk.vtkCubeSource()
        source.Update()
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "cube")
        model.SetAndObservePolyData(source.GetOutput())
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", model)
        assert not widget.ui.segmentsTable.visible
        assert "1.0 x 1.0 x 1.0 mm, 12 triangles, 0.00 ml, closed" in widget.ui.inputSummaryLabel.text


class TestOutput:
    def start(self, widget, case):
        assert widget._parameterNode.inputNode is case[1]

    def test_exportShowsWhatWasWritten(self, application, widget, case):
        self.start(widget, case)
        widget.ui.exportButton.click()
        assert "2 model(s) in the DICOM database" in widget.ui.resultLabel.text
        uid = widget.ui.resultLabel.text.splitlines()[1]
        assert application.database.fileForInstance(uid)
        assert widget.ui.predecessorComboBox.itemText(1).startswith("bone")

    def test_newVersionGoesToTheSeriesOfTheOld(self, application, widget, case):
        self.start(widget, case)
        widget.ui.segmentsTable.setSelectedSegmentIDs(["Segment_1"])
        widget.ui.exportButton.click()
        combo = widget.ui.predecessorComboBox
        combo.currentIndex = 1
        first = combo.itemData(1)
        assert widget._parameterNode.predecessorUid == first
        widget._parameterNode.continueSeries = True
        widget.ui.exportButton.click()
        second = widget.ui.resultLabel.text.splitlines()[1]
        values = [
            [application.database.instanceValue(uid, tag) for uid in (first, second)]
            for tag in ("0020,000E", "0020,0013")
        ]
        assert values[0][0] == values[0][1]
        assert values[1] == ["1", "2"]

    def test_failureSaysWhyAndKeepsNothing(self, application, widget, case):
        self.start(widget, case)
        before = set(application.database._files)
        application.database._rejects = lambda dataset: True
        with application.showing("did not take"):
            widget.ui.exportButton.click()
        assert "Nothing was exported" in widget.ui.resultLabel.text
        assert set(application.database._files) == before

    def test_folder(self, widget, case, tmp_path):
        from M3DExportPanelLib.Choices import Destination

        self.start(widget, case)
        widget._parameterNode.folder = str(tmp_path)
        widget._parameterNode.destination = Destination.FOLDER
        assert widget.ui.folderPathLineEdit.visible
        widget.ui.exportButton.click()
        assert "2 file(s) written" in widget.ui.resultLabel.text
        assert len(list(tmp_path.glob("*.dcm"))) == 2

    def test_folderWithFilesForPrinters(self, widget, case, tmp_path):
        from M3DExportPanelLib.Choices import Destination

        self.start(widget, case)
        assert not widget.ui.filePlyCheckBox.visible
        parameters = widget._parameterNode
        folder = tmp_path / "printed"
        folder.mkdir()
        parameters.folder, parameters.destination = str(folder), Destination.FOLDER
        assert widget.ui.filePlyCheckBox.visible and widget.ui.filesLabel.visible
        parameters.fileStl = parameters.fileObj = True
        widget.ui.exportButton.click()
        names = sorted(file.name for file in folder.iterdir() if file.suffix != ".dcm")
        assert names == ["bone.stl", "models.mtl", "models.obj", "tooth.stl"]
        assert "6 file(s) written" in widget.ui.resultLabel.text

    def test_objectsGetAnIconWhereTheApplicationHasViews(self, application, widget, case, monkeypatch):
        import pydicom
        import slicer

        from M3DLib.InSlicer import SlicerExport
        from M3DLib.Mesh import Rendering

        allowed = []
        monkeypatch.setattr(slicer.util, "mainWindow", object)
        monkeypatch.setattr(slicer.util, "createProgressDialog", lambda **more: FakeDialog())
        monkeypatch.setattr(Rendering, "allowRendering", lambda: allowed.append(True))
        monkeypatch.setattr(SlicerExport, "renderIcon", lambda mesh: np.full((64, 64, 3), 90, np.uint8))
        widget.ui.exportButton.click()
        uids = widget.ui.resultLabel.text.splitlines()[1:]
        assert allowed
        for uid in uids:
            (icon,) = pydicom.dcmread(application.database.fileForInstance(uid)).IconImageSequence
            assert (icon.Rows, icon.Columns) == (64, 64)

    def test_withoutViewsThereIsNoIconAndNothingIsTriedOut(self, application, widget, monkeypatch):
        import pydicom

        from M3DLib.InSlicer import SlicerExport

        monkeypatch.setattr(SlicerExport, "renderIcon", lambda mesh: pytest.fail("rendered without views"))
        widget.ui.exportButton.click()
        uid = widget.ui.resultLabel.text.splitlines()[1]
        assert "IconImageSequence" not in pydicom.dcmread(application.database.fileForInstance(uid))

    def test_buttonAndResultAreOutsideOfWhatIsFolded(self):
        import xml.etree.ElementTree as ET

        from M3DTestSupport.Project import ROOT

        panel = ET.parse(ROOT / "M3DExport/Resources/UI/M3DExport.ui").getroot().find("widget/layout")
        own = [item.find("widget").get("name") for item in panel.findall("item") if item.find("widget") is not None]
        assert {"exportButton", "resultLabel", "validationLabel"} <= set(own)
        folded = {
            widget.get("name")
            for widget in panel.iter("widget")
            for item in widget.findall("property")
            if item.get("name") == "collapsed" and item.findtext("bool") == "true"
        }
        assert folded >= {"descriptionCollapsibleButton", "outputCollapsibleButton", "earlierCollapsibleButton"}

    def test_closedDatabaseOffersToCreateOne(self, application, widget):
        application.database.isOpen = False
        widget.form.show(widget._parameterNode)
        assert widget.ui.createDatabaseButton.visible
        assert not widget.ui.exportButton.enabled


def test_panelSurvivesClosingTheSceneAndLeaving(application, widget):
    widget.exit()
    widget.enter()
    application.scene.Clear(0)
    assert widget._parameterNode is not None
    assert widget._parameterNode.inputNode is None
    assert not widget.ui.exportButton.enabled
    widget.cleanup()
    assert widget._parameterNode is None


def test_choicesAreThoseOfTheStandard(application):
    from M3DExportPanelLib.Choices import PredecessorPurpose, TitleCode, Unit, Usage
    from M3DLib.Mesh.SurfaceParameters import METHODS
    from M3DPanelLib.SurfaceChoices import SurfaceMethod

    for choices, group in ((Usage, Codes.USAGE), (PredecessorPurpose, Codes.PREDECESSOR_PURPOSE)):
        assert sorted(choice.value for choice in choices if choice.value) == Codes.keywords(group)
    assert sorted(choice.value for choice in TitleCode if choice.value) == Codes.keywords(Codes.DOCUMENT_TITLE)
    assert {choice.value for choice in Unit} == set(Codes.UNIT_MM)
    assert {choice.value for choice in SurfaceMethod} == set(METHODS)
    for choices in (Usage, PredecessorPurpose, SurfaceMethod, TitleCode, Unit):
        assert len({choice.label() for choice in choices}) == len(list(choices))


def test_defaultsOfThePanelAreThoseOfTheLibrary(widget):
    from M3DExportPanelLib.ExportParameters import descriptionOf
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DPanelLib.SurfaceChoices import surfaceOf

    assert descriptionOf(widget._parameterNode) == ModelDescription()
    assert surfaceOf(widget._parameterNode) == SurfaceParameters()


def test_folderMustBeChosen(application, widget, case):
    from M3DExportPanelLib.Choices import Destination

    TestOutput().start(widget, case)
    widget._parameterNode.destination = Destination.FOLDER
    with application.showing("Choose the folder"):
        widget.ui.exportButton.click()


def test_modelLoadedFromTheDatabaseIsTheEarlierVersion(application, widget, case):
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPluginClass

    TestOutput().start(widget, case)
    widget.ui.segmentsTable.setSelectedSegmentIDs(["Segment_1"])
    widget.ui.exportButton.click()
    uid = widget.ui.resultLabel.text.splitlines()[1]
    plugin = DICOMEncapsulatedSTLPluginClass()
    (loadable,) = plugin.examineFiles([application.database.fileForInstance(uid)])
    node = plugin.load(loadable)
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", node)
    assert widget._parameterNode.predecessorUid == uid
    assert widget.ui.predecessorComboBox.itemData(widget.ui.predecessorComboBox.currentIndex) == uid


def test_patientIsForgottenWithTheScene(application, widget, case):
    TestOutput().start(widget, case)
    assert "P1" in widget.ui.patientLabel.text
    application.scene.Clear(0)
    assert "P1" not in widget.ui.patientLabel.text


def test_modelsAreSentToThePacs(widget, case):
    pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")
    from M3DExportPanelLib.Choices import Destination
    from M3DTestSupport.DicomWebStub import DicomWebStub

    TestOutput().start(widget, case)
    with DicomWebStub() as server:
        widget._parameterNode.server = server.url
        widget._parameterNode.destination = Destination.PACS
        assert widget.ui.passwordLineEdit.visible
        widget.ui.exportButton.click()
        assert "2 model(s) sent" in widget.ui.resultLabel.text
        assert len(server.stored) == 2
