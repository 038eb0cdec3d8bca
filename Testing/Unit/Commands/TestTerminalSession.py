"""A session in a terminal, as somebody sees it: colors, progress, mistakes, Ctrl-C."""

import os
import re
import select
import signal
import sys
import time

import pytest

from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Commands import environment
from M3DTestSupport.MeshShapes import box

pty = pytest.importorskip("pty", reason="pseudo terminals are for POSIX systems")

SESSION = """\
$ m3d --version
SlicerM3D #
$ m3d validat
m3d: There is no command 'validat'. Did you mean validate?
Usage: m3d COMMAND [options]   (all of it: m3d help)
$ m3d repair part.stl --reorient --outptu new.stl
m3d repair: There is no option --outptu. Did you mean --output? Missing: --output.
Usage: m3d repair FILE --output FILE.stl [options]   (all of it: m3d help repair)
$ m3d repair part.stl --reorient --output new.stl
There was nothing to repair of what was asked for.
Wrote # triangles to 'new.stl' (closed).
$ m3d repair nowhere.stl --reorient --output new.stl
<red>m3d:</red> The mesh file 'nowhere.stl' does not exist.
"""
_COLORS = {"31": "red", "32": "green", "33": "yellow", "34": "blue"}


class Session:
    """``m3d`` in a terminal of 100 columns."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, line, interruptAt=None, **variables):
        """Everything that a command has written to its terminal, and its exit status."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            more = {"TERM": "xterm", "COLUMNS": "100", "XDG_CONFIG_HOME": str(self.folder), **variables}
            kept = {name: value for name, value in environment().items() if name != "NO_COLOR"}
            os.execve(sys.executable, [sys.executable, "-m", "M3DBatchLib", *line.split()[1:]], {**kept, **more})
        written, until = b"", time.monotonic() + 120
        while time.monotonic() < until:
            ready, _, _ = select.select([terminal], [], [], 1.0)
            if not ready:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            written += part
            if interruptAt is not None and interruptAt in written:
                os.kill(process, signal.SIGINT)
                interruptAt = None
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        return written.decode(), os.waitstatus_to_exitcode(status)


def screen(written):
    """What stays on the screen: lines that were drawn over are as they were drawn last, colors are marked."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        # A return begins the line anew, and the sequence after it takes away what was there.
        last = line.split("\r\x1b[2K")[-1]
        lines.append(re.sub(r"\x1b\[(\d+)m(.*?)\x1b\[0m", lambda found: marked(*found.groups()), last))
    return "\n".join(lines)


def marked(color, text):
    return f"<{_COLORS[color]}>{text}</{_COLORS[color]}>"


@pytest.fixture
def session(tmp_path):
    (tmp_path / "part.stl").write_bytes(stlBytes(TriangleMesh(*box())))
    return Session(tmp_path)


def test_sessionIsAsItIsWrittenDown(session):
    lines = [line for line in SESSION.splitlines() if line.startswith("$ ")]
    seen = ""
    for line in lines:
        seen += f"{line}\n{screen(session.run(line[2:])[0])}"
    assert re.sub(r"\b\d[\d.]*", "#", seen) == SESSION


def test_progressIsDrawnAndGoneAtTheEnd(session):
    written, status = session.run("m3d validate --mesh part.stl --profile education --output out")
    assert status == 0
    assert re.search(r"\r\x1b\[2K\[#*\.*\] \w", written)
    left = screen(written)
    assert "[#" not in left and "[." not in left and "\x1b" not in left
    assert "  <green>pass</green>           mesh-closed" in left
    assert "Nothing fails" in left


def test_colorsCanBeRefused(session):
    for more, variables in (("--color never", {}), ("", {"NO_COLOR": "1"})):
        written, _ = session.run(f"m3d repair nowhere.stl --reorient --output new.stl {more}", **variables)
        assert screen(written).strip() == "m3d: The mesh file 'nowhere.stl' does not exist."


def test_interruptedRunSaysSoAndLeavesNothing(session):
    written, status = session.run("m3d demo --output demo", interruptAt=b"Rendering phantom")
    assert status == 130
    assert screen(written).strip().endswith("Interrupted; nothing was left behind.")
    assert not (session.folder / "demo").exists()
