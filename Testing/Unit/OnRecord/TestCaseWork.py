"""``--case``: what fails is on record too, and a record that cannot be written stops the work before it begins."""

import json

import pytest

from M3DBatchLib.CommandLine import main
from M3DBatchLib.Commands import ExportCommand
from M3DLib.CaseRecord.RecordFile import readEvents
from M3DLib.Mesh.StlFile import stlBytes
from M3DTestSupport.Models import makeTetrahedron
from M3DTestSupport.SmallScan import writeSmallScan


def m3d(*arguments):
    return main([str(one) for one in arguments])


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    return folder


@pytest.fixture
def case(tmp_path):
    assert m3d("case", "open", tmp_path / "case", "--order", "7", "--requirement", "Ball") == 0
    return tmp_path / "case"


@pytest.fixture
def part(tmp_path):
    (tmp_path / "part.stl").write_bytes(stlBytes(makeTetrahedron(10.0)))
    return tmp_path / "part.stl"


def test_workThatIsRefusedIsOnRecordWithItsSentence(case, scan, tmp_path, capsys):
    call = ("export", "--image", scan, "--threshold", 9000, "--output", tmp_path / "out", "--case", case, "--by", "Ada")
    assert m3d(*call) == 2
    event = readEvents(case)[-1]
    assert (event.event, event.person, event.body["outputs"]) == ("exported", "Ada", [])
    assert event.body["result"]["exitStatus"] == 2
    assert "in the range above 9000 HU" in event.body["result"]["error"]
    assert event.body["settings"]["threshold"] == [9000, None]
    assert "says that this failed" in capsys.readouterr().err


def test_aScanThatIsNotThereIsOnRecordAsWhatWasAskedFor(case, tmp_path):
    missing = tmp_path / "nowhere"
    assert m3d("export", "--image", missing, "--threshold", 5, "--output", tmp_path / "out", "--case", case) == 2
    body = readEvents(case)[-1].body
    assert body["inputs"] == [] and body["settings"]["image"] == str(missing) and body["result"]["error"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("secret")])
def test_interruptionsAndErrorsOfTheProgramAreOnRecord(case, scan, tmp_path, monkeypatch, error):
    def broken(*_arguments):
        raise error

    monkeypatch.setattr(ExportCommand, "_make", broken)
    call = ("export", "--image", scan, "--threshold", 500, "--output", tmp_path / "out", "--case", case)
    status = 130 if isinstance(error, KeyboardInterrupt) else 70
    assert m3d(*call) == status
    result = readEvents(case)[-1].body["result"]
    assert result["exitStatus"] == status and "secret" not in result["error"]


def breakChain(case):
    record = case / "case.jsonl"
    record.write_bytes(record.read_bytes().replace(b"Ball", b"Jaws"))
    # One more line makes the change of the first one a broken link.
    record.write_bytes(record.read_bytes() + record.read_bytes())


@pytest.mark.parametrize(
    "spoil, words", [(lambda case: (case / "case.jsonl").unlink(), "is no case"), (breakChain, "Line 2")]
)
def test_aRecordThatCannotBeWrittenStopsTheWorkBeforeItBegins(case, tmp_path, capsys, spoil, words):
    spoil(case)
    # The scan is not even looked for.
    assert m3d("export", "--image", "nowhere", "--threshold", 5, "--output", tmp_path / "out", "--case", case) == 2
    said = capsys.readouterr().err
    assert words in said and "nowhere" not in said
    assert not (tmp_path / "out").exists()


def test_workWhoseRecordIsLostMeanwhileSaysThatItIsDone(case, part, tmp_path, monkeypatch, capsys):
    def lost(*_arguments, **_more):
        from M3DLib.Errors import M3DError

        raise M3DError("The disk is full.")

    monkeypatch.setattr("M3DLib.CaseRecord.CaseFolder.recordWork", lost)
    output = tmp_path / "repaired.stl"
    assert m3d("repair", part, "--reorient", "--output", output, "--case", case) == 2
    said = capsys.readouterr().err
    assert "The work is done (exit status 0)" in said and "m3d case add" in said
    assert output.exists()


def test_repairAndCompareNameWhatTheyTookAndMade(case, part):
    repaired = case / "repaired.stl"
    assert m3d("repair", part, "--reorient", "--output", repaired, "--case", case) == 0
    body = readEvents(case)[-1].body
    assert [entry["name"] for entry in body["inputs"]] == ["part.stl"]
    assert [(entry["kind"], entry["path"]) for entry in body["outputs"]] == [("model", "repaired.stl")]
    printed = case / "printed.stl"
    printed.write_bytes(stlBytes(makeTetrahedron(10.01)))
    assert m3d("compare", printed, repaired, "--case", case, "--points-csv", case / "points.csv") == 0
    body = readEvents(case)[-1].body
    assert [(entry["kind"], entry["path"]) for entry in body["inputs"]] == [
        ("part", "printed.stl"),
        ("model", "repaired.stl"),
    ]
    assert [entry["path"] for entry in body["outputs"]] == ["points.csv"]


def test_aReportThatReplacesAnotherTakesItsPicturesOffTheRecord(case, part, capsys):
    (case / "model.stl").write_bytes(stlBytes(makeTetrahedron(10.0)))
    call = ("compare", part, case / "model.stl", "--output", case / "report", "--case", case)
    assert m3d(*call, "--formats", "html") in (0, 1)
    assert m3d(*call) in (0, 1)
    assert readEvents(case)[-1].body["removed"]
    assert m3d("case", "verify", case) == 0


def test_aBatchWritesTheModelsFilesAndOneEvent(case, scan, tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text(f"id,image,threshold,title\none,{scan},500,Ball\n")
    out = case / "batch"
    call = ("batch", table, "--output", out, "--workers", 0, "--files", "ply,obj", "--case", case, "--by", "Ada")
    assert m3d(*call) in (0, 3)
    assert sorted(file.suffix for file in out.rglob("Ball.*")) == [".mtl", ".obj", ".ply"]
    events = readEvents(case)
    assert [event.event for event in events] == ["opened", "batchDone"]
    kinds = [entry["kind"] for entry in events[-1].body["outputs"]]
    assert kinds.count("printFile") == 3 and "model" in kinds and "report" in kinds
    assert m3d("case", "verify", case) == 0


def test_aPackageIsOnRecordWithWhatIsInIt(case, part, tmp_path):
    pytest.importorskip("bagit")
    call = ("package", part, "--output", tmp_path / "out.zip", "--with-identity", "--case", case)
    assert m3d(*call) == 0
    body = readEvents(case)[-1].body
    assert [entry["name"] for entry in body["inputs"]] == ["part.stl"]
    assert [(entry["kind"], entry["name"]) for entry in body["outputs"]][:1] == [("package", "out.zip")]


def test_noPasswordComesIntoTheRecord():
    from argparse import Namespace

    from M3DBatchLib.OnRecord.CaseWork import settingsOf

    settings = settingsOf(Namespace(pacs="https://ada:secret@host/dicom-web", json=True, title=""))
    assert settings == {"pacs": "https://host/dicom-web"}


def test_withoutACaseNothingIsRecorded(part, tmp_path):
    assert m3d("repair", part, "--reorient", "--output", tmp_path / "a.stl", "--json", tmp_path / "a.json") == 0
    assert "caseEvent" not in json.loads((tmp_path / "a.json").read_text())
    assert not list(tmp_path.rglob("case.jsonl"))
