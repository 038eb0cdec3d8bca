"""A folder holds one report: nothing of an earlier one lies beside the new one, whenever a run is stopped."""

import json
import os

import pytest

from M3DLib.Errors import M3DError
from M3DValidationLib.Report import ReportFolder
from M3DValidationLib.Report.ReportFolder import replaceReport, requireReportFolder


def report(name, *pictures, models=()):
    """A report's files; the JSON is the part of one that the folder looks at."""
    data = {
        "schemaVersion": "1.0",
        "findings": [],
        "made": name,
        "pictures": [{"file": file} for file in pictures],
        "models3d": [{"file": file} for file in models],
    }
    files = {file: f"{name} {file}".encode() for file in (*pictures, *models, "report.html", "report.pdf")}
    return {**files, "report.json": json.dumps(data).encode()}


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


FIRST = report("first", "worst-place-1.png", "model.png", models=["deviation.glb"])
SECOND = {key: value for key, value in report("second", "model.png").items() if key != "report.pdf"}


@pytest.fixture
def folder(tmp_path):
    replaceReport(tmp_path / "out", FIRST)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    return tmp_path / "out"


def test_nothingOfTheEarlierReportIsLeft(folder):
    assert contents(folder) == {**FIRST, "notes.txt": b"mine"}
    replaceReport(folder, SECOND)
    assert contents(folder) == {**SECOND, "notes.txt": b"mine"}


def test_filesHaveTheRightsOfAnyNewFile(folder, tmp_path):
    (tmp_path / "any").touch()
    assert (folder / "report.json").stat().st_mode == (tmp_path / "any").stat().st_mode


class _Killed(BaseException):
    """Stands for the end of the process: nothing that comes after is done."""


def steps(monkeypatch, stopAt, error):
    """Raise an error at the n-th change of a file; returns how many changes were asked for."""
    done = []

    def counted(original):
        def change(*arguments, **more):
            done.append(original)
            if len(done) == stopAt:
                raise error
            if isinstance(error, _Killed) and stopAt and len(done) > stopAt:
                raise error
            return original(*arguments, **more)

        return change

    monkeypatch.setattr(ReportFolder.os, "replace", counted(os.replace))
    monkeypatch.setattr(ReportFolder.Path, "unlink", counted(ReportFolder.Path.unlink))
    monkeypatch.setattr(ReportFolder.Path, "write_bytes", counted(ReportFolder.Path.write_bytes))
    monkeypatch.setattr(ReportFolder.shutil, "rmtree", counted(ReportFolder.shutil.rmtree))
    return done


def numberOfSteps(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        replaceReport(tmp_path / "counted", FIRST)
        done = steps(patch, 0, None)
        replaceReport(tmp_path / "counted", SECOND)
        return len(done)


def test_interruptedAtAnyMomentTheReportIsTheOldOneOrTheNewOne(tmp_path, monkeypatch):
    seen = set()
    for moment in range(1, numberOfSteps(tmp_path) + 1):
        folder = tmp_path / str(moment)
        replaceReport(folder, FIRST)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            steps(patch, moment, KeyboardInterrupt())
            replaceReport(folder, SECOND)
        found = contents(folder)
        assert found in (FIRST, SECOND), f"interrupted at step {moment}"
        seen.add(found == FIRST)
    assert seen == {True, False}


def test_killedAtAnyMomentNothingIsMixedAndTheNextRunPutsItRight(tmp_path):
    third = report("third", "model.png")
    for moment in range(1, numberOfSteps(tmp_path) + 1):
        folder = tmp_path / str(moment)
        replaceReport(folder, FIRST)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(_Killed):
            steps(patch, moment, _Killed())
            replaceReport(folder, SECOND)
        found = {name: content for name, content in contents_or_folder(folder).items() if content is not None}
        if "report.json" in found:
            whole = FIRST if found["report.json"] == FIRST["report.json"] else SECOND
            assert found == whole, f"killed at step {moment}"
        requireReportFolder(folder)
        assert contents(folder) in (FIRST, SECOND)
        replaceReport(folder, third)
        assert contents(folder) == third


def contents_or_folder(folder):
    return {file.name: file.read_bytes() if file.is_file() else None for file in folder.iterdir()}


def test_reportOfSomebodyElseIsNotReplaced(tmp_path):
    (tmp_path / "report.json").write_text('{"coverage": 80}')
    for refused in (lambda: requireReportFolder(tmp_path), lambda: replaceReport(tmp_path, FIRST)):
        with pytest.raises(M3DError, match="no report of this program"):
            refused()
    assert contents(tmp_path) == {"report.json": b'{"coverage": 80}'}


def test_facesWithoutTheirReportAreRefused(tmp_path):
    (tmp_path / "report.html").write_text("<html>")
    with pytest.raises(M3DError, match=r"report\.html without the report\.json"):
        requireReportFolder(tmp_path)


def test_nothingOutsideTheFolderIsRemoved(tmp_path):
    outside = tmp_path / "precious.png"
    outside.write_bytes(b"x")
    folder = tmp_path / "out"
    replaceReport(folder, FIRST)
    data = json.loads((folder / "report.json").read_text())
    data["pictures"] = [{"file": "../precious.png"}, {"file": str(outside)}]
    (folder / "report.json").write_text(json.dumps(data))
    replaceReport(folder, SECOND)
    assert outside.read_bytes() == b"x"
