"""Faces with more than three corners become triangles inside them, whatever their outline."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.MeshFiles.Polygons import triangulate
from M3DTestSupport.MeshFileWriting import writeObj, writePly

U_SHAPE = [(0, 0), (30, 0), (30, 20), (20, 20), (20, 5), (10, 5), (10, 20), (0, 20)]
# A square of 10 with a hole of 4, joined by a bridge that is passed twice: 84 mm2.
KEYHOLE = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (3, 3), (3, 7), (7, 7), (7, 3), (3, 3)]
OUTLINES = {
    "square": ([(0, 0), (1, 0), (1, 1), (0, 1)], 1.0),
    "U": (U_SHAPE, 450.0),
    "arrow": ([(0, 0), (10, -5), (3, 0), (10, 5)], 15.0),
    "corners on a line": ([(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (0, 2), (0, 1)], 6.0),
    "keyhole": (KEYHOLE, 84.0),
    "comb": (
        [(0, 0), *(p for k in range(20) for p in ((k, 9), (k + 0.5, 9), (k + 0.5, 1), (k + 1, 1))), (20, 0)],
        100.0,
    ),
}


def solid(outline, height=10.0):
    """A prism over an outline: points, and its faces as polygons facing outward."""
    count = len(outline)
    points = [(x, y, z) for z in (0.0, height) for x, y in outline]
    faces = [list(range(count))[::-1], list(range(count, 2 * count))]
    return points, faces + [[n, (n + 1) % count, count + (n + 1) % count, count + n] for n in range(count)]


def areas(points, triangles):
    corners = np.asarray(points)[triangles]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("place", [(0, 0, 0), (5e6, -5e6, 5e6)])
def test_trianglesFillThePolygonAndNothingElse(name, backward, place):
    outline, area = OUTLINES[name]
    flat = np.array(outline[::-1] if backward else outline, float)
    # Turned in space, so that no axis is special.
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    points = np.c_[flat, np.zeros(len(flat))] @ turn.T + np.array(place, float)
    warnings = []
    triangles, owner = triangulate(points, np.arange(len(points)), np.array([len(points)]), warnings)
    parts = areas(points - np.array(place), triangles)
    assert warnings == [] and (owner == 0).all() and len(triangles) == len(points) - 2
    # Together they have the polygon's area, and none of them lies the other way around.
    assert np.linalg.norm(parts, axis=1).sum() == pytest.approx(area, rel=1e-6)
    assert np.linalg.norm(parts.sum(axis=0)) == pytest.approx(area, rel=1e-6)


def test_randomStarsAreFilled():
    generator = np.random.default_rng(0)
    for _ in range(50):
        count = int(generator.integers(5, 40))
        angles = (np.arange(count) + 0.9 * generator.random(count)) * 2 * np.pi / count
        radii = generator.uniform(0.05, 1, count)
        points = np.c_[radii * np.cos(angles), radii * np.sin(angles), np.zeros(count)]
        after = np.roll(points, -1, axis=0)
        area = (points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]).sum() / 2
        triangles, _ = triangulate(points, np.arange(count), np.array([count]), [])
        assert np.linalg.norm(areas(points, triangles), axis=1).sum() == pytest.approx(abs(area), rel=1e-6)


@pytest.mark.parametrize("kind", ["obj", "ascii", "binary_little_endian", "binary_big_endian"])
def test_concaveBlockIsSoundInEveryFormat(tmp_path, kind):
    points, faces = solid(U_SHAPE)
    write = writeObj if kind == "obj" else lambda file, *mesh: writePly(file, *mesh, kind=kind)
    mesh, notes = readMesh(write(tmp_path / ("u.obj" if kind == "obj" else "u.ply"), points, faces))
    assert notes.warnings == [] and mesh.isClosed and len(mesh.triangles) == 28
    assert mesh.areaMm2 == pytest.approx(2 * 450 + 130 * 10) and mesh.volumeMm3 == pytest.approx(4500)


def test_bentAndCrossingFacesAreRemarked(tmp_path):
    bent = [(0, 0, 0), (10, 0, 3), (10, 10, 0), (0, 10, 3)]
    _, notes = readMesh(writeObj(tmp_path / "bent.obj", bent, [[0, 1, 2, 3]]))
    assert len(notes.warnings) == 1 and "do not lie in one plane" in notes.warnings[0]
    crossing = [(0, 0, 0), (10, 10, 0), (10, 0, 0), (0, 20, 0)]
    _, notes = readMesh(writeObj(tmp_path / "crossing.obj", crossing, [[0, 1, 2, 3]]))
    assert len(notes.warnings) == 1 and "cross themselves" in notes.warnings[0]


def test_faceWithTwoCornersIsNamed(tmp_path):
    points, faces = solid(U_SHAPE)
    _, notes = readMesh(writeObj(tmp_path / "two.obj", points, [*faces, [0, 1]]))
    assert len(notes.warnings) == 1 and "less than three corners" in notes.warnings[0]
    with pytest.raises(M3DError, match="no triangles"):
        readMesh(writeObj(tmp_path / "none.obj", points, [[0, 1]]))
