"""Cases beyond scan and anatomy: printed parts, and scans that are no DICOM series."""

import json

import numpy as np
import pytest

from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Batches import readSummary, runBatch, writeTable
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.PartShapes import posed, randomPose
from M3DTestSupport.SmallScan import smallImage


def pebble():
    """A closed surface without symmetry: a ball that is pressed and bent another way along each axis."""
    points, triangles = icosphere(1.0, 3)
    x, y, z = (points * [30.0, 20.0, 12.0]).T
    bent = np.stack([x + 0.006 * x * x, y + 0.012 * x * x + 0.004 * x * z, z + 0.012 * x * y + 0.01 * y * y], axis=1)
    return TriangleMesh(bent, triangles)


@pytest.fixture
def folder(tmp_path):
    """A model, a print of it that lies elsewhere, and one with a blob of 4 mm on it."""
    model = pebble()
    pose = randomPose(3)
    top = model.points[:, 2].argmax()
    near = np.exp(-(np.linalg.norm(model.points - model.points[top], axis=1) ** 2) / 60.0)
    blob = TriangleMesh(model.points + near[:, None] * np.array([0.0, 0.0, 4.0]), model.triangles)
    for name, mesh in (("model", model), ("print", posed(model, pose)), ("blob", posed(blob, pose))):
        (tmp_path / f"{name}.stl").write_bytes(stlBytes(mesh))
    return tmp_path


def test_printedPartIsAlignedAndComparedAndJudgesTheCase(folder):
    common = {"mesh": "model.stl", "profile": "education"}
    rows = [{"id": name, "part": f"{name}.stl", **common} for name in ("print", "blob")]
    status = runBatch(writeTable(folder / "cases.csv", rows), folder / "out", "--workers", "0")
    _summary, cases = readSummary(folder / "out")
    assert status == 1
    assert cases["print"]["verdict"] in ("pass", "warning"), cases["print"]["reason"]
    assert cases["blob"]["verdict"] == "fail"
    assert cases["blob"]["worst"]["of"] == "part"
    report = folder / "out" / cases["print"]["reports"]["part"]["json"]
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["deviation"]["surface"]["p95Absolute"] == pytest.approx(0, abs=0.01)
    assert found["report"] == "part/report.json"


def test_modelOfAScanThatIsNoDicomIsJudgedAndTheMissingObjectIsSaid(tmp_path):
    import SimpleITK

    image = smallImage()
    volume = SimpleITK.GetImageFromArray(image.array.astype(np.int16))
    volume.SetSpacing([float(step) for step in image.spacing])
    volume.SetOrigin([float(value) for value in image.ijkToLps[:3, 3]])
    SimpleITK.WriteImage(volume, str(tmp_path / "scan.nrrd"))
    rows = [{"id": "a", "image": "scan.nrrd", "threshold": "500", "description": "Bodies"}]
    assert runBatch(writeTable(tmp_path / "cases.csv", rows), tmp_path / "out", "--workers", "0") in (0, 1, 3)
    case = readSummary(tmp_path / "out")[1]["a"]
    assert case["models"] == []
    assert "no DICOM series" in case["remarks"][0]
    assert abs(case["deviation"]["meanSigned"]) < 0.1
