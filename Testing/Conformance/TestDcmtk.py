"""DCMTK: its objects are read rightly, and it reads ours."""

import base64
import json
import subprocess
from itertools import product

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.StlFile import stlBytes
from M3DTestSupport.Conformance import requireTool
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron

UNIT_MM = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0}


def run(tool, *arguments):
    """Run a DCMTK program that must succeed; its stdout."""
    result = subprocess.run([requireTool(tool), *map(str, arguments)], check=False, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode("latin-1")
    return result.stdout.decode("utf-8", "replace")


@pytest.fixture
def stl(tmp_path):
    (tmp_path / "part.stl").write_bytes(stlBytes(makeTetrahedron(40, (0, 0, 0))))
    return tmp_path / "part.stl"


@pytest.fixture
def ctFile(tmp_path):
    header = makeHeaders(1)[0]
    header.Manufacturer = "Scanner Inc"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "ct.dcm", header, enforce_file_format=True)
    return tmp_path / "ct.dcm"


def test_stl2dcmDefaultsAreReadWithTheMicrometerTrapSaid(stl, tmp_path):
    run("stl2dcm", stl, tmp_path / "a.dcm")
    model = readEncapsulatedStl(tmp_path / "a.dcm")
    assert model.unit == "um"
    assert model.mesh.boundsLps == pytest.approx((0, 0.04, 0, 0.04, 0, 0.04))
    assert model.stl.tobytes() == stl.read_bytes()
    assert model.description.burnedInAnnotation
    assert any("0.04 mm large" in warning and "it would be 40 mm" in warning for warning in model.warnings)
    assert any("what the model was made from" in warning for warning in model.warnings)


@pytest.mark.parametrize("unit, syntax", list(product(UNIT_MM, ["+te", "+tb", "+ti"])))
def test_stl2dcmInEveryUnitAndTransferSyntax(stl, tmp_path, unit, syntax):
    run("stl2dcm", "-an", syntax, "-e", "+mu", "UCUM", unit, "whatever", "+t", "Part", stl, tmp_path / "a.dcm")
    model = readEncapsulatedStl(tmp_path / "a.dcm")
    assert model.unit == unit
    assert model.mesh.boundsLps[1] == pytest.approx(40 * UNIT_MM[unit])
    assert model.mesh.name == "Part"
    assert not model.description.burnedInAnnotation
    assert model.stl.tobytes() == stl.read_bytes()
    implausible = [warning for warning in model.warnings if "not plausible" in warning]
    assert len(implausible) == (unit in ("um", "m"))


@pytest.mark.parametrize("option", ["+se", "+st"])
def test_stl2dcmFromASourceKeepsItsFrameOfReference(stl, ctFile, tmp_path, option):
    run("stl2dcm", option, ctFile, "+mu", "UCUM", "mm", "mm", stl, tmp_path / "a.dcm")
    model = readEncapsulatedStl(tmp_path / "a.dcm")
    assert model.frameOfReferenceUid == "1.2.3.4.200"
    assert str(model.dataset.PatientName) == "Doe^Jane"
    inSourceSeries = model.dataset.SeriesInstanceUID == "1.2.3.4.300"
    assert inSourceSeries == (option == "+se")
    assert model.sources == []


def documentByDcmtk(file):
    """The Encapsulated Document as DCMTK reads it."""
    return base64.b64decode(json.loads(run("dcm2json", file))["00420011"]["InlineBinary"])


def test_dcmtkReadsOurObjectsByteForByte(tmp_path):
    description = ModelDescription(title="Größe", color=(1, 0, 0), opacity=0.5, laterality="L")
    dataset = makeObject(description=description)
    writeDicomFile(dataset, tmp_path / "ours.dcm")
    dump = run("dcmdump", tmp_path / "ours.dcm")
    for text in ("=EncapsulatedSTLStorage", "[M3D]", "[model/stl]", "RecommendedDisplayCIELabValue", "[85040-4]"):
        assert text in dump
    assert documentByDcmtk(tmp_path / "ours.dcm") == dataset.EncapsulatedDocument


@pytest.mark.parametrize("syntax", ["+te", "+tb", "+ti", "+td"])
def test_ourObjectsConvertedByDcmtkReadTheSame(tmp_path, syntax):
    dataset = makeObject(description=ModelDescription(title="Größe", usage="PlanningIntent"))
    writeDicomFile(dataset, tmp_path / "ours.dcm")
    run("dcmconv", syntax, tmp_path / "ours.dcm", tmp_path / "theirs.dcm")
    model = readEncapsulatedStl(tmp_path / "theirs.dcm")
    assert model.stl.tobytes() == dataset.EncapsulatedDocument
    assert (model.description.title, model.description.usage) == ("Größe", "PlanningIntent")
    assert model.warnings == []


@pytest.mark.parametrize(
    "charset, name",
    [("ISO_IR 100", "Müller^Zoë"), ("ISO_IR 192", "Wang^XiaoDong=王^小東"), ("GB18030", "Wang^XiaoDong=王^小东")],
)
def test_dcmtkReadsNamesInTheSourcesCharacters(tmp_path, charset, name):
    headers = makeHeaders(SpecificCharacterSet=charset, PatientName=name)
    writeDicomFile(makeObject(headers=headers), tmp_path / "ours.dcm")
    value = json.loads(run("dcm2json", tmp_path / "ours.dcm"))["00100010"]["Value"][0]
    assert "=".join(value[part] for part in ("Alphabetic", "Ideographic") if part in value) == name
