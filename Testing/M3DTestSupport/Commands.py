"""Running ``m3d`` as a user does: as a process of its own."""

import json
import os
import subprocess
import sys

from M3DTestSupport.Project import pythonPath


def environment():
    """Environment in which a process finds the packages of this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([pythonPath(), os.environ.get("PYTHONPATH", "")])}


def runM3d(*arguments, **more):
    """Run ``m3d``; the finished process with its text output."""
    command = [sys.executable, "-m", "M3DBatchLib", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, **more)


def withFileLimit(command, limit):
    """A command none of whose files may exceed so many bytes: writing then fails as it does on a full disk."""
    if limit is None:
        return command
    # With the signal ignored, writing fails; else the signal would end the process.
    return ["sh", "-c", f"trap '' XFSZ; ulimit -f {limit // 512}; exec \"$@\"", "sh", *command]


def runJson(*arguments):
    """Run ``m3d ... --json``; exit status 0 and nothing but one JSON object on stdout are required."""
    process = runM3d(*arguments, "--json")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def requireRefusal(process, *words):
    """Exit status 2 and a sentence with the words on stderr, without a traceback and with nothing on stdout."""
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    for word in words:
        assert word in process.stderr, process.stderr
