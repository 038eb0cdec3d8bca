"""Volume nodes and the DICOM images behind them: flipped, multi-frame, changed."""

import numpy as np
import pytest

from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.InSlicer.SlicerExport import findSource
from M3DLib.InSlicer.SlicerImage import imageOfInstances, imageOfVolumeNode, instanceUidsOf
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, importSeries
from M3DTestSupport.Volumes import makeVolume, rotation


def flipped(volume):
    """The same image with its slices counted from the other end."""
    matrix = volume.ijkToLps.copy()
    matrix[:3, 3] += matrix[:3, 2] * (volume.array.shape[0] - 1)
    matrix[:3, 2] *= -1
    return ImageVolume(volume.array[::-1].copy(), matrix)


def test_imageIsThatOfTheFilesAndOfTheNode(application, tmp_path):
    volume, files = importSeries(application, tmp_path / "series")
    scan = imageOfVolumeNode(addVolumeNode(application, volume, files), application.database)
    read = readImage(tmp_path / "series")
    assert np.array_equal(scan.image.array, read.array)
    assert np.allclose(scan.image.ijkToLps, read.ijkToLps)
    assert [h.SOPInstanceUID for h in scan.image.headers] == [h.SOPInstanceUID for h in read.headers]
    assert scan.warnings == []
    assert scan.correction is None


def test_slicesThatCountFromTheOtherEndAreTurned(application, tmp_path):
    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, flipped(volume), files[::-1])
    scan = imageOfVolumeNode(node, application.database)
    assert np.array_equal(scan.image.array, volume.array)
    assert np.allclose(scan.image.ijkToLps, volume.ijkToLps, atol=1e-4)


def test_modelOfALeftHandedVolumeLiesRight(application, tmp_path):
    from M3DExport import M3DExportLogic

    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, flipped(volume), files[::-1])
    segmentation = addSegmentation(application, node, {"box": np.s_[2:7, 5:12, 6:14]})
    (uid,) = M3DExportLogic().exportSegments(segmentation, [], node, None, SurfaceParameters(smoothing=0.0))
    mesh = readEncapsulatedStl(application.database.fileForInstance(uid)).mesh
    center = flipped(volume).indexToLps([[9.5, 8.0, 4.0]])[0]
    assert np.allclose(mesh.points.astype(float).mean(axis=0), center, atol=1e-3)
    assert mesh.volumeMm3 > 0


def test_enhancedMultiFrameObjectIsOneInstance(application, tmp_path):
    volume = makeVolume((12, 14, 16), (0.7, 0.7, 1.2), axes=rotation(10, 20, 30))
    file = writeEnhanced(volume, tmp_path / "enhanced.dcm")
    application.addToDatabase([file])
    node = addVolumeNode(application, volume, [file])
    assert len(instanceUidsOf(node)) == 1
    scan = imageOfVolumeNode(node, application.database)
    assert np.allclose(scan.image.ijkToLps, volume.ijkToLps, atol=1e-4)
    assert len(scan.image.headers) == 1


def test_scanThatIsNotInTheSceneIsRead(application, tmp_path):
    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, volume, files)
    scan = imageOfInstances(instanceUidsOf(node), application.database)
    assert np.array_equal(scan.image.array, volume.array)


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.SetSpacing(0.9, 0.8, 1.5),
        lambda node: node.SetOrigin(*(np.array(node.GetOrigin()) + 0.2)),
        lambda node: node.SetIJKToRASDirections(1, 0, 0, 0, 1, 0, 0, 0, 1),
    ],
    ids=["spacing", "origin", "directions"],
)
def test_volumeThatWasChangedIsRefused(application, tmp_path, change):
    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, volume, files)
    change(node)
    with pytest.raises(M3DError, match="no longer lies where"):
        imageOfVolumeNode(node, application.database)


def test_scanWithAGapIsRefusedWhenItIsExported(application, tmp_path):
    from M3DExport import M3DExportLogic

    volume, files = importSeries(application, tmp_path / "series")
    kept = [file for number, file in enumerate(files) if number != 7]
    shorter = ImageVolume(np.delete(volume.array, 7, axis=0), volume.ijkToLps)
    node = addVolumeNode(application, shorter, kept)
    # It can be looked at all the same: M3D Validation says what is wrong with such scans.
    assert np.array_equal(imageOfVolumeNode(node, application.database).image.array, shorter.array)
    segmentation = addSegmentation(application, node, {"box": np.s_[2:7, 5:12, 6:14]})
    with pytest.raises(M3DError, match=r"(?i)gap|missing|apart|distance"):
        M3DExportLogic().exportSegments(segmentation, [], node)


class TestFindingTheSource:
    def test_twoScansAndNoHintGiveNone(self, application, tmp_path):
        for name in ("a", "b"):
            volume, files = importSeries(application, tmp_path / name, patientId=name)
            addVolumeNode(application, volume, files)
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode")
        assert findSource(model, application.scene, application.database) is None

    def test_theOnlyScanOfTheSceneIsTaken(self, application, tmp_path):
        volume, files = importSeries(application, tmp_path / "series")
        node = addVolumeNode(application, volume, files)
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode")
        assert findSource(model, application.scene, application.database).volumeNode is node

    def test_scanThatASegmentationWasCroppedFromIsTakenAndNoOther(self, application, tmp_path):
        volume, files = importSeries(application, tmp_path / "series")
        scan = addVolumeNode(application, volume, files)
        start = np.eye(4)
        start[:3, 3] = (2, 3, 1)
        isPart = ImageVolume(volume.array[1:9, 3:12, 2:14], volume.ijkToLps @ start)
        elsewhere = ImageVolume(isPart.array, isPart.ijkToLps @ np.diag([1.1, 1, 1, 1]))
        for image, expected in ((isPart, scan), (elsewhere, None)):
            drawnOn = addVolumeNode(application, image, [])
            segmentation = addSegmentation(application, drawnOn, {"box": np.s_[2:5, 2:5, 2:5]})
            found = findSource(segmentation, application.scene, application.database)
            assert (found.volumeNode if found is not None else None) is expected

    def test_scanOfTheSameStudyIsTaken(self, application, tmp_path):
        import slicer

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        nodes, studies = [], []
        for name in ("a", "b"):
            volume, files = importSeries(application, tmp_path / name, patientId=name)
            nodes.append(addVolumeNode(application, volume, files))
            studies.append(hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), name))
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(nodes[-1]), studies[-1])
        model = application.scene.AddNewNodeByClass("vtkMRMLModelNode")
        item = hierarchy.CreateItem(studies[1], model)
        assert hierarchy.GetItemParent(item) == studies[1]
        assert findSource(model, application.scene, application.database).volumeNode is nodes[1]
