"""The scan against the model in commands and reports: figures, findings, declared parts, the object."""

import json

import pytest
import SimpleITK as sitk

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DTestSupport.IncompleteModels import BOWL, Scan, centers, model, render, within
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.SchemaValidation import schemaProblems

IDS = ("scan-covered", "cut-faces", "bodies-left-out", "bodies-added")
PART = "left half, for a guide = wanted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The scan as a series, the left half of its bowl as a segmentation and as an STL, the whole as an STL."""
    folder = tmp_path_factory.mktemp("part")
    writeSeries(render(), folder / "scan")
    half = within(BOWL) & (centers()[..., 0] > 0)
    image = sitk.GetImageFromArray(half.astype("uint8"))
    image.SetSpacing([float(step) for step in Scan().spacing])
    image.SetOrigin([float(place) for place in Scan().ijkToLps[:3, 3]])
    sitk.WriteImage(image, str(folder / "half.nrrd"))
    (folder / "half.stl").write_bytes(stlBytes(model(half)))
    (folder / "whole.stl").write_bytes(stlBytes(model(within(BOWL))))
    return folder


def validate(folder, capsys, *arguments):
    status = main(
        ["validate", "--image", str(folder / "scan"), "--output", str(folder / "out"), "--json", *map(str, arguments)]
    )
    data = json.loads(capsys.readouterr().out)
    return status, data, {finding["requirement"]: finding for finding in data["findings"]}


def test_wholeModelPassesAndBothDirectionsHaveTheSameKeys(folder, capsys):
    _status, data, findings = validate(folder, capsys, "--mesh", folder / "whole.stl")
    assert {findings[name]["verdict"] for name in IDS} == {"pass"}
    assert set(data["deviation"]["scan"]) >= set(data["deviation"]["image"])
    assert data["deviation"]["scan"]["withinTolerance"] > 0.99
    assert not schemaProblems(data, readSchema())


@pytest.mark.parametrize("source", [("--mesh", "half.stl"), ("--segmentation", "half.nrrd")])
def test_halfOfAModelFailsWithPlaces(folder, capsys, source):
    status, data, findings = validate(folder, capsys, source[0], folder / source[1])
    assert status == 1
    assert [findings[name]["verdict"] for name in IDS] == ["fail", "fail", "fail", "pass"]
    assert findings["scan-covered"]["measured"] == pytest.approx(50, abs=3)
    assert findings["bodies-left-out"]["evidence"]["places"][0][0] < -5
    assert abs(findings["cut-faces"]["evidence"]["places"][0][0]) < 1
    assert data["deviation"]["scan"]["regions"]["largest"][0]["worstPointLps"][0] < -5
    assert "declaredPart" not in data


def test_declaredPartIsInformationAndStandsInReportAndObject(folder, capsys):
    output = folder / "run"
    options = [
        "--segmentation",
        str(folder / "half.nrrd"),
        "--part",
        f"  {PART} ",
        "--formats",
        "json,html",
        "--export-anyway",
        "test",
    ]
    main(["run", "--image", str(folder / "scan"), "--output", str(output), "--json", *options])
    data = json.loads(capsys.readouterr().out)
    findings = {finding["requirement"]: finding for finding in data["findings"]}
    assert not any(findings[name]["verdict"] in ("warning", "fail", "notAssessable") for name in IDS)
    assert findings["scan-covered"]["measured"] > 99
    assert findings["scan-covered"]["evidence"]["withinTolerance"] == pytest.approx(0.5, abs=0.03)
    assert findings["bodies-left-out"]["measured"] > 1000 and PART in findings["bodies-left-out"]["message"]
    assert data["declaredPart"] == PART
    assert data["exported"]
    page = (output / "report.html").read_text(encoding="utf-8")
    assert PART in page.split("What needs attention")[0]
    for name in ("From the model to the scan", "From the scan to the model", "Missing in the model"):
        assert name in page
    model_ = next(file for file in (output / "dicom" / "DICOM").rglob("*") if file.is_file())
    main(["inspect", str(model_), "--json"])
    assert json.loads(capsys.readouterr().out)["part"] == PART.replace("=", ":").replace(",", ";")


def test_partNeedsAScan(folder, capsys):
    assert main(["validate", "--mesh", str(folder / "half.stl"), "--part", "x", "--output", str(folder / "none")]) == 2
    assert "--part says" in capsys.readouterr().err
    assert not (folder / "none").exists()


def test_partNeedsWords(folder, capsys):
    with pytest.raises(SystemExit):
        main(["validate", "--image", str(folder / "scan"), "--part", " ", "--output", str(folder / "none")])
    assert "say why the model is meant to be a part" in capsys.readouterr().err
