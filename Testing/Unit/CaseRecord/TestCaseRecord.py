"""A case's record: what was done stays, what is changed unseen is found."""

import json
import multiprocessing
import re
import shutil
import socket
from datetime import date

import pytest

from M3DLib.CaseRecord.CaseFiles import fileEntry
from M3DLib.CaseRecord.CaseFolder import changeCase, confirmCase, openCase, recordWork, requireCase
from M3DLib.CaseRecord.CaseText import caseFacts, caseText
from M3DLib.CaseRecord.CaseVerification import verifyCase
from M3DLib.CaseRecord.RecordEvent import canonical, sha256Of
from M3DLib.CaseRecord.RecordFile import LOCK_FILE, PENDING_FILE, RECORD_FILE, appendEvent, readEvents
from M3DLib.CaseRecord.RecordLock import recordLock
from M3DLib.Errors import M3DError

SERIES = {"kind": "series", "seriesInstanceUid": "1.2.3", "instances": 2, "sha256": "a" * 64}


@pytest.fixture
def case(tmp_path):
    """A case with a scan and the first version of a model with its report."""
    folder = tmp_path / "case"
    openCase(folder, "2026-17", "Skull, for planning", validUntil="2027-01-31", person="Ada", role="engineer")
    writeModel(folder, b"first")
    return folder


def writeModel(folder, content, verdict="pass"):
    """Put a version of the model into the case, as an export and a validation do."""
    (folder / "skull.dcm").write_bytes(content)
    (folder / "report.json").write_bytes(b"report of " + content)
    recordWork(
        folder,
        "exported",
        inputs=[SERIES],
        outputs=[fileEntry(folder / "skull.dcm", folder, "model")],
        person="Ada",
        role="engineer",
    )
    recordWork(
        folder,
        "validated",
        outputs=[fileEntry(folder / "report.json", folder, "report")],
        result={"verdict": verdict},
        person="Ada",
        role="engineer",
    )


def lines(folder):
    """The record's lines, each with its line break."""
    return (folder / RECORD_FILE).read_bytes().splitlines(keepends=True)


def problemsOf(folder, **more):
    return verifyCase(folder, **more).problems


def test_everyLineIsCanonicalAndNamesTheHashOfTheOneBefore(case):
    before = "0" * 64
    for number, line in enumerate(lines(case), start=1):
        values = json.loads(line)
        assert canonical(values) + b"\n" == line
        assert (values["sequence"], values["previousSha256"]) == (number, before)
        before = sha256Of(line[:-1])
    assert verifyCase(case).head == before


def test_aWholeCaseIsPlayedThrough(case):
    confirmCase(case, "data", person="Dr. Berg", role="radiologist")
    confirmCase(case, "design", person="Dr. Berg", role="surgeon", today=date(2027, 1, 31))
    changeCase(case, "Orbit closed", "The plate needs it", replaces=["skull.dcm"], person="Ada", role="engineer")
    writeModel(case, b"second")
    state = requireCase(case)
    assert [bool(one.void) for one in state.confirmations] == [False, True]
    assert "design: confirmed by Dr. Berg, but void: model skull.dcm" in state.open()[0]
    with pytest.raises(M3DError, match="cannot be released yet"):
        confirmCase(case, "release", person="Dr. Berg", role="surgeon")
    confirmCase(case, "design", person="Dr. Berg", role="surgeon", today=date(2027, 1, 31))
    confirmCase(case, "release", person="Dr. Berg", role="surgeon", today=date(2027, 1, 31))
    found = verifyCase(case)
    assert found.isWhole and found.remarks == []
    assert found.state.open() == []
    assert [entry["supersededBy"] for entry in found.state.superseded] == [7, 8]
    text = caseText(found.state, found.events)
    assert "Nothing is open: the case is released." in text
    assert "Change: Orbit closed (replaces skull.dcm). Reason: The plate needs it" in text
    assert caseFacts(found.state, found.events)["released"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda all: all[:1] + all[2:], "Line 2 .* does not follow"),
        (lambda all: [all[0], all[2], all[1]], "Line 2 .* does not follow"),
        (lambda all: [all[0].replace(b"Ada", b"Eve"), *all[1:]], "Line 2 .* does not follow"),
        (lambda all: [all[0].replace(b'{"body"', b'{ "body"'), *all[1:]], "Line 1 .* not canonical"),
        (lambda all: [b"[]\n", *all[1:]], "Line 1 .* is no event"),
        (lambda all: [*all, b"junk\n"], "Line 4 .* is no JSON"),
        (lambda all: [*all, all[0]], "Line 4 .* does not follow"),
    ],
    ids=["removed", "reordered", "edited", "rewritten", "replaced", "junk", "repeated"],
)
def test_tamperingNamesTheFirstBrokenLink(case, change, said):
    (case / RECORD_FILE).write_bytes(b"".join(change(lines(case))))
    (problem,) = problemsOf(case)
    assert re.search(said, problem)
    with pytest.raises(M3DError, match=said):
        readEvents(case)


def test_aRecordWhoseEndWasCutOffIsFoundByItsNotedHash(case):
    noted = verifyCase(case).head
    (case / RECORD_FILE).write_bytes(b"".join(lines(case)[:-1]))
    # A chain cannot know what came after its end: only what was noted elsewhere can.
    assert not any("cut off" in problem for problem in problemsOf(case))
    assert any("its end was cut off" in problem for problem in problemsOf(case, expectedHead=noted))


def test_aFileThatIsSwappedOrRemovedIsNamed(case):
    (case / "skull.dcm").write_bytes(b"another")
    (case / "report.json").unlink()
    changed, missing = problemsOf(case)
    assert "'skull.dcm' is not the one on record" in changed
    assert "'report.json' is missing" in missing


def test_aFileOnRecordThatLiesElsewhereIsSaidNotToBeLookedAt(case, tmp_path):
    (tmp_path / "plan.pdf").write_bytes(b"plan")
    recordWork(case, "added", outputs=[fileEntry(tmp_path / "plan.pdf", case, "other")], person="Ada", role="engineer")
    found = verifyCase(case)
    assert found.isWhole and found.filesChecked == 2
    (remark,) = found.remarks
    assert "1 file on record" in remark and "plan.pdf" in remark


def test_aFileThatNobodyRecordedIsARemarkAndNoProblem(case):
    (case / "notes.txt").write_text("a note")
    found = verifyCase(case)
    assert found.isWhole
    assert "'notes.txt'" in found.remarks[0]


@pytest.mark.parametrize("torn", [0.1, 0.5, 0.999])
def test_powerLossWhileWritingLosesNoEvent(case, torn):
    whole = (case / RECORD_FILE).read_bytes()
    appendEvent(case, "validated", {"outputs": [], "result": {"verdict": "fail"}})
    line = (case / RECORD_FILE).read_bytes()[len(whole) : -1]
    # The moment of the loss: the event lies beside the record, and a part of it in the record.
    (case / RECORD_FILE).write_bytes(whole + line[: int(torn * len(line))])
    (case / PENDING_FILE).write_bytes(line)
    assert verifyCase(case).remarks[0].startswith("The last line was written in part")
    changeCase(case, "Wall thicker", "It broke")
    events = readEvents(case)
    assert [event.event for event in events[-2:]] == ["validated", "changed"]
    assert events[-2].body["result"] == {"verdict": "fail"}
    assert not (case / PENDING_FILE).exists()


def test_aLineWithoutItsBreakIsFinished(case):
    whole = (case / RECORD_FILE).read_bytes()
    (case / RECORD_FILE).write_bytes(whole[:-1])
    changeCase(case, "Wall thicker", "It broke")
    assert (case / RECORD_FILE).read_bytes().startswith(whole)


def test_bytesThatNobodyCanFinishAreKeptInAnEvent(case):
    with (case / RECORD_FILE).open("ab") as stream:
        stream.write(b'{"body":{"te')
    changeCase(case, "Wall thicker", "It broke")
    repaired = readEvents(case)[-2]
    assert repaired.event == "recordRepaired"
    assert repaired.body["torn"] == "eyJib2R5Ijp7InRl"
    assert verifyCase(case).isWhole


def addEvents(folder, count):
    for number in range(count):
        appendEvent(folder, "validated", {"outputs": [], "number": number})


def test_writersAtOnceLoseNothing(case):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=addEvents, args=(case, 8)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(readEvents(case)) == 3 + 24
    assert verifyCase(case).isWhole


def test_aLockOfAWriterThatIsGoneIsTaken(case):
    finished = multiprocessing.get_context("spawn").Process(target=str)
    finished.start()
    finished.join()
    (case / LOCK_FILE).write_text(json.dumps({"host": socket.gethostname(), "process": finished.pid}))
    changeCase(case, "Wall thicker", "It broke")
    assert not (case / LOCK_FILE).exists()


def test_aLockOfAnotherMachineIsWaitedForAndThenNamed(case):
    lock = case / LOCK_FILE
    lock.write_text(json.dumps({"host": "ward-7", "process": 12}))
    with pytest.raises(M3DError, match="locked by process 12 on ward-7"), recordLock(lock, longestWait=0.05):
        pass
    assert lock.exists()


def test_aClockThatGoesBackIsSaidAndNotFatal(case, monkeypatch):
    monkeypatch.setattr("M3DLib.CaseRecord.RecordFile.timeNow", lambda: "2020-01-01T00:00:00.000Z")
    changeCase(case, "Wall thicker", "It broke")
    found = verifyCase(case)
    assert found.isWhole
    assert "earlier time" in found.remarks[0]


class TestRefused:
    def test_aSecondCaseInOneFolder(self, case):
        with pytest.raises(M3DError, match="is a case already, of the order 2026-17"):
            openCase(case, "2026-18", "Mandible")

    @pytest.mark.parametrize(
        ("order", "requirement", "until", "said"),
        [
            (" ", "Skull", "", "number of its order"),
            ("1", "", "", "a requirement"),
            ("1", "Skull", "31.12.2026", "no date"),
        ],
    )
    def test_aCaseThatSaysNothing(self, tmp_path, order, requirement, until, said):
        with pytest.raises(M3DError, match=said):
            openCase(tmp_path / "new", order, requirement, validUntil=until)
        assert not (tmp_path / "new").exists()

    def test_confirmingByNobody(self, case):
        with pytest.raises(M3DError, match="name and the role"):
            confirmCase(case, "data", person="", role="surgeon")

    def test_confirmingWhatIsNotThere(self, case):
        with pytest.raises(M3DError, match="nothing to confirm as print"):
            confirmCase(case, "print", person="Eve", role="technician")

    def test_confirmingADesignTooLate(self, case):
        with pytest.raises(M3DError, match="valid until 2027-01-31"):
            confirmCase(case, "design", person="Eve", role="surgeon", today=date(2027, 2, 1))

    def test_aChangeOfWhatIsNotThere(self, case):
        with pytest.raises(M3DError, match=r"no 'jaw\.dcm' on record"):
            changeCase(case, "Jaw longer", "It was short", replaces=["jaw.dcm"])

    def test_aFolderWithoutARecord(self, tmp_path):
        with pytest.raises(M3DError, match="is no case"):
            verifyCase(tmp_path)


def test_aCopyOfACaseIsAsGoodAsTheCase(case, tmp_path):
    shutil.copytree(case, tmp_path / "copy")
    assert verifyCase(tmp_path / "copy").isWhole
