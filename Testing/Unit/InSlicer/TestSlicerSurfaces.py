"""Segments that are surfaces already, and segments that are merged."""

import numpy as np
import pytest

from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerParts import meshOfPolyData, polyDataOfMesh
from M3DLib.Segmentation.Segment import Segment
from M3DLib.Segmentation.SegmentMerging import mergeSegments
from M3DTestSupport.Models import makeTetrahedron
from M3DTestSupport.SceneCases import addVolumeNode, importSeries, moveBy


@pytest.fixture
def case(application, tmp_path):
    """A scan, and a segmentation of two imported surfaces."""
    import slicer

    volume, files = importSeries(application, tmp_path / "series")
    node = addVolumeNode(application, volume, files)
    segmentation = application.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "imported")
    segmentation.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for name, size in (("large", 8.0), ("small", 4.0)):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        mesh = makeTetrahedron(size, offset=(0.0, 8.0, 105.0))
        segment.AddRepresentation("Closed surface", polyDataOfMesh(mesh))
        segmentation.GetSegmentation().AddSegment(segment, name)
    return node, segmentation


def export(application, segmentation, node, **more):
    from M3DExport import M3DExportLogic

    uids = M3DExportLogic().exportSegments(segmentation, [], node, **more)
    return [readEncapsulatedStl(application.database.fileForInstance(uid)) for uid in uids]


def test_importedSurfacesAreExportedAsTheyAre(application, case):
    large, small = export(application, case[1], case[0])
    assert large.mesh.boundsLps == pytest.approx((0, 8, 8, 16, 105, 113), abs=1e-4)
    assert small.mesh.volumeMm3 == pytest.approx(4**3 / 6, rel=1e-5)
    assert large.surface is None


def test_transformOfASurfaceIsRecorded(application, case):
    moveBy(application, case[1], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
    large, _small = export(application, case[1], case[0])
    assert large.mesh.boundsLps[4:] == pytest.approx((107, 115), abs=1e-4)
    assert large.description.modified is True
    assert large.description.algorithm.name == "Linear transform"


def test_surfacesAreNotMerged(application, case):
    with pytest.raises(M3DError, match="cannot be merged"):
        export(application, case[1], case[0], merge=True)


def test_insideOutSurfaceIsTurned():
    mesh = makeTetrahedron()
    assert meshOfPolyData(polyDataOfMesh(mesh.reversed()), "turned", None).volumeMm3 == pytest.approx(1000 / 6)


def test_trianglesThatShareNoPointsAreJoined():
    import vtk

    mesh = makeTetrahedron()
    loose = vtk.vtkPolyData()
    points, polygons = vtk.vtkPoints(), vtk.vtkCellArray()
    for corners in mesh.points[mesh.triangles]:
        polygons.InsertNextCell(3)
        for corner in corners:
            polygons.InsertCellPoint(points.InsertNextPoint(*(corner * (-1, -1, 1))))
    loose.SetPoints(points)
    loose.SetPolys(polygons)
    joined = meshOfPolyData(loose, "joined", None)
    assert len(joined.points) == 4
    assert joined.isClosed


class TestMerging:
    def segment(self, box, name, shape=(10, 10, 10), offset=(0, 0, 0), spacing=1.0):
        array = np.zeros(shape, dtype=np.uint8)
        array[box] = 1
        matrix = np.diag([spacing, spacing, spacing, 1.0])
        matrix[:3, 3] = offset
        return Segment(array, matrix, name, (1.0, 0.0, 0.0))

    def test_unionOverDifferentExtents(self):
        first = self.segment(np.s_[2:4, 2:4, 2:4], "first")
        second = self.segment(np.s_[0:2, 0:2, 0:2], "second", shape=(3, 4, 5), offset=(-6, 20, 3))
        merged = mergeSegments([first, second], "both")
        assert merged.volumeMm3 == first.volumeMm3 + second.volumeMm3
        found = np.argwhere(merged.array)[:, ::-1] @ merged.ijkToLps[:3, :3].T + merged.ijkToLps[:3, 3]
        expected = np.vstack(
            [np.argwhere(one.array)[:, ::-1] @ one.ijkToLps[:3, :3].T + one.ijkToLps[:3, 3] for one in (first, second)]
        )
        assert sorted(map(tuple, found)) == sorted(map(tuple, expected))
        assert (merged.name, merged.color) == ("both", (1.0, 0.0, 0.0))

    def test_overlapCountsOnce(self):
        first = self.segment(np.s_[2:6, 2:6, 2:6], "first")
        second = self.segment(np.s_[4:8, 2:6, 2:6], "second")
        assert mergeSegments([first, second], "both").volumeMm3 == 6 * 4 * 4

    @pytest.mark.parametrize("change", [{"offset": (0.5, 0, 0)}, {"spacing": 1.01}], ids=["between", "spacing"])
    def test_voxelsThatDoNotCoincideAreRefused(self, change):
        first = self.segment(np.s_[2:4, 2:4, 2:4], "first")
        with pytest.raises(M3DError, match="do not coincide"):
            mergeSegments([first, self.segment(np.s_[2:4, 2:4, 2:4], "second", **change)], "both")

    def test_nothingToMerge(self):
        with pytest.raises(M3DError, match="no segment"):
            mergeSegments([], "none")
