"""The panel of M3D Export, with widgets that refuse names which Slicer's widgets do not have."""

import types

import numpy as np
import pytest

from M3DLib.Dicom import Codes
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, importSeries, moveBy
from M3DTestSupport.SlicerWidgets import emit

BOX = np.s_[4:10, 5:12, 6:14]


@pytest.fixture
def case(application, tmp_path):
    volume, files = importSeries(application, tmp_path / "series", patientId="P1")
    node = addVolumeNode(application, volume, files)
    return node, addSegmentation(application, node, {"bone": BOX, "tooth": np.s_[11:13, 5:12, 6:14]})


@pytest.fixture
def widget(panelApplication, case):
    return openPanel(panelApplication)


def openPanel(application):
    import slicer

    from M3DExport import M3DExportWidget

    layout = types.SimpleNamespace(addWidget=lambda widget: None)
    widget = M3DExportWidget(types.SimpleNamespace(isEntered=True, layout=lambda: layout))
    widget.setup()
    assert slicer.mrmlScene is application.scene
    return widget


class TestInput:
    def test_firstSegmentationItsScanAndAllItsSegmentsAreChosen(self, widget, case):
        parameters = widget._parameterNode
        assert parameters.inputNode is case[1]
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", None)
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", case[1])
        assert parameters.sourceVolume is case[0]
        assert parameters.segmentIds == ["Segment_1", "Segment_2"]
        assert "bone: 6.4 x 5.6 x 9.0 mm" in widget.ui.inputSummaryLabel.text
        assert widget.ui.exportButton.enabled
        assert widget.ui.patientLabel.text == "Phantom^Head (P1)"

    def test_withoutSourceVolumeTheButtonSaysWhy(self, widget):
        widget._parameterNode.sourceVolume = None
        assert not widget.ui.exportButton.enabled
        assert "source volume" in widget.ui.exportButton.toolTip

    def test_tickedSegmentsAreKept(self, widget):
        widget.ui.segmentsTable.setSelectedSegmentIDs(["Segment_2"])
        assert widget._parameterNode.segmentIds == ["Segment_2"]
        assert "bone" not in widget.ui.inputSummaryLabel.text
        assert widget.ui.titleLineEdit.placeholderText == "tooth"

    def test_transformAndEmptySegmentAreWarnedOf(self, panelApplication, case):
        segmentation = addSegmentation(panelApplication, case[0], {"nothing": None, "bone": BOX}, "other")
        moveBy(panelApplication, segmentation, [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        widget = openPanel(panelApplication)
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
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", None)
        emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", case[1])

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
        widget._parameterNode.folder = tmp_path
        widget._parameterNode.destination = Destination.FOLDER
        assert widget.ui.folderPathLineEdit.visible
        widget.ui.exportButton.click()
        assert "2 file(s) written" in widget.ui.resultLabel.text
        assert len(list(tmp_path.glob("*.dcm"))) == 2

    def test_closedDatabaseOffersToCreateOne(self, application, widget):
        application.database.isOpen = False
        widget.form.show(widget._parameterNode)
        assert widget.ui.createDatabaseButton.visible
        assert not widget.ui.exportButton.enabled


def test_previewShowsModelsAndNumbersAndGoesAway(application, widget, case):
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", None)
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", case[1])
    widget._parameterNode.smoothing = 0.5
    widget.ui.previewButton.click()
    widget.ui.previewButton.click()
    assert application.scene.GetNumberOfNodesByClass("vtkMRMLModelNode") == 2
    assert "before smoothing and decimation" in widget.ui.previewLabel.text
    widget.ui.exportButton.click()
    assert application.scene.GetNumberOfNodesByClass("vtkMRMLModelNode") == 0


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
