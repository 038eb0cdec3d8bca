"""Binary STL in memory, checked against the format's definition, numpy's own unique and VTK's reader and writer."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from M3DLib.Errors import M3DError
from M3DLib.Mesh.PointMerging import mergePoints
from M3DLib.Mesh.StlFile import CHUNK, checkStl, readStl, stlBytes, stlHeader
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Models import makeTetrahedron


def rawStl(corners, header=b"", count=None):
    """Binary STL written field by field."""
    parts = [header.ljust(80, b"\0"), struct.pack("<I", len(corners) if count is None else count)]
    for triangle in corners:
        parts.append(struct.pack("<12fH", 0, 0, 1, *np.ravel(triangle), 0))
    return b"".join(parts)


ONE = [[[0, 0, 0], [1, 0, 0], [0, 1, 0]]]


def test_bytesAreWhatTheFormatSays():
    mesh = makeTetrahedron()
    data = stlBytes(mesh)
    assert isinstance(data, bytes)
    assert len(data) == 84 + 50 * 4
    assert data[:80] == stlHeader()
    assert struct.unpack_from("<I", data, 80) == (4,)
    for number, triangle in enumerate(mesh.triangles):
        values = struct.unpack_from("<12fH", data, 84 + 50 * number)
        corners = mesh.points[triangle].astype(float)
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        assert np.allclose(values[:3], normal / np.linalg.norm(normal), atol=1e-6)
        assert np.array_equal(np.array(values[3:12], dtype=np.float32), mesh.points[triangle].ravel())
        assert values[12] == 0


def test_headerSaysNothingButSoftwareAndUnit():
    header = stlBytes(makeTetrahedron(name="Doe Jane"))[:80]
    assert not header.lower().startswith(b"solid")
    assert b"Doe" not in header
    assert b"mm" in header
    assert b"LPS" in header


@pytest.mark.parametrize("unit, unitMm", [("um", 0.001), ("cm", 10.0), ("m", 1000.0)])
def test_otherUnitsScaleTheCoordinates(unit, unitMm):
    mesh = makeTetrahedron()
    read = readStl(stlBytes(mesh, unit, unitMm))
    assert np.allclose(read.points * unitMm, mesh.points[[0, 2, 1, 3]], rtol=1e-6)


def test_triangleWithoutAreaHasNormalZero():
    mesh = TriangleMesh([[0, 0, 0], [1, 1, 1]], [[0, 1, 1]])
    values = struct.unpack_from("<3f", stlBytes(mesh), 84)
    assert values == (0, 0, 0)


def test_readingGivesBackEveryTriangleInOrder():
    rng = np.random.default_rng(1)
    grid = rng.normal(scale=50, size=(500, 3)).astype(np.float32)
    triangles = rng.integers(0, 500, size=(3 * CHUNK // 2, 3))
    mesh = readStl(stlBytes(TriangleMesh(grid, triangles)))
    assert len(mesh.points) == 500
    assert np.array_equal(mesh.points[mesh.triangles], grid[triangles])


def test_meshOfVtkReadsAsVtkReadsIt(tmp_path):
    import vtk

    sphere = vtk.vtkSphereSource()
    sphere.SetThetaResolution(40)
    sphere.SetPhiResolution(30)
    sphere.Update()
    writer = vtk.vtkSTLWriter()
    writer.SetInputConnection(sphere.GetOutputPort())
    writer.SetFileTypeToBinary()
    writer.SetFileName(str(tmp_path / "sphere.stl"))
    writer.Write()
    mesh = readStl((tmp_path / "sphere.stl").read_bytes())
    assert len(mesh.points) == sphere.GetOutput().GetNumberOfPoints()
    assert mesh.isClosed
    (tmp_path / "ours.stl").write_bytes(stlBytes(mesh))
    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(tmp_path / "ours.stl"))
    reader.Update()
    theirs = TriangleMesh.fromPolyData(reader.GetOutput())
    assert np.array_equal(theirs.points[theirs.triangles], mesh.points[mesh.triangles])


def test_zeroAndMinusZeroAreOnePoint():
    mesh = readStl(rawStl([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[-0.0, 0, -0.0], [0, 1, 0], [1, 0, 0]]]))
    assert len(mesh.points) == 3
    assert mesh.isClosed
    assert not np.signbit(mesh.points).any()


def test_mergingAgreesWithNumpyUnique():
    rng = np.random.default_rng(2)
    corners = rng.integers(-3, 4, size=(4000, 3, 3)).astype(np.float32) / 7
    points, triangles = mergePoints(corners)
    assert len(points) == len(np.unique(corners.reshape(-1, 3), axis=0))
    assert np.array_equal(points[triangles], corners)
    firstSeen = np.unique(triangles.ravel(), return_index=True)[1]
    assert np.array_equal(firstSeen, np.sort(firstSeen))


def test_collidingHashesAreToldApart(monkeypatch):
    # With multipliers of zero every point has the same hash: the worst collision there can be.
    monkeypatch.setattr("M3DLib.Mesh.PointMerging._MULTIPLIERS", (0, 0, 0))
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 5, size=(300, 3, 3)).astype(np.float32)
    points, triangles = mergePoints(corners)
    assert len(points) == len(np.unique(corners.reshape(-1, 3), axis=0))
    assert np.array_equal(points[triangles], corners)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b"Hello, world", "not a binary STL"),
        (rawStl(ONE)[:-1], "cut short"),
        (rawStl(ONE, count=2), "2 triangles, but there are bytes for 1"),
        (rawStl([]), "no triangles"),
        (rawStl(ONE, count=0), "no triangles"),
        (rawStl(ONE) + b"xy", "2 bytes more"),
        (rawStl([[[0, 0, 0], [np.nan, 0, 0], [0, 1, 0]]]), "not finite"),
        (rawStl([[[0, 0, 0], [np.inf, 0, 0], [0, 1, 0]]]), "not finite"),
        (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" * 5, "OBJ"),
        (b"# a material\nnewmtl bone\nKa 1 1 1\nKd 1 1 1\n" * 5, "MTL"),
        (b"solid x\nfacet normal 0 0 1\nouter loop\n" * 5, "ASCII STL"),
        (b"%PDF-1.4 and so on\n" * 10, "text of another kind"),
    ],
)
def test_strictReaderRefusesAndSaysWhy(data, words):
    with pytest.raises(M3DError, match=words):
        readStl(data)


def test_surplusBytesAreLeftOutWhenTolerant():
    warnings = []
    mesh = readStl(rawStl(ONE) + b"rest", strict=False, warnings=warnings)
    assert len(mesh.triangles) == 1
    assert warnings == ["The STL has 4 bytes more than its 1 triangles need; they were left out."]


def test_binaryStlMayBeginWithSolid():
    assert len(readStl(rawStl(ONE, header=b"solid made by somebody")).triangles) == 1


ASCII = """solid part
 facet normal 0 0 1
  outer loop
   vertex 0 0 0
   vertex 1.5e1 0 0
   vertex 0 2 0
  endloop
 endfacet
endsolid part
"""


def test_asciiIsReadWithAWarningWhenTolerant():
    warnings = []
    mesh = readStl(ASCII.encode(), strict=False, warnings=warnings)
    assert np.array_equal(mesh.points[mesh.triangles[0]], [[0, 0, 0], [15, 0, 0], [0, 2, 0]])
    assert len(warnings) == 1
    assert "ASCII" in warnings[0]


@pytest.mark.parametrize(
    "old, new",
    [("vertex 0 2 0", ""), ("1.5e1", "fifteen"), ("1.5e1", "nan"), ("1.5e1", "1e999"), (" endfacet", "")],
)
def test_damagedAsciiIsRefused(old, new):
    with pytest.raises(M3DError):
        readStl(ASCII.replace(old, new).encode(), strict=False)


def test_checkFindsWhatTheStrictReaderFinds():
    assert checkStl(rawStl(ONE)) == 1
    for data in (b"", rawStl(ONE)[:-1], rawStl(ONE) + b"x", rawStl([[[0, 0, np.nan], [1, 0, 0], [0, 1, 0]]])):
        with pytest.raises(M3DError):
            checkStl(data)


def test_memoryMapIsReadLikeBytes(tmp_path):
    (tmp_path / "a.stl").write_bytes(stlBytes(makeTetrahedron()))
    mapped = np.memmap(tmp_path / "a.stl", dtype=np.uint8, mode="r")
    assert np.array_equal(readStl(mapped).points, makeTetrahedron().points[[0, 2, 1, 3]])


@pytest.mark.parametrize("points", [[[0, 0, 0], [np.nan, 0, 0], [0, 1, 0]], [[0, 0, 0], [np.inf, 0, 0], [0, 1, 0]]])
def test_meshWithCoordinatesThatAreNoNumbersIsNotWritten(points):
    with pytest.raises(M3DError, match="not finite"):
        stlBytes(TriangleMesh(points, [[0, 1, 2]]))


def test_emptyMeshIsNotWritten():
    with pytest.raises(M3DError, match="no triangles"):
        stlBytes(TriangleMesh(np.empty((0, 3)), np.empty((0, 3))))


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.binary(max_size=400)
    | st.tuples(st.binary(min_size=80, max_size=80), st.integers(0, 8), st.binary(max_size=420)).map(
        lambda parts: parts[0] + parts[1].to_bytes(4, "little") + parts[2],
    )
    | st.text(alphabet="solid facet vertex endfacet 0123456789.eE+-\n", max_size=400).map(
        lambda text: ("solid facet " + text).encode(),
    ),
)
def test_anyBytesAreReadOrRefused(data):
    try:
        mesh = readStl(data, strict=False)
    except M3DError:
        return
    assert len(mesh.triangles)
    assert np.isfinite(mesh.points).all()


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=9, max_size=9), min_size=1, max_size=40))
def test_anyTrianglesComeBack(corners):
    corners = np.array(corners, dtype=np.float32).reshape(-1, 3, 3)
    mesh = readStl(rawStl(corners))
    assert np.array_equal(mesh.points[mesh.triangles], corners)
    assert len(np.unique(mesh.points, axis=0)) == len(mesh.points)
    again = readStl(stlBytes(mesh))
    assert np.array_equal(again.triangles, mesh.triangles)
    assert np.array_equal(again.points, mesh.points)
