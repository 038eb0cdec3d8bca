"""The files beside a model's object: by which names, what they say, and that they name nobody."""

import io
import re
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ValidationRecord import recordValidation
from M3DLib.Errors import M3DError
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.ModelFiles.ModelFile import FORMATS
from M3DLib.PrintFiles.PrintFiles import NOT_VALIDATED, printFiles, takenIn
from M3DLib.PrintFiles.PrintRequest import PrintRequest, kindsOf
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron

UPPER = makeTetrahedron(30.0, (1.0, -20.0, 300.0), "Upper jaw", color=(1.0, 0.5, 0.25))
LOWER = makeTetrahedron(12.0, (5.0, -8.0, 260.0), "Lower jaw", color=(0.0, 1.0, 0.0), opacity=0.5)
ALL = PrintRequest(FORMATS)


@pytest.fixture(scope="module")
def objects():
    pytest.importorskip("lib3mf")
    return [makeObject(mesh, ModelDescription()) for mesh in (UPPER, LOWER)]


def read(files, name, folder):
    for other, content in files.contents.items():
        (folder / other).write_bytes(content)
    return readMesh(folder / name)


def metadataOf3mf(content):
    lib3mf = pytest.importorskip("lib3mf")
    model = lib3mf.get_wrapper().CreateModel()
    model.QueryReader("3mf").ReadFromBuffer(list(content))
    group = model.GetMetaDataGroup()
    said = [group.GetMetaData(number) for number in range(group.GetMetaDataCount())]
    return {one.GetName(): one.GetValue() for one in said}, model


def test_severalModelsAreOneAssemblyOrAFileEach(objects):
    files = printFiles([UPPER, LOWER], objects, ALL, title="Jaws")
    assert sorted(files.contents) == sorted(
        ["Jaws.3mf", "Jaws.amf", "Jaws.obj", "Jaws.mtl", "Jaws.glb"]
        + [f"{name}-jaw.{kind}" for name in ("Upper", "Lower") for kind in ("stl", "ply")]
    )
    assert [[name for name in named if name.endswith("stl")] for named in files.named] == [
        ["Upper-jaw.stl"],
        ["Lower-jaw.stl"],
    ]
    assert all("Jaws.3mf" in named for named in files.named)


@pytest.mark.parametrize("name", ["Jaws.3mf", "Jaws.amf", "Jaws.obj"])
def test_volumeSizeAndPlaceSurvive(objects, name, tmp_path):
    files = printFiles([UPPER, LOWER], objects, ALL, title="Jaws")
    mesh, notes = read(files, name, tmp_path)
    assert notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx((30.0**3 + 12.0**3) / 6, rel=1e-5)
    assert mesh.boundsLps == pytest.approx((1, 31, -20, 10, 260, 330), abs=1e-4)


def test_theStlIsTheDocumentOfTheObject(objects):
    files = printFiles([UPPER], objects[:1], PrintRequest(("stl",)))
    length = objects[0].EncapsulatedDocumentLength
    assert files.contents == {"Upper-jaw.stl": objects[0].EncapsulatedDocument[:length]}


def test_threeMfSaysWhichObjectsItShowsAndThatNobodyHasValidatedThem(objects):
    content = printFiles([UPPER, LOWER], objects, PrintRequest(("3mf",)), title="Jaws").contents["Jaws.3mf"]
    said, model = metadataOf3mf(content)
    assert said["Title"] == "Jaws" and re.match(r"\d{4}-\d\d-\d\dT", said["CreationDate"])
    assert said["ModelUID"] == f"{objects[0].SOPInstanceUID}; {objects[1].SOPInstanceUID}"
    assert said["Verdict"] == NOT_VALIDATED
    assert model.GetBuildItems().Count() == 1
    assert model.HasPackageThumbnailAttachment()


def test_theVerdictIsThatOfTheObject():
    dataset = makeObject(UPPER, ModelDescription())
    recordValidation(dataset, "fail", "anatomical-model 1", "Jane Doe waits for it")
    said = printFiles([UPPER], [dataset], PrintRequest(("ply",))).contents["Upper-jaw.ply"].decode("latin-1")
    assert "comment Verdict: fail" in said and "comment Profile: anatomical-model 1" in said
    assert "comment ExportedAnyway: yes" in said and "Doe" not in said


def test_namesAndMetadataNameNobodyUnlessAskedFor(tmp_path):
    mesh = makeTetrahedron(10.0, name="Jane Doe jaw")
    dataset = makeObject(mesh, ModelDescription(title="Jane Doe jaw"), makeHeaders(PatientName="Doe^Jane"))
    kinds = tuple(kind for kind in FORMATS if kind != "3mf")
    hidden = printFiles([mesh], [dataset], PrintRequest(kinds, plainAmf=True), title="Jane Doe jaw")
    for name, content in hidden.contents.items():
        for word in (b"Doe", b"Jane", b"PID-4711"):
            assert word not in content and word.decode() not in name
    named = printFiles([mesh], [dataset], PrintRequest(kinds, withIdentity=True, plainAmf=True), title="Jane Doe jaw")
    assert {name.partition(".")[0] for name in named.contents} == {"Jane-Doe-jaw"}
    assert b"PatientName: Doe^Jane" in named.contents["Jane-Doe-jaw.ply"]
    assert b'<metadata type="PatientID">PID-4711' in named.contents["Jane-Doe-jaw.amf"]


def test_aPseudonymizedRunNamesNoObject(objects):
    content = printFiles([UPPER], objects[:1], PrintRequest(("ply",)), withUids=False).contents["Upper-jaw.ply"]
    assert objects[0].SOPInstanceUID.encode() not in content


def test_onTheBuildPlateModelsKeepTheirPlacesToEachOther(objects, tmp_path):
    request = PrintRequest(("3mf", "ply"), buildPlate=True)
    files = printFiles([UPPER, LOWER], objects, request, title="Jaws")
    mesh, _notes = read(files, "Jaws.3mf", tmp_path)
    assert mesh.boundsLps == pytest.approx((0, 30, 0, 30, 0, 70), abs=1e-4)
    lower, _notes = read(files, "Lower-jaw.ply", tmp_path)
    back = np.array(files.facts.toPatient)
    assert (lower.points @ back[:3, :3].T + back[:3, 3]).min(axis=0) == pytest.approx([5, -8, 260], abs=1e-4)
    said = {line.split(": ")[0]: line.split(": ")[1] for line in _comments(files.contents["Lower-jaw.ply"])}
    assert np.array(said["ToPatientLps"].split(), dtype=float).reshape(4, 4) == pytest.approx(back)
    assert said["Coordinates"] == "build plate, mm"


def _comments(content):
    header = content.partition(b"end_header")[0].decode()
    return [line.removeprefix("comment ") for line in header.splitlines() if line.startswith("comment ")]


def test_anObjFileNeverTakesTheMaterialsOfAnEarlierOne(objects, tmp_path):
    (tmp_path / "Upper-jaw.mtl").write_text("newmtl other")
    files = printFiles([UPPER], objects[:1], PrintRequest(("obj",)), takenIn(tmp_path))
    assert sorted(files.contents) == ["Upper-jaw-2.mtl", "Upper-jaw-2.obj"]
    assert b"mtllib Upper-jaw-2.mtl" in files.contents["Upper-jaw-2.obj"]


def test_modelsOfOneNameGetFilesOfTheirOwn(objects):
    files = printFiles([UPPER, UPPER], [objects[0], objects[0]], PrintRequest(("stl", "ply")))
    assert sorted(files.contents) == ["Upper-jaw-2.ply", "Upper-jaw-2.stl", "Upper-jaw.ply", "Upper-jaw.stl"]


@pytest.mark.parametrize("plain", [False, True])
def test_amfKeepsTheRulesOfItsSchema(objects, plain):
    """ISO/ASTM 52915: which elements an element may hold, in the cases that are written here."""
    content = printFiles([UPPER, LOWER], objects, PrintRequest(("amf",), plainAmf=plain)).contents["models.amf"]
    if not plain:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == ["models.amf"]
            content = archive.read("models.amf")
    root = ET.fromstring(content)
    allowed = {
        "amf": {"metadata", "object", "material"},
        "object": {"metadata", "mesh"},
        "mesh": {"vertices", "volume"},
        "vertices": {"vertex"},
        "vertex": {"coordinates"},
        "coordinates": {"x", "y", "z"},
        "volume": {"triangle"},
        "triangle": {"v1", "v2", "v3"},
        "material": {"metadata", "color"},
        "color": {"r", "g", "b", "a"},
    }
    for element in root.iter():
        assert {child.tag for child in element} <= allowed.get(element.tag, set()), element.tag
    assert root.tag == "amf" and root.attrib == {"unit": "millimeter", "version": "1.2"}
    ids = [one.get("id") for one in root.findall("object")]
    materials = [one.get("id") for one in root.findall("material")]
    # 0 is reserved for "no material".
    assert len(set(ids)) == 2 and "0" not in materials
    assert [one.get("materialid") for one in root.iter("volume")] == materials
    for one in root.findall("object"):
        count = len(one.findall("mesh/vertices/vertex"))
        numbers = [int(corner.text) for triangle in one.iter("triangle") for corner in triangle]
        assert min(numbers) == 0 and max(numbers) == count - 1


class TestRefused:
    def test_anUnknownFormat(self):
        with pytest.raises(M3DError, match="'step' is no format"):
            kindsOf("stl,step")

    def test_noFormat(self):
        with pytest.raises(M3DError, match="No format is named"):
            kindsOf(" , ")

    def test_stlOnTheBuildPlate(self):
        with pytest.raises(M3DError, match="does not go with STL"):
            PrintRequest(("stl", "3mf"), buildPlate=True).requirePossible()

    def test_aBuildPlateForNoFile(self):
        with pytest.raises(M3DError, match="say with --files which"):
            PrintRequest(buildPlate=True).requirePossible()


def test_formatsAreTakenInAnyOrderAndOnce():
    assert kindsOf("GLB, .stl,glb") == ("stl", "glb")
