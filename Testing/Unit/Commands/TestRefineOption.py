"""``--refine``: a model at the image's edge, and everything that is said of it, in object and report."""

import json

import pydicom
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Commands import requireRefusal, runJson, runM3d
from M3DTestSupport.SmallScan import BALL, writeSmallScan


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    return folder


@pytest.fixture(scope="module")
def exported(scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "out"
    anatomy = ["--image", scan, "--threshold", "250", "--largest", "1"]
    return runJson("export", *anatomy, "--output", out, "--title", "Ball", "--refine", "--refine-range", "0.8")


def test_theBallHasItsTrueVolumeFromALowThreshold(exported):
    (model,) = exported["models"]
    assert model["volumeMm3"] == pytest.approx(BALL.volumeMm3, rel=0.005)
    refinement = model["refinement"]
    assert refinement["movedShare"] > 0.95
    assert 0.05 < refinement["meanDisplacement"] < refinement["largestDisplacement"] <= 0.8


def test_theObjectSaysWhatWasDone(exported):
    (model,) = exported["models"]
    (algorithm,) = pydicom.dcmread(model["file"]).DerivationAlgorithmSequence
    parameters = dict(pair.split("=") for pair in algorithm.AlgorithmParameters.split(","))
    assert parameters["refine"] == "True"
    assert float(parameters["refinementMovedShare"]) == pytest.approx(model["refinement"]["movedShare"], rel=1e-3)
    assert float(parameters["refinementRange"]) == 0.8
    surface = readEncapsulatedStl(model["file"]).surface
    assert surface.refine and surface.refineRange == 0.8
    record = readEncapsulatedStl(model["file"]).mesh.record["refinement"]
    assert record["heldBackVertices"] == model["refinement"]["heldBackVertices"]


def test_theReportSaysItInTheDataFlowAndInWords(scan, tmp_path):
    arguments = ["validate", "--image", scan, "--threshold", "250", "--largest", "1", "--output", tmp_path / "out"]
    main([str(argument) for argument in [*arguments, "--formats", "html", "--refine"]])
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    (step,) = [step for step in report["dataFlow"] if step["step"] == "surface"]
    assert step["parameters"]["refine"] is True
    assert "moved to the image's edge" in step["parameters"]["afterwards"]
    (finding,) = [finding for finding in report["findings"] if finding["requirement"] == "surface-record"]
    assert "moved to the image's edge" in finding["message"]
    assert report["input"]["segments"][0]["refinement"]["applied"] is True
    assert "moved to the image" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_withoutTheOptionNothingIsMovedOrSaid(scan, tmp_path):
    result = runJson("export", "--image", scan, "--threshold", "500", "--output", tmp_path / "out")
    assert "refinement" not in result["models"][0]
    (algorithm,) = pydicom.dcmread(result["models"][0]["file"]).DerivationAlgorithmSequence
    assert "refine" not in algorithm.AlgorithmParameters


def test_aRangeThatSaysNothingIsRefused(scan, tmp_path):
    common = ["export", "--image", scan, "--threshold", "500", "--output", tmp_path / "out"]
    requireRefusal(runM3d(*common, "--refine-range", "1"), "without refining")
    requireRefusal(runM3d(*common, "--refine", "--refine-range", "-1"), "above 0 mm")
    assert not (tmp_path / "out").exists()


def test_aModelWithFewerTrianglesSaysHowFarItIsFromTheFullOne(scan, tmp_path):
    arguments = ["export", "--image", scan, "--threshold", "500", "--largest", "1"]
    full = runJson(*arguments, "--output", tmp_path / "full")["models"][0]
    small = runJson(*arguments, "--output", tmp_path / "small", "--max-error", "0.05")["models"][0]
    record = small["simplification"]
    assert record["trianglesBefore"] == full["triangles"] and record["triangles"] == small["triangles"]
    assert small["triangles"] < 0.7 * full["triangles"] and small["closed"]
    assert 0 < record["largestDistance"] <= 0.05
    (algorithm,) = pydicom.dcmread(small["file"]).DerivationAlgorithmSequence
    assert "maxError=0.05" in algorithm.AlgorithmParameters
    assert "simplificationLargestDistance=" in algorithm.AlgorithmParameters
    read = readEncapsulatedStl(small["file"])
    assert read.surface.maxError == 0.05
    kept = read.mesh.record["simplification"]
    assert kept == {
        "trianglesBefore": record["trianglesBefore"],
        "triangles": record["triangles"],
        "largestDistance": pytest.approx(record["largestDistance"], rel=1e-3),
        "maxError": 0.05,
    }
    requireRefusal(runM3d(*arguments, "--output", tmp_path / "none", "--max-error", "0"), "above 0 mm")


def test_aModelThatIsBroughtIsNotRefinedAndThatIsRefusedNotPassedOver(scan, exported, tmp_path):
    (model,) = exported["models"]
    common = ["validate", "--image", scan, "--mesh", model["file"], "--output", tmp_path / "out"]
    requireRefusal(runM3d(*common, "--refine"), "--refine is about a surface made here")
    requireRefusal(runM3d(*common, "--max-error", "0.1"), "--max-error is about a surface made here")
    assert not (tmp_path / "out").exists()
