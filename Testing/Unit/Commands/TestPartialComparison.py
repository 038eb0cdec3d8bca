"""``m3d compare`` of a model with a half of it: what could not be compared is not called unchanged."""

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.PartShapes import partMesh


@pytest.fixture
def files(tmp_path):
    whole = partMesh("vertebra", 2.0)
    middle = whole.points[whole.triangles].mean(axis=1)[:, 0]
    half = TriangleMesh(whole.points, whole.triangles[middle > np.median(middle)])
    for name, mesh in (("whole", whole), ("half", half)):
        (tmp_path / f"{name}.stl").write_bytes(stlBytes(mesh))
    return {name: str(tmp_path / f"{name}.stl") for name in ("whole", "half")}


def says(text):
    """Whether a text limits what it says of changes to what was compared."""
    limited = "nothing changed where both could be compared" in text
    return limited or "Of what could not be compared, nothing is said" in text


def said(capsys, *arguments):
    assert main(["compare", *arguments]) == 0
    return capsys.readouterr().out


def test_wholeModelIsUnchanged(files, capsys):
    text = said(capsys, files["whole"], files["whole"])
    assert "nothing changed: no point" in text and "Not compared" not in text


def test_halfModelIsUnchangedOnlyWhereItIs(files, capsys):
    text = said(capsys, files["half"], files["whole"])
    assert says(text)
    (line,) = [line for line in text.splitlines() if line.startswith("Not compared")]
    assert "of B's area" in line and 30 < float(line.split()[2]) < 60


def test_modelOfWhichTheOldVersionHadAHalfIsUnchangedOnlyThere(files, capsys):
    text = said(capsys, files["whole"], files["half"])
    assert says(text) and "of A's area" in text
