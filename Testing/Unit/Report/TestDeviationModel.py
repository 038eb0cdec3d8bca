"""The deviation map as a glTF file: read by another library, and what is left of it with fewer triangles."""

import hashlib
import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Distance.DeviationMap import DeviationMap, Quality
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DValidationLib.Check import Case
from M3DValidationLib.Deviation.DeviationReport import DeviationReport
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Pictures.DeviationModel import deviationModels, fewerTriangles


def slope(points):
    """A deviation that follows from the place: mm."""
    return 0.03 * (points[:, 0] - 100) - 0.02 * points[:, 2]


def measuredBall(name="ball", level=4, middle=(100, -50, 12), radius=20.0):
    """A ball whose deviation is the slope above, and which was not measured on its right."""
    points, triangles = icosphere(radius, level, middle)
    mesh = TriangleMesh(points, triangles, name)
    quality = np.where(mesh.points[:, 0] < middle[0] - 0.5 * radius, Quality.NO_EDGE, Quality.RELIABLE).astype(np.uint8)
    distance = slope(mesh.points).astype(np.float32)
    distance[quality != Quality.RELIABLE] = np.nan
    return DeviationMap("image", mesh, distance, quality, np.ones(len(mesh.points)))


def caseOf(deviation, tolerance=0.4):
    case = Case(profile=loadProfile("anatomical-model"), mesh=deviation.mesh)
    case.measurements["deviation"] = DeviationReport({"image": {"tolerance": tolerance}}, {"image": deviation})
    return case


def read(glb):
    """The file by trimesh: scene and its one mesh."""
    import io

    import trimesh

    scene = trimesh.load(io.BytesIO(glb), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    return scene, mesh


def test_anotherLibraryReadsTheSameMeshAndDeviations():
    deviation = measuredBall()
    (model,) = deviationModels([caseOf(deviation)])
    assert (model.file, model.kind, model.segment, model.rangeMm) == ("deviation.glb", "image", "", 0.8)
    assert model.triangles == model.ofTriangles == len(deviation.mesh.triangles)
    scene, mesh = read(model.glb)
    np.testing.assert_array_equal(mesh.vertices, deviation.mesh.points)
    np.testing.assert_array_equal(mesh.faces, deviation.mesh.triangles)
    measured = deviation.quality == Quality.RELIABLE
    np.testing.assert_array_equal(mesh.vertex_attributes["_MEASURED"].ravel() == 1, measured)
    shown = mesh.vertex_attributes["_DEVIATION"].ravel()
    np.testing.assert_array_equal(shown[measured], deviation.distance[measured])
    assert (shown[~measured] == 0).all() and 0 < measured.mean() < 1
    # In glTF a patient stands head up (+Y), looks towards +Z, and has the left at +X; the unit is the meter.
    low, high = scene.bounds
    np.testing.assert_allclose((low + high) / 2, (0.1, 0.012, 0.05), atol=1e-5)
    np.testing.assert_allclose(high - low, 0.04, atol=1e-4)


def test_colorsAreLinearAsGltfAsksFor():
    deviation = measuredBall()
    (model,) = deviationModels([caseOf(deviation)])
    # trimesh leaves the colors out where there is a material, so they are taken from the file itself.
    length = int.from_bytes(model.glb[12:16], "little")
    content = json.loads(model.glb[20 : 20 + length])
    number = content["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    view = content["bufferViews"][content["accessors"][number]["bufferView"]]
    start = 28 + length + view["byteOffset"]
    colors = np.frombuffer(model.glb[start : start + view["byteLength"]], np.uint8).reshape(-1, 4)
    notMeasured = deviation.quality != Quality.RELIABLE
    # 75 of 255 in sRGB is 7.0 % of the light (IEC 61966-2-1).
    assert (colors[notMeasured] == (18, 18, 18, 255)).all()
    assert colors[np.nanargmin(deviation.distance), 2] > colors[np.nanargmin(deviation.distance), 0]
    assert colors[np.nanargmax(deviation.distance), 0] > colors[np.nanargmax(deviation.distance), 2]


def test_fileIsWholeAndWellFormed():
    (model,) = deviationModels([caseOf(measuredBall())])
    glb = model.glb
    assert glb[:4] == b"glTF" and int.from_bytes(glb[4:8], "little") == 2
    assert int.from_bytes(glb[8:12], "little") == len(glb) and len(glb) % 4 == 0
    length = int.from_bytes(glb[12:16], "little")
    content = json.loads(glb[20 : 20 + length])
    assert int.from_bytes(glb[20 + length : 24 + length], "little") == content["buffers"][0]["byteLength"]
    sizes = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
    for accessor in content["accessors"]:
        view = content["bufferViews"][accessor["bufferView"]]
        width = {5121: 1, 5125: 4, 5126: 4}[accessor["componentType"]] * sizes[accessor["type"]]
        assert view["byteLength"] == accessor["count"] * width and view["byteOffset"] % 4 == 0
    # Nothing in it says whose it is.
    assert b"ball" not in glb


@pytest.mark.parametrize("most", [6000, 20000])
def test_fewerTrianglesKeepShapePlaceAndDeviation(most):
    deviation = measuredBall(level=6)
    mesh = deviation.mesh
    fewer, source = fewerTriangles(mesh, most)
    assert 0.8 * most < len(fewer.triangles) <= most < len(mesh.triangles)
    assert len(np.unique(fewer.triangles)) == len(fewer.points) == len(source)
    radii = np.linalg.norm(fewer.points - np.array([100, -50, 12]), axis=1)
    assert np.abs(radii - 20).max() < 0.1
    away = np.linalg.norm(mesh.points[source] - fewer.points, axis=1)
    assert away.max() < 0.7
    known = np.isfinite(deviation.distance[source])
    # The slope is 0.036 mm for each mm.
    np.testing.assert_allclose(deviation.distance[source][known], slope(fewer.points)[known], atol=0.036 * 0.7)


def test_modelsShareTheTrianglesOfAReport():
    cases = [caseOf(measuredBall(level=5)), caseOf(measuredBall(level=5, middle=(0, 0, 0)))]
    models = deviationModels(cases, mostTriangles=8000)
    assert [model.file for model in models] == ["deviation-1.glb", "deviation-2.glb"]
    assert all(2000 < model.triangles <= 4000 and model.ofTriangles == 20480 for model in models)


def test_whatWasNotMeasuredHasNoModel():
    case = Case(profile=loadProfile("anatomical-model"))
    assert deviationModels([case]) == []
    deviation = measuredBall()
    deviation.mesh.points[3] = np.nan
    assert deviationModels([caseOf(deviation)]) == []


def test_modelLiesBesideTheReportOnlyWhereItIsLookedAt(tmp_path, capsys):
    (tmp_path / "scan").mkdir()
    writeNamedScan(tmp_path / "scan")
    assert validated(tmp_path / "scan", tmp_path / "plain")["models3d"] == []
    assert not list((tmp_path / "plain").glob("*.glb"))
    report = validated(tmp_path / "scan", tmp_path / "shown", "--formats", "json,html")
    (entry,) = report["models3d"]
    content = (tmp_path / "shown" / entry["file"]).read_bytes()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(read(content)[1].faces) == entry["triangles"]
    capsys.readouterr()
    (tmp_path / "shown" / entry["file"]).write_bytes(content + b"\0")
    assert main(["report", str(tmp_path / "shown" / "report.json")]) == 2
    assert "3D model deviation.glb is not the one" in capsys.readouterr().err
    (tmp_path / "shown" / entry["file"]).unlink()
    assert main(["report", str(tmp_path / "shown" / "report.json")]) == 2
    assert "3D model deviation.glb cannot be read" in capsys.readouterr().err


def edgesOf(triangles):
    """How many triangles every edge has."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


def test_whatIsClosedStaysClosedWithItsBodiesAndHandles():
    around, across = 240, 60
    u, v = (2 * np.pi * np.arange(count) / count for count in (around, across))
    reach = 20 + 4 * np.cos(v)[None]
    ring = np.stack([np.cos(u)[:, None] * reach, np.sin(u)[:, None] * reach, 0 * u[:, None] + 4 * np.sin(v)], axis=2)
    here = np.arange(around * across).reshape(around, across)
    on, up = np.roll(here, -1, axis=0), np.roll(here, -1, axis=1)
    quads = np.stack([here, on, np.roll(on, -1, axis=1), up], axis=2).reshape(-1, 4)
    ring = TriangleMesh(ring.reshape(-1, 3), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    ball = TriangleMesh(*icosphere(6.0, 5, (60, 0, 0)))
    points = np.concatenate([ring.points, ball.points])
    both = TriangleMesh(points, np.concatenate([ring.triangles, ball.triangles + len(ring.points)]))
    assert (edgesOf(both.triangles) == 2).all()
    fewer, source = fewerTriangles(both, 4000)
    assert 3000 < len(fewer.triangles) <= 4000
    assert (edgesOf(fewer.triangles) == 2).all()
    # Euler characteristic: 0 of the ring and 2 of the ball.
    assert len(fewer.points) - len(edgesOf(fewer.triangles)) + len(fewer.triangles) == 2
    np.testing.assert_array_equal(fewer.points, both.points[source])


def test_thePointThatMattersMostStays():
    mesh = TriangleMesh(*icosphere(20.0, 5))
    weights = np.zeros(len(mesh.points), dtype=np.float32)
    weights[1234] = np.inf
    _fewer, source = fewerTriangles(mesh, 1500, weights)
    assert 1234 in source
