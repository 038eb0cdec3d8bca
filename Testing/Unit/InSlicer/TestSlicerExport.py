"""From nodes of a scene to objects in the database, on slicer-core with a stand-in for the database."""

import numpy as np
import pydicom
import pytest

from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerParts import partsOfSegmentation
from M3DLib.InSlicer.SlicerTransforms import LPS_FROM_RAS
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, importSeries, moveBy
from M3DTestSupport.Volumes import makeVolume, rotation

BOX = np.s_[4:10, 5:12, 6:14]
OTHER = np.s_[10:13, 5:12, 6:14]
PLAIN = SurfaceParameters(smoothing=0.0)


@pytest.fixture
def logic(application):
    from M3DExport import M3DExportLogic

    return M3DExportLogic()


@pytest.fixture
def case(application, tmp_path):
    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, volume, files)
    return volume, node, addSegmentation(application, node, {"bone": BOX, "tooth": OTHER})


def modelOf(application, uid):
    return readEncapsulatedStl(application.database.fileForInstance(uid))


def boundsOfBox(volume, box):
    """Bounds of a box of voxels, from face to face, in LPS mm (axes of the volume along the patient's)."""
    low = np.array([axis.start for axis in box[::-1]]) - 0.5
    high = np.array([axis.stop for axis in box[::-1]]) - 0.5
    corners = volume.indexToLps([low, high])
    return np.array([corners.min(axis=0), corners.max(axis=0)]).T.ravel()


def test_segmentsComeBackWhereTheyWereDrawn(application, logic, case):
    volume, node, segmentation = case
    uids = logic.exportSegments(segmentation, ["Segment_2", "Segment_1"], node, None, PLAIN)
    models = [modelOf(application, uid) for uid in uids]
    assert [model.mesh.name for model in models] == ["tooth", "bone"]
    assert np.allclose(models[1].mesh.boundsLps, boundsOfBox(volume, BOX), atol=1e-4)
    assert models[1].mesh.isClosed
    assert models[1].mesh.volumeMm3 > 0
    assert np.allclose(models[1].mesh.color, (0.2, 0.4, 0.1), atol=0.01)
    assert models[0].mesh.opacity == 1.0
    first, second = (model.dataset for model in models)
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert [first.InstanceNumber, second.InstanceNumber] == [1, 2]
    source = pydicom.dcmread(application.database.fileForInstance(node.GetAttribute("DICOM.instanceUIDs").split()[0]))
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert first[keyword].value == source[keyword].value
    assert "3D Slicer 5.12.3-2026-07-22" in first.SoftwareVersions
    assert len([version for version in first.SoftwareVersions if version.startswith("3D Slicer")]) == 1
    assert {reference.sopInstanceUid for reference in models[0].sources} == set(
        node.GetAttribute("DICOM.instanceUIDs").split()
    )


def test_theSourceVolumeIsFoundByItself(application, logic, case):
    _volume, _node, segmentation = case
    assert len(logic.exportSegments(segmentation, [])) == 2


@pytest.mark.parametrize("angles", [(0, 0, 90), (20, -30, 40)])
def test_obliqueScansKeepTheirPlace(application, logic, tmp_path, angles):
    volume, files = importSeries(
        application, tmp_path / "oblique", makeVolume((12, 14, 16), (0.7, 0.7, 1.2), axes=rotation(*angles))
    )
    node = addVolumeNode(application, volume, files)
    segmentation = addSegmentation(application, node, {"box": np.s_[3:9, 4:10, 5:11]})
    mesh = modelOf(application, logic.exportSegments(segmentation, [], node, None, PLAIN)[0]).mesh
    center = volume.indexToLps([[7.5, 6.5, 5.5]])[0]
    assert np.allclose(mesh.points.astype(float).mean(axis=0), center, atol=1e-3)


def test_anotherExportGetsAnotherSeriesNumber(application, logic, case):
    _volume, node, segmentation = case
    numbers = [
        modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node)[0]).dataset.SeriesNumber
        for _time in range(2)
    ]
    assert numbers[0] != numbers[1]


def test_mergedSegmentsHaveNoWallInside(application, logic, case):
    volume, node, segmentation = case
    (uid,) = logic.exportSegments(segmentation, [], node, None, PLAIN, merge=True)
    model = modelOf(application, uid)
    assert np.allclose(model.mesh.boundsLps, boundsOfBox(volume, np.s_[4:13, 5:12, 6:14]), atol=1e-4)
    inside = volume.indexToLps([[9.5, 8.5, 9.5]])[0]
    assert np.linalg.norm(model.mesh.points - inside, axis=1).min() > 1.0
    assert model.dataset.DocumentTitle == "Segmentation"


def test_linearTransformIsAppliedAndRecorded(application, logic, case):
    volume, node, segmentation = case
    moveBy(application, segmentation, [[1, 0, 0, 10], [0, 1, 0, 0], [0, 0, 1, -5], [0, 0, 0, 1]])
    model = modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node, None, PLAIN)[0])
    shift = np.array([-10, -10, 0, 0, -5, -5])
    assert np.allclose(model.mesh.boundsLps, boundsOfBox(volume, BOX) + shift, atol=1e-4)
    assert model.description.modified is True
    assert "moved by 11.18 mm" in model.description.segmentation


def test_mirroringTransformIsRecordedAndFacesOutward(application, logic, case):
    _volume, node, segmentation = case
    moveBy(application, segmentation, [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    model = modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node)[0])
    assert model.description.mirrored is True
    assert model.mesh.volumeMm3 > 0


def test_transformSharedWithTheScanDoesNotCount(application, logic, case):
    volume, node, segmentation = case
    transform = moveBy(application, node, [[1, 0, 0, 99], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    segmentation.SetAndObserveTransformNodeID(transform.GetID())
    model = modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node, None, PLAIN)[0])
    assert np.allclose(model.mesh.boundsLps, boundsOfBox(volume, BOX), atol=1e-4)
    assert model.description.modified is None


def test_nonLinearTransformIsRefused(application, logic, case):
    import vtk

    _volume, node, segmentation = case
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    for landmarks, bend in ((spline.SetSourceLandmarks, 0.0), (spline.SetTargetLandmarks, 3.0)):
        points = vtk.vtkPoints()
        for corner in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (50, 50, 50 + bend)):
            points.InsertNextPoint(corner)
        landmarks(points)
    transform = application.scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(spline)
    segmentation.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(M3DError, match="not linear"):
        logic.exportSegments(segmentation, [], node)


def test_modelNodeIsExportedAsItIs(application, logic, case):
    import vtk

    _volume, node, _segmentation = case
    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(3, -10, 110)
    sphere.SetRadius(4)
    sphere.Update()
    model = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "guide")
    model.SetAndObservePolyData(sphere.GetOutput())
    model.CreateDefaultDisplayNodes()
    model.GetDisplayNode().SetOpacity(0.5)
    description = ModelDescription(title="Drill guide", usage="ToolFabrication")
    stored = modelOf(application, logic.exportModel(model, node, description))
    low, high = np.array(stored.mesh.boundsLps).reshape(3, 2).T
    assert np.allclose((low + high) / 2, [-3, 10, 110], atol=0.2)
    assert stored.description.title == "Drill guide"
    assert stored.mesh.opacity == pytest.approx(0.5, abs=1e-6)
    assert stored.surface is None


def test_tiltedGantryIsPlacedByItsHeaders(application, logic, tmp_path):
    axes = np.eye(3)
    axes[:, 2] = (0, -0.3, 1)
    tilted, files = importSeries(application, tmp_path / "tilted", makeVolume((12, 14, 16), (0.7, 0.7, 1.2), axes=axes))
    straight = makeVolume((12, 14, 16), (0.7, 0.7, 1.2))
    node = addVolumeNode(application, straight, files)
    segmentation = addSegmentation(application, node, {"box": np.s_[3:9, 4:10, 5:11]})
    mesh = modelOf(application, logic.exportSegments(segmentation, [], node, None, PLAIN)[0]).mesh
    center = tilted.indexToLps([[7.5, 6.5, 5.5]])[0]
    assert np.allclose(mesh.points.astype(float).mean(axis=0), center, atol=1e-3)


class TestRefusals:
    def test_volumeWithoutDicom(self, logic, case):
        _volume, node, segmentation = case
        node.RemoveAttribute("DICOM.instanceUIDs")
        with pytest.raises(M3DError, match="not loaded from DICOM"):
            logic.exportSegments(segmentation, [], node)
        with pytest.raises(M3DError, match="Choose the source volume"):
            logic.exportSegments(segmentation, [])

    def test_scanThatIsNoLongerInTheDatabase(self, application, logic, case):
        _volume, node, segmentation = case
        del application.database._files[node.GetAttribute("DICOM.instanceUIDs").split()[3]]
        with pytest.raises(M3DError, match="1 of the 16 DICOM images"):
            logic.exportSegments(segmentation, [], node)

    def test_volumeThatWasMoved(self, logic, case):
        _volume, node, segmentation = case
        node.SetOrigin(0, 0, 0)
        with pytest.raises(M3DError, match="no longer lies where"):
            logic.exportSegments(segmentation, [], node)

    def test_volumeThatWasCropped(self, application, logic, case, tmp_path):
        _volume, node, segmentation = case
        node.SetAttribute("DICOM.instanceUIDs", " ".join(node.GetAttribute("DICOM.instanceUIDs").split()[:8]))
        with pytest.raises(M3DError, match="cropped or resampled"):
            logic.exportSegments(segmentation, [], node)

    def test_closedDatabase(self, application, logic, case):
        _volume, node, segmentation = case
        application.database.isOpen = False
        with pytest.raises(M3DError, match="No DICOM database is open"):
            logic.exportSegments(segmentation, [], node)

    def test_emptySegmentAndUnknownSegment(self, application, logic, case):
        _volume, node, _segmentation = case
        segmentation = addSegmentation(application, node, {"nothing": None})
        with pytest.raises(M3DError, match="'nothing' is empty"):
            logic.exportSegments(segmentation, [], node)
        with pytest.raises(M3DError, match="no segment with the ID 'x'"):
            logic.exportSegments(segmentation, ["x"], node)

    def test_secondInstanceRejectedTakesBackTheFirst(self, application, logic, case):
        _volume, node, segmentation = case
        before = set(application.database._files)
        application.database._rejects = lambda dataset: dataset.get("InstanceNumber") == 2
        with pytest.raises(M3DError, match="did not take an object"):
            logic.exportSegments(segmentation, [], node)
        assert set(application.database._files) == before

    def test_cancelLeavesNothing(self, application, logic, case):
        from M3DLib.Errors import Cancelled

        _volume, node, segmentation = case
        before = set(application.database._files)

        def progress(fraction, text):
            if fraction > 0.97:
                raise Cancelled

        with pytest.raises(Cancelled):
            logic.exportSegments(segmentation, [], node, progress=progress)
        assert set(application.database._files) == before


def test_folderGetsFilesWithNamesThatSayNothing(application, logic, case, tmp_path):
    _volume, node, segmentation = case
    folder = tmp_path / "out"
    with pytest.raises(M3DError, match="no folder"):
        logic.exportToFolder(segmentation, [], folder, node)
    folder.mkdir()
    files = logic.exportToFolder(segmentation, [], folder, node)
    assert sorted(folder.iterdir()) == sorted(files)
    assert all("Phantom" not in file.name for file in files)
    assert np.allclose(LPS_FROM_RAS @ LPS_FROM_RAS, np.eye(4))


def test_dicomSegmentationIsReferredTo(application, logic, case, tmp_path):
    _volume, node, segmentation = case
    image = pydicom.dcmread(application.database.fileForInstance(node.GetAttribute("DICOM.instanceUIDs").split()[0]))
    image.SOPClassUID, image.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "SEG"
    image.SOPInstanceUID, image.SeriesInstanceUID = "1.2.3.4.5", "1.2.3.4"
    image.save_as(tmp_path / "seg.dcm")
    application.addToDatabase([tmp_path / "seg.dcm"])
    segmentation.SetAttribute("DICOM.instanceUIDs", "1.2.3.4.5")
    model = modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node)[0])
    assert "1.2.3.4.5" in [source.sopInstanceUid for source in model.sources]
    # What else a segmentation can be loaded from is no image that a model is made from.
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.4.6"
    image.save_as(tmp_path / "structures.dcm")
    application.addToDatabase([tmp_path / "structures.dcm"])
    segmentation.SetAttribute("DICOM.instanceUIDs", "1.2.3.4.6")
    model = modelOf(application, logic.exportSegments(segmentation, ["Segment_1"], node)[0])
    assert "1.2.3.4.6" not in [source.sopInstanceUid for source in model.sources]


def test_segmentsKnowTheirNumbersInTheDicomSegmentation(application, case, tmp_path):
    _volume, node, segmentation = case
    files = [application.database.fileForInstance(uid) for uid in node.GetAttribute("DICOM.instanceUIDs").split()]
    header = pydicom.dcmread(files[0])
    labels = np.zeros((len(files), header.Rows, header.Columns), dtype=np.uint8)
    labels[1:3, 2:5, 2:5], labels[1:3, 7:9, 7:9], labels[5:7, 2:5, 2:5] = 1, 2, 3
    name = segmentation.GetSegmentation().GetSegment("Segment_1").GetName()
    seg = writeDicomSeg(tmp_path / "seg.dcm", files, labels, ["something else", name, "third"])
    application.addToDatabase([seg])
    segmentation.SetAttribute("DICOM.instanceUIDs", str(pydicom.dcmread(seg).SOPInstanceUID))
    (part,) = partsOfSegmentation(segmentation, ["Segment_1"], node, application.database)
    assert part.segment.source.segmentNumber == 2 and part.source.segmentNumber == 2
    assert part.source.imageSeriesUid == header.SeriesInstanceUID
    # A segment that was renamed in the scene is none that the file knows.
    segmentation.GetSegmentation().GetSegment("Segment_1").SetName("renamed")
    (part,) = partsOfSegmentation(segmentation, ["Segment_1"], node, application.database)
    assert part.source.segmentNumber == 0 and part.source.sopInstanceUid


def test_colorVolumeIsNoScan(application, logic, case):
    import vtk

    _volume, node, segmentation = case
    image = vtk.vtkImageData()
    image.SetDimensions(20, 18, 16)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    node.SetAndObserveImageData(image)
    with pytest.raises(M3DError, match="several values per voxel"):
        logic.exportSegments(segmentation, [], node)


def test_modelFarFromTheScanIsRefused(application, logic, case):
    from M3DLib.InSlicer.SlicerParts import polyDataOfMesh
    from M3DTestSupport.Models import makeTetrahedron

    _volume, node, _segmentation = case
    model = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "guide")
    model.SetAndObservePolyData(polyDataOfMesh(makeTetrahedron(offset=(500.0, 0.0, 0.0))))
    with pytest.raises(M3DError, match="wholly outside the scan"):
        logic.exportModel(model, node)
