"""``m3d compare --output``: judged by a profile, with the report's faces, references and error budget."""

import json

import jsonschema
import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Sphere, Union
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.Report.ReportFiles import readReport

SHAPE = Union((Box((0, 0, 0), (40, 24, 12)), Sphere((14, 4, 6), 7)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    model = surfaceMesh(SHAPE, [-24, -16, -10], [24, 16, 18], 1.5)
    rng = np.random.default_rng(0)
    meshes = {
        "model": model,
        "good": TriangleMesh(model.points + rng.normal(0, 0.03, model.points.shape), model.triangles),
        "shrunk": TriangleMesh(model.points * np.float32(0.96), model.triangles),
    }
    for name, mesh in meshes.items():
        (folder / f"{name}.stl").write_bytes(stlBytes(mesh))
    (folder / "calipers.csv").write_text("name,x1,y1,z1,x2,y2,z2,printed\nlength,-20,-4,0,20,-4,0,39.9;40.1\n")
    return folder


def compare(capsys, *arguments):
    status = main(["compare", *map(str, arguments), "--json"])
    output = capsys.readouterr()
    return status, json.loads(output.out) if output.out else None, output.err


def test_aGoodPartPassesAndItsReportFollowsTheSchema(files, capsys, tmp_path):
    status, data, _ = compare(
        capsys, files / "good.stl", files / "model.stl", "--output", tmp_path, "--formats", "json,html",
        "--references", files / "calipers.csv",
    )  # fmt: skip
    assert status == data["exitStatus"] == 0
    stored, attachments = readReport(tmp_path / "report.json")
    jsonschema.validate(stored, readSchema())
    assert stored["registration"] is None and stored["shape"]["scale"][0] == pytest.approx(1, abs=0.005)
    findings = {finding["requirement"]: finding for finding in stored["findings"]}
    assert findings["reference-printed"]["verdict"] == "pass"
    assert findings["reference-printed"]["evidence"]["distances"][0]["expectedMm"] == pytest.approx(40, abs=0.01)
    assert {"section-x.png", "section-y.png", "section-z.png", "deviation.glb"} <= set(attachments)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Comparison of a part with its model" in page and "Scale along x" in page


def test_aShrunkPartFails(files, capsys):
    status, data, _ = compare(capsys, files / "shrunk.stl", files / "model.stl", "--profile", "surgical-guide")
    assert status == 1 and data["toleranceMm"] == 0.5
    failed = {finding["requirement"] for finding in data["findings"] if finding["verdict"] == "fail"}
    assert "part-scale" in failed


def test_theErrorBudgetTakesReportsOfTheOtherErrors(files, capsys, tmp_path):
    facts = {"meanSigned": 0.2, "sd": 0.3, "p95Absolute": 0.7, "uncertainty95": 0.05}
    (tmp_path / "validation.json").write_text(json.dumps({"deviation": {"image": facts}}))
    _, data, _ = compare(
        capsys, files / "good.stl", files / "model.stl", "--segmentation-report", tmp_path / "validation.json"
    )
    rows = {row["term"]: row for row in data["errorBudget"]["rows"]}
    assert rows["SegE"]["biasMm"] == 0.2 and rows["PrE"]["sdMm"] < 0.1
    assert data["errorBudget"]["dominant"] == "SegE" and data["errorBudget"]["missing"] == ["DEE"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--formats", "json,html"], "--output DIR"),
        (["--formats", "json,sr", "--output", "here"], "Encapsulated STL"),
        (["--threshold", "100"], "CT series"),
        (["--segmentation-report", "/no/such.json"], "cannot be read"),
        (["--datum", "x.json"], "--register"),
    ],
)
def test_wrongOptionsAreRefused(files, capsys, tmp_path, extra, message):
    extra = [str(tmp_path / one) if one == "here" else one for one in extra]
    status, data, error = compare(capsys, files / "good.stl", files / "model.stl", *extra)
    assert status == 2 and data is None and message in error
    assert list(tmp_path.iterdir()) == []
