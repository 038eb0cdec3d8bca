"""``m3d validate`` on a model alone and with references, and ``m3d repair``, as a user runs them."""

import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import readStl, stlBytes
from M3DTestSupport.MeshZoo import ANIMALS
from M3DTestSupport.SoundMeshes import SOUND


def saved(tmp_path, mesh):
    file = tmp_path / "model.stl"
    file.write_bytes(stlBytes(mesh))
    return file


def validate(tmp_path, capsys, *arguments):
    status = main(["validate", "--output", str(tmp_path / "out"), "--json", *map(str, arguments)])
    report = json.loads(capsys.readouterr().out)
    return status, {finding["requirement"]: finding for finding in report["findings"]}


@pytest.mark.parametrize(
    "name", ["ball", "ballWithCavity", "boxOfTwelveTriangles", "cylinderOfLongTriangles", "twoBodies"]
)
def test_soundModelAlonePasses(tmp_path, capsys, name):
    status, findings = validate(tmp_path, capsys, "--mesh", saved(tmp_path, SOUND[name]()))
    assert status == 0
    assert {finding["verdict"] for finding in findings.values()} <= {"pass", "notAssessable", "information"}


@pytest.mark.parametrize("name", ["oneTriangleMissing", "oneTriangleTurned", "smallBodyThroughAWall", "triangleTwice"])
def test_defectiveModelFailsWithThatRequirement(tmp_path, capsys, name):
    animal = ANIMALS[name]()
    status, findings = validate(tmp_path, capsys, "--mesh", saved(tmp_path, animal.mesh))
    assert status == 1
    assert {id_ for id_, finding in findings.items() if finding["verdict"] in ("fail", "warning")} == set(
        animal.expected
    )


def test_printersLimitsAreTakenFromTheCommandLine(tmp_path, capsys):
    file = saved(tmp_path, SOUND["boxOfTwelveTriangles"]())
    status, findings = validate(tmp_path, capsys, "--mesh", file, "--min-wall", 30, "--build-volume", 100, 100, 15)
    assert status == 1
    assert findings["wall-thickness"]["verdict"] == "fail" and findings["wall-thickness"]["limit"] == 30
    assert findings["build-volume"]["verdict"] == "warning"
    assert findings["gap-width"]["verdict"] == "pass"


def test_referencesAreMeasuredOnTheModel(tmp_path, capsys):
    references = tmp_path / "references.csv"
    references.write_text("name,x1,y1,z1,x2,y2,z2,nominal,tolerance,printed\nedge,-9,1,2,11,1,2,20,0.1,20.3\n")
    file = saved(tmp_path, SOUND["boxOfTwelveTriangles"]())
    status, findings = validate(tmp_path, capsys, "--mesh", file, "--references", references)
    assert status == 1
    assert findings["reference-mesh"]["verdict"] == "pass"
    assert findings["reference-mesh"]["measured"] == pytest.approx(0, abs=1e-5)
    assert findings["reference-printed"]["verdict"] == "fail"
    assert findings["reference-printed"]["measured"] == pytest.approx(0.3)


def test_wrongReferencesAreWrongInput(tmp_path, capsys):
    references = tmp_path / "references.json"
    references.write_text('{"distances": [{"start": 1}]}')
    file = saved(tmp_path, SOUND["ball"]())
    arguments = ["validate", "--mesh", str(file), "--references", str(references), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "distances[0].start" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_repairDoesWhatIsAskedAndRecordsIt(tmp_path, capsys):
    source, target = saved(tmp_path, ANIMALS["boxWithoutLid"]().mesh), tmp_path / "repaired.stl"
    assert main(["repair", str(source), "--fill-holes", "100", "--output", str(target), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [repair["kind"] for repair in record["repairs"]] == ["fill-holes"]
    assert record["modelModification"] is True and record["encapsulateOptions"] == ["--modified"]
    assert record["closed"] == {"before": False, "after": True}
    mesh = readStl(target.read_bytes())
    assert mesh.isClosed and np.isclose(mesh.volumeMm3, 8000)
    assert main(["repair", str(target), "--reorient", "--output", str(tmp_path / "again.stl")]) == 0
    assert "nothing to repair" in capsys.readouterr().out
    assert (tmp_path / "again.stl").read_bytes() == target.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say what to repair"),
        (["--fill-holes", "-1"], "positive"),
        (["--reorient", "--output", "model.stl"], "same file"),
    ],
)
def test_repairRefusesWhatMakesNoSense(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, ANIMALS["insideOut"]().mesh)
    output = [] if "--output" in arguments else ["--output", "new.stl"]
    assert main(["repair", "model.stl", *output, *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "new.stl").exists()
