"""``m3d batch`` from the table to the summary: each case as ``m3d run`` does it, and no case in the way of another."""

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import jsonschema
import pytest
from junitparser import JUnitXml

from M3DBatchLib.Batch import CaseProcess
from M3DBatchLib.Batch.BatchSummary import SCHEMA_FILE
from M3DBatchLib.CommandLine import main
from M3DTestSupport.Batches import GOOD, OPEN, readSummary, runBatch, writeMeshes, writeTable
from M3DTestSupport.Commands import environment, runM3d
from M3DTestSupport.PhantomScan import Fault, makeCase

# Of a report what is the same however it was made.
_OF_THE_RUN = ("seconds", "peakMemoryMb", "report", "exported", "made", "dataFlow", "dicomReferences", "models3d")
FORMULA = "=1+1"
STRANGE = "ü & <b> #1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("batch")
    writeMeshes(place)
    makeCase(place / "scan", Fault())
    return place


@pytest.fixture(scope="module")
def done(folder):
    """A batch of cases of every verdict: (exit status, summary, cases by id, output folder)."""
    rows = [
        {"id": "good", "mesh": GOOD, "title": FORMULA},
        {"id": "open", "mesh": OPEN},
        {"id": STRANGE, "mesh": "no-mesh.stl", "output": "strange ü #1"},
        {"id": "scan", "image": "scan", "threshold": "500", "largest": 1, "title": "Bone", "profile": "education"},
        {"id": "alone", "image": "scan", "profile": "education"},
        {"id": "lost", "image": "not-there", "threshold": "500"},
    ]
    (folder / "no-mesh.stl").write_text("solid of words")
    table = writeTable(folder / "cases.csv", rows)
    output = folder / "out"
    status = main(["batch", str(table), "--output", str(output), "--workers", "2", "--files", "stl,3mf"])
    return status, *readSummary(output), output


def test_statusSaysThatSomethingFails(done):
    status, summary, cases, _output = done
    assert status == summary["exitStatus"] == 1
    assert {name: case["verdict"] for name, case in cases.items() if name != "scan"} == {
        "good": "pass",
        "open": "fail",
        STRANGE: "error",
        "alone": "notAssessable",
        "lost": "error",
    }
    assert "not-there" in cases["lost"]["reason"]
    assert sum(summary["counts"].values()) == len(cases) == 6


def test_caseIsWhatRunMakesOfIt(done, folder, tmp_path):
    _status, _summary, cases, output = done
    arguments = ["--threshold", "500", "--largest", "1", "--title", "Bone", "--profile", "education"]
    alone = main(["run", "--image", str(folder / "scan"), *arguments, "--output", str(tmp_path / "alone")])
    assert cases["scan"]["exitStatus"] == alone
    reports = [json.loads((place / "report.json").read_text()) for place in (output / "scan", tmp_path / "alone")]
    kept = [{key: value for key, value in report.items() if key not in _OF_THE_RUN} for report in reports]
    # What the tests beside this one have loaded in this process is named among the software.
    assert kept[0].pop("document")["number"] == kept[1].pop("document")["number"]
    # Pictures belong to HTML, which the batch makes and run here does not.
    assert {**kept[0], "pictures": []} == {**kept[1], "pictures": []}
    assert len(cases["scan"]["models"]) == 1
    assert reports[0]["report"] == "report.json"


def test_everyFileThatTheSummaryNamesIsThere(done):
    _status, _summary, cases, output = done
    for case in cases.values():
        places = [case["log"], case["thumbnail"], *case["models"], *case["printFiles"]]
        places += [place for files in case["reports"].values() for place in files.values()]
        for place in filter(None, places):
            assert (output / place).is_file(), place
    assert cases["scan"]["thumbnail"]
    assert sorted(place.rpartition(".")[2] for place in cases["scan"]["printFiles"]) == ["3mf", "stl"]
    assert cases[STRANGE]["folder"] == "strange ü #1"
    assert "no-mesh.stl" in (output / cases[STRANGE]["log"]).read_text(encoding="utf-8")


def test_reasonIsThatOfTheWorstFinding(done):
    _status, _summary, cases, _output = done
    assert cases["open"]["worst"]["verdict"] == "fail"
    assert cases["open"]["reason"].startswith(cases["open"]["worst"]["message"].strip())
    assert any(one["requirement"] == "mesh-closed" for one in cases["open"]["findings"])
    assert "no-mesh.stl" in cases[STRANGE]["reason"]
    assert "mesh" in cases["alone"]["reason"]
    assert cases["scan"]["reason"] == ""


def test_summaryFollowsItsPublishedSchema(done):
    from M3DValidationLib.SchemaValidation import schemaProblems

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(done[1], schema)
    assert schemaProblems(done[1], schema) == []


def test_anyContinuousIntegrationSeesFailuresAndErrors(done):
    output = done[-1]
    document = JUnitXml.fromfile(str(output / "junit.xml"))
    assert (document.tests, document.failures, document.skipped) == (6, 1, 0)
    assert document.errors >= 2
    tests = {test.get("name"): test for test in ET.parse(output / "junit.xml").iter("testcase")}
    assert tests["open"].find("failure").get("message")
    assert "mesh-closed" in tests["open"].find("failure").text
    assert tests[STRANGE].find("error").get("type") == "could-not-be-done"
    assert tests["alone"].find("error").get("type") == "not-assessable"
    assert [child.tag for child in tests["good"]] == ["system-out"]


def test_tableForSpreadsheetsHoldsARowForEachCase(done):
    with (done[-1] / "summary.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["verdict"] for row in rows][:3] == ["pass", "fail", "error"]
    assert rows[1]["worstRequirement"]
    assert not any(value.startswith("=") for row in rows for value in row.values())


def test_pageEscapesWhatOthersHaveWrittenAndLinksToEveryFile(done):
    page = (done[-1] / "summary.html").read_text(encoding="utf-8")
    assert "<b> #1" not in page
    assert 'href="strange%20%C3%BC%20%231/log.txt"' in page
    assert page.count("<tr>") == 7


def test_nothingIsLeftBesideCasesAndSummary(done):
    names = {"good", "open", "strange ü #1", "scan", "alone", "lost", "summary.json", "summary.csv", "summary.html"}
    assert {entry.name for entry in done[-1].iterdir()} == {*names, "junit.xml"}


def test_tableWithErrorsIsRefusedWholeAndNothingIsMade(folder, tmp_path, capsys):
    rows = [{"id": "a", "mesh": "none.stl"}, {"id": "a", "mesh": GOOD, "colour": "red"}, {"id": "b", "largest": "all"}]
    assert runBatch(writeTable(folder / "wrong.csv", rows), tmp_path / "out") == 2
    said = capsys.readouterr().err.removeprefix("m3d: ").splitlines()
    beginnings = ("Row 1: the column 'colour'", "Row 2: mesh: there is no", "Row 3: the id 'a'", "Row 4: largest must")
    assert len(said) == len(beginnings)
    assert all(line.startswith(beginning) for line, beginning in zip(said, beginnings, strict=True))
    assert not (tmp_path / "out").exists()


def test_printedJsonIsTheSummary(folder, tmp_path, capsys):
    table = writeTable(folder / "one.csv", [{"id": "a", "mesh": GOOD}])
    assert runBatch(table, tmp_path / "out", "--json", "--quiet", "--workers", "0") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == readSummary(tmp_path / "out")[0]
    assert printed.err == ""


def test_settingsOfTheSiteHoldForEveryCase(folder, tmp_path, capsys):
    (tmp_path / "site.toml").write_text('profile = "implant"\nmin-wall = 30\n')
    table = writeTable(
        folder / "two.csv", [{"id": "a", "mesh": GOOD}, {"id": "b", "mesh": GOOD, "profile": "education"}]
    )
    status = runBatch(table, tmp_path / "out", "--config", tmp_path / "site.toml", "--workers", "0")
    _summary, cases = readSummary(tmp_path / "out")
    assert status == 1
    assert cases["a"]["worst"]["requirement"] == cases["b"]["worst"]["requirement"] == "wall-thickness"
    assert [cases[name]["profile"].split()[0] for name in "ab"] == ["implant", "education"]
    assert "Settings of" in capsys.readouterr().err


def test_optionsOfAllCasesReachThemAsTheyWereGiven(folder, tmp_path):
    table = writeTable(folder / "one.csv", [{"id": "a", "mesh": GOOD}])
    given = ["--max-file-size", "1.5G", "--build-volume", "200", "150.5", "100", "--min-wall", "0.8", "--person", "A B"]
    assert runBatch(table, tmp_path / "out", "--workers", "0", *given) == 0
    command = (tmp_path / "out" / "a" / "log.txt").read_text(encoding="utf-8").splitlines()[0]
    for words in ("--max-file-size=1536.000000M", "--build-volume 200.0 150.5 100.0", "--min-wall=0.8", "--person=A B"):
        assert words in command


# A worker that does to itself, at a case of this title, what happens to processes.
_FAULTY = """
import os, signal, sys
from M3DBatchLib.Batch import CaseWork
_run = CaseWork.main
def faulty(arguments, **more):
    for title, number in (("--title=crash", signal.SIGSEGV), ("--title=killed", signal.SIGKILL)):
        if title in arguments:
            os.kill(os.getpid(), number)
    if "--title=leave" in arguments:
        os._exit(5)
    return _run(arguments, **more)
CaseWork.main = faulty
from M3DBatchLib.Batch.CaseWorker import main
sys.exit(main())
"""


def test_processThatEndsInTheMiddleTakesNoOtherCaseWithIt(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(CaseProcess, "_START", _FAULTY)
    titles = ["first", "crash", "killed", "leave", "last"]
    table = writeTable(folder / "faulty.csv", [{"id": title, "mesh": GOOD, "title": title} for title in titles])
    assert runBatch(table, tmp_path / "out", "--workers", "1") == 3
    _summary, cases = readSummary(tmp_path / "out")
    assert [title for title in titles if cases[title]["verdict"] == "pass"] == ["first", "last"]
    assert "SIGSEGV" in cases["crash"]["reason"]
    assert "memory" in cases["killed"]["reason"]
    assert "exit status 5" in cases["leave"]["reason"]
    # What the process had said until then is kept.
    assert "m3d validate" in (tmp_path / "out" / cases["crash"]["log"]).read_text(encoding="utf-8")
    monkeypatch.undo()
    assert runBatch(table, tmp_path / "out", "--workers", "1", "--resume") == 0
    _summary, cases = readSummary(tmp_path / "out")
    assert [cases[title]["kept"] for title in titles] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--workers", "-1"], "number of workers"),
        (["--workers", "two"], "number of workers"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], "--workers is about this machine"),
        (["--tls-cert", "x.pem"], "--scheduler"),
        (["--formats", "doc"], "doc"),
        (["--refine", "--refine-range", "nan"], "range of refining must be above 0 mm"),
        (["--refine-range", "0.5"], "--refine-range says nothing without refining"),
        (["--max-error", "0"], "must be above 0 mm"),
        (["--max-error", "0,5"], "--max-error"),
        (["--smoothing", "2"], "Smoothing must be between 0 and 1"),
        (["--profile", "imlant"], "imlant"),
    ],
)
def test_wrongOptionsAreRefused(folder, tmp_path, more, words):
    table = writeTable(folder / "one.csv", [{"id": "a", "mesh": GOOD}])
    process = runM3d("batch", table, "--output", tmp_path / "out", *more)
    assert process.returncode == 2
    assert words in process.stderr
    assert not (tmp_path / "out").exists()


def test_missingPackageIsNamedBeforeTheWork(folder, tmp_path):
    table = writeTable(folder / "one.csv", [{"id": "a", "mesh": GOOD}])
    hidden = (
        "import sys, importlib.util as u; f = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'junitparser' else f(name, *a); "
        "from M3DBatchLib.CommandLine import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", hidden, "batch", str(table), "--output", str(tmp_path / "out")]
    process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert "pip install SlicerM3D[batch]" in process.stderr
    assert not (tmp_path / "out").exists()
