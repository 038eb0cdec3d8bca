"""OBJ and PLY with everything their writers put into them."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import block, writeObj, writePly

POINTS, TRIANGLES = block(20, 30, 10)


def readText(tmp_path, text, name="a.obj"):
    file = tmp_path / name
    file.write_text(text)
    return readMesh(file)


def objText(face, points=POINTS):
    """The block with its faces written by a function of three indices from 0."""
    lines = [f"v {x} {y} {z}" for x, y, z in points]
    return "\n".join([*lines, "vn 0 0 1", "vt 0 0", *(f"f {face(*corners)}" for corners in TRIANGLES)]) + "\n"


@pytest.mark.parametrize(
    "face",
    [
        lambda *corners: " ".join(str(corner + 1) for corner in corners),
        lambda *corners: " ".join(str(corner - 8) for corner in corners),
        lambda *corners: " ".join(f"{corner - 8}//-1" for corner in corners),
        lambda *corners: " ".join(f"{corner - 8}/-1/-1" for corner in corners),
        lambda *corners: " ".join(f"{corner + 1}/1" for corner in corners),
        lambda a, b, c: f"{a + 1}/1 {b + 1} {c + 1}//1",
        lambda a, b, c: f"{a + 1} {b + 1} \\\n {c + 1}",
        lambda a, b, c: f"{a + 1}\t{b + 1}  {c + 1} # comment 4",
    ],
)
def test_everyWayToNameACornerIsRead(tmp_path, face):
    mesh, notes = readText(tmp_path, objText(face))
    assert len(mesh.points) == 8 and mesh.isClosed and notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx(6000)


def test_relativeIndicesCountFromWhereTheyStand(tmp_path):
    first = objText(lambda *corners: " ".join(str(corner - 8) for corner in corners))
    second = objText(lambda *corners: " ".join(str(corner - 8) for corner in corners), POINTS + np.array([100, 0, 0]))
    mesh, _ = readText(tmp_path, first + second)
    assert mesh.isClosed and mesh.volumeMm3 == pytest.approx(12000) and mesh.boundsLps[1] == pytest.approx(120)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lineEndsOfOtherSystemsAreRead(tmp_path, end):
    file = tmp_path / "a.obj"
    file.write_bytes(objText(lambda *c: " ".join(str(n + 1) for n in c)).replace("\n", end).encode())
    assert readMesh(file)[0].volumeMm3 == pytest.approx(6000)


def test_whatIsNotReadIsNamed(tmp_path):
    text = objText(lambda *c: " ".join(str(n + 1) for n in c)) + "l 1 2 3\nsurf 0 1 0 1 1 2 3 4\ncall /etc/hostname\n"
    mesh, notes = readText(tmp_path, text)
    assert mesh.volumeMm3 == pytest.approx(6000)
    assert [word for word in ("lines", "free-form", "other files") if not any(word in t for t in notes.warnings)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f 1 2 99\n", "point 99"),
        ("f 0 1 2\n", "point 0"),
        ("f -9 1 2\n", "names point"),
        ("f 1.0 2 3\n", "face that cannot be read"),
        ("f 1 2 99999999999999999999\n", "face that cannot be read"),
        ("v 0,5 1 1\nf 1 2 3\n", "point that cannot be read"),
        ("v 1 1\nf 1 2 3\n", "point that cannot be read"),
        ("v nan 1 1\nf 1 2 9\n", "not finite"),
        ("v 1e400 1 1\nf 1 2 9\n", "not finite"),
    ],
)
def test_damagedObjIsRefused(tmp_path, text, words):
    with pytest.raises(M3DError, match=words):
        readText(tmp_path, "".join(f"v {x} {y} {z}\n" for x, y, z in POINTS) + text)


QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(
    ("faces", "perFace", "tail"),
    [
        (TRIANGLES, "", ()),
        (TRIANGLES, "property list uchar float texcoord\n", (0, 0, 1, 0, 1, 1)),
        ([*QUADS[:3], *TRIANGLES[6:]], "", ()),
        ([*QUADS[:3], *TRIANGLES[6:]], "property list uchar float texcoord\n", (0, 0)),
    ],
)
def test_plyWithMixedFacesAndListsIsRead(tmp_path, kind, faces, perFace, tail):
    mesh, notes = readMesh(writePly(tmp_path / "a.ply", POINTS, faces, kind, perFace=perFace, faceTail=tail))
    assert mesh.isClosed and notes.warnings == [] and mesh.volumeMm3 == pytest.approx(6000)


def test_plyStripsAreRead(tmp_path):
    # A strip around the four sides of the block, and the two ends as strips of their own, parted by -1.
    strip = [0, 1, 4, 5, 6, 7, 2, 3, 0, 1, -1, 0, 4, 2, 6, -1, 1, 3, 5, 7]
    header = "ply\nformat ascii 1.0\nelement vertex 8\nproperty float x\nproperty float y\nproperty float z\n"
    header += "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    rows = [" ".join(map(str, row)) for row in POINTS.tolist()] + [f"{len(strip)} " + " ".join(map(str, strip))]
    mesh, notes = readText(tmp_path, header + "\n".join(rows) + "\n", "strip.ply")
    assert notes.warnings == [] and mesh.isClosed and len(mesh.triangles) == 12
    assert abs(mesh.volumeMm3) == pytest.approx(6000)


def test_plyElementsThatAreLeftOutAreNamed(tmp_path):
    file = writePly(tmp_path / "a.ply", POINTS, TRIANGLES, more="element edge 1\nproperty int vertex1\n")
    file.write_text(file.read_text() + "3\nmore\n")
    _, notes = readMesh(file)
    assert any("'edge'" in text for text in notes.warnings) and any("1 line more" in text for text in notes.warnings)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize("promised", ["vertex 9", "vertex 999999999999", "face 99", "face -1", "face x"])
def test_plyThatPromisesMoreThanItHoldsIsRefused(tmp_path, kind, promised):
    file = writePly(tmp_path / "a.ply", POINTS, TRIANGLES, kind)
    name = promised.split()[0].encode()
    content = file.read_bytes()
    old = b"element " + name + (b" 8" if name == b"vertex" else b" 12")
    file.write_bytes(content.replace(old, b"element " + promised.encode()))
    if promised == "vertex 9" and kind != "ascii":
        # Nothing parts points from faces, but what is left over and faces without corners show.
        _, notes = readMesh(file)
        assert any("left out" in text for text in notes.warnings)
        return
    with pytest.raises(M3DError, match=r"a\.ply"):
        readMesh(file)


def test_cloudOfPointsIsNoModel(tmp_path):
    with pytest.raises(M3DError, match="cloud of points"):
        readMesh(writePly(tmp_path / "a.ply", POINTS, []))


def test_objAndPlyKeepTheDigitsTheyHave(tmp_path):
    far = POINTS / 100 + np.array([5e6, -5e6, 5e6])
    for file in (writeObj(tmp_path / "a.obj", far, TRIANGLES), writePly(tmp_path / "a.ply", far, TRIANGLES)):
        mesh, notes = readMesh(file, "mm")
        assert np.abs(mesh.exactPoints - far).max() < 1e-8
        assert mesh.volumeMm3 == pytest.approx(0.006, rel=1e-6) and not any("steps" in text for text in notes.warnings)
