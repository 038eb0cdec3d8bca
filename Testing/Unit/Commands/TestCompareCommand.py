"""``m3d compare``: figures, alignment, table of points, refusals."""

import csv
import json
import re

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Alignment.PointPairs import alignByPairs
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Sphere, Union, rotationAbout
from M3DTestSupport.ShapeMeshes import surfaceMesh

LUMP = Union((Sphere((0, 0, 0), 8), Box((7, 3, 1), (12, 6, 5))))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meshes")
    lump = surfaceMesh(LUMP, [-10] * 3, [15] * 3, 0.7)
    meshes = {
        "model": lump,
        "larger": surfaceMesh(LUMP, [-10] * 3, [15] * 3, 0.7, 0.3),
        "moved": TriangleMesh(lump.points + np.float32([2, 1, -1]), lump.triangles),
    }
    for name, mesh in meshes.items():
        (folder / f"{name}.stl").write_bytes(stlBytes(mesh))
    return {name: str(folder / f"{name}.stl") for name in meshes}


def run(capsys, *arguments):
    status = main(["compare", *arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


def test_offsetIsMeasuredWithItsSign(files, capsys):
    status, text, _ = run(capsys, files["model"], files["larger"], "--json")
    data = json.loads(text)
    facts = data["deviation"]["surface"]
    assert status == 0
    assert facts["meanSigned"] == pytest.approx(0.3, abs=0.02)
    assert facts["reverse"]["meanSigned"] == pytest.approx(0.3, abs=0.02)
    assert facts["withinTolerance"] > 0.98
    assert data["registration"] is None


def test_alignmentIsReportedApartFromTheComparison(files, capsys):
    _, text, _ = run(capsys, files["moved"], files["model"], "--register", "--json")
    data = json.loads(text)
    assert [row[3] for row in data["registration"]["matrix"][:3]] == pytest.approx([-2, -1, 1], abs=0.01)
    assert data["deviation"]["surface"]["p95Absolute"] < 0.02
    assert "rigid" in data["deviation"]["surface"]["registration"]
    _, text, _ = run(capsys, files["moved"], files["model"], "--json")
    assert json.loads(text)["deviation"]["surface"]["p95Absolute"] > 1


MARKS = np.array([[-8, 0, 0], [0, 8, 0], [0, 0, -8], [13, 3, 1]], float)


@pytest.fixture(scope="module")
def upsideDown(files, tmp_path_factory):
    """A mesh turned too far for closest points alone, and pairs marked with errors of up to a millimeter."""
    folder = tmp_path_factory.mktemp("turned")
    turn = rotationAbout((1, 2, 0.5), 150)
    lump = surfaceMesh(LUMP, [-10] * 3, [15] * 3, 0.7)
    (folder / "turned.stl").write_bytes(stlBytes(TriangleMesh(lump.points @ turn.T + [40, -9, 3], lump.triangles)))
    marked = MARKS @ turn.T + [40, -9, 3] + np.random.default_rng(2).uniform(-0.6, 0.6, MARKS.shape)
    header, rows = "name,x1,y1,z1,x2,y2,z2,space", np.hstack([marked, MARKS])
    lines = [",".join([f"p{number}", *map(str, row), "LPS"]) for number, row in enumerate(rows)]
    (folder / "pairs.csv").write_text("\n".join([header, *lines]))
    flip = np.array([-1, -1, 1])
    pairs = [{"a": list(a * flip), "b": list(b * flip)} for a, b in zip(marked, MARKS, strict=True)]
    (folder / "pairs.json").write_text(json.dumps({"coordinateSystem": "RAS", "pairs": pairs}))
    return folder


@pytest.mark.parametrize("pairs", ["pairs.csv", "pairs.json"])
def test_pairsOfPointsComeBeforeClosestPoints(files, upsideDown, capsys, pairs):
    turned, points = str(upsideDown / "turned.stl"), str(upsideDown / pairs)
    _, text, _ = run(capsys, turned, files["model"], "--register-points", points, "--register", "--json")
    data = json.loads(text)
    assert data["deviation"]["surface"]["p95Absolute"] < 0.05
    assert data["registration"]["residual"] < 0.05
    assert 0.1 < data["registrationByPoints"]["residual"] < 1.0
    assert len(data["registrationByPoints"]["pairs"]) == 4
    assert "4 pairs of points" in data["deviation"]["surface"]["registration"]
    assert "closest points" in data["deviation"]["surface"]["registration"]


def test_pairsOfPointsAlone(files, upsideDown, capsys):
    turned, points = str(upsideDown / "turned.stl"), str(upsideDown / "pairs.csv")
    _, text, _ = run(capsys, turned, files["model"], "--register-points", points, "--json")
    data = json.loads(text)
    assert 0.05 < data["deviation"]["surface"]["p95Absolute"] < 2
    assert data["registration"]["residual"] == data["registrationByPoints"]["residual"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "x1,y1,z1,x2,y2,z2\n1,2,3,1,2,3\n4,5,7,4,5,7\n", "at least three pairs"),
        ("a.csv", "x1,y1,z1,x2,y2,z2\n" + "".join(f"{n},0,0,{n},0,0\n" for n in range(4)), "one line"),
        ("a.csv", "x1,y1,z1,x2,y2\n1,2,3,4,5\n", "no column z2"),
        ("a.csv", "", "no column"),
        ("a.csv", "x1,y1,z1,x2,y2,z2\n1,2,nan,4,5,6\n", "pair 1"),
        ("a.csv", "x1,y1,z1,x2,y2,z2,space\n1,2,3,4,5,6,IJK\n", "IJK"),
        ("a.json", '{"pairs": [{"a": [1, 2], "b": [1, 2, 3]}]}', "pair 1"),
        ("a.json", "[1, 2", "not valid JSON"),
        ("a.json", "[]", "must hold"),
        ("a.txt", "1 2 3", ".csv or .json"),
    ],
)
def test_wrongPairsAreRefused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(M3DError, match=re.escape(message)):
        alignByPairs(tmp_path / name)


def test_missingFileOfPairsIsRefused(files, capsys):
    status, text, error = run(capsys, files["model"], files["larger"], "--register-points", "/no/such/pairs.csv")
    assert status == 2 and not text
    assert "pairs.csv" in error


def test_textSaysWhatTheSignMeans(files, capsys):
    status, text, _ = run(capsys, files["model"], files["larger"])
    assert status == 0
    assert "Positive" in text and "too small" in text and "Alignment: none" in text


def test_tableOfPointsHoldsBothMeshes(files, capsys, tmp_path):
    table = tmp_path / "points.csv"
    run(capsys, files["model"], files["larger"], "--points-csv", str(table), "--json")
    rows = list(csv.DictReader(table.open()))
    assert {row["part"] for row in rows} == {"A", "B"}
    values = np.array([float(row["deviation_mm"]) for row in rows if row["part"] == "A"])
    assert np.median(values) == pytest.approx(0.3, abs=0.01)
    assert [file.name for file in tmp_path.iterdir()] == ["points.csv"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--tolerance", "0"], "above 0 mm"),
        (["--register", "--trim", "1"], "less than 1"),
        (["--points-csv", "/no/such/folder/points.csv"], "does not exist"),
    ],
)
def test_wrongOptionsAreRefused(files, capsys, extra, message):
    status, _, error = run(capsys, files["model"], files["larger"], *extra)
    assert status == 2
    assert message in error


def test_missingFileIsRefused(files, capsys):
    status, _, error = run(capsys, files["model"], files["model"] + ".gone.stl")
    assert status == 2
    assert "does not exist" in error


def test_anyPositionIsFoundWithoutMarks(files, upsideDown, capsys):
    status, text, _ = run(capsys, str(upsideDown / "turned.stl"), files["model"], "--register", "--json")
    data = json.loads(text)
    assert status == 0 and data["registration"]["doubtful"] is False
    assert data["registration"]["doubtfulBecause"] == "" and data["registration"]["alternatives"] == []
    assert data["registration"]["uncertaintyMm"] < 0.05
    assert data["deviation"]["surface"]["p95Absolute"] < 0.02


def test_aDoubtfulAlignmentIsNoResult(tmp_path, capsys):
    ball = surfaceMesh(Sphere((0, 0, 0), 8), [-10] * 3, [10] * 3, 1.0)
    (tmp_path / "ball.stl").write_bytes(stlBytes(ball))
    (tmp_path / "other.stl").write_bytes(stlBytes(TriangleMesh(ball.points + np.float32([30, 0, 0]), ball.triangles)))
    arguments = [str(tmp_path / "other.stl"), str(tmp_path / "ball.stl"), "--register"]
    # Text and JSON of one run.
    status, text, _ = run(capsys, *arguments, "--json", str(tmp_path / "said.json"))
    data = json.loads((tmp_path / "said.json").read_text(encoding="utf-8"))
    assert status == 3 and "not assessable" in text
    assert data["registration"]["doubtful"] is True and data["registration"]["doubtfulBecause"]
    assert data["deviation"]["surface"] is None


def test_meshesThatLieApartAreAnErrorWithNumbers(files, upsideDown, capsys):
    status, text, error = run(capsys, str(upsideDown / "turned.stl"), files["model"], "--json")
    assert status == 2 and not text
    assert "do not overlap" in error and "mm apart" in error and "--register" in error


def test_versionsAreComparedWithoutAWordOfPrinting(files, capsys, tmp_path):
    longer = surfaceMesh(Union((LUMP, Box((0, 0, 8), (4, 4, 6)))), [-10] * 3, [15] * 3, 0.7)
    (tmp_path / "next.stl").write_bytes(stlBytes(longer))
    status, text, _ = run(capsys, str(tmp_path / "next.stl"), files["model"], "--json")
    changes = json.loads(text)["changes"]
    assert status == 0 and changes["placeCount"] >= 1
    assert changes["places"][0]["kind"] == "added" and changes["places"][0]["pointLps"][2] > 10
    assert changes["volumeChangeMm3"] == pytest.approx(changes["places"][0]["volumeMm3"], abs=5)
    status, text, _ = run(capsys, str(tmp_path / "next.stl"), files["model"])
    assert status == 0 and "From B to A" in text and "added" in text and "print" not in text
    status, text, _ = run(capsys, files["model"], files["model"])
    assert status == 0 and "nothing changed" in text
