"""Ten thousand damaged files through the reader: an M3DError or a result, never anything else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import M3DBatchLib
import M3DLib
import M3DTestSupport.MutatedReading

COUNT = 10_000


def test_damagedFilesAreRefusedOrReadWithoutHarm(tmp_path):
    pytest.importorskip("resource", reason="this system does not tell the peak memory")
    script = Path(M3DTestSupport.MutatedReading.__file__)
    paths = [str(Path(module.__file__).parents[1]) for module in (M3DTestSupport, M3DLib, M3DBatchLib)]
    result = subprocess.run(
        [sys.executable, str(script), str(COUNT), "20240229", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    tally = json.loads(result.stdout)
    assert tally["unexpected"] == []
    assert tally["refused"] + tally["read"] + tally["warned"] == COUNT
    # The damage must be real and must not all be fatal, or nothing was tested.
    assert min(tally["refused"], tally["read"], tally["warned"]) > COUNT // 100
    assert tally["peakMb"] < 1000
    assert result.stderr == ""
