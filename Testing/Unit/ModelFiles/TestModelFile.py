"""Models written for printers: every reader finds the same volume, size and place in them."""

import json
import re
import shutil
import struct
import subprocess
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.ModelFiles.FileFacts import FileFacts, onBuildPlate
from M3DLib.ModelFiles.ModelFile import FORMATS, writeModelFile

NEEDED = {"3mf": "lib3mf"}
FACTS = FileFacts(
    title="Skull & jaw", created="2026-11-27T12:00:00Z", metadata={"ModelUID": "2.25.7", "Verdict": "pass <1>"}
)


def box(low, size, name, **more):
    """A closed box whose triangles face outward; its volume is the product of its sides."""
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)]) * size + np.asarray(low)
    faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
    triangles = [part for a, b, c, d in faces for part in ([a, b, c], [a, c, d])]
    return TriangleMesh(corners, triangles, name, **more)


BONE = box((-10.25, 20.5, -130.125), (20.0, 30.0, 10.0), "Bone", color=(1.0, 0.5, 0.25), opacity=1.0)
TOOTH = box((40.0, 20.5, -130.125), (5.0, 5.0, 5.0), "Tooth 11", color=(0.0, 1.0, 0.0), opacity=0.5)


def written(folder, kind, meshes, facts=FACTS, name="model"):
    pytest.importorskip(NEEDED.get(kind, "numpy"))
    return writeModelFile(folder / f"{name}.{kind}", meshes, facts)[0]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "glb"])
def test_oneModelIsReadBackAtItsPlace(kind, tmp_path):
    mesh, notes = readMesh(written(tmp_path, kind, [BONE]))
    assert (len(mesh.triangles), mesh.isClosed) == (12, True)
    assert mesh.volumeMm3 == pytest.approx(6000, rel=1e-6)
    assert mesh.boundsLps == pytest.approx((-10.25, 9.75, 20.5, 50.5, -130.125, -120.125))
    assert notes.warnings == []


@pytest.mark.parametrize("kind", ["3mf", "amf", "obj", "ply"])
def test_severalModelsAreInOneFile(kind, tmp_path):
    mesh, notes = readMesh(written(tmp_path, kind, [BONE, TOOTH]))
    assert len(mesh.triangles) == 24
    assert mesh.volumeMm3 == pytest.approx(6125, rel=1e-6)
    assert notes.warnings == []


@pytest.mark.parametrize("kind", ["3mf", "obj", "ply", "glb", "stl"])
def test_anotherReaderFindsTheSame(kind, tmp_path):
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.load_scene(written(tmp_path, kind, [BONE]))
    found = scene.to_mesh()
    factor = 1000.0 if kind == "glb" else 1.0
    assert abs(found.volume) * factor**3 == pytest.approx(6000, rel=1e-5)
    assert sorted(found.extents * factor) == pytest.approx([10, 20, 30], rel=1e-5)


@pytest.mark.parametrize("kind", ["stl", "3mf", "amf", "obj"])
def test_aProgramForPrintersFindsTheSame(kind, tmp_path):
    program = shutil.which("prusa-slicer")
    if program is None:
        pytest.skip("prusa-slicer is not installed")
    file = written(tmp_path, kind, [BONE])
    process = subprocess.run([program, "--info", file], capture_output=True, text=True, check=True, timeout=120)
    facts = dict(re.findall(r"^(\w+) = (.*)$", process.stdout, re.MULTILINE))
    assert facts["manifold"] == "yes"
    assert float(facts["volume"]) == pytest.approx(6000, rel=1e-4)
    sizes = [float(facts[f"size_{axis}"]) for axis in "xyz"]
    assert sizes == pytest.approx([20, 30, 10], rel=1e-4)


def test_threeMfHoldsNamesColorsPartNumberAndFacts(tmp_path):
    lib3mf = pytest.importorskip("lib3mf")
    model = lib3mf.get_wrapper().CreateModel()
    model.QueryReader("3mf").ReadFromFile(str(written(tmp_path, "3mf", [BONE, TOOTH])))
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    objects, names = model.GetMeshObjects(), []
    while objects.MoveNext():
        names.append(objects.GetCurrentMeshObject().GetName())
    assert names == ["Bone", "Tooth 11"]
    groups, colors = model.GetBaseMaterialGroups(), []
    while groups.MoveNext():
        group = groups.GetCurrentBaseMaterialGroup()
        color = group.GetDisplayColor(group.GetAllPropertyIDs()[0])
        colors.append((color.Red, color.Green, color.Blue, color.Alpha))
    assert colors == [(255, 128, 64, 255), (0, 255, 0, 128)]
    group = model.GetMetaDataGroup()
    said = [group.GetMetaData(number) for number in range(group.GetMetaDataCount())]
    values = {one.GetName(): one.GetValue() for one in said}
    assert values["Title"] == "Skull & jaw"
    assert (values["ModelUID"], values["Verdict"], values["Coordinates"]) == ("2.25.7", "pass <1>", "LPS, mm")
    items = model.GetBuildItems()
    assert items.MoveNext() and items.GetCurrent().GetPartNumber() == "Skull & jaw"


def test_amfHoldsNamesColorsAndFacts(tmp_path):
    with zipfile.ZipFile(written(tmp_path, "amf", [BONE, TOOTH])) as archive:
        root = ET.fromstring(archive.read("model.amf"))
    assert root.get("unit") == "millimeter"
    assert {one.get("type"): one.text for one in root.findall("metadata")} == {
        "name": "Skull & jaw",
        "producer": FACTS.software,
        "created": "2026-11-27T12:00:00Z",
        "Coordinates": "LPS, mm",
        "ModelUID": "2.25.7",
        "Verdict": "pass <1>",
    }
    assert [one.findtext("metadata") for one in root.findall("object")] == ["Bone", "Tooth 11"]
    colors = [[float(part.text) for part in one.find("color")] for one in root.findall("material")]
    assert colors == [
        pytest.approx([1, 128 / 255, 64 / 255, 1]),
        pytest.approx([0, 1, 0, 128 / 255]),
    ]


def test_objRefersToItsMaterials(tmp_path):
    file = written(tmp_path, "obj", [BONE, TOOTH], name="skull and jaw")
    text = file.read_text()
    (materials,) = re.findall(r"^mtllib (\S+)$", text, re.MULTILINE)
    defined = re.findall(r"^newmtl (\S+)$", (tmp_path / materials).read_text(), re.MULTILINE)
    assert re.findall(r"^usemtl (\S+)$", text, re.MULTILINE) == defined
    assert "# Unit: mm" in text


def test_glbIsAContainerWhoseLengthsFit(tmp_path):
    content = written(tmp_path, "glb", [BONE, TOOTH]).read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    (size,) = struct.unpack_from("<I", content, 12)
    scene = json.loads(content[20 : 20 + size])
    assert [node["name"] for node in scene["nodes"]] == ["Bone", "Tooth 11"]
    assert [material["alphaMode"] for material in scene["materials"]] == ["OPAQUE", "BLEND"]
    assert scene["extras"]["ModelUID"] == "2.25.7"


def test_onTheBuildPlateTheWayBackIsSaid(tmp_path):
    moved, facts = onBuildPlate([BONE, TOOTH], FACTS)
    assert np.concatenate([mesh.points for mesh in moved]).min(axis=0).tolist() == [0, 0, 0]
    matrix = np.array([float(value) for value in facts.all()["ToPatientLps"].split()]).reshape(4, 4)
    for before, after in zip((BONE, TOOTH), moved, strict=True):
        back = after.points @ matrix[:3, :3].T + matrix[:3, 3]
        np.testing.assert_allclose(back, before.points, atol=1e-5)
    mesh, _notes = readMesh(written(tmp_path, "3mf", moved, facts))
    assert mesh.volumeMm3 == pytest.approx(6125, rel=1e-6)


class TestRefused:
    def test_anUnknownEnding(self, tmp_path):
        with pytest.raises(M3DError, match="ends with no format"):
            writeModelFile(tmp_path / "model.step", [BONE])

    def test_severalModelsInOneStl(self, tmp_path):
        with pytest.raises(M3DError, match="STL holds one model, not 2"):
            writeModelFile(tmp_path / "model.stl", [BONE, TOOTH])

    def test_aModelWithoutTriangles(self, tmp_path):
        with pytest.raises(M3DError, match="without triangles"):
            writeModelFile(tmp_path / "model.ply", [TriangleMesh(np.empty((0, 3)), np.empty((0, 3)))])
        assert list(tmp_path.iterdir()) == []

    def test_aFolderThatIsNotThere(self, tmp_path):
        with pytest.raises(M3DError, match="Cannot write"):
            writeModelFile(tmp_path / "nowhere" / "model.obj", [BONE])
