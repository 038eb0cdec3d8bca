"""Going on with a batch: what is finished is kept, what is not or has changed is done anew, nothing is taken for whole
that is not.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from M3DBatchLib.Batch import CaseFolder, Fingerprint
from M3DBatchLib.Batch.CaseFolder import WORK_FOLDER
from M3DBatchLib.Batch.CasePlan import CasePlan, inputOf
from M3DBatchLib.Batch.Fingerprint import InputFiles, fingerprintOf
from M3DLib.Errors import M3DError
from M3DLib.FolderLock import folderLock
from M3DTestSupport.Batches import GOOD, OPEN, readSummary, runBatch, writeMeshes, writeTable
from M3DTestSupport.Commands import environment


@pytest.fixture
def folder(tmp_path):
    writeMeshes(tmp_path)
    return tmp_path


def kept(output):
    return {name: case["kept"] for name, case in readSummary(output)[1].items()}


def batch(folder, *more, rows=None, name="cases.csv"):
    """A batch in this process, which is quicker than in others; its exit status."""
    rows = rows or [{"id": "a", "mesh": GOOD}, {"id": "b", "mesh": "own.stl"}]
    table = writeTable(folder / name, rows)
    return runBatch(table, folder / "out", "--workers", "0", *more)


class TestKeeping:
    @pytest.fixture(autouse=True)
    def finished(self, folder):
        shutil.copy(folder / GOOD, folder / "own.stl")
        assert batch(folder) == 0
        return folder / "out"

    def test_finishedCasesAreKeptAsTheyAre(self, folder, finished):
        before = {file: file.stat().st_mtime_ns for file in finished.glob("[ab]/*")}
        assert batch(folder, "--resume") == 0
        assert kept(finished) == {"a": True, "b": True}
        assert {file: file.stat().st_mtime_ns for file in finished.glob("[ab]/*")} == before

    def test_changedInputIsDoneAnewAlsoWhereSizeAndTimeAreTheSame(self, folder, finished):
        file = folder / "own.stl"
        before = file.stat()
        content = bytearray(file.read_bytes())
        content[40] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert batch(folder, "--resume") == 0
        assert kept(finished) == {"a": True, "b": False}

    def test_modelThatFailsNowTakesThePlaceOfTheOneThatPassed(self, folder, finished):
        shutil.copy(folder / OPEN, folder / "own.stl")
        assert batch(folder, "--resume") == 1
        assert json.loads((finished / "b" / "report.json").read_text())["verdict"] == "fail"

    def test_otherSettingIsDoneAnew(self, folder, finished):
        assert batch(folder, "--resume", "--tolerance", "0.4") == 0
        assert kept(finished) == {"a": False, "b": False}

    def test_otherVersionIsDoneAnew(self, folder, finished, monkeypatch):
        versions = {**Fingerprint.programVersions(), "scipy": "0.1"}
        monkeypatch.setattr(Fingerprint, "programVersions", lambda: versions)
        assert batch(folder, "--resume") == 0
        assert kept(finished) == {"a": False, "b": False}

    @pytest.mark.parametrize("damage", ["missing", "cut", "other", "no record", "broken record"])
    def test_resultThatIsNotWholeIsDoneAnew(self, folder, finished, damage):
        report, record = finished / "a" / "report.json", finished / "a" / "outcome.json"
        if damage == "missing":
            report.unlink()
        elif damage == "cut":
            report.write_bytes(report.read_bytes()[:-1])
        elif damage == "other":
            report.write_bytes(report.read_bytes().replace(b"pass", b"fail", 1))
        elif damage == "no record":
            shutil.rmtree(finished / "a")
        else:
            data = json.loads(record.read_text())
            data["files"] = [{"name": "../../good.stl"}]
            record.write_text(json.dumps(data))
        assert batch(folder, "--resume") == 0
        assert kept(finished) == {"a": False, "b": True}

    def test_caseThatIsMovedIsKeptWithItsInputs(self, folder, finished, tmp_path_factory):
        other = tmp_path_factory.mktemp("moved")
        for name in (GOOD, "own.stl", "cases.csv"):
            shutil.copy(folder / name, other / name)
        shutil.copytree(finished, other / "out")
        assert batch(other, "--resume") == 0
        assert kept(other / "out") == {"a": True, "b": True}

    def test_casesThatAreNoLongerInTheTableStayAndAreNamed(self, folder, finished, capsys):
        before = {file: file.read_bytes() for file in (finished / "b").rglob("*") if file.is_file()}
        rows = [{"id": "a", "mesh": GOOD}, {"id": "c", "mesh": "own.stl", "output": "deep/c"}]
        assert batch(folder, "--resume", rows=rows) == 0
        summary, cases = readSummary(finished)
        assert summary["strayFolders"] == ["b"] and set(cases) == {"a", "c"}
        said = "1 folder of an earlier batch holds a case that is not in the table, and not counted here: b."
        assert said in capsys.readouterr().out
        assert said in (finished / "summary.html").read_text(encoding="utf-8")
        assert {file: file.read_bytes() for file in before} == before
        # Named otherwise once more, and put back.
        assert batch(folder, "--resume", rows=[{"id": "a", "mesh": GOOD}]) == 0
        assert readSummary(finished)[0]["strayFolders"] == ["b", "deep/c"]
        assert batch(folder, "--resume") == 0
        assert readSummary(finished)[0]["strayFolders"] == ["deep/c"]

    def test_foldersOfOthersAreNoCasesOfAnEarlierBatch(self, folder, finished):
        (finished / "letters").mkdir()
        (finished / "letters" / "outcome.json").write_text("{}")
        assert batch(folder, "--resume") == 0
        assert readSummary(finished)[0]["strayFolders"] == []

    def test_withoutResumeEarlierResultsAreRefused(self, folder, finished, capsys):
        before = (finished / "summary.json").read_bytes()
        assert batch(folder) == 2
        assert "--resume" in capsys.readouterr().err
        assert (finished / "summary.json").read_bytes() == before

    def test_folderOfSomebodyElseIsNotReplaced(self, folder, finished, capsys):
        shutil.rmtree(finished / "b")
        (finished / "b").mkdir()
        (finished / "b" / "letter.txt").write_text("mine")
        assert batch(folder, "--resume") == 2
        assert "was not made by m3d batch" in capsys.readouterr().err
        assert (finished / "b" / "letter.txt").read_text() == "mine"

    def test_secondRunIntoTheSameFolderIsRefused(self, folder, finished, capsys):
        with folderLock(finished):
            assert batch(folder, "--resume") == 2
        assert "Another process" in capsys.readouterr().err


class TestFingerprint:
    def print(self, folder, role, name):
        plan = CasePlan("a", 2, "a", "validate", [[f"--{role}", inputOf(role)]], inputs={role: [str(folder / name)]})
        return fingerprintOf(plan, InputFiles(plan))

    def test_everyFileOfASeriesCounts(self, folder):
        (folder / "scan" / "deep").mkdir(parents=True)
        (folder / "scan" / "1.dcm").write_bytes(b"one")
        first = self.print(folder, "image", "scan")
        (folder / "scan" / "deep" / "2.dcm").write_bytes(b"two")
        second = self.print(folder, "image", "scan")
        (folder / "scan" / "deep" / "2.dcm").rename(folder / "scan" / "2.dcm")
        third = self.print(folder, "image", "scan")
        assert len({json.dumps(one) for one in (first, second, third)}) == 3

    @pytest.mark.parametrize(
        ("name", "header"),
        [
            ("x.nhdr", "NRRD0004\ndata file: values.raw\n\n"),
            ("x.nhdr", "NRRD0004\ndatafile: LIST\nvalues.raw\n"),
            ("x.mhd", "ObjectType = Image\nElementDataFile = values.raw\n"),
            ("x.mhd", "ElementDataFile = %d.raw 1 3 1\n"),
        ],
    )
    def test_valuesInAFileBesideTheHeaderCount(self, folder, name, header):
        (folder / name).write_text(header)
        (folder / "values.raw").write_bytes(b"1")
        before = self.print(folder, "image", name)
        (folder / "values.raw").write_bytes(b"2")
        assert self.print(folder, "image", name) != before

    def test_inputThatChangesWhileItIsReadIsNoticed(self, folder):
        plan = CasePlan("a", 2, "a", "validate", [], inputs={"mesh": [str(folder / GOOD)]})
        files = InputFiles(plan)
        assert files.changed() == []
        (folder / GOOD).write_bytes(b"other")
        assert files.changed() == [folder / GOOD]

    def test_programsOwnCodeCounts(self):
        assert len(Fingerprint.programVersions()["code"]) == 64


class TestPublishing:
    """Two workers that have done the same case: it is in its place once, and whole."""

    def made(self, output, text, fingerprint, verdict="pass", run="run"):
        folder = CaseFolder.makeWorkFolder(output, run)
        (folder / "report.json").write_text(text)
        outcome = {"id": "a", "run": run, "verdict": verdict, "fingerprint": fingerprint}
        return folder, CaseFolder.writeOutcome(folder, outcome)

    def test_firstOneWinsAndTheOtherLeavesNothing(self, tmp_path):
        (first, one), (second, two) = (self.made(tmp_path, text, {"of": "same"}) for text in "12")
        assert CaseFolder.publish(first, tmp_path / "a", one) == one
        assert CaseFolder.publish(second, tmp_path / "a", two) == one
        assert (tmp_path / "a" / "report.json").read_text() == "1"
        assert not second.exists()

    def test_manyAtOnceLeaveOneThatIsWhole(self, tmp_path):
        made = [self.made(tmp_path, str(number), {"of": "same"}) for number in range(16)]
        results = []
        threads = [
            threading.Thread(
                target=lambda work=work, one=one: results.append(CaseFolder.publish(work, tmp_path / "a", one))
            )
            for work, one in made
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 16 and all(result == results[0] for result in results)
        assert CaseFolder.finishedOutcome(tmp_path / "a", {"of": "same"}) == results[0]
        assert list((tmp_path / WORK_FOLDER).iterdir()) == []

    def test_workerThatCouldNotTakesNothingFromTheOneThatCould(self, tmp_path):
        good, failed = self.made(tmp_path, "1", {"of": "same"}), self.made(tmp_path, "2", None, "error")
        CaseFolder.publish(good[0], tmp_path / "a", good[1])
        CaseFolder.publish(failed[0], tmp_path / "a", failed[1])
        assert CaseFolder.readOutcome(tmp_path / "a")["verdict"] == "pass"
        # Of an earlier run it does: the input may be broken now.
        later = self.made(tmp_path, "3", None, "error", run="later")
        CaseFolder.publish(later[0], tmp_path / "a", later[1])
        assert CaseFolder.readOutcome(tmp_path / "a")["verdict"] == "error"

    def test_whatSomebodyElsePutThereStays(self, tmp_path):
        work, outcome = self.made(tmp_path, "1", {"of": "same"})
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "letter.txt").write_text("mine")
        with pytest.raises(M3DError, match="was not made by m3d batch"):
            CaseFolder.publish(work, tmp_path / "a", outcome)


class TestInterruption:
    ROWS = [{"id": f"case{number}", "mesh": GOOD} for number in range(30)]

    def started(self, folder, *more):
        table = writeTable(folder / "many.csv", self.ROWS)
        command = [sys.executable, "-m", "M3DBatchLib", "batch", str(table), "--output", str(folder / "out")]
        command += ["--formats", "json", "--workers", "1", *more]
        return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True)

    def waitForFirst(self, folder, process):
        limit = time.monotonic() + 60
        while not list((folder / "out").glob("case*/outcome.json")):
            assert process.poll() is None and time.monotonic() < limit
            time.sleep(0.02)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
    def test_finishedCasesStayAndTheWayToGoOnIsSaid(self, folder, number):
        process = self.started(folder)
        self.waitForFirst(folder, process)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 130
        assert "--resume" in said and "Interrupted" in said
        summary, cases = readSummary(folder / "out")
        done = [name for name, case in cases.items() if case["verdict"] == "pass"]
        assert summary["interrupted"] and 0 < len(done) < 30
        assert summary["counts"]["notRun"] == 30 - len(done)
        assert summary["exitStatus"] == 3
        assert not (folder / "out" / WORK_FOLDER).exists()
        assert 'type="not-begun"' in (folder / "out" / "junit.xml").read_text()

    def test_workersOfAKilledBatchEndAndItCanGoOn(self, folder):
        process = self.started(folder)
        self.waitForFirst(folder, process)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
        process.kill()
        process.wait()
        limit = time.monotonic() + 30
        while any(os.path.exists(f"/proc/{child}") for child in children.stdout.split()):
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert not (folder / "out" / "summary.json").exists()
        rows = self.ROWS[:4]
        assert batch(folder, "--resume", rows=rows) == 0
        assert kept(folder / "out")["case0"] is True
        assert not (folder / "out" / WORK_FOLDER).exists()
