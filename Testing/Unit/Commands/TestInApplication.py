"""The ``m3d`` command in an application that has Python built in, as Slicer has."""

import contextlib
import json
import os
import runpy
import subprocess
import sys

import pytest

from M3DBatchLib.CommandLine import main
from M3DBatchLib.JsonFile import takeJsonFile
from M3DLib.Errors import M3DError
from M3DTestSupport.Project import ROOT
from M3DTestSupport.SlicerFixtures import application

__all__ = ["application"]

SCRIPT = ROOT / "M3DValidation" / "M3DBatchLib" / "__main__.py"


class RedirectedStream:
    """What Slicer's Python has for stdout and stderr: no encoding, no fileno, no isatty."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def runInApplication(*arguments):
    """Run a command with such streams: its exit status and what it wrote to stdout and stderr."""
    out, errors = RedirectedStream(), RedirectedStream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main([str(argument) for argument in arguments])
    return status, out.text, errors.text


class TestStreams:
    def test_commandSpeaksThroughStreamsThatAreNoFiles(self):
        status, out, _errors = runInApplication("profiles")
        assert status == 0
        assert "anatomical-model" in out

    def test_errorIsOneSentenceThere(self, tmp_path):
        status, out, errors = runInApplication("inspect", tmp_path / "nothing.dcm")
        assert (status, out) == (2, "")
        assert errors.startswith("m3d: ")
        assert "Traceback" not in errors

    def test_validationInThePanelsConsoleDoesToo(self, application, tmp_path):
        from M3DValidation import M3DValidationLogic

        out = RedirectedStream()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            with pytest.raises(M3DError, match="not options of m3d validate"):
                M3DValidationLogic().run(["--no-such-option"])
            with pytest.raises(M3DError, match="nothing"):
                M3DValidationLogic().run(["--image", tmp_path / "nothing", "--output", tmp_path / "out"])


class TestJsonFile:
    def test_objectGoesIntoTheFileAndTheTextToStdout(self, tmp_path, capsys):
        file = tmp_path / "profiles.json"
        assert main(["profiles", "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert main(["profiles", "--json", str(file)]) == 0
        assert json.loads(file.read_text(encoding="utf-8")) == printed
        assert "anatomical-model" in capsys.readouterr().out
        assert [entry.name for entry in tmp_path.iterdir()] == ["profiles.json"]

    @pytest.mark.parametrize(
        ("given", "rest", "file"),
        [
            (["validate", "--json", "out.json", "--image", "x"], ["validate", "--json", "--image", "x"], "out.json"),
            (["validate", "--json=facts", "--image", "x"], ["validate", "--json", "--image", "x"], "facts"),
            (["inspect", "--json", "model.dcm"], ["inspect", "--json", "model.dcm"], None),
            (["report", "--json", "report.json"], ["report", "--json", "report.json"], None),
            (["report", "report.json", "--json", "out.JSON"], ["report", "report.json", "--json"], "out.JSON"),
            (["report", "--json", "out.json", "report.json"], ["report", "--json", "report.json"], "out.json"),
            (["compare", "--json", "--points", "p.json"], ["compare", "--json", "--points", "p.json"], None),
        ],
    )
    def test_fileIsToldFromWhatTheCommandReads(self, given, rest, file):
        found, path = takeJsonFile(given)
        assert found == rest
        assert (None if path is None else str(path)) == file

    def test_placeThatCannotHoldAFileIsRefusedBeforeTheWork(self, tmp_path, capsys):
        for place in (tmp_path / "nowhere" / "out.json", tmp_path):
            assert main(["profiles", f"--json={place}"]) == 2
            captured = capsys.readouterr()
            assert str(place) in captured.err
            assert captured.out == ""

    def test_helpOfACommandNamesIt(self, capsys):
        with pytest.raises(SystemExit):
            main(["inspect", "--help"])
        assert "--json FILE.json" in " ".join(capsys.readouterr().out.split())


class TestScript:
    def run(self, *arguments):
        """Run the script as a file, as ``--python-script`` does, in a Python without our packages on its path."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, str(SCRIPT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def test_statusOfTheCommandIsThatOfTheProcess(self, tmp_path):
        file = tmp_path / "profiles.json"
        done = self.run("profiles", "--json", str(file))
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(file.read_text(encoding="utf-8"))
        refused = self.run("inspect", str(tmp_path / "nothing.dcm"))
        assert refused.returncode == 2
        assert "nothing.dcm" in refused.stderr

    def test_packagesAreFoundInOneFolderAndInTwo(self, tmp_path, monkeypatch):
        addPackages = runpy.run_path(str(SCRIPT), run_name="script")["addPackages"]
        installed, sources = tmp_path / "installed", tmp_path / "sources"
        (installed / "M3DBatchLib").mkdir(parents=True)
        (sources / "M3DValidation" / "M3DBatchLib").mkdir(parents=True)
        (sources / "M3DExport").mkdir()
        elsewhere = str(tmp_path / "elsewhere")
        monkeypatch.delitem(sys.modules, "M3DLib")
        monkeypatch.setattr(sys, "path", [elsewhere])
        addPackages(installed / "M3DBatchLib" / "__main__.py")
        assert sys.path == [str(installed), elsewhere]
        sys.path[:] = [elsewhere]
        addPackages(sources / "M3DValidation" / "M3DBatchLib" / "__main__.py")
        assert sys.path == [str(sources / "M3DValidation"), str(sources / "M3DExport"), elsewhere]

    def test_packagesThatTheApplicationHasLoadedAreNotMixedWithOthers(self, tmp_path, monkeypatch):
        addPackages = runpy.run_path(str(SCRIPT), run_name="script")["addPackages"]
        (tmp_path / "M3DBatchLib").mkdir()
        monkeypatch.setattr(sys, "path", ["the application's"])
        addPackages(tmp_path / "M3DBatchLib" / "__main__.py")
        assert sys.path == ["the application's", str(tmp_path)]


class TestBareInterpreter:
    """PythonSlicer has the package ``slicer`` without what the application's modules add to it."""

    NAME = "vtkSlicerSegmentationsModuleLogic"

    @pytest.fixture
    def withoutModules(self, monkeypatch):
        import slicer

        logic = getattr(slicer, self.NAME)
        monkeypatch.delattr(slicer, self.NAME)
        return logic

    def test_classOfAModuleIsLoadedFromItsFolder(self, withoutModules, monkeypatch, tmp_path):
        import slicer

        from M3DLib.SlicerModuleClasses import moduleClass

        folder = tmp_path / "lib" / "Slicer-5.12" / "qt-loadable-modules"
        folder.mkdir(parents=True)
        monkeypatch.setenv("SLICER_HOME", str(tmp_path))
        monkeypatch.setattr(sys, "path", [*sys.path])

        def importAll(directory, destination, filematch):
            assert directory == str(folder)
            assert directory in sys.path
            if "Logic" in filematch:
                setattr(sys.modules[destination], self.NAME, withoutModules)

        monkeypatch.setattr(slicer.util, "importVTKClassesFromDirectory", importAll)
        assert moduleClass(self.NAME) is withoutModules

    def test_whereItIsNotToBeHadTheRemedyIsNamed(self, withoutModules, monkeypatch):
        from M3DLib.SlicerModuleClasses import moduleClass

        monkeypatch.delenv("SLICER_HOME", raising=False)
        with pytest.raises(M3DError, match="Run the command in the application"):
            moduleClass(self.NAME)
