"""``m3d validate --timings``: what every stage and every check took, with the peak of the memory meanwhile."""

import json
import sys

import jsonschema
import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DBatchLib.Stopwatch import CHECKS, STAGES, Timings, peakMemoryMb
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.Validation import allChecks

onLinux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a peak anew")


@pytest.fixture
def mesh(tmp_path):
    file = tmp_path / "part.stl"
    file.write_bytes(stlBytes(TriangleMesh(*box())))
    return file


def validated(mesh, output, *more):
    assert main(["validate", "--mesh", str(mesh), "--output", str(output), *more]) == 0
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def test_everyStageAndCheckIsInTheJsonAndOnTheTerminal(mesh, tmp_path, capsys):
    report = validated(mesh, tmp_path / "out", "--timings")
    jsonschema.validate(report, readSchema())
    stages = [entry["name"] for entry in report["timings"]["stages"]]
    assert stages == list(dict.fromkeys(stages)) and {"reading", "checking", "pictures", "report"} <= set(stages)
    checks = {entry["name"]: entry for entry in report["timings"]["checks"]}
    assert {"ImageDeviationCheck", "FieldOfViewCheck"}.isdisjoint(checks), "what did not run took nothing"
    assert len(checks) > 4 and all(entry["seconds"] >= 0 for entry in checks.values())
    # The checks are made within their stage.
    (checking,) = [entry for entry in report["timings"]["stages"] if entry["name"] == "checking"]
    assert sum(entry["seconds"] for entry in checks.values()) <= checking["seconds"] + 0.01 * len(checks)
    said = capsys.readouterr().out
    for name in (*checks, "checking"):
        assert name in said


def test_noTwoChecksHaveOneName():
    names = [type(check).__name__ for check in allChecks()]
    assert sorted(names) == sorted(set(names))


def test_withoutTheOptionNothingIsSaid(mesh, tmp_path, capsys):
    assert "timings" not in validated(mesh, tmp_path / "out")
    assert "peak MB" not in capsys.readouterr().out


def test_findingsAreTheSameWithIt(mesh, tmp_path):
    with_, without = validated(mesh, tmp_path / "a", "--timings"), validated(mesh, tmp_path / "b")
    assert with_["findings"] == without["findings"]


@onLinux
def test_peakIsThatOfTheBlockAndOfTheBlocksWithin():
    timings = Timings()
    with timings.measure(STAGES, "outer"):
        with timings.measure(CHECKS, "large"):
            np.ones(25_000_000)
        with timings.measure(CHECKS, "small"):
            np.ones(1000)
    entries = {entry["name"]: entry["peakMemoryMb"] for kind in timings.asDict().values() for entry in kind}
    assert entries["large"] - entries["small"] > 150
    assert entries["outer"] >= entries["large"]
    assert peakMemoryMb() >= entries["outer"]


def test_whatIsEnteredTwiceAddsUp():
    timings = Timings()
    for _ in range(2):
        with timings.measure(CHECKS, "one"):
            sum(range(200_000))
    (entry,) = timings.asDict()["checks"]
    assert entry["seconds"] > 0 and entry["cpuSeconds"] > 0
