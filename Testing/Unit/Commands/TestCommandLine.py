"""What holds for every command: help, version, names of options, mistakes, exit statuses, log, colors."""

import json
import os
import re
import subprocess
import sys

import pytest

from M3DBatchLib.CommandLine import EXIT_STATUSES, commandsOf, main, makeParser
from M3DBatchLib.Commands.CompletionCommand import SHELLS, completion
from M3DBatchLib.Terminal import wantsColor
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Software import VERSION
from M3DTestSupport.Commands import environment, runM3d
from M3DTestSupport.MeshShapes import box

COMMANDS = commandsOf(makeParser())


@pytest.fixture(autouse=True)
def noSettings(tmp_path, monkeypatch):
    """Where neither this folder nor the user has settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in [name for name in os.environ if name.startswith("M3D_")]:
        monkeypatch.delenv(name)


def m3d(capsys, *arguments):
    """Exit status, stdout and stderr."""
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status or 0, captured.out, captured.err


@pytest.fixture
def mesh(tmp_path):
    file = tmp_path / "part.stl"
    file.write_bytes(stlBytes(TriangleMesh(*box())))
    return file


def test_versionIsPrinted(capsys):
    assert m3d(capsys, "--version") == (0, f"SlicerM3D {VERSION}\n", "")


def test_withoutACommandTheHelpIsShown(capsys):
    status, out, err = m3d(capsys)
    assert (status, err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^    {command} +\w", out, re.M), command


def test_helpOfACommandIsItsOwnHelp(capsys):
    assert m3d(capsys, "help")[1] == m3d(capsys)[1]
    for command in COMMANDS:
        assert m3d(capsys, "help", command)[1].rstrip() == m3d(capsys, command, "--help")[1].rstrip()


def test_helpOfACommandThatIsNoneSaysWhichWasMeant(capsys):
    status, out, err = m3d(capsys, "help", "validat")
    assert (status, out) == (2, "") and "Did you mean validate?" in err


def test_commandThatIsNoneIsAnsweredWithTheOneThatWasMeant(capsys):
    status, out, err = m3d(capsys, "exprot")
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == "m3d: There is no command 'exprot'. Did you mean export?"
    assert len(err.splitlines()) == 2


# Command line, and what its sentence must hold: three mistakes for each command, as people make them.
MISTAKES = {
    "export": [
        (["--image", "scan", "--treshold", "300", "--output", "o"], "no option --treshold. Did you mean --threshold?"),
        (["--image", "scan", "--threshold", "bone", "--output", "o"], "--threshold: 'bone' is not a threshold; write"),
        (["--image", "a", "--image", "b", "--threshold", "300", "--output", "o"], "--image may be given once"),
    ],
    "encapsulate": [
        (["part.stl", "--output", "o"], "Missing: --image"),
        (["part.stl", "--image", "scan", "--unit", "inch", "--output", "o"], "--unit: 'inch' is none of um, mm, cm, m"),
        (["part.stl", "--image", "scan", "--model-color", "red", "--output", "o"], "'red' is not a color; write it as"),
    ],
    "inspect": [
        ([], "Missing: FILE"),
        (["nowhere.dcm"], "'nowhere.dcm' cannot be read: No such file"),
        (["part.stl"], "is not a DICOM file"),
    ],
    "extract": [
        (["jaw.dcm"], "Missing: --output"),
        (["part.stl", "--output", "o.stl"], "is not a DICOM file"),
        (["nowhere.dcm", "--output", "o.stl"], "'nowhere.dcm' cannot be read: No such file"),
    ],
    "validate": [
        (["--output", "o"], "Say what to validate: --image DIR|FILE, --mesh FILE, or both."),
        (["--mesh", "part.stl", "--profil", "implant", "--output", "o"], "Did you mean --profile?"),
        (["--mesh", "part.stl", "--profile", "implnt", "--output", "o"], "implnt"),
    ],
    "run": [
        (["--image", "scan", "--output", "o"], "Say what to model: --segmentation FILE, or --threshold LOW[:HIGH]."),
        (["--image", "scan", "--threshold", "300", "--segmentation", "x", "--output", "o"], "not both"),
        (["--image", "scan", "--threshold", "300", "--mesh", "part.stl", "--output", "o"], "no option --mesh"),
    ],
    "report": [
        ([], "Missing: REPORT"),
        (["nowhere.json"], "nowhere.json"),
        (["nowhere.json", "--formats", "docx"], "docx"),
    ],
    "profiles": [
        (["implnt"], "implnt"),
        (["implant", "education"], "'education' is one argument too many"),
        (["--list"], "Did you mean --list-requirements?"),
    ],
    "compare": [
        (["part.stl"], "Missing: B"),
        (["part.stl", "part.stl", "--tolerance", "0"], "--tolerance must be above 0 mm"),
        (["part.stl", "nowhere.stl"], "nowhere.stl' does not exist"),
    ],
    "repair": [
        (["part.stl", "--output", "o.stl"], "Say what to repair: --remove-useless"),
        (["part.stl", "--reorient", "--output", "part.stl"], "Input and output are the same file"),
        (["part.stl", "--fill-holes", "-3", "--output", "o.stl"], "--fill-holes must be a positive number"),
    ],
    "case": [
        (["opn", "x"], "There is no command 'opn'. Did you mean open?"),
        (["open", "x", "--order", "1"], "Missing: --requirement"),
        (["show", "nowhere"], "'nowhere' is no case: it has no case.jsonl"),
    ],
    "demo": [
        (["somewhere"], "'somewhere' is one argument too many"),
        (["--outptu", "x"], "Did you mean --output?"),
        (["--output", "part.stl"], "part.stl"),
    ],
    "config": [
        (["--sow"], "Did you mean --show?"),
        (["--config", "nowhere.toml"], "The settings file 'nowhere.toml' cannot be read"),
        (["profile"], "'profile' is one argument too many"),
    ],
    "completion": [
        ([], "Missing: SHELL"),
        (["csh"], "'csh' is none of bash, zsh, fish"),
        (["bash", "zsh"], "'zsh' is one argument too many"),
    ],
    "batch": [
        ([], "Missing: CASES.csv|json, --output"),
        (["nowhere.csv", "--output", "o"], "There is no table 'nowhere.csv'"),
        (["nowhere.csv", "--output", "o", "--worker", "2"], "Did you mean --workers?"),
    ],
    "query": [
        ([], "Say what is looked for: --patient ID"),
        (["--dicomweb", "http://me:secret@127.0.0.1:9", "--patient", "P"], "holds a user name or password"),
        (["--dimse", "nothing", "--patient", "P"], "'nothing' is not the address of a DIMSE server"),
    ],
    "fetch": [
        (["--dicomweb", "http://127.0.0.1:9", "--output", "o"], "Say what is to be fetched: --study UID"),
        (["--dimse", "A@b:1", "--study", "1.2.x", "--output", "o"], "'1.2.x' is no UID"),
        (["--study", "1.2.3", "--output", "o"], "Say which PACS is meant"),
    ],
    "send": [
        ([], "Missing: PATH"),
        (["part.stl"], "Say which PACS is meant"),
        (["nowhere.dcm", "--dimse", "A@127.0.0.1:9"], "'nowhere.dcm' does not exist"),
    ],
    "package": [
        (["part.stl", "--output", "o.zip"], "Say with --pseudonym ID who stands in for the patient"),
        (["nowhere", "--output", "o.zip", "--pseudonym", "X"], "'nowhere' does not exist"),
        (["part.stl", "--output", "o.zip", "--pseudonym", "X", "--sign", "no.pem"], "no.pem"),
    ],
    "verify": [
        ([], "Missing: "),
        (["nowhere.zip"], "'nowhere.zip' does not exist"),
        (["part.stl", "--trust", "no.pem"], "no.pem"),
    ],
    "unpack": [
        (["nowhere.zip"], "Missing: --output"),
        (["nowhere.zip", "--output", "o"], "'nowhere.zip' does not exist"),
        (["part.stl", "--output", "o"], "its ZIP directory cannot be read"),
    ],
    "help": [
        (["export", "run"], "'run' is one argument too many"),
        (["exprt"], "Did you mean export?"),
        (["--al"], "no option --al"),
    ],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_mistakesAreAnsweredInASentence(command, mesh, capsys):
    assert len(MISTAKES[command]) >= 3
    for arguments, sentence in MISTAKES[command]:
        status, out, err = m3d(capsys, command, *arguments)
        assert (status, out) == (2, ""), arguments
        assert sentence in err and "Traceback" not in err, err
        assert sorted(os.listdir()) == ["part.stl"], arguments


def test_mistakeInTheUsageShowsTheUsageOfItsOwnCommandInOneLine(capsys):
    _, _, err = m3d(capsys, "encapsulate", "part.stl", "--outptu", "x")
    said, usage = err.splitlines()
    assert said == "m3d encapsulate: There is no option --outptu. Did you mean --output? Missing: --image, --output."
    assert usage.startswith("Usage: m3d encapsulate FILE.stl --image DIR|FILE --output DIR|FILE.dcm [options]")
    assert "m3d help encapsulate" in usage


def test_beginningOfANameIsNotTheName(capsys):
    status, _, err = m3d(capsys, "repair", "part.stl", "--out", "x.stl", "--reorient")
    assert status == 2 and "There is no option --out. Did you mean --output?" in err


def test_oldNamesAreTakenWithANote(mesh, capsys):
    for arguments, note in (
        (["encapsulate", mesh, "--source", "no", "--output", "o"], "--source is called --image now"),
        (["encapsulate", mesh, "--image", "no", "--units=cm", "--output", "o"], "--units is called --unit now"),
        (
            ["export", "--image", "no", "--threshold", 1, "--method", "surface-nets", "--output", "o"],
            "--surface-method",
        ),
        (
            ["validate", "--image", "no", "--method", "gradient", "--output", "o"],
            "--method is called --edge-method now",
        ),
        (["validate", "--image", "no", "--method", "surface-nets", "--output", "o"], "called --surface-method now"),
        (["export", "--image", "no", "--threshold", 1, "--color", "#ffeedd", "--output", "o"], "--model-color now"),
    ):
        status, _, err = m3d(capsys, *arguments)
        assert status == 2 and note in err and re.search("no'? does not exist", err), err


def test_oneThingHasOneNameInAllCommands():
    """What an option is about, by its explanation of the value: the same things under the same names."""
    for name, parser in COMMANDS.items():
        options = parser._option_string_actions
        assert not {"--source", "--units", "--method", "--out", "--file"} & set(options), name
        for option, action in options.items():
            assert option in ("-h", "-q", "-v") or re.fullmatch(r"--[a-z]+(-[a-z0-9]+)*", option), option
            assert action.help, f"{name} {option} is not explained"


def test_everyCommandTakesTheGeneralOptions():
    for parser in COMMANDS.values():
        assert {"--quiet", "--verbose", "--color", "--log-file", "--config"} <= set(parser._option_string_actions)


def test_generalOptionsStandBeforeOrAfterTheCommand(mesh, capsys):
    before = m3d(capsys, "--quiet", "compare", mesh, mesh)
    after = m3d(capsys, "compare", mesh, mesh, "--quiet")
    assert before == after
    assert before[0] == 0 and before[2] == "" and "root mean square" in before[1]
    assert m3d(capsys, "compare", mesh, mesh)[2] != ""


def test_colorsAreForTerminalsAndCanBeRefused(monkeypatch):
    class Stream:
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wantsColor("auto", Stream()) and wantsColor("always", object())
    assert not wantsColor("never", Stream()) and not wantsColor("auto", object())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wantsColor("auto", Stream()) and wantsColor("always", Stream())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not wantsColor("auto", Stream())


def test_verdictsAreColoredWhenWanted(mesh, capsys):
    arguments = ("validate", "--mesh", mesh, "--profile", "education", "--output", "out")
    plain = m3d(capsys, *arguments)[1]
    colored = m3d(capsys, *arguments, "--color", "always")[1]
    assert "\x1b" not in plain and "  \x1b[32mpass\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain


def test_logTellsWhatHappenedAndNamesNobody(mesh, tmp_path, capsys):
    secret = tmp_path / "Doe^Jane"
    secret.mkdir()
    file = secret / "Jane.stl"
    file.write_bytes(mesh.read_bytes())
    log = tmp_path / "m3d.log"
    more = ("--log-file", log)
    assert m3d(capsys, "validate", "--mesh", file, "--person", "Dr. Roe", "--output", secret / "out", *more)[0] in (
        0,
        1,
    )
    assert m3d(capsys, "compare", file, secret / "nowhere.stl", *more)[0] == 2
    text = log.read_text()
    assert not re.search("Doe|Jane|Roe|nowhere|" + re.escape(str(tmp_path)), text)
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events if event["event"] not in ("step", "warning")] == [
        *("start", "result", "end"),
        *("start", "error", "end"),
    ]
    assert {event["command"] for event in events} == {"validate", "compare"}
    start, result = events[0], next(event for event in events if event["event"] == "result")
    assert start["options"] == ["log-file", "mesh", "output", "person"]
    assert {"verdict", "counts", "exitStatus", "notPassed"} <= set(result)
    steps = {event["step"] for event in events if event["event"] == "step"}
    assert {"reading", "checking"} <= steps
    error, end = events[-2:]
    assert (error["kind"], end["exitStatus"]) == ("M3DError", 2)
    assert re.fullmatch(r"\w+\.py:\d+", error["where"]) and "does not exist" in error["words"]


def test_logThatCannotBeWrittenIsSaidBeforeTheWork(mesh, capsys):
    status, _, err = m3d(capsys, "compare", mesh, mesh, "--log-file", "no/folder.log")
    assert status == 2 and "The log file 'no/folder.log' cannot be written" in err


def test_verboseSaysHowLongEachStepTook(mesh, capsys):
    _, _, err = m3d(capsys, "validate", "--mesh", mesh, "--output", "out", "-v")
    assert re.search(r"^checking: \d+\.\d s$", err, re.M)


@pytest.mark.parametrize("shell", SHELLS)
def test_completionKnowsCommandsAndOptions(shell, capsys):
    pytest.importorskip("shtab")
    status, out, _ = m3d(capsys, "completion", shell)
    assert status == 0
    for word in ("encapsulate", "edge-method", "log-file"):
        assert word in out
    assert not out.startswith("\n") and completion(shell).rstrip() == out.rstrip()


def test_bashCompletesCommandsAndOptions(tmp_path):
    pytest.importorskip("shtab")
    script = tmp_path / "m3d.bash"
    script.write_text(completion("bash"))
    ask = (
        f"source {script}; COMP_WORDS=({{words}}); COMP_CWORD={{at}}; _shtab_m3d; "
        'printf "%s\\n" "${{COMPREPLY[@]}}" | sort -u | tr "\\n" " "'
    )
    for words, at, wanted in (("m3d exp", 1, "export"), ("m3d validate --prof", 2, "--profile")):
        command = ask.format(words=words, at=at)
        found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert found.stdout.split() == [wanted], found.stderr


def test_runsAsAModule():
    run = subprocess.run(
        [sys.executable, "-m", "M3DBatchLib", "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, f"SlicerM3D {VERSION}\n")


def test_exitStatusesAreInTheHelp(capsys):
    out = " ".join(m3d(capsys)[1].split())
    assert list(EXIT_STATUSES) == [0, 1, 2, 3, 70, 130]
    for words in EXIT_STATUSES.values():
        assert words in out


def test_startIsQuick():
    """No heavy package is loaded to say what there is."""
    code = (
        "import sys, M3DBatchLib.CommandLine as m; m.makeParser(); "
        "print([name for name in ('numpy', 'vtk', 'SimpleITK', 'pydicom', 'scipy', 'slicer', 'shtab') "
        "if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert run.stdout.strip() in ("[]", "['numpy']"), run.stderr


def test_helpIsNotCutByAClosedPipe():
    assert runM3d("help").returncode == 0
