"""The DICOM plugin exports from the "Export to DICOM" dialog, with stand-ins for the application."""

import numpy as np
import pytest

from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Models import makeTetrahedron
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, importSeries, itemOf, moveBy

BOX = np.s_[4:10, 5:12, 6:14]


@pytest.fixture
def plugin(application):
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPluginClass

    return DICOMEncapsulatedSTLPluginClass()


class TestExporting:
    @pytest.fixture
    def case(self, application, tmp_path):
        volume, files = importSeries(application, tmp_path / "series", patientId="P1")
        node = addVolumeNode(application, volume, files)
        return node, addSegmentation(application, node, {"bone": BOX, "tooth": np.s_[11:13, 5:12, 6:14]})

    def export(self, application, plugin, folder, *nodes, tags=None):
        folder.mkdir(exist_ok=True)
        exportables = [
            exportable for node in nodes for exportable in plugin.examineForExport(itemOf(application, node))
        ]
        for exportable in exportables:
            exportable.directory = str(folder)
            for name, value in (tags or {}).items():
                exportable.setTag(name, value)
        message = plugin.export(exportables)
        return message, [readEncapsulatedStl(file) for file in sorted(folder.iterdir())]

    def test_segmentationIsOfferedBelowDicomSeg(self, application, plugin, case):
        (exportable,) = plugin.examineForExport(itemOf(application, case[1]))
        assert exportable.confidence < 1.0
        assert exportable.pluginClass == "DICOMEncapsulatedSTLPlugin"
        assert exportable.tag("Modality") == "M3D"

    def test_nothingIsOfferedForImagesFoldersAndEmptySegmentations(self, application, plugin, case):
        import slicer

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "folder")
        empty = addSegmentation(application, case[0], {}, "empty")
        for item in (itemOf(application, case[0]), itemOf(application, empty), folder):
            assert plugin.examineForExport(item) == []

    def test_segmentsAndModelsGoIntoOneFolder(self, application, plugin, case, tmp_path):
        before = set(application.database._files)
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "guide")
        from M3DLib.InSlicer.SlicerParts import polyDataOfMesh

        model.SetAndObservePolyData(polyDataOfMesh(makeTetrahedron(offset=(0.0, 8.0, 105.0))))
        import slicer

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), model)
        (offer,) = plugin.examineForExport(itemOf(application, model))
        assert offer.confidence == 1.0
        message, models = self.export(application, plugin, tmp_path / "out", case[1], model)
        assert message == ""
        assert sorted(one.mesh.name for one in models) == ["bone", "guide", "tooth"]
        assert all(one.dataset.Modality == "M3D" for one in models)
        numbers = {str(one.dataset.SeriesInstanceUID): int(one.dataset.SeriesNumber) for one in models}
        assert len(numbers) == len(set(numbers.values())) == 2
        assert set(application.database._files) == before

    def test_tagsOfTheDialogAreUsedButTheModalityIsOurs(self, application, plugin, case, tmp_path):
        tags = {"Modality": "SEG", "SeriesDescription": "Surgery", "SeriesNumber": "77", "ContentDescription": "v2"}
        message, models = self.export(application, plugin, tmp_path / "out", case[1], tags=tags)
        assert message == ""
        header = models[0].dataset
        assert (header.Modality, header.SeriesDescription, header.SeriesNumber) == ("M3D", "Surgery", 77)
        assert header.ContentDescription == "v2"

    def test_seriesNumberOfAnotherSeriesIsNotTaken(self, application, plugin, case, tmp_path):
        message, models = self.export(application, plugin, tmp_path / "out", case[1], tags={"SeriesNumber": "1"})
        assert message == ""
        assert models[0].dataset.SeriesNumber == 9001

    @pytest.mark.parametrize(
        "change",
        [
            ({"PatientID": "P2"}, "different patients: PatientID is 'P1' and 'P2'"),
            ({"PatientName": "Other^Person"}, "PatientName is"),
            ({"StudyInstanceUID": "1.2.3"}, "the tags name study 1.2.3"),
        ],
    )
    def test_anotherPatientOrStudyIsRefused(self, application, plugin, case, tmp_path, change):
        tags, words = change
        message, models = self.export(application, plugin, tmp_path / "out", case[1], tags=tags)
        assert words in message
        assert models == []

    def test_sceneWithoutDicomIsRefusedWithTheRemedy(self, application, plugin, case, tmp_path):
        case[0].RemoveAttribute("DICOM.instanceUIDs")
        message, models = self.export(application, plugin, tmp_path / "out", case[1])
        assert "Choose the source volume" in message
        assert models == []

    def test_oneBadItemKeepsTheOthersBack(self, application, plugin, case, tmp_path):
        bad = addSegmentation(application, case[0], {"nothing": None}, "bad")
        message, models = self.export(application, plugin, tmp_path / "out", case[1], bad)
        assert "'nothing' is empty" in message
        assert models == []

    def test_transformedModelIsRecordedAsModified(self, application, plugin, case, tmp_path):
        moveBy(application, case[1], [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        message, models = self.export(application, plugin, tmp_path / "out", case[1])
        assert message == ""
        assert all(model.description.modified for model in models)

    def test_segmentationOfAScanThatIsOnlyInTheDatabase(self, application, plugin, case, tmp_path):
        import slicer

        volume, segmentation = case
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        uids = volume.GetAttribute("DICOM.instanceUIDs")
        hierarchy.SetItemAttribute(itemOf(application, segmentation), "DICOM.ReferencedInstanceUIDs", uids)
        application.scene.RemoveNode(volume)
        message, models = self.export(application, plugin, tmp_path / "out", segmentation)
        assert message == ""
        assert len(models[0].sources) == len(uids.split())
