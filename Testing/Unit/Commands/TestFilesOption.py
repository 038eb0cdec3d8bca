"""``--files`` of ``m3d export`` and ``m3d run``: the same model for printers, beside its object and of its verdict."""

import json
import re
import shutil
import subprocess

import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.ModelFiles.ModelFile import FORMATS
from M3DTestSupport.Reports import writeNamedScan
from M3DTestSupport.SmallScan import BALL, BOX


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    pytest.importorskip("lib3mf")
    folder = tmp_path_factory.mktemp("scan")
    writeNamedScan(folder)
    return folder


@pytest.fixture(scope="module")
def exported(scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("files") / "out"
    result = out.parent / "result.json"
    call = ["export", "--image", scan, "--threshold", 500, "--output", out, "--title", "Ball and box"]
    assert main([str(one) for one in [*call, "--files", ",".join(FORMATS), "--json", result]]) == 0
    return json.loads(result.read_text(encoding="utf-8")), out


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "glb"])
def test_ourReaderFindsTheSameModelInEveryFormat(exported, kind):
    data, out = exported
    (model,) = data["models"]
    file = out / f"Ball-and-box.{kind}"
    assert str(file) in data["files"] and str(file) in model["files"]
    mesh, notes = readMesh(file)
    assert notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx(model["volumeMm3"], rel=1e-5)
    assert mesh.volumeMm3 == pytest.approx(BALL.volumeMm3 + BOX.volumeMm3, rel=0.03)
    assert mesh.boundsLps == pytest.approx(model["boundsLps"], abs=1e-3)


@pytest.mark.parametrize("kind", ["stl", "3mf", "obj", "ply", "glb"])
def test_trimeshFindsTheSame(exported, kind):
    trimesh = pytest.importorskip("trimesh")
    data, out = exported
    found = trimesh.load_scene(out / f"Ball-and-box.{kind}").to_mesh()
    factor = 1000.0 if kind == "glb" else 1.0
    assert abs(found.volume) * factor**3 == pytest.approx(data["models"][0]["volumeMm3"], rel=1e-4)
    if kind != "glb":
        bounds = data["models"][0]["boundsLps"]
        assert found.bounds.ravel() == pytest.approx([*bounds[::2], *bounds[1::2]], abs=1e-3)


@pytest.mark.parametrize("kind", ["stl", "3mf", "amf", "obj"])
def test_prusaSlicerFindsTheSame(exported, kind):
    program = shutil.which("prusa-slicer")
    if program is None:
        pytest.skip("prusa-slicer is not installed")
    data, out = exported
    call = [program, "--info", out / f"Ball-and-box.{kind}"]
    process = subprocess.run(call, capture_output=True, text=True, check=True, timeout=120)
    facts = re.findall(r"^(\w+) = (.*)$", process.stdout, re.MULTILINE)
    assert dict(facts)["manifold"] == "yes"
    assert float(dict(facts)["volume"]) == pytest.approx(data["models"][0]["volumeMm3"], rel=1e-3)


def test_noFileNamesThePatient(exported, scan):
    _data, out = exported
    header = dcmread(next(scan.glob("*.dcm")), stop_before_pixels=True)
    words = [part.encode() for part in str(header.PatientName).split("^")] + [str(header.PatientID).encode()]
    for file in out.glob("Ball*"):
        content = file.read_bytes()
        assert not [word for word in words if word in content], file


def run(scan, output, *more):
    """Run with a profile that no scan passes."""
    result, profile = output.parent / "run.json", output.parent / "strict.json"
    limits = {"passLimit": 0.01, "warningLimit": 0.02, "source": "set by us"}
    content = {"profile": "strict", "title": "strict", "version": "1", "requirements": {"slice-thickness": limits}}
    profile.write_text(json.dumps(content | {"tolerance": {"value": 1.0, "source": "set by us"}}), encoding="utf-8")
    call = ["run", "--image", scan, "--threshold", 500, "--output", output, "--json", result, "--profile", profile]
    call += more
    status = main([str(one) for one in call])
    return status, json.loads(result.read_text(encoding="utf-8"))


def test_aModelThatFailsIsExportedWithItsVerdictInTheFiles(scan, tmp_path):
    status, data = run(scan, tmp_path / "out", "--files", "ply", "--export-anyway", "only a test")
    assert status == 1
    (file,) = data["files"]
    header = (tmp_path / "out" / "dicom").joinpath(file).read_bytes().partition(b"end_header")[0]
    assert b"comment Verdict: fail" in header and b"comment ExportedAnyway: only a test" in header


def test_aModelThatFailsIsNotWrittenForThePrinter(scan, tmp_path):
    status, data = run(scan, tmp_path / "out", "--files", "3mf,obj")
    assert status == 1 and data["exported"] == [] and "files" not in data
    assert not [*tmp_path.rglob("*.3mf"), *tmp_path.rglob("*.obj")]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--files", "stl,step"], "'step' is no format"),
        (["--files", "stl", "--build-plate"], "does not go with STL"),
        (["--build-plate"], "say with --files which"),
    ],
)
def test_whatCannotBeDoneIsSaidBeforeTheScanIsRead(scan, tmp_path, capsys, options, words):
    call = ["export", "--image", str(scan), "--threshold", "500", "--output", str(tmp_path / "out"), *options]
    try:
        status = main(call)
    except SystemExit as ended:
        status = ended.code
    assert status == 2 and words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
