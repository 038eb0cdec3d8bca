"""PrusaSlicer as an independent reader: size, volume and parts of the same files in every format it knows."""

import re
import subprocess

import pytest

from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.Conformance import requireTool
from M3DTestSupport.MeshFileWriting import (
    PRODUCTION,
    amfXml,
    block,
    meshXml,
    modelXml,
    objectXml,
    writeObj,
    writeThreeMf,
)
from M3DTestSupport.MeshShapes import icosphere

LARGE, SMALL = block(20, 30, 10), block(5, 5, 5)
TWO_ITEMS = '<item objectid="1"/><item objectid="2" transform="1 0 0 0 1 0 0 0 1 40 0 0"/>'
TURNED = '<item objectid="1" transform="0 1 0 -1 0 0 0 0 1 70 5 3"/>'
COPIES = "".join(f'<item objectid="1" transform="1 0 0 0 1 0 0 0 1 {x} 0 0"/>' for x in (0, 30, 60))
U_SHAPE = [(0, 0), (30, 0), (30, 20), (20, 20), (20, 5), (10, 5), (10, 20), (0, 20)]


def prusa(file):
    """What ``prusa-slicer --info`` says of all bodies of a file together."""
    command = [requireTool("prusa-slicer"), "--info", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    def values(name):
        return re.findall(rf"{name} = +(\S+)", text)

    return {
        "volume": sum(map(float, values("volume"))),
        "facets": sum(map(int, values("number_of_facets"))),
        "low": [min(map(float, values(f"min_{axis}"))) for axis in "xyz"],
        "high": [max(map(float, values(f"max_{axis}"))) for axis in "xyz"],
        "manifold": set(values("manifold")) == {"yes"},
    }


def requireSame(file, volume):
    """Both readers come to the same volume, triangles, place and closedness, and ours has no remark."""
    mesh, notes = readMesh(file)
    theirs = prusa(file)
    assert notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx(volume, rel=1e-5) and theirs["volume"] == pytest.approx(volume, rel=1e-5)
    assert theirs["facets"] == len(mesh.triangles) and theirs["manifold"] is bool(mesh.isClosed)
    assert theirs["low"] == pytest.approx(mesh.boundsLps[::2], abs=1e-3)
    assert theirs["high"] == pytest.approx(mesh.boundsLps[1::2], abs=1e-3)


def uBlock():
    count = len(U_SHAPE)
    points = [(x, y, z) for z in (0.0, 10.0) for x, y in U_SHAPE]
    faces = [list(range(count))[::-1], list(range(count, 2 * count))]
    return points, faces + [[n, (n + 1) % count, count + (n + 1) % count, count + n] for n in range(count)]


def test_concaveObjIsOneSoundBody(tmp_path):
    points, faces = uBlock()
    triangulated = readMesh(writeObj(tmp_path / "polygons.obj", points, faces))[0]
    # It reads triangles and quads only; so it is given our triangles of the polygons.
    requireSame(writeObj(tmp_path / "triangles.obj", triangulated.points, triangulated.triangles), 4500)


def test_relativeIndices(tmp_path):
    points, triangles = LARGE
    file = tmp_path / "relative.obj"
    lines = [f"v {x} {y} {z}" for x, y, z in points] + ["f " + " ".join(str(c - 8) for c in t) for t in triangles]
    file.write_text("\n".join(lines) + "\n")
    requireSame(file, 6000)


def test_stl(tmp_path):
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    ball = TriangleMesh(*icosphere(radius=20.0))
    (tmp_path / "ball.stl").write_bytes(stlBytes(ball))
    requireSame(tmp_path / "ball.stl", ball.volumeMm3)


@pytest.mark.parametrize(
    ("objects", "build", "volume"),
    [
        (objectXml(1, meshXml(*LARGE)), TURNED, 6000),
        (objectXml(1, meshXml(*LARGE)) + objectXml(2, meshXml(*SMALL)), TWO_ITEMS, 6125),
        (objectXml(1, meshXml(*LARGE)), COPIES, 18000),
    ],
)
def test_threeMfByItsCoreSpecification(tmp_path, objects, build, volume):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    requireSame(writeThreeMf(tmp_path / "a.3mf", modelXml(objects, build)), volume)


def test_whatDebiansVersionRefusesIsReadWhole(tmp_path):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    part = modelXml(objectXml(1, meshXml(*LARGE)), "")
    inner = '<components><component p:path="/3D/a.model" objectid="1"/></components>'
    model = modelXml(objectXml(2, inner), '<item objectid="2"/>', f'xmlns:p="{PRODUCTION}" requiredextensions="p"')
    mesh, _ = readMesh(writeThreeMf(tmp_path / "a.3mf", model, {"/3D/a.model": part}))
    assert mesh.volumeMm3 == pytest.approx(6000)
    # Version 2.5 does not know the production extension, and does not read such a file in part either.
    command = [requireTool("prusa-slicer"), "--info", str(tmp_path / "a.3mf")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode != 0 or "volume = 6000" in result.stdout


def test_amf(tmp_path):
    # Its --info leaves out where constellations place their objects, so there is none here.
    file = tmp_path / "a.amf"
    file.write_text(amfXml([(1, *SMALL), (2, LARGE[0] + 50, LARGE[1])]))
    requireSame(file, 6125)
