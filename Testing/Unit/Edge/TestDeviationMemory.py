"""What the deviations need in memory for each vertex of a mesh."""

import subprocess
import sys
from pathlib import Path

import pytest

from M3DTestSupport.Project import CODE_FOLDERS

CODE = """
import sys
sys.path[:0] = sys.argv[2:]
import numpy as np
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.PeakMemory import peakOf
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Distance.SurfaceDeviation import surfaceDeviation

def height(x, y):
    return 5 * np.sin(x / 9) * np.cos(y / 7)

def sheet(side, up=0.0):
    i, j = np.meshgrid(np.linspace(2, 78, side), np.linspace(2, 78, side), indexing="ij")
    points = np.stack([i, j, height(i, j) + up], axis=-1).reshape(-1, 3)
    a = np.arange(side * side).reshape(side, side)[:-1, :-1].ravel()
    return TriangleMesh(points, np.concatenate([np.c_[a, a + side, a + side + 1], np.c_[a, a + side + 1, a + 1]]))

k, j, i = np.meshgrid(np.arange(40) - 20, np.arange(81), np.arange(81), indexing="ij")
image = ImageVolume((1000 * np.clip(0.5 + (height(i, j) - k) / 2, 0, 1)).astype(np.float32), np.eye(4))
image.ijkToLps[2, 3] = -20
work = {
    "image": lambda mesh: imageDeviation(mesh, image),
    "surface": lambda mesh: surfaceDeviation(mesh, sheet(300, 0.3)),
    "reference": lambda mesh: surfaceDeviation(sheet(300, 0.3), mesh),
    "near": lambda mesh: surfaceDeviation(sheet(700, 0.05), mesh),
}[sys.argv[1]]
work(sheet(30))
mesh = sheet(800)
peak, deviation = peakOf(lambda: work(mesh))
assert deviation.reliable.mean() > 0.9
print(peak / len(mesh.points))
"""


@pytest.mark.parametrize("measured", ["image", "surface", "reference", "near"])
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a peak of memory be reset")
def test_memoryPerVertexIsBounded(measured):
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            CODE,
            measured,
            *map(str, CODE_FOLDERS),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    # Part of it is what blocks and tiles hold, which does not grow with the mesh.
    assert float(result.stdout) < 250
