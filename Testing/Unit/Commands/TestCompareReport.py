"""``m3d compare --output``: judged by a profile, with the report's faces, references and error budget."""

import json

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Phantom.PhantomShapes import Box, Moved, Sphere, Union, rotationAbout
from M3DTestSupport.Models import STUDY, makeObject
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
    # Three planes through the middle and through each of the worst places, whose captions say where they are.
    worst = [one for one in stored["pictures"] if one["kind"] == "worst"]
    assert len(worst) % 3 == 0 and worst
    for first in range(0, len(worst), 3):
        assert {one["title"].split()[-2] for one in worst[first : first + 3]} == {"axial", "coronal", "sagittal"}
    x, y, z = stored["deviation"]["surface"]["worstPointLps"]
    sides = f"{'RL'[x >= 0]} {abs(x):.1f}, {'AP'[y >= 0]} {abs(y):.1f}, {'IS'[z >= 0]} {abs(z):.1f} mm"
    assert all(sides in one["title"] for one in worst[:3])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "part too large" in page and "model to the scan" not in page and "origin of the scan" not in page
    assert "assumed, the file does not say" in page
    assert "Comparison of a part with its model" in page and "Scale along x" in page


def test_aShrunkPartFails(files, capsys):
    status, data, _ = compare(capsys, files / "shrunk.stl", files / "model.stl", "--profile", "surgical-guide")
    assert status == 1 and data["toleranceMm"] == 0.5
    failed = {finding["requirement"] for finding in data["findings"] if finding["verdict"] == "fail"}
    assert "part-scale" in failed


def test_withoutAFolderNoReportIsNamed(files, capsys):
    main(["compare", str(files / "good.stl"), str(files / "model.stl"), "--profile", "surgical-guide"])
    said = capsys.readouterr().out
    assert "Profile surgical-guide" in said and "Report:" not in said


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
        (["--versions", "--profile", "implant"], "judges nothing"),
        (["--versions", "--formats", "json,sr", "--output", "here"], "--formats sr"),
    ],
)
def test_wrongOptionsAreRefused(files, capsys, tmp_path, extra, message):
    extra = [str(tmp_path / one) if one == "here" else one for one in extra]
    status, data, error = compare(capsys, files / "good.stl", files / "model.stl", *extra)
    assert status == 2 and data is None and message in error
    assert list(tmp_path.iterdir()) == []


def test_aCtSeriesOfThePartIsBroughtOntoItsModel(files, capsys, tmp_path):
    ijkToLps = np.diag([0.8, 0.8, 0.8, 1.0])
    ijkToLps[:3, 3] = [-30, -22, -20]
    turn = rotationAbout((0.3, 1, 0.2), 20)
    part = Moved(SHAPE, tuple(map(tuple, turn)), (1.0, -2.0, 3.0))
    image = renderPhantom([(part, 120.0)], -1000.0, (76, 56, 52), ijkToLps, 1.2, noise=15.0)
    writeSeries(image, tmp_path / "scan")
    status, data, error = compare(capsys, tmp_path / "scan", files / "model.stl", "--register")
    assert status == 0, error or data["registration"]["doubtfulBecause"]
    left = np.array(data["registration"]["matrix"])[:3, :3] @ turn
    assert np.abs(left - np.eye(3)).max() < 0.004
    assert data["deviation"]["surface"]["p95Absolute"] < 0.3
    assert data["partScan"]["materialValue"] == pytest.approx(120, abs=20)
    assert data["A"]["format"] == "scan" and "one material" in error


def test_twoVersionsHaveAReportThatJudgesNothing(files, capsys, tmp_path):
    post = surfaceMesh(Union((SHAPE, Box((-10, 0, 8), (6, 6, 8)))), [-24, -16, -10], [24, 16, 18], 1.5)
    (tmp_path / "next.stl").write_bytes(stlBytes(post))
    arguments = [tmp_path / "next.stl", files / "model.stl", "--versions", "--output", tmp_path / "out"]
    status, data, error = compare(capsys, *arguments, "--formats", "json,html,pdf")
    assert status == data["exitStatus"] == 0, error
    stored, attachments = readReport(tmp_path / "out" / "report.json")
    jsonschema.validate(stored, readSchema())
    assert stored["verdict"] == "information" and stored["findings"] == []
    assert stored["changes"]["places"][0]["kind"] == "added"
    # 6 x 6 mm, 6 mm high above the plate, whose upper face lies at 6 mm.
    assert stored["changes"]["places"][0]["volumeMm3"] == pytest.approx(6 * 6 * 6, rel=0.15)
    sentence = stored["answer"]["sentence"]
    assert "largest place was added" in sentence and "Nothing is judged" in sentence and "intended use" not in sentence
    assert "section-worst-1.png" in attachments
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "New version" in page and ">added</text>" in page and "too large" not in page.partition("attention")[0]
    assert "Comparison of two versions of a model" in page and "What changed" in page and "part (orange)" not in page
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")
    numbers = {stored["document"]["number"]}
    _, other, _ = compare(capsys, files / "shrunk.stl", files / "model.stl", "--versions", "--output", tmp_path / "two")
    assert other["document"]["number"] not in numbers


def test_anEncapsulatedModelGetsItsReportInItsStudy(files, capsys, tmp_path):
    model, _ = readMesh(files / "model.stl")
    makeObject(mesh=model).save_as(tmp_path / "model.dcm", enforce_file_format=True)
    status, data, _ = compare(
        capsys, files / "good.stl", tmp_path / "model.dcm", "--output", tmp_path / "out", "--formats", "json,sr"
    )
    assert status == 0 and data["case"]["patient"]["name"] == "Doe^Jane"
    stored = [dcmread(file) for file in (tmp_path / "out" / "dicom").rglob("*") if file.is_file()]
    report = next(one for one in stored if one.get("Modality") == "SR")
    assert report.PatientID == "PID-4711" and report.StudyInstanceUID == STUDY
    assert data["dicomReferences"]["models"][0]["sopInstanceUid"] in str(report)
