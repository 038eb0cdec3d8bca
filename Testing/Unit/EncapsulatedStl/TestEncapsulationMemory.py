"""Writing and reading an object needs at most 2.2 times the STL's size in memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from M3DTestSupport.Project import CODE_FOLDERS

CODE = """
import json, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import numpy as np
from M3DTestSupport.Models import makeHeaders
from M3DTestSupport.PeakMemory import peakOf
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl, readStlPayload
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.TriangleMesh import TriangleMesh

def sheet(side):
    i, j = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    points = np.stack([0.4 * i, 0.4 * j, 9 * np.sin(i / 10)], axis=-1).reshape(-1, 3)
    a = (i * side + j)[:-1, :-1].ravel()
    return TriangleMesh(points, np.concatenate([np.c_[a, a + side, a + side + 1], np.c_[a, a + side + 1, a + 1]]))

file = Path(sys.argv[1]) / "sheet.dcm"
sources = sourcesFromImages([makeHeaders()])

def write(mesh):
    dataset = encapsulateMesh(mesh, ModelDescription(), sources)
    writeDicomFile(dataset, file)
    return len(dataset.EncapsulatedDocument)

write(sheet(20))
readEncapsulatedStl(file)
mesh = sheet(800)
writing, size = peakOf(lambda: write(mesh))
del mesh
reading, model = peakOf(lambda: readEncapsulatedStl(file))
assert len(model.mesh.points) == 800 * 800
del model
payload, _ = peakOf(lambda: readStlPayload(file))
print(json.dumps({"size": size, "writing": writing / size, "reading": reading / size, "payload": payload / size}))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a peak of memory be reset")
def test_writingAndReadingNeedAtMostTwoPointTwoTimesTheSize(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path), *map(str, CODE_FOLDERS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    peaks = json.loads(result.stdout)
    assert peaks["size"] > 60e6
    assert peaks["writing"] < 2.2
    assert peaks["reading"] < 2.2
    # To look at the header alone, nothing of the STL is read.
    assert peaks["payload"] < 0.2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet.dcm"]
