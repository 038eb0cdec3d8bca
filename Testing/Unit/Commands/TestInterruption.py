"""Ctrl-C at whatever moment: what was begun is taken back, and the program ends by itself with its own status."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from M3DBatchLib.Interruption import Interruption
from M3DTestSupport.Commands import environment
from M3DTestSupport.SmallScan import writeSmallScan

# A package that somebody interrupts while it loads another one.
OUTER = "import inner\nisWhole = True\n"
INNER = "import signal\nsignal.raise_signal(signal.SIGINT)\nfor number in range(1000): pass\nisWhole = True\n"
# The program, interrupted when a package is asked for, by Python or by compiled code of another package.
PROGRAM = """
import signal, sys
from M3DBatchLib.__main__ import main

package, asked = sys.argv.pop(1), []

def interrupt(event, arguments):
    if event == "import" and arguments[0] == package and not asked:
        asked.append(package)
        signal.raise_signal(signal.SIGINT)

sys.addaudithook(interrupt)
sys.exit(main())
"""


@pytest.fixture
def interruption():
    before = signal.getsignal(signal.SIGINT)
    made = Interruption()
    yield made
    made.end()
    made.restore()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("outer", "inner"):
        sys.modules.pop(name, None)


def waitForInterruption():
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(0.001)


def test_interruptionEndsWhatIsAtWork(interruption):
    interruption.hear()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interruption.happened


def test_packageThatIsBeingLoadedIsWholeBeforeTheInterruptionIsHeard(interruption, package):
    interruption.hear()
    outer = importlib.import_module("outer")
    assert outer.isWhole and sys.modules["inner"].isWhole
    with pytest.raises(KeyboardInterrupt):
        waitForInterruption()


def test_impatienceWhileAPackageIsBeingLoadedInterruptsOnce(interruption, package, tmp_path):
    interruption.hear()
    (tmp_path / "inner.py").write_text(INNER + INNER)
    importlib.import_module("outer")
    with pytest.raises(KeyboardInterrupt):
        waitForInterruption()
    time.sleep(0.1)


def test_interruptionOfAProgramThatIsStillBeingReadIsHeardWhenItBegins(interruption):
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interruption.hear()


def test_whatIsLoadedByThePackageThatRunsTheCommandCanBeInterrupted(tmp_path, monkeypatch):
    """Somebody else's module may run a command while it is itself being loaded."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "running.py").write_text(
        "import signal\nfrom M3DBatchLib.Interruption import Interruption\n"
        "made = Interruption()\nmade.hear()\nended = 'not interrupted'\n"
        "try: signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt: ended = 'interrupted'\nmade.restore()\n"
    )
    try:
        assert importlib.import_module("running").ended == "interrupted"
    finally:
        sys.modules.pop("running", None)


def test_afterTheEndARequestChangesNothingAndASecondOneEndsWhatDoesNotEndByItself(interruption):
    interruption.hear()
    interruption.end()
    signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL


def test_whatIsInItsPlaceIsNamed(tmp_path, monkeypatch, capsys):
    """Between the report and its objects in DICOM: the report stays, and nothing says that it does not."""
    from M3DBatchLib.CommandLine import main
    from M3DBatchLib.Commands import ValidateCommand

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    scan, output = tmp_path / "scan", tmp_path / "out"
    writeSmallScan(scan)
    monkeypatch.setattr(ValidateCommand, "storeReport", interrupted)
    assert main(["validate", "--image", str(scan), "--output", str(output), "--formats", "sr"]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"m3d: Interrupted. What was complete by then stays in '{output}'."
    assert (output / "report.json").is_file()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals to processes are for POSIX systems")
@pytest.mark.parametrize(
    ("command", "package"),
    [
        ("validate", "logging"),
        ("validate", "numpy"),
        ("validate", "vtkmodules.vtkCommonDataModel"),
        ("export", "vtkmodules.vtkCommonCore"),
        # Loaded by compiled code that goes on when this is interrupted: the interruption was lost.
        ("export", "vtkmodules.vtkCommonSystem"),
        ("export", "vtkmodules.util.pickle_support"),
    ],
)
def test_commandInterruptedWhileAPackageIsBeingLoadedLeavesNothing(tmp_path, command, package):
    scan = tmp_path / "scan"
    writeSmallScan(scan)
    output = tmp_path / "out"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, package, command, "--image", scan, "--threshold", "500", "--output", output],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 130, run.stderr
    assert run.stderr.splitlines()[-1] == "m3d: Interrupted; nothing was left behind."
    assert "Traceback" not in run.stderr
    assert not output.exists()
