"""What a mesh file says in a header or comment of its unit and its end, where the format has no place for it."""

import numpy as np
import pytest

from M3DLib.Mesh.StlFile import HEADER_SIZE, stlBytes
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import block, writeObj, writePly
from M3DTestSupport.Models import makeTetrahedron

SIZE_MM = 30.0


def size(mesh):
    return float(np.ptp(mesh.points, axis=0).max())


def stl(folder, header, lengthOfUnit):
    content = bytearray(stlBytes(makeTetrahedron(SIZE_MM / lengthOfUnit)))
    content[:HEADER_SIZE] = header.ljust(HEADER_SIZE)
    (folder / "part.stl").write_bytes(content)
    return folder / "part.stl"


@pytest.mark.parametrize(
    "header, unit, lengthOfUnit",
    [(b"exported UNITS=inch", "in", 25.4), (b"Units: cm", "cm", 10.0), (b"UNITS=m", "m", 1000.0)],
)
def test_unitInTheHeaderOfAnStlIsFollowedAndSaid(tmp_path, header, unit, lengthOfUnit):
    mesh, notes = readMesh(stl(tmp_path, header, lengthOfUnit))
    assert size(mesh) == pytest.approx(SIZE_MM, rel=1e-5)
    assert notes.unit == unit and any("in a remark" in text for text in notes.warnings)


def test_millimetersInTheHeaderAreNoDoubt(tmp_path):
    _, notes = readMesh(stl(tmp_path, b"UNITS=mm", 1.0))
    assert (notes.unit, notes.unitSource, notes.warnings) == ("mm", "file", [])


def test_unitThatMakesNoPlausibleSizeIsNotFollowedAndSaid(tmp_path):
    mesh, notes = readMesh(stl(tmp_path, b"UNITS=m", 1.0))
    assert size(mesh) == pytest.approx(SIZE_MM, rel=1e-5) and notes.unit == "mm"
    assert any("not followed" in text for text in notes.warnings)


def test_unitThatIsGivenWins(tmp_path):
    mesh, notes = readMesh(stl(tmp_path, b"UNITS=inch", 1.0), "mm")
    assert size(mesh) == pytest.approx(SIZE_MM, rel=1e-5) and notes.unitSource == "given"


@pytest.mark.parametrize("header", [b"unit test of a part", b"UNITS=parsec", b"community: in"])
def test_otherWordsAreNoUnit(tmp_path, header):
    _, notes = readMesh(stl(tmp_path, header, 1.0))
    assert notes.unitSource == "assumed"


def test_commentsOfObjAndPlyAreRemarksToo(tmp_path):
    points, faces = block(2, 3, 1)
    obj = tmp_path / "part.obj"
    writeObj(obj, points, faces)
    obj.write_bytes(b"# Units: centimeters\n" + obj.read_bytes())
    ply = tmp_path / "part.ply"
    writePly(ply, points, faces)
    ply.write_bytes(ply.read_bytes().replace(b"element vertex", b"comment unit cm\nelement vertex", 1))
    for file in (obj, ply):
        mesh, notes = readMesh(file)
        assert size(mesh) == pytest.approx(30.0) and notes.unit == "cm"


FACET = "facet normal 0 0 0\nouter loop\n{}endloop\nendfacet\n"


def text(mesh, end):
    facets = (FACET.format("".join("vertex {} {} {}\n".format(*point) for point in corners)) for corners in mesh)
    return "solid part\n" + "".join(facets) + end


def test_textStlWithoutItsEndMayBeCutShort(tmp_path):
    mesh = makeTetrahedron()
    file = tmp_path / "part.stl"
    file.write_text(text(mesh.points[mesh.triangles], "endsolid part\n"))
    assert readMesh(file)[1].warnings == []
    # Cut between two facets: three quarters of a model look like a whole file of a model with a hole.
    file.write_text(text(mesh.points[mesh.triangles[:3]], ""))
    assert any("endsolid" in text for text in readMesh(file)[1].warnings)
