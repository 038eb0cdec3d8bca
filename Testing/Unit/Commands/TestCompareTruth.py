"""Parts of known error through ``m3d compare``: what was done to them comes out, or is said to be unsure."""

import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.PartShapes import partMesh, posed, randomPose, seenFrom, withTable


@pytest.fixture(scope="module")
def vertebra():
    return partMesh("vertebra", 1.5)


@pytest.fixture
def compare(vertebra, capsys, tmp_path):
    def compared(part, *extra, seed=3):
        (tmp_path / "model.stl").write_bytes(stlBytes(vertebra))
        (tmp_path / "part.stl").write_bytes(stlBytes(posed(part, randomPose(seed), 0.05, seed)))
        arguments = [str(tmp_path / name) for name in ("part.stl", "model.stl")]
        status = main(["compare", *arguments, "--register", "--json", "--profile", "anatomical-model", *extra])
        data = json.loads(capsys.readouterr().out)
        return status, data, {finding["requirement"]: finding for finding in data["findings"]}

    return compared


def changed(mesh, change):
    return TriangleMesh(change(mesh.points.astype(np.float64)), mesh.triangles)


def test_shrinkageOf3In1000AlongOneAxis(vertebra, compare):
    status, data, found = compare(changed(vertebra, lambda points: points * [1, 1, 0.997]))
    scale, half = (np.array(data["shape"][key]) for key in ("scale", "scaleUncertainty95"))
    assert status == 0 and found["part-scale"]["verdict"] == "pass"
    assert (np.abs(scale - [1, 1, 0.997]) <= half + 0.0001).all()
    # Told from no shrinkage at all.
    assert half[2] < 0.0015 and scale[2] + half[2] < 1
    assert abs(data["shape"]["growthMm"]) < 0.01
    # Noise of 0.05 mm along each axis; half of it is seen along the normals between the corners.
    assert 0.02 < data["shape"]["roughnessRmsMm"] < 0.06


def test_aPartBentAboutARadiusIsWarpedNotScaledAlongIt(vertebra, compare):
    radius = 1000.0

    def bent(points):
        x, y, z = points.T
        return np.stack([(radius - z) * np.sin(x / radius), y, radius - (radius - z) * np.cos(x / radius)], axis=1)

    _, data, found = compare(changed(vertebra, bent))
    assert data["registration"]["doubtful"] is False
    # Where the surface is seen from above or below, x * x / (2 R) less its best plane; 44 mm is the farthest x.
    highest = 44**2 / (2 * radius)
    assert 0.1 * highest < data["shape"]["warpP95Mm"] < highest
    assert data["shape"]["roughnessRmsMm"] < 0.1
    assert found["part-warp"]["measured"] == data["shape"]["warpP95Mm"]


def test_aSideOnAScanTableIsNotTooLarge(vertebra, compare):
    side = withTable(seenFrom(vertebra, (0.1, 0.3, 1.0), 0.6), 2.0)
    low = side.points.min(axis=0)[2]
    # Without the supports: the table and the part alone.
    kept = np.abs(side.points[side.triangles].mean(axis=1)[:, 2] - low) < 2.5
    kept |= np.arange(len(side.triangles)) < len(side.triangles) - 4 * 192 - 3072
    status, data, found = compare(TriangleMesh(side.points, side.triangles[kept]))
    assert data["registration"]["setAsideShare"] > 0.4 and data["A"]["leftOutShare"] > 0.4
    assert any("scan table" in note for note in data["A"]["warnings"])
    assert found["part-tolerance"]["verdict"] == "pass" and found["part-bias"]["verdict"] == "pass"
    assert found["part-missing"]["verdict"] == "notAssessable" and status == 3
