"""Number, revision and predecessor of a report."""

import copy
import json
import re

import pytest

from M3DBatchLib.CommandLine import main
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DValidationLib.Report.Content.ReportText import personName
from M3DValidationLib.Report.FirstPage.Document import reportNumber


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("numbers")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return validated(folder / "scan", folder / "first", "--person", "Dr. Q")


def test_theSameInputGivesTheSameNumber(report, folder):
    again = validated(folder / "scan", folder / "second", "--person", "Dr. R", "--revision", "2", "--replaces", "A 7")
    assert re.fullmatch("M3D(-[0-9A-F]{4}){3}", report["document"]["number"])
    assert again["document"]["number"] == report["document"]["number"]
    assert report["document"]["revision"] == 1 and report["document"]["replaces"] == ""
    assert again["document"]["revision"] == 2 and again["document"]["replaces"] == "A 7"
    assert report["document"]["software"][0].startswith("SlicerM3D ")


def test_otherInputOrOtherLimitsGiveAnotherNumber(report, folder):
    other = validated(folder / "scan", folder / "other", "--tolerance", "0.7")
    assert other["document"]["number"] != report["document"]["number"]
    for change in (
        lambda r: r["case"]["patient"].update(name="Somebody^Else"),
        lambda r: r["dataFlow"][0]["files"][0].update(sha256="0" * 64),
        lambda r: r["findings"][0].update(verdict="fail"),
        lambda r: r["profile"].update(version="other"),
    ):
        changed = copy.deepcopy(report)
        change(changed)
        assert reportNumber(changed) != reportNumber(report)


def test_anotherDayChangesNothing(report):
    later = copy.deepcopy(report)
    later["made"]["time"] = "2031-01-01T00:00:00+00:00"
    aged = [entry for entry in later["findings"] if entry["requirement"] == "scan-age"]
    assert aged
    aged[0]["measured"] = 4000.0
    assert reportNumber(later) == reportNumber(report)


def test_aReportIsReissuedWithoutMeasuringAgain(report, folder):
    number = report["document"]["number"]
    before = json.loads((folder / "first" / "report.json").read_text(encoding="utf-8"))
    assert main(["report", str(folder / "first"), "--formats", "json", "--revision", "3", "--replaces", number]) == 0
    now = json.loads((folder / "first" / "report.json").read_text(encoding="utf-8"))
    assert now["document"] == {**before["document"], "revision": 3, "replaces": number}
    assert now["findings"] == before["findings"] and now["answer"] == before["answer"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--revision", "0"], "--revision counts from 1"),
        (["--replaces", " "], "--replaces takes the number of a report"),
        (["--replaces", "x" * 65], "--replaces takes the number of a report"),
        (["--replaces", "a\nb"], "--replaces takes the number of a report"),
    ],
)
def test_whatCanBeNoneIsRefusedBeforeAnyWork(folder, tmp_path, capsys, options, words):
    arguments = ["validate", "--image", str(folder / "scan"), "--output", str(tmp_path / "x"), *options]
    assert main(arguments) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_theAnswerStandsInTheReport(report):
    assert report["answer"]["verdict"] == report["verdict"]
    assert report["answer"]["use"] == report["intendedUse"]["title"]
    assert [model["name"] for model in report["models"]] == [block["name"] for block in report["answer"]["models"]]
    assert report["models"][0]["madeFrom"]["scan"]["modality"] == "CT"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Grünwald^Änne^Maria", "Änne Maria Grünwald"),
        ("Phantom^Head", "Head Phantom"),
        ("Müller^Eva^^Dr.^MSc", "Dr. Eva Müller, MSc"),
        ("Wang^XiaoDong=王^小东", "XiaoDong Wang (王 小东)"),
        ("王^小明", "王 小明"),
        ("Anonymous", "Anonymous"),
        ("", ""),
        ("^^^^", ""),
    ],
)
def test_namesStandAsPeopleWriteThem(name, written):
    assert personName(name) == written


def test_aComparisonIsIssuedLikeAnyReport(tmp_path):
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DTestSupport.MeshShapes import icosphere

    for name, radius in (("part", 20.1), ("model", 20.0)):
        (tmp_path / f"{name}.stl").write_bytes(stlBytes(TriangleMesh(*icosphere(radius, 3), name)))
    arguments = ["compare", tmp_path / "part.stl", tmp_path / "model.stl", "--output", tmp_path / "out"]
    assert main([*map(str, arguments), "--revision", "2", "--replaces", "X 1"]) in (0, 1, 3)
    data = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (data["document"]["revision"], data["document"]["replaces"]) == (2, "X 1")
    assert "of the model it is held against" in data["answer"]["sentence"]
