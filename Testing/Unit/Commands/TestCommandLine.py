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
from M3DTestSupport.CommandMistakes import MISTAKES
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
