"""Meshes that lie apart are refused with numbers; datum regions come from files."""

import json

import numpy as np
import pytest

from M3DLib.Alignment.DatumRegion import readDatum
from M3DLib.Alignment.Overlap import requireOverlap
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere

BALL = TriangleMesh(*icosphere(10, 3))


def shifted(*by):
    return TriangleMesh(BALL.points + np.float32(by), BALL.triangles)


def test_boxesApartAreRefusedWithTheGap():
    with pytest.raises(M3DError, match=r"5\.0 mm apart.*--register"):
        requireOverlap(BALL, shifted(25, 0, 0))


def test_surfacesThatNowhereMeetAreRefusedThoughTheirBoxesDo():
    with pytest.raises(M3DError, match=r"do not overlap.*mm away"):
        requireOverlap(TriangleMesh(BALL.points / 5, BALL.triangles), BALL)


def test_surfacesSomeWayOffAreCompared():
    requireOverlap(BALL, shifted(3, 0, 0))
    requireOverlap(BALL, TriangleMesh(BALL.points * np.float32(1.1), BALL.triangles))


def test_ballsAndBoxesOfADatumRegion(tmp_path):
    file = tmp_path / "datum.json"
    file.write_text(
        json.dumps(
            {
                "coordinateSystem": "RAS",
                "balls": [{"center": [-5, 0, 0], "radius": 2}],
                "boxes": [{"low": [-1, -1, -1], "high": [1, 1, 1]}],
            }
        )
    )
    points = np.array([[5, 1, 0], [-5, 0, 0], [0.5, -0.5, 0], [3, 0, 0.0]])
    assert readDatum(file)(points).tolist() == [True, False, True, True]


def test_aMeshOfDatumSurfaces(tmp_path):
    upper = BALL.triangles[BALL.points[BALL.triangles].mean(axis=1)[:, 2] > 2]
    file = tmp_path / "datum.stl"
    file.write_bytes(stlBytes(TriangleMesh(BALL.points, upper)))
    assert readDatum(file)(np.array([[0, 0, 10.0], [0, 0, -10], [10, 0, 0]])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "names no datum region"),
        ("[1", "not valid JSON"),
        ("[]", "must hold an object"),
        ('{"balls": [{"center": [1, 2], "radius": 3}]}', r"balls\[0\].center"),
        ('{"balls": [{"center": [1, 2, 3], "radius": -3}]}', r"balls\[0\].radius"),
        ('{"boxes": {"low": 1}}', "must be a list"),
        ('{"coordinateSystem": "IJK", "balls": []}', "IJK"),
    ],
)
def test_wrongRegionsAreRefused(tmp_path, text, message):
    (tmp_path / "datum.json").write_text(text)
    with pytest.raises(M3DError, match=message):
        readDatum(tmp_path / "datum.json")
