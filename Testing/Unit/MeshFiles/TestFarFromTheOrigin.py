"""Models kilometers from the origin of their coordinates: doubles are kept where the file has them."""

import numpy as np
import pytest

from M3DLib.Alignment.AnyPosition import settleFrom
from M3DLib.Alignment.RigidRegistration import registerRigid
from M3DLib.Distance.SurfaceDeviation import compareSurfaces
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import writeObj, writePly
from M3DTestSupport.MeshShapes import icosphere

PLACE = np.array([5e6, -3e6, 1e6])
POINTS, TRIANGLES = icosphere(radius=20.0)
DIRECTIONS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)


def writeAsciiStl(file, points, faces):
    def facet(corners):
        lines = "".join(f"vertex {x!r} {y!r} {z!r}\n" for x, y, z in corners.tolist())
        return f"facet normal 0 0 0\nouter loop\n{lines}endloop\nendfacet\n"

    file.write_text("solid ball\n" + "".join(facet(points[list(face)]) for face in faces) + "endsolid ball\n")
    return file


def readPair(tmp_path, suffix, write, place=PLACE):
    """Two balls about the same place whose radii differ by 0.1 mm."""
    return [
        readMesh(write(tmp_path / f"{name}{suffix}", DIRECTIONS * radius + place, TRIANGLES))
        for name, radius in (("a", 20.0), ("b", 20.1))
    ]


@pytest.mark.parametrize(("suffix", "write"), [(".obj", writeObj), (".ply", writePly), (".stl", writeAsciiStl)])
def test_comparisonIsAsExactAsAtTheOrigin(tmp_path, suffix, write):
    (mesh, notes), (reference, _) = readPair(tmp_path, suffix, write)
    (near, _), (nearReference, _) = readPair(tmp_path, suffix, write, np.zeros(3))
    far, here = compareSurfaces(mesh, reference), compareSurfaces(near, nearReference)
    assert notes.warnings == [] and len(mesh.points) == len(near.points)
    order = np.lexsort(mesh.exactPoints.T), np.lexsort(near.exactPoints.T)
    assert np.allclose(np.sort(far.forward.distance), np.sort(here.forward.distance), atol=2e-5)
    assert far.forward.distance.mean() == pytest.approx(0.1, abs=0.002)
    assert len(order[0]) == len(order[1]) and far.forward.mesh is mesh
    assert far.forward.uncertainty.max() < 1e-4
    assert mesh.volumeMm3 == pytest.approx(near.volumeMm3, rel=1e-5)
    assert mesh.areaMm2 == pytest.approx(near.areaMm2, rel=1e-5)


def test_alignmentFarAwayFindsTheShift(tmp_path):
    # A box-like body, which cannot turn on itself as a ball can.
    body = np.clip(DIRECTIONS * 30, -20, 20) * [1, 0.8, 0.6]
    first, _ = readMesh(writeObj(tmp_path / "a.obj", body + PLACE, TRIANGLES))
    second, _ = readMesh(writeObj(tmp_path / "b.obj", body + PLACE + np.array([0.3, -0.2, 0.1]), TRIANGLES))
    motion = registerRigid(first, second)
    moved = motion.apply(first)
    assert np.abs(moved.exactPoints - second.exactPoints).max() < 0.01
    assert np.abs(compareSurfaces(moved, second).forward.distance).max() < 0.01


@pytest.mark.parametrize("unit", ["mm", "m"])
def test_fileThatLostItsDigitsIsRemarked(tmp_path, unit):
    file = tmp_path / "far.stl"
    scale = {"mm": 1, "m": 0.001}[unit]
    file.write_bytes(stlBytes(TriangleMesh((POINTS + PLACE) * scale, TRIANGLES)))
    _, notes = readMesh(file, unit)
    assert any("steps of 0.5 mm" in text for text in notes.warnings)


def test_textThatWasRoundedIsRemarked(tmp_path):
    for rounded, step in ((np.float32(POINTS + PLACE).astype(float), "0.5"), (np.round(POINTS + PLACE, 1), "0.1")):
        _, notes = readMesh(writeObj(tmp_path / "far.obj", rounded, TRIANGLES))
        assert any(f"steps of {step} mm" in text for text in notes.warnings)


def test_modelInThePatientIsNotRemarked(tmp_path):
    mesh, notes = readMesh(writeObj(tmp_path / "near.obj", POINTS + np.array([150, -300, 1200]), TRIANGLES))
    assert notes.warnings == [] and mesh.precise is None


def test_alignmentSettledFarAwayLosesNoDigits(tmp_path):
    body = np.clip(DIRECTIONS * 30, -20, 20) * [1, 0.8, 0.6]
    first, _ = readMesh(writeObj(tmp_path / "a.obj", body + PLACE, TRIANGLES))
    second, _ = readMesh(writeObj(tmp_path / "b.obj", body + PLACE + np.array([0.3, -0.2, 0.1]), TRIANGLES))
    moved = settleFrom(first, second, np.eye(4), method="here").apply(first)
    assert np.abs(moved.exactPoints - second.exactPoints).max() < 0.002
