"""What a command imports: all of VTK would take half a second and 100 MB before anything is done."""

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from M3DLib.Mesh.Rendering import renderMesh
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Segmentation.Segment import Segment
array = np.zeros((9, 9, 9), np.uint8)
array[3:6, 3:6, 3:6] = 1
mesh = makeSurface(Segment(array, np.eye(4), "cube"))
renderMesh(mesh, (16, 16))
print(len(mesh.triangles) > 0, "vtk" in sys.modules, "vtkmodules" in sys.modules)
"""


def test_surfacesAndPicturesNeedAPartOfVtkOnly():
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False", "True"]
