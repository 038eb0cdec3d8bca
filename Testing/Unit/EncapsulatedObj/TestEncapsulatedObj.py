"""Encapsulated OBJ and MTL: they say what the STL object says, refer to each other, and come back as the same model."""

import copy
import re

import pydicom
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.Dicom.IodTable import missingAttributes
from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import MTL_CLASS, OBJ_CLASS, STL_CLASS
from M3DLib.EncapsulatedObj.EncapsulatedObjWriter import addObjObjects
from M3DLib.EncapsulatedStl.DocumentReferences import DocumentReference
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ValidationRecord import recordValidation
from M3DLib.Errors import M3DError
from M3DLib.MeshFiles.EncapsulatedModels import readEncapsulatedModel
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.Conformance import dciodvfyMessages
from M3DTestSupport.Models import makeObject, makeTetrahedron

UNITS = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0}
MESH = makeTetrahedron(30.0, (1.0, -20.0, 300.0), "Upper jaw", color=(1.0, 0.5, 0.25), opacity=0.5)
PREDECESSOR = DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.2.3.5", "1.2.3.6", "1.2.3.7", "EditedModel")
SAME = DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.2.3.9", "1.2.3.6", "1.2.3.8")


def siblings(description=None, **more):
    stl = makeObject(MESH, description or ModelDescription(groupUid="2.25.77", usage="PlanningIntent"), **more)
    recordValidation(stl, "warning", "implant 2")
    return stl, *addObjObjects([stl], [MESH])


def textOf(dataset):
    return dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength].decode()


@pytest.fixture(scope="module")
def three():
    return siblings(predecessors=[PREDECESSOR], identical=[SAME])


def test_theySayWhatTheStlObjectSays(three):
    stl, *others = three
    own = {"SOPClassUID", "SOPInstanceUID", "InstanceNumber", "MIMETypeOfEncapsulatedDocument", "EncapsulatedDocument"}
    own |= {"EncapsulatedDocumentLength", "DocumentTitle", "ReferencedSeriesSequence", "IdenticalDocumentsSequence"}
    own |= {"StudiesContainingOtherReferencedInstancesSequence", "ReferencedInstanceSequence"}
    for other, absent in zip(others, [set(), {"FrameOfReferenceUID", "PositionReferenceIndicator"}], strict=True):
        said = {element.keyword: element for element in stl if element.keyword not in own | absent}
        assert {element.keyword: element for element in other if element.keyword not in own} == said
        assert "PredecessorDocumentsSequence" in other and other.ModelGroupUID == "2.25.77"
    assert [one.InstanceNumber for one in three] == [1, 2, 3]
    assert [str(one.SOPClassUID) for one in three] == [STL_CLASS, OBJ_CLASS, MTL_CLASS]
    assert len({one.SOPInstanceUID for one in three}) == 3 and len({one.SeriesInstanceUID for one in three}) == 1


def test_theObjNamesItsMaterialsAsTheObjectRefersToThem(three):
    _stl, objObject, mtlObject = three
    (item,) = objObject.ReferencedInstanceSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (MTL_CLASS, mtlObject.SOPInstanceUID)
    (named,) = re.findall(r"^mtllib (\S+)$", textOf(objObject), re.MULTILINE)
    assert item.RelativeURIReferenceWithinEncapsulatedDocument == named == "Upper-jaw.mtl"
    (material,) = re.findall(r"^newmtl (\S+)$", textOf(mtlObject), re.MULTILINE)
    assert re.findall(r"^usemtl (\S+)$", textOf(objObject), re.MULTILINE) == [material]
    color = [float(part) for part in re.search(r"^Kd (.*)$", textOf(mtlObject), re.MULTILINE)[1].split()]
    assert color == pytest.approx([1.0, 0.5, 0.25], abs=0.01)
    assert "d 0.5" in textOf(mtlObject)


def test_everythingReferredToStandsInCommonInstanceReferenceAndNothingElse(three):
    _stl, objObject, mtlObject = three
    for dataset, more in ((objObject, {str(mtlObject.SOPInstanceUID)}), (mtlObject, set())):
        sources = {str(item.ReferencedSOPInstanceUID) for item in dataset.SourceInstanceSequence}
        listed = set()
        for holder in [dataset, *dataset.StudiesContainingOtherReferencedInstancesSequence]:
            for series in holder.get("ReferencedSeriesSequence") or []:
                listed |= {str(item.ReferencedSOPInstanceUID) for item in series.ReferencedInstanceSequence}
        assert listed == sources | {"1.2.3.5"} | more


def test_theStlObjectStaysAsItWas():
    stl = makeObject(MESH, identical=[SAME])
    before = copy.deepcopy(stl)
    addObjObjects([stl], [MESH])
    assert stl == before


@pytest.mark.parametrize("unit", UNITS)
def test_theModelComesBackInMillimetersAtItsPlace(unit, tmp_path):
    _stl, objObject, _mtl = siblings(ModelDescription(units=unit))
    writeDicomFile(objObject, tmp_path / "jaw.dcm")
    model = readEncapsulatedModel(tmp_path / "jaw.dcm")
    assert model.mesh.boundsLps == pytest.approx((1, 31, -20, 10, 300, 330), abs=1e-3)
    assert model.mesh.volumeMm3 == pytest.approx(30.0**3 / 6, rel=1e-4)
    assert (model.unit, model.mesh.name) == (unit, "Upper jaw")
    assert model.mesh.color == pytest.approx((1.0, 0.5, 0.25), abs=0.01)
    assert len(model.mesh.points) == 4
    assert model.validation.verdict == "warning"
    assert not [text for text in model.warnings if "plausible" not in text]
    mesh, notes = readMesh(tmp_path / "jaw.dcm")
    assert notes.format == "DICOM Encapsulated OBJ" and mesh.volumeMm3 == pytest.approx(4500, rel=1e-4)


def test_theyHaveWhatTheirIodsDemand(three, tmp_path):
    _stl, objObject, mtlObject = three
    assert missingAttributes(objObject) == []
    assert missingAttributes(mtlObject) == ["FrameOfReferenceUID", "PositionReferenceIndicator"]
    # dciodvfy (2022) knows neither class; the module table of OBJ is that of STL (PS3.3 A.85.1-1, A.85.2-1).
    disguised = copy.deepcopy(objObject)
    disguised.SOPClassUID = disguised.file_meta.MediaStorageSOPClassUID = STL_CLASS
    disguised.MIMETypeOfEncapsulatedDocument = "model/stl"
    writeDicomFile(disguised, tmp_path / "a.dcm")
    assert dciodvfyMessages([tmp_path / "a.dcm"]) == {}


def test_nobodyIsNamedInTheDocuments():
    stl = makeObject(makeTetrahedron(name="x"), ModelDescription())
    stl.DocumentTitle = "Jane Doe, jaw"
    for dataset in addObjObjects([stl], [MESH]):
        assert "Doe" not in textOf(dataset)


class TestOtherWriters:
    def changed(self, folder, change):
        _stl, objObject, _mtl = siblings()
        change(objObject)
        writeDicomFile(objObject, folder / "a.dcm")
        return readEncapsulatedModel(folder / "a.dcm")

    def test_materialsThatNobodyRefersToAreNamed(self, tmp_path):
        model = self.changed(tmp_path, lambda d: delattr(d, "ReferencedInstanceSequence"))
        assert any("'Upper-jaw.mtl'" in text for text in model.warnings)

    def test_aLengthThatIsNotTrueIsSaid(self, tmp_path):
        model = self.changed(tmp_path, lambda d: setattr(d, "EncapsulatedDocumentLength", 7))
        assert any("says 7 bytes" in text for text in model.warnings) and len(model.mesh.triangles) == 4

    @pytest.mark.parametrize(
        "document, words",
        [(b"# nothing\n", "holds no triangles"), (b"v 0 0 0\nf 1 2 9\n", "OBJ"), (b"v nan 0 0\nf 1 1 1\n", "finite")],
    )
    def test_aDocumentThatIsNoModelIsRefused(self, tmp_path, document, words):
        def change(dataset):
            dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength = document, len(document)

        with pytest.raises(M3DError, match=words):
            self.changed(tmp_path, change)

    def test_anInchIsNoUnitOfDicom(self, tmp_path):
        with pytest.raises(M3DError, match="size is unknown"):
            self.changed(tmp_path, lambda d: setattr(d.MeasurementUnitsCodeSequence[0], "CodeValue", "[in_i]"))

    def test_materialsAreNoModel(self, three, tmp_path):
        writeDicomFile(three[2], tmp_path / "m.dcm")
        with pytest.raises(M3DError, match="materials of a model, not a model"):
            readEncapsulatedModel(tmp_path / "m.dcm")


class TestExtracting:
    @pytest.fixture
    def files(self, three, tmp_path):
        for name, dataset in zip(("stl", "obj", "mtl"), three, strict=True):
            writeDicomFile(dataset, tmp_path / f"{name}.dcm")
        return tmp_path

    @pytest.mark.parametrize("name, number", [("obj", 1), ("mtl", 2)])
    def test_theDocumentByteForByte(self, three, files, name, number, capsys):
        assert main(["extract", str(files / f"{name}.dcm"), "--output", str(files / f"out.{name}")]) == 0
        assert (files / f"out.{name}").read_text() == textOf(three[number])
        assert ("extract it to that name" in capsys.readouterr().err) == (name == "obj")

    @pytest.mark.parametrize("ending", ["stl", "ply"])
    def test_anObjBecomesAnotherFormat(self, files, ending):
        assert main(["extract", str(files / "obj.dcm"), "--output", str(files / f"out.{ending}")]) == 0
        mesh, _notes = readMesh(files / f"out.{ending}")
        assert mesh.boundsLps == pytest.approx((1, 31, -20, 10, 300, 330), abs=1e-3)

    def test_materialsBecomeNoModel(self, files, capsys):
        assert main(["extract", str(files / "mtl.dcm"), "--output", str(files / "out.ply")]) == 2
        assert "not a model" in capsys.readouterr().err and not (files / "out.ply").exists()

    def test_inspectSaysThatItIsObjAndWhereItsMaterialsAre(self, three, files, capsys):
        assert main(["inspect", str(files / "obj.dcm")]) == 0
        said = capsys.readouterr().out
        assert "stored as OBJ in mm" in said and f"Upper-jaw.mtl, {three[2].SOPInstanceUID}" in said


def test_exportWritesAllThreeIntoTheFileSet(tmp_path):
    from M3DTestSupport.SmallScan import writeSmallScan

    (tmp_path / "scan").mkdir()
    writeSmallScan(tmp_path / "scan")
    call = ["export", "--image", "scan", "--threshold", "500", "--encapsulate", "stl,obj", "--output", "out"]
    call = [str(tmp_path / one) if one in ("scan", "out") else one for one in call]
    assert main(call) == 0
    listed = pydicom.dcmread(tmp_path / "out" / "DICOMDIR").DirectoryRecordSequence
    types = [one.MIMETypeOfEncapsulatedDocument for one in listed if one.DirectoryRecordType == "ENCAP DOC"]
    assert types == ["model/stl", "model/obj", "model/mtl"]


@pytest.mark.parametrize(
    "value, words", [("stl,3mf", "'3mf' cannot be encapsulated"), ("obj", "write --encapsulate stl")]
)
def test_whatCannotBeEncapsulatedIsRefused(value, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", "--image", "x", "--threshold", "500", "--output", "out", "--encapsulate", value])
    assert ended.value.code == 2 and words in capsys.readouterr().err
