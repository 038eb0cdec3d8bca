"""Objects of other writers and odd objects, and what is said of them."""

import copy
import io
import zlib

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from M3DLib.Dicom.DicomFile import DEFER_BYTES, payloadChunks, writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl, readStlPayload
from M3DLib.EncapsulatedStl.ModelDescription import SURFACE_ALGORITHM, DerivationAlgorithm, ModelDescription
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron


def setUnit(dataset, value, scheme="UCUM", meaning="anything"):
    item = Dataset()
    item.CodeValue, item.CodeMeaning = value, meaning
    if scheme is not None:
        item.CodingSchemeDesignator = scheme
    dataset.MeasurementUnitsCodeSequence = [item]


def setPayload(dataset, payload):
    dataset.EncapsulatedDocument = payload + b"\0" * (len(payload) % 2)
    dataset.EncapsulatedDocumentLength = len(payload)


def minimal():
    """As some writers leave it: no length, no sources, no frame of reference, empty title, nothing optional."""
    dataset = makeObject()
    for keyword in (
        "EncapsulatedDocumentLength",
        "SourceInstanceSequence",
        "ReferencedSeriesSequence",
        "FrameOfReferenceUID",
        "SeriesDescription",
        "TimezoneOffsetFromUTC",
    ):
        if keyword in dataset:
            del dataset[keyword]
    dataset.DocumentTitle = ""
    dataset.ConceptNameCodeSequence = []
    return dataset


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
@pytest.mark.parametrize("large", [False, True])
def test_everyTransferSyntaxReadsAlike(tmp_path, syntax, large):
    mesh = makeTetrahedron()
    if large:  # above what is left in the file and mapped
        mesh = TriangleMesh(mesh.points, np.tile(mesh.triangles, (DEFER_BYTES // 200 + 1, 1)), "large")
    dataset = makeObject(mesh)
    dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(
        tmp_path / "a.dcm",
        dataset,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    model = readEncapsulatedStl(tmp_path / "a.dcm")
    assert isinstance(model.stl, np.memmap) == (large and syntax != DeflatedExplicitVRLittleEndian)
    assert model.stl.tobytes() == stlBytes(mesh)
    assert b"".join(payloadChunks(model.stl)) == stlBytes(mesh)
    assert np.array_equal(model.mesh.points[model.mesh.triangles], mesh.points[mesh.triangles])
    assert model.warnings == []
    assert len(model.sources) == 3


@pytest.mark.parametrize("implicit", [False, True])
def test_dataSetWithoutPreambleIsRead(tmp_path, implicit):
    dataset = makeObject()
    del dataset.file_meta
    pydicom.dcmwrite(tmp_path / "bare.dcm", dataset, implicit_vr=implicit, little_endian=True)
    assert readEncapsulatedStl(tmp_path / "bare.dcm").stl.tobytes() == stlBytes(makeTetrahedron())


def test_dataThatInflatesWithoutEndIsRefused(tmp_path):
    dataset = makeObject()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "a.dcm", dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    data = (tmp_path / "a.dcm").read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(16)) + packer.flush()
    for content in (data[:start] + bomb, tmp_path / "a.dcm"):
        if isinstance(content, bytes):
            with pytest.raises(M3DError, match="absurd size"):
                readEncapsulatedStl(content)
        else:
            assert len(readEncapsulatedStl(content).mesh.triangles) == 4


def test_fileBytesStreamAndDatasetReadAlike(tmp_path):
    dataset = makeObject()
    writeDicomFile(dataset, tmp_path / "a.dcm")
    data = (tmp_path / "a.dcm").read_bytes()
    for source in (tmp_path / "a.dcm", str(tmp_path / "a.dcm"), data, io.BytesIO(data), dataset):
        assert readEncapsulatedStl(source).stl.tobytes() == dataset.EncapsulatedDocument


def test_minimalObjectIsReadWithItsDoubts():
    model = readEncapsulatedStl(minimal())
    assert model.mesh.name == "3D model"
    assert len(model.mesh.triangles) == 4
    assert any("frame of reference" in warning for warning in model.warnings)
    assert any("what the model was made from" in warning for warning in model.warnings)
    assert len(model.warnings) == 2


@pytest.mark.parametrize("unit, millimeters", [("um", 0.001), ("mm", 1.0), ("cm", 10.0), ("m", 1000.0)])
def test_unitIsTakenByValueAndSchemeAlone(unit, millimeters):
    dataset = makeObject(makeTetrahedron(50 / millimeters, (0, 0, 0)))
    setUnit(dataset, unit, meaning="Orthanc puts the title here: mm")
    model = readEncapsulatedStl(dataset)
    assert model.unit == unit
    assert model.mesh.boundsLps == pytest.approx((0, 50, 0, 50, 0, 50), rel=1e-6)
    assert model.warnings == []


@pytest.mark.parametrize("value, scheme", [("[in_i]", "UCUM"), ("mm", "99OWN"), ("millimeter", "UCUM"), ("", "UCUM")])
def test_unknownUnitIsRefusedByName(value, scheme):
    dataset = makeObject()
    setUnit(dataset, value, scheme)
    with pytest.raises(M3DError, match="unit is"):
        readEncapsulatedStl(dataset)
    assert len(readStlPayload(dataset)[0]) == 284


def test_missingUnitOrSchemeIsAWarning():
    dataset = makeObject()
    del dataset.MeasurementUnitsCodeSequence
    assert any("millimeters were assumed" in warning for warning in readEncapsulatedStl(dataset).warnings)
    setUnit(dataset, "mm", None)
    assert any("UCUM was assumed" in warning for warning in readEncapsulatedStl(dataset).warnings)


@pytest.mark.parametrize(
    "size, unit, readings",
    [(180, "um", ["0.18 mm", "180 mm"]), (0.18, "mm", ["0.18 mm", "180 mm"]), (180, "cm", ["1800 mm", "180 mm"])],
)
def test_implausibleSizeIsSaidInBothReadingsAndNotCorrected(size, unit, readings):
    dataset = makeObject(makeTetrahedron(size, (0, 0, 0)))
    setUnit(dataset, unit)
    model = readEncapsulatedStl(dataset)
    (warning,) = model.warnings
    assert all(reading in warning for reading in readings)
    assert model.mesh.boundsLps[1] == pytest.approx(float(readings[0].split()[0]))


@pytest.mark.parametrize(
    "mime, doubtful", [("model/stl", 0), ("model/x.stl-binary", 0), ("application/sla", 0), ("x", 1)]
)
def test_mimeTypesOfOtherWritersAreKnown(mime, doubtful):
    dataset = makeObject()
    dataset.MIMETypeOfEncapsulatedDocument = mime
    assert len(readEncapsulatedStl(dataset).warnings) == doubtful


ASCII = (
    "solid x\n" + "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 9 0 0\nvertex 0 9 0\nendloop\nendfacet\n" * 2
)


@pytest.mark.parametrize("text", [ASCII, ASCII + "\n"])
def test_asciiPayloadOfOddOrEvenLengthIsReadWithAWarning(text):
    dataset = makeObject()
    setPayload(dataset, text.encode())
    model = readEncapsulatedStl(dataset)
    assert len(model.mesh.triangles) == 2
    assert any("ASCII" in warning for warning in model.warnings)
    assert model.stl.tobytes() == text.encode()


@pytest.mark.parametrize(
    "payload, words",
    [
        (b"Hello, world", "not a binary STL"),
        (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" * 5, "OBJ"),
        (b"newmtl bone\nKd 1 1 1\n" * 10, "MTL"),
        (stlBytes(makeTetrahedron())[:-50], "4 triangles, but there are bytes for 3"),
        (stlBytes(makeTetrahedron())[:84], "4 triangles"),
    ],
)
def test_payloadThatIsNoStlIsRefused(payload, words):
    dataset = makeObject()
    setPayload(dataset, payload)
    with pytest.raises(M3DError, match=words):
        readEncapsulatedStl(dataset)


def test_surplusBytesAndWrongLengthAreWarnings():
    dataset = makeObject()
    setPayload(dataset, stlBytes(makeTetrahedron()) + b"surplus!")
    assert any("8 bytes more" in warning for warning in readEncapsulatedStl(dataset).warnings)
    dataset = makeObject()
    dataset.EncapsulatedDocumentLength = 1000
    model = readEncapsulatedStl(dataset)
    assert any("says 1000 bytes" in warning for warning in model.warnings)
    assert len(model.stl) == 284


def test_statedLengthThatFitsTheCountCutsThePayload():
    dataset = makeObject()
    dataset.EncapsulatedDocument = stlBytes(makeTetrahedron()) + b"padding!"
    model = readEncapsulatedStl(dataset)
    assert model.stl.tobytes() == stlBytes(makeTetrahedron())


def test_otherClassesAreNamed():
    for uid, words in ((CTImageStorage, "CT Image"), ("1.2.840.10008.5.1.4.1.1.104.4", "OBJ"), ("", "without")):
        dataset = makeObject()
        dataset.SOPClassUID = uid
        with pytest.raises(M3DError, match=words):
            readEncapsulatedStl(dataset)


def test_objectWithoutDocumentIsRefused():
    dataset = makeObject()
    del dataset.EncapsulatedDocument
    with pytest.raises(M3DError, match="no Encapsulated Document"):
        readEncapsulatedStl(dataset)
    dataset.EncapsulatedDocument = b""
    with pytest.raises(M3DError, match="no Encapsulated Document"):
        readEncapsulatedStl(dataset)


@pytest.mark.parametrize("content", [b"", b"plain text", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 99])
def test_fileThatIsNotDicomIsRefused(tmp_path, content):
    (tmp_path / "x.dcm").write_bytes(content)
    with pytest.raises(M3DError):
        readEncapsulatedStl(tmp_path / "x.dcm")


def test_missingFileAndFolderAreRefused(tmp_path):
    for path in (tmp_path / "none.dcm", tmp_path):
        with pytest.raises(M3DError, match="cannot be read"):
            readEncapsulatedStl(path)


def test_truncatedFileIsRefused(tmp_path):
    mesh = makeTetrahedron()
    mesh = TriangleMesh(mesh.points, np.tile(mesh.triangles, (DEFER_BYTES // 100, 1)))
    writeDicomFile(makeObject(mesh), tmp_path / "a.dcm")
    data = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(data[: len(data) // 2])
    with pytest.raises(M3DError, match="cut short"):
        readEncapsulatedStl(tmp_path / "a.dcm")


def test_oddValuesAreWarningsNotErrors():
    dataset = makeObject(description=ModelDescription(opacity=0.5, color=(1, 0, 0)))
    dataset.RecommendedPresentationOpacity = 7.0
    dataset["RecommendedDisplayCIELabValue"].value = [1, 2]
    dataset.ImageLaterality = "Q"
    dataset.ModelMirroring = "MAYBE"
    model = readEncapsulatedStl(dataset)
    assert (model.description.opacity, model.description.color) == (None, None)
    assert (model.description.laterality, model.description.mirrored) == ("", None)
    assert len(model.warnings) == 2


def test_readingChangesNothingInADatasetThatWasHandedOver():
    dataset = makeObject()
    before = copy.deepcopy(dataset)
    readEncapsulatedStl(dataset)
    assert dataset == before


def test_sourcesKnowTheirSeriesAndStudy():
    source = readEncapsulatedStl(makeObject(headers=makeHeaders(2))).sources[1]
    assert source.sopInstanceUid == "1.2.3.4.300.2"
    assert (source.seriesInstanceUid, source.studyInstanceUid) == ("1.2.3.4.300", "1.2.3.4.100")
    assert (source.sopClassUid, source.purpose) == (CTImageStorage, "SourceImage")


def test_refiningComesBackWithItsFiguresOrIsWarnedOf():
    parameters = {"refinementApplied": "True", "refinementMovedShare": "0.75", "refinementHeldShare": "0.25"}
    parameters |= {"refinementLeftShare": "0", "refinementMeanDisplacement": "0.1"}
    parameters |= {"refinementP95Displacement": "0.2", "refinementLargestDisplacement": "0.3"}

    def read(parameters):
        algorithm = DerivationAlgorithm(SURFACE_ALGORITHM, parameters=tuple(parameters.items()))
        return readEncapsulatedStl(makeObject(description=ModelDescription(algorithm=algorithm)))

    refinement = read(parameters).mesh.record["refinement"]
    assert (refinement["movedShare"], refinement["largestDisplacement"]) == (0.75, 0.3)
    assert refinement["sourceSeries"] == ["1.2.3.4.300"]
    for wrong in ("much", "nan", "1.5", "-0.1"):
        model = read({**parameters, "refinementMovedShare": wrong})
        assert "refinement" not in model.mesh.record
        assert any("agreement with that image is no evidence" in text for text in model.warnings)
    held = read({**parameters, "refinementApplied": "False"})
    assert "refinement" not in held.mesh.record
    assert not any("refined" in text for text in held.warnings)
