"""Reading foreign mesh files: what comes out, in which unit, and what is said about bad ones."""

import zipfile

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.MeshFiles import ThreeMfFile
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshShapes import box, icosphere
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Soundness import FileChecks

BALL = TriangleMesh(*icosphere(center=(3, -20, 50)), "ball")


def save(tmp_path, suffix, mesh=BALL):
    trimesh = pytest.importorskip("trimesh", reason="trimesh writes the foreign files; it is not installed")
    if suffix in (".3mf",):
        pytest.importorskip("lxml", reason="3MF needs lxml, which is not installed")
        pytest.importorskip("networkx", reason="3MF needs networkx, which is not installed")
    file = tmp_path / f"ball{suffix}"
    body = trimesh.Trimesh(mesh.points, mesh.triangles, process=False)
    scene = trimesh.Scene([body])
    scene.export(str(file)) if suffix == ".3mf" else body.export(str(file))
    return file


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".3mf", ".stl"])
def test_everyFormatGivesTheSameMesh(tmp_path, suffix):
    mesh, notes = readMesh(save(tmp_path, suffix))
    assert notes.format == suffix[1:].upper()
    assert notes.unit == "mm" and notes.warnings == []
    assert len(mesh.points) == len(BALL.points) and len(mesh.triangles) == len(BALL.triangles)
    assert mesh.isClosed
    assert mesh.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=1e-5)
    assert np.allclose(mesh.boundsLps, BALL.boundsLps, atol=1e-4)


def writeAmf(tmp_path, unit):
    points, triangles = box(level=0)
    vertices = "".join(
        f"<vertex><coordinates><x>{x}</x><y>{y}</y><z>{z}</z></coordinates></vertex>" for x, y, z in points / 10
    )
    faces = "".join(f"<triangle><v1>{a}</v1><v2>{b}</v2><v3>{c}</v3></triangle>" for a, b, c in triangles)
    file = tmp_path / "box.amf"
    file.write_text(
        f'<?xml version="1.0"?><amf unit="{unit}"><object id="0"><mesh><vertices>{vertices}</vertices>'
        f"<volume>{faces}</volume></mesh></object></amf>"
    )
    return file


def test_unitStatedByTheFileIsUsed(tmp_path):
    pytest.importorskip("trimesh", reason="trimesh is not installed")
    pytest.importorskip("lxml", reason="lxml is not installed")
    plain = save(tmp_path, ".3mf")
    inches = tmp_path / "inches.3mf"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(inches, "w") as target:
        for entry in source.namelist():
            target.writestr(entry, source.read(entry).replace(b'unit="millimeter"', b'unit="inch"'))
    mesh, notes = readMesh(inches)
    assert (notes.unit, notes.unitSource) == ("in", "file")
    assert mesh.volumeMm3 == pytest.approx(BALL.volumeMm3 * 25.4**3, rel=1e-5)


def test_objKeepsItsOwnPointsWhateverItsTexture(tmp_path):
    points, triangles = box(level=0)
    lines = [f"v {x} {y} {z}" for x, y, z in [*points, (0, 0, 30)]]
    plain = tmp_path / "plain.obj"
    plain.write_text("\n".join([*lines, *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles)]))
    assert len(readMesh(plain)[0].points) == 9
    # Every corner with a texture coordinate of its own, as at the seams of a painted model.
    lines += [f"vt {n / 36} 0.5" for n in range(36)]
    faces = [f"f {a + 1}/{3 * n + 1} {b + 1}/{3 * n + 2} {c + 1}/{3 * n + 3}" for n, (a, b, c) in enumerate(triangles)]
    painted = tmp_path / "painted.obj"
    painted.write_text("\n".join([*lines, *faces]))
    mesh, _ = readMesh(painted)
    assert len(mesh.points) <= 9 and mesh.isClosed and mesh.volumeMm3 == pytest.approx(8000)


def test_amfIsReadInItsUnit(tmp_path):
    mesh, notes = readMesh(writeAmf(tmp_path, "inch"))
    assert (notes.unit, notes.unitSource) == ("in", "file")
    assert mesh.isClosed and mesh.volumeMm3 == pytest.approx(8 * 25.4**3, rel=1e-5)
    with pytest.raises(M3DError, match="furlong"):
        readMesh(writeAmf(tmp_path, "furlong"))


def test_slicersRasFilesBecomeLps(tmp_path):
    content = bytearray(stlBytes(BALL))
    content[:80] = b"3D Slicer output. SPACE=RAS".ljust(80)
    file = tmp_path / "ball.stl"
    file.write_bytes(content)
    mesh, notes = readMesh(file)
    assert notes.coordinates == "RAS" and len(notes.warnings) == 1
    assert np.allclose(mesh.points.mean(axis=0), [-3, 20, 50], atol=1e-3)
    assert mesh.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=1e-5)


def findings(file, unit=None):
    mesh, notes = readMesh(file, unit)
    return runChecks(FileChecks.CHECKS, Case(defaultRequirements("File"), mesh=mesh, meshNotes=notes))


@pytest.mark.parametrize(
    ("scale", "unit", "source", "verdict"),
    [
        (1, "mm", "assumed", Verdict.PASS),
        (0.001, "m", "guessed", Verdict.WARNING),
        (1000, "um", "guessed", Verdict.WARNING),
        (1e-9, "mm", "guessed", Verdict.WARNING),
    ],
)
def test_unitIsGuessedOnlyWithAWarning(tmp_path, scale, unit, source, verdict):
    file = tmp_path / "ball.stl"
    file.write_bytes(stlBytes(TriangleMesh(BALL.points * scale, BALL.triangles)))
    _, notes = readMesh(file)
    assert (notes.unit, notes.unitSource) == (unit, source)
    found = findings(file)
    assert found["mesh-unit"].verdict is verdict, found["mesh-unit"].message
    assert found["mesh-file-format"].verdict is Verdict.PASS


def test_unitGivenWins(tmp_path):
    file = tmp_path / "ball.stl"
    file.write_bytes(stlBytes(BALL))
    mesh, notes = readMesh(file, "cm")
    assert (notes.unit, notes.unitSource) == ("cm", "given")
    assert mesh.volumeMm3 == pytest.approx(1000 * BALL.volumeMm3, rel=1e-5)
    with pytest.raises(M3DError, match="parsec"):
        readMesh(file, "parsec")


def test_asciiStlIsRead(tmp_path):
    points, triangles = box(level=0)
    lines = ["solid box"]
    for a, b, c in points[triangles]:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x} {y} {z}" for x, y, z in (a, b, c))]
        lines += ["endloop", "endfacet"]
    file = tmp_path / "box.stl"
    file.write_text("\n".join([*lines, "endsolid box"]))
    mesh, notes = readMesh(file)
    assert mesh.volumeMm3 == pytest.approx(8000) and notes.warnings == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.stl", b"", "empty"),
        ("a.stl", bytes(80) + b"\x05\x00\x00\x00" + bytes(50), "cut short"),
        ("a.ply", b"not a ply", "cannot be read|no triangles"),
        ("a.obj", b"# nothing\n", "cannot be read|no triangles"),
        ("a.3mf", b"PK\x03\x04 broken", "cannot be read|no triangles"),
        ("a.amf", b"<amf><object>", "cannot be read"),
        ("a.amf", b"<amf/>", "no triangles"),
        ("a.off", b"OFF", "no mesh file"),
    ],
)
def test_badFilesAreRefusedWithTheirName(tmp_path, name, content, words):
    if name.endswith(".3mf"):
        pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(M3DError, match=words) as caught:
        readMesh(file)
    assert name in str(caught.value)


def test_missingFileAndMissingPackageAreNamed(tmp_path, monkeypatch):
    with pytest.raises(M3DError, match="does not exist"):
        readMesh(tmp_path / "none.stl")
    file = tmp_path / "a.3mf"
    file.write_bytes(b"PK")
    monkeypatch.setattr(ThreeMfFile.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(M3DError, match="lib3mf"):
        readMesh(file)
