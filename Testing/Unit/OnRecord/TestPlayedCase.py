"""A whole case by the commands themselves: order, scan, two versions, failed validation, change, print, release."""

import json
import shutil

import numpy as np
import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DLib.CaseRecord.RecordFile import readEvents
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.SmallScan import writeSmallScan

ADA = ("--by", "Ada", "--role", "engineer")
BERG = ("--by", "Dr. Berg", "--role", "surgeon")


def m3d(*arguments):
    return main([str(one) for one in arguments])


def writeProfile(file, limits):
    content = {"profile": file.stem, "title": file.stem, "version": "1", "requirements": limits}
    tolerance = {"tolerance": {"value": 1.0, "source": "set by us"}}
    file.write_text(json.dumps(content | tolerance), encoding="utf-8")
    return file


def objectIn(folder):
    (found,) = [file for file in (folder / "DICOM").rglob("*") if file.is_file() and "verified" not in file.name]
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A released case, and the exit status of every step."""
    root = tmp_path_factory.mktemp("played")
    case, scan = root / "case", root / "case" / "scan"
    strict = {"slice-thickness": {"passLimit": 0.01, "warningLimit": 0.02, "source": "set by us"}}
    strict = writeProfile(root / "strict.json", strict)
    easy = writeProfile(root / "easy.json", {"mesh-closed": {}})
    record = ("--case", case, *ADA)
    status = {"open": m3d("case", "open", case, "--order", "2026-17", "--requirement", "Ball and box", *BERG)}
    scan.mkdir()
    writeSmallScan(scan)
    status["scan"] = m3d("case", "add", case, scan, "--kind", "series", *BERG)
    status["data"] = m3d("case", "confirm", case, "--what", "data", *BERG)
    made = ("export", "--image", scan, "--threshold", 500, "--title", "Model")
    status["first"] = m3d(*made, "--output", case / "first", "--files", "stl", *record)
    check = ("validate", "--image", scan, "--threshold", 500, "--output", case / "report", *record)
    status["failed"] = m3d(*check, "--mesh", objectIn(case / "first"), "--profile", strict)
    status["change"] = m3d("case", "change", case, "--text", "Smoother", "--reason", "It failed", *BERG)
    predecessor = ("--predecessor", objectIn(case / "first"), "--smoothing", 0.4)
    status["second"] = m3d(*made, *predecessor, "--output", case / "second", "--encapsulate", "stl,obj", *record)
    (second,) = [file for file in (case / "second" / "DICOM").rglob("*") if _isStl(file)]
    status["passed"] = m3d(*check, "--mesh", second, "--profile", easy)
    status["design"] = m3d("case", "confirm", case, "--what", "design", *BERG)
    part = case / "part.stl"
    mesh = readEncapsulatedStl(second).mesh
    part.write_bytes(stlBytes(TriangleMesh(mesh.points + np.float32(0.02), mesh.triangles)))
    status["part"] = m3d("compare", part, second, "--tolerance", 0.5, "--output", case / "printed", *record)
    status["print"] = m3d("case", "confirm", case, "--what", "print", *BERG)
    status["release"] = m3d("case", "confirm", case, "--what", "release", *BERG)
    return case, status, second


def _isStl(file):
    return file.is_file() and dcmread(file, stop_before_pixels=True).MIMETypeOfEncapsulatedDocument == "model/stl"


def told(capsys, *arguments):
    capsys.readouterr()
    status = m3d(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


def test_everyStepEndsAsItShould(played):
    _case, status, _second = played
    assert {name: code for name, code in status.items() if code} == {"failed": 1}


def test_everythingIsOnRecordAndWhole(played, capsys):
    case, _status, _second = played
    status, facts = told(capsys, "case", "verify", case)
    assert (status, facts["whole"], facts["problems"]) == (0, True, [])
    # The profiles lie where the house keeps them.
    (remark,) = facts["remarks"]
    assert "outside the folder of the case: 2 files on record (other strict.json, other easy.json)" in remark
    _status, shown = told(capsys, "case", "show", case)
    assert shown["released"] and shown["open"] == []
    kinds = [event["event"] for event in shown["events"]]
    expected = "opened added confirmed exported validated changed exported validated confirmed compared confirmed"
    assert kinds == [*expected.split(), "confirmed", "released"]
    assert {event["person"] for event in shown["events"]} == {"Ada", "Dr. Berg"}


def test_aFailedValidationSaysByWhatAndWhatItReplaced(played):
    case, _status, _second = played
    first, second = [event for event in readEvents(case) if event.event == "validated"]
    assert first.body["result"] == {"exitStatus": 1, "verdict": "fail"}
    assert second.body["result"]["verdict"] == "pass"
    assert first.body["settings"]["profile"].endswith("strict.json")
    assert any(text.startswith("SlicerM3D") for text in first.body["settings"]["versions"])
    (report,) = [entry for entry in second.body["outputs"] if entry["kind"] == "report"]
    assert report["path"] == "report/report.json" and report["verdict"] == "pass"


def test_theEventNamesInputsAndOutputsByTheirHashes(played):
    case, _status, second = played
    event = [event for event in readEvents(case) if event.event == "exported"][1]
    kinds = {entry["kind"]: entry for entry in event.body["inputs"]}
    assert kinds["series"]["folder"] == "scan" and kinds["series"]["instances"] == len(list((case / "scan").iterdir()))
    assert kinds["model"]["sopInstanceUid"] == str(dcmread(objectIn(case / "first")).SOPInstanceUID)
    outputs = {entry["path"]: entry for entry in event.body["outputs"]}
    place = second.relative_to(case).as_posix()
    assert outputs[place]["kind"] == "model" and outputs[place]["bytes"] == second.stat().st_size
    assert [entry["kind"] for entry in event.body["outputs"]].count("model") == 3
    assert event.body["settings"]["smoothing"] == 0.4


def test_theAcquisitionIsOnRecordWithTheAccuracyOfTheReport(played, capsys):
    case, _status, _second = played
    _status, shown = told(capsys, "case", "show", case)
    (scan,) = shown["acquisition"]
    assert (scan["modality"], scan["sliceThicknessMm"], scan["sliceSpacingMm"]) == ("CT", "1", 1)
    assert scan["pixelSpacingMm"] == "0.7 x 0.7" and scan["acquired"] and scan["manufacturer"]
    assert scan["accuracy"]["p95Absolute"] < 0.5 and scan["accuracy"]["uncertainty95"] > 0


def test_theReleasedModelIsVerifiedAndItsPredecessorIsNot(played):
    case, _status, second = played
    released = readEvents(case)[-1].body["outputs"]
    assert {entry["kind"] for entry in released} == {"released"}
    file = second.with_name(f"{second.stem}-verified.dcm")
    after, before = readEncapsulatedStl(file), readEncapsulatedStl(second)
    assert after.description.verified and not before.description.verified
    assert [one.sopInstanceUid for one in after.predecessors] == [before.sopInstanceUid]
    numbers = [dcmread(one, stop_before_pixels=True).InstanceNumber for one in second.parent.iterdir()]
    assert len(set(numbers)) == len(numbers) == 4


def test_theDifferenceOfTheTwoVersions(played, tmp_path, capsys):
    case, _status, second = played
    first = objectIn(case / "first")
    status, data = told(capsys, "case", "diff", case, second, first, "--output", tmp_path / "diff")
    assert status == 0
    assert (data["older"]["file"], data["newer"]["file"]) == tuple(
        file.relative_to(case).as_posix() for file in (first, second)
    )
    assert data["settings"]["smoothing"] == [0.2, 0.4]
    assert data["namesPredecessor"] is True
    volumes = [readEncapsulatedStl(file).mesh.volumeMm3 for file in (first, second)]
    assert data["volumeChangeMm3"] == pytest.approx(volumes[1] - volumes[0], rel=1e-6)
    assert 0 < data["distance"]["p95Absolute"] < 1
    assert (tmp_path / "diff" / "distances.csv").stat().st_size > 1000


def test_thePageShowsAllOfIt(played, tmp_path, capsys):
    pytest.importorskip("jinja2")
    case, _status, _second = played
    assert m3d("case", "show", case, "--html", tmp_path / "case.html") == 0
    page = (tmp_path / "case.html").read_text(encoding="utf-8")
    for words in ("Released.", "Acquisition", "slice thickness 1 mm", 'class="fail"', "Smoother", "Dr. Berg"):
        assert words in page


def edited(case, change):
    record = case / "case.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(change(lines)))


def swapped(first, second):
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


TAMPERING = {
    "a line removed": (lambda case: edited(case, lambda lines: lines[:4] + lines[5:]), "Line 5"),
    "two lines reordered": (
        lambda case: edited(case, lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]]),
        "Line 6",
    ),
    "a line edited": (
        lambda case: edited(case, lambda lines: [one.replace(b"fail", b"pass") for one in lines]),
        "Line 6",
    ),
    "a line added": (lambda case: edited(case, lambda lines: [*lines, lines[-1]]), "Line 14 "),
    "a report changed": (lambda case: (case / "report" / "report.json").write_text("{}"), "'report/report.json'"),
    "two models swapped": (
        lambda case: swapped(objectIn(case / "first"), next(f for f in (case / "second").rglob("*") if _isModel(f))),
        "is not the one on record",
    ),
    "the part removed": (lambda case: (case / "part.stl").unlink(), "'part.stl' is missing"),
    "a slice changed": (lambda case: _append(next((case / "scan").iterdir())), "'scan' is not the one on record"),
    "a slice removed": (lambda case: next((case / "scan").iterdir()).unlink(), "'scan' is not the one on record"),
}


def _isModel(file):
    return file.is_file() and file.parent.parent.name == "DICOM"


def _append(file):
    with file.open("ab") as stream:
        stream.write(b"\0\0")


@pytest.mark.parametrize("what", TAMPERING)
def test_tamperingIsFound(played, what, tmp_path, capsys):
    shutil.copytree(played[0], tmp_path / "case")
    tamper, words = TAMPERING[what]
    tamper(tmp_path / "case")
    status, facts = told(capsys, "case", "verify", tmp_path / "case")
    assert status == 1 and not facts["whole"]
    assert words in facts["problems"][0], facts["problems"]
