"""``m3d compare``: figures, alignment, table of points, refusals."""

import csv
import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.PhantomShapes import Box, Sphere, Union
from M3DLib.StlFile import stlBytes
from M3DLib.TriangleMesh import TriangleMesh
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
    assert facts["withinTolerance"] > 0.99
    assert data["registration"] is None


def test_alignmentIsReportedApartFromTheComparison(files, capsys):
    _, text, _ = run(capsys, files["moved"], files["model"], "--register", "--json")
    data = json.loads(text)
    assert [row[3] for row in data["registration"]["matrix"][:3]] == pytest.approx([-2, -1, 1], abs=0.01)
    assert data["deviation"]["surface"]["p95Absolute"] < 0.02
    assert "rigid" in data["deviation"]["surface"]["registration"]
    _, text, _ = run(capsys, files["moved"], files["model"], "--json")
    assert json.loads(text)["deviation"]["surface"]["p95Absolute"] > 1


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
