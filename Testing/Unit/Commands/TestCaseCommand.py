"""``m3d case`` as a user plays a case through: order, scan, two versions, a failed validation, change, release."""

import json

import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Models import makeObject, makeTetrahedron
from M3DTestSupport.SmallScan import writeSmallScan

BERG = ("--by", "Dr. Berg", "--role", "surgeon")


def m3d(*arguments):
    return main(["case", *map(str, arguments)])


def told(capsys, *arguments):
    """Exit status and JSON object of an action."""
    capsys.readouterr()
    status = m3d(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "case"
    assert m3d("open", place, "--order", "2026-17", "--requirement", "Jaw, for planning") == 0
    writeSmallScan(tmp_path / "scan")
    assert m3d("add", place, tmp_path / "scan", "--kind", "series") == 0
    addVersion(place, 10.0, "fail")
    return place


def addVersion(folder, size, verdict):
    writeDicomFile(makeObject(makeTetrahedron(size)), folder / "jaw.dcm")
    (folder / "report.json").write_text(json.dumps({"verdict": verdict, "size": size}))
    assert m3d("add", folder, folder / "jaw.dcm", "--kind", "model") == 0
    assert m3d("add", folder, folder / "report.json", "--kind", "report", "--verdict", verdict) == 0


def test_aCaseIsPlayedThroughToItsRelease(folder, capsys):
    assert m3d("confirm", folder, "--what", "data", *BERG) == 0
    assert m3d("confirm", folder, "--what", "design", *BERG) == 0
    assert m3d("change", folder, "--text", "Larger", "--reason", "It failed", "--replaces", "jaw.dcm") == 0
    addVersion(folder, 12.0, "pass")
    assert m3d("confirm", folder, "--what", "release", *BERG) == 2
    assert "design: confirmed by Dr. Berg, but void" in capsys.readouterr().err
    assert m3d("confirm", folder, "--what", "design", *BERG) == 0
    assert m3d("confirm", folder, "--what", "release", *BERG) == 0
    status, facts = told(capsys, "verify", folder)
    assert (status, facts["whole"], facts["problems"], facts["remarks"]) == (0, True, [], [])
    status, shown = told(capsys, "show", folder)
    assert (status, shown["released"], shown["open"]) == (0, True, [])
    assert [entry["kind"] for entry in shown["superseded"]] == ["model", "report"]
    released, plain = (readEncapsulatedStl(folder / name) for name in ("jaw-verified.dcm", "jaw.dcm"))
    assert released.description.verified
    assert bytes(released.stl) == bytes(plain.stl)
    assert [one.sopInstanceUid for one in released.predecessors] == [plain.sopInstanceUid]


def test_whatWasTamperedWithIsNamedAndTheStatusIsOne(folder, capsys):
    (folder / "report.json").write_text("{}")
    status, facts = told(capsys, "verify", folder)
    assert (status, facts["whole"]) == (1, False)
    assert "'report.json' is not the one on record" in facts["problems"][0]
    record = folder / "case.jsonl"
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[1:]))
    status, facts = told(capsys, "verify", folder)
    assert status == 1
    assert facts["problems"][0].startswith("Line 1 of ")
    assert m3d("show", folder) == 2
    assert m3d("change", folder, "--text", "a", "--reason", "b") == 2


def test_aNotedHashTellsThatTheEndWasCutOff(folder, capsys):
    _status, facts = told(capsys, "verify", folder)
    record = folder / "case.jsonl"
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-1]))
    status, found = told(capsys, "verify", folder, "--head", facts["head"])
    assert status == 1
    assert "its end was cut off" in found["problems"][0]


def test_theRequirementMayBeAFile(tmp_path, capsys):
    (tmp_path / "order.txt").write_text("Jaw")
    status, event = told(
        capsys, "open", tmp_path / "case", "--order", "1", "--requirement", tmp_path / "order.txt", "--by", "Ada"
    )
    assert status == 0
    assert event["body"]["requirement"]["name"] == "order.txt"
    assert event["person"] == "Ada"


def test_aLongRequirementIsNoNameOfAFile(tmp_path, capsys):
    words = "Skull for planning, with both orbits. " * 20
    status, event = told(capsys, "open", tmp_path / "case", "--order", "7", "--requirement", words)
    assert status == 0 and words.strip() in json.dumps(event)


def test_anOrderThatIsOverIsWarnedOf(tmp_path, capsys):
    order = ("--order", "7", "--requirement", "Jaw", "--valid-until")
    assert m3d("open", tmp_path / "old", *order, "2020-01-31") == 0
    assert "valid until 2020-01-31, which is past" in capsys.readouterr().err
    assert m3d("open", tmp_path / "new", *order, "9999-12-31") == 0
    assert "past" not in capsys.readouterr().err


def test_thePageIsWritten(folder, tmp_path, capsys):
    pytest.importorskip("jinja2")
    assert m3d("show", folder, "--html", tmp_path / "case.html") == 0
    assert "Case 2026-17" in (tmp_path / "case.html").read_text()
    assert "Order 2026-17: Jaw, for planning" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nowhere"), "is no case"),
        (("open", "case", "--order", "1"), "Missing: --requirement"),
        (("confirm", "case", "--what", "all", *BERG), "is none of data, segmentation"),
        (("confirm", "case", "--what", "data"), "Missing: --by, --role"),
        (("close", "case"), "There is no command 'close'"),
        ((), "Missing: ACTION"),
    ],
)
def test_mistakesAreAnsweredInASentence(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = m3d(*arguments)
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_aKeyThatIsNoneIsRefusedBeforeAnythingIsRecorded(folder, tmp_path, capsys):
    pytest.importorskip("cryptography")
    (tmp_path / "key.pem").write_text("no key")
    before = (folder / "case.jsonl").read_bytes()
    assert m3d("confirm", folder, "--what", "data", "--sign", tmp_path / "key.pem", *BERG) == 2
    assert "no key and certificate" in capsys.readouterr().err
    assert (folder / "case.jsonl").read_bytes() == before
