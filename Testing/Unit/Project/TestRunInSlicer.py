"""``Utilities/RunInSlicer.sh`` and the workflow that calls it, with a stand-in for the application."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from M3DTestSupport.Commands import environment
from M3DTestSupport.PhantomScan import Fault, makeCase
from M3DTestSupport.Project import ROOT

SCRIPT = ROOT / "Utilities" / "RunInSlicer.sh"
# Takes the options of the application, and runs the script of --python-script with the arguments after it. The scan of
# m3d demo takes long to make; a smaller one stands for it.
LAUNCHER = """#!/bin/sh
SLICER_HOME=$(dirname "$0")
export SLICER_HOME
echo "$@" >> "$SLICER_HOME/calls"
while [ "$1" != "--python-script" ]; do shift; done
shift
if [ "$2" = demo ]; then cp -r "{scan}" "$4"; exit 0; fi
exec "$SLICER_HOME/bin/PythonSlicer" "$@"
"""
# Not replaced by Python, as the application's launcher is not.
PYTHON = """#!/bin/sh
"{python}" "$@"
"""
TEST = """
import unittest
class SampleTest(unittest.TestCase):
    def test_passes(self):
        self.assertTrue(True)
    def test_second(self):
        self.assertTrue({second})
"""


@pytest.fixture
def application(tmp_path):
    """A stand-in for the application and a folder of tests for it."""
    place = tmp_path / "Slicer 5"
    (place / "bin").mkdir(parents=True)
    makeCase(tmp_path / "scan", Fault())
    launcher, python = place / "Slicer", place / "bin" / "PythonSlicer"
    launcher.write_text(LAUNCHER.format(scan=tmp_path / "scan"))
    python.write_text(PYTHON.format(python=sys.executable))
    for file in (launcher, python):
        file.chmod(0o755)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "SampleTest.py").write_text(TEST.format(second=True))
    return launcher


def run(*arguments, tests=""):
    command = ["sh", str(SCRIPT), *map(str, arguments)]
    more = {**environment(), "M3D_SLICER_TESTS": str(tests)}
    return subprocess.run(command, env=more, capture_output=True, text=True, check=False)


def test_testsAndABatchLeaveTheirResultsAsJUnit(application, tmp_path):
    done = run(application, tmp_path / "out", tests=tmp_path / "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    names = {}
    for file in ("slicer-tests.xml", "batch/junit.xml"):
        names[file] = [case.get("name") for case in ET.parse(tmp_path / "out" / file).iter("testcase")]
    assert names == {"slicer-tests.xml": ["test_passes", "test_second"], "batch/junit.xml": ["skull"]}
    assert (tmp_path / "out" / "batch.json").is_file()
    calls = (application.parent / "calls").read_text().splitlines()
    assert all("--no-splash --no-main-window" in call for call in calls)
    assert "--testing" in calls[0] and "M3DExport" in calls[0]
    again = run(application, tmp_path / "out", tests=tmp_path / "tests")
    assert again.returncode == 2 and "earlier run" in again.stderr


def test_testThatFailsIsItsStatus(application, tmp_path):
    (tmp_path / "tests" / "SampleTest.py").write_text(TEST.format(second=False))
    done = run(application, tmp_path / "out", tests=tmp_path / "tests")
    assert done.returncode == 1
    root = ET.parse(tmp_path / "out" / "slicer-tests.xml").getroot()
    assert [suite.get("failures") for suite in root.iter("testsuite")] == ["1"]


def test_whatCannotBeRunIsSaidInASentence(application, tmp_path):
    for arguments, words in (
        ([], "give the launcher"),
        ([tmp_path / "none"], "is no program"),
        ([tmp_path], "is no program"),
        ([application, tmp_path / "tests" / "SampleTest.py"], "cannot be made"),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert words in done.stderr
    (application.parent / "bin" / "PythonSlicer").unlink()
    assert "PythonSlicer" in run(application, tmp_path / "out").stderr


def test_scriptIsThatOfAnyShell():
    assert os.access(SCRIPT, os.X_OK)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (Debian: shellcheck)")
    checked = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
