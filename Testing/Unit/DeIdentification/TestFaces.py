"""A face is known from what the object says, from names, thresholds and shape; what is not known is refused."""

import numpy as np
import pytest

from M3DLib.DeIdentification.FaceJudgement import FACE, NO_FACE, UNKNOWN, judgeFace
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.HandOverCase import m3d, m3dJson, writeModel
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.Models import makeTetrahedron

pytest.importorskip("dicomanonymizer")


def nothing():
    return None


def relief(size=150.0):
    """A closed mesh as large as a head, with a hollow that a convex body has not."""
    first, second = box((size, size, size)), box((size / 3, size / 3, 2 * size))
    points = np.vstack([first[0], second[0] + np.array([size, 0, 0])])
    return TriangleMesh(points, np.vstack([first[1], second[1] + len(first[0])]))


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Face", FACE),
        ("skin_surface", FACE),
        ("Soft tissue", FACE),
        ("Head", FACE),
        ("Gesicht", FACE),
        ("left ear", FACE),
        ("skull", NO_FACE),
        ("Femoral head", NO_FACE),
        ("Mandible 2", NO_FACE),
        ("Segment_1", UNKNOWN),
        ("surface", UNKNOWN),
        ("rearrangement", UNKNOWN),
    ],
)
def testWhatTheStructureIsCalledTells(name, verdict):
    assert judgeFace(None, [name], nothing).verdict == verdict


def testSizeAndShapeTellWhereNothingElseDoes():
    assert judgeFace(None, [], makeTetrahedron).verdict == NO_FACE
    assert judgeFace(None, [], lambda: TriangleMesh(*box((200.0, 180.0, 150.0)))).verdict == NO_FACE
    assert judgeFace(None, [], relief).verdict == UNKNOWN


def testASmoothBodyThatEndsAtTheSkinMayBeAHead():
    from pydicom import Dataset

    dataset, item = Dataset(), Dataset()
    dataset.Modality = "M3D"
    dataset.DerivationAlgorithmSequence = [item]

    def body():
        return TriangleMesh(*box((200.0, 180.0, 150.0)))

    for words, verdict in (("above -300 HU", UNKNOWN), ("-300 to 3000 HU", UNKNOWN), ("above 300 HU", NO_FACE)):
        item.AlgorithmParameters = f"segmentation=threshold {words}"
        assert judgeFace(dataset, [words], body).verdict == verdict
        assert judgeFace(dataset, [words], makeTetrahedron).verdict == NO_FACE


def testModelThatSaysItShowsAFaceIsRefusedUnlessItIsNeeded(tmp_path, capsys):
    case = tmp_path / "case"
    case.mkdir()
    writeModel(case / "model.dcm", RecognizableVisualFeatures="YES")
    arguments = ("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1")
    assert m3d(*arguments) == 2
    assert "--face-is-needed" in capsys.readouterr().err
    assert m3d(*arguments, "--no-face", "looked at it") == 2
    assert [file.name for file in tmp_path.iterdir()] == ["case"]
    status, result = m3dJson(capsys, *arguments, "--face-is-needed", "epithesis of the nose")
    assert status == 0
    assert any("shows a face" in warning for warning in result["warnings"])
    assert m3d("unpack", tmp_path / "case.zip", "--output", tmp_path / "out") == 0
    assert "epithesis of the nose" in (tmp_path / "out/contents.html").read_text(encoding="utf-8")


def testModelOfWhichNobodyKnowsIsRefusedUntilSomebodyHasLooked(tmp_path, capsys):
    case = tmp_path / "case"
    case.mkdir()
    (case / "part.stl").write_bytes(stlBytes(relief()))
    arguments = ("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1")
    assert m3d(*arguments) == 2
    assert "is not known" in capsys.readouterr().err
    assert m3d(*arguments, "--no-face", "a fixture for the scanner, Dr. Berg") == 0


@pytest.mark.parametrize(("level", "status"), [("500", 0), ("-300", 2)])
def testThresholdTellsWhetherSkinCanBeInAModel(tmp_path, capsys, level, status):
    from pydicom import Dataset

    from M3DTestSupport.Models import makeHeaders

    case = tmp_path / "case"
    case.mkdir()
    item = Dataset()
    item.AlgorithmParameters = f"method=flying-edges,segmentation=threshold above {level} HU"
    from M3DLib.Dicom.DicomFile import writeDicomFile
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
    from M3DTestSupport.Models import makeObject

    dataset = makeObject(relief(), ModelDescription(title="part"), makeHeaders())
    dataset.DerivationAlgorithmSequence = [item]
    writeDicomFile(dataset, case / "model.dcm")
    assert m3d("package", case, "--output", tmp_path / "case.zip", "--pseudonym", "P-1") == status
    assert (tmp_path / "case.zip").exists() == (status == 0)
    capsys.readouterr()
