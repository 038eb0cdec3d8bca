"""What was written comes back: description, colors, characters, places, references."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pydicom
import pytest

from M3DLib.Dicom.CieLab import decodeLab, encodeLab, labFromRgb, rgbFromLab
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.DocumentReferences import COMPONENT, EDITED, DocumentReference
from M3DLib.EncapsulatedStl.EarlierModels import findIdentical, readEarlierModels
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.Icon import iconPicture
from M3DLib.EncapsulatedStl.ModelDescription import Equipment, ModelDescription
from M3DLib.EncapsulatedStl.SeriesPlacement import FIRST_SERIES_NUMBER, newSeries, sameSeries
from M3DLib.Errors import M3DError
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.Models import FRAME, STUDY, makeHeaders, makeObject, makeTetrahedron

FULL = ModelDescription(
    title="Mandible\r\nsecond try",
    titleCode="LaserScanning3DCAMModel",
    contentDescription="left half",
    usage="SimulationIntent",
    units="cm",
    modified=False,
    mirrored=True,
    laterality="B",
    burnedInAnnotation=True,
    recognizableVisualFeatures=True,
    verified=False,
    groupUid="2.25.123",
    color=(0.25, 0.5, 0.75),
    opacity=0.5,
    seriesDescription="Jaws",
    segmentation="threshold 300 to 2000 HU",
    contentDateTime=datetime(2022, 12, 31, 23, 59, 58, 123456),
    timezoneOffset="+0930",
    equipment=Equipment("Maker", "Model", "SN 1", ("1.0", "2.0 beta")),
)


def throughFile(dataset, tmp_path):
    writeDicomFile(dataset, tmp_path / "model.dcm")
    return readEncapsulatedStl(tmp_path / "model.dcm")


def test_wholeDescriptionComesBack(tmp_path):
    surface = SurfaceParameters("surface-nets", 0.35, 0.6)
    model = throughFile(makeObject(description=FULL, surface=surface), tmp_path)
    assert replace(model.description, color=FULL.color) == FULL
    assert model.description.color == pytest.approx(FULL.color, abs=1e-4)
    assert model.surface == surface
    assert model.mesh.name == "Mandible second try"
    assert model.unit == "cm"
    original = makeTetrahedron()
    assert np.allclose(model.mesh.points[model.mesh.triangles], original.points[original.triangles], rtol=1e-6)


@pytest.mark.parametrize("channel", range(3))
def test_everyColorComesBackToEightBits(channel):
    for level in range(256):
        color = np.full(3, 0.4)
        color[channel] = level / 255
        assert rgbFromLab(decodeLab(encodeLab(labFromRgb(color)))) == pytest.approx(color, abs=0.4 / 255)


def test_colorsAreThoseOfLittleCms():
    # littleCMS (through Pillow) makes the same journey with ICC profiles, to 8 bits per component.
    from PIL import Image, ImageCms

    rng = np.random.default_rng(5)
    colors = rng.integers(0, 256, size=(500, 3)).astype(np.uint8)
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB", 5000),
        "RGB",
        "LAB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    theirs = np.asarray(ImageCms.applyTransform(Image.fromarray(colors[None]), transform))[0]
    lightness = theirs[:, 0] * (100 / 255)
    ab = theirs[:, 1:].view(np.int8).astype(float)
    ours = np.array([labFromRgb(color / 255) for color in colors])
    assert np.abs(ours[:, 0] - lightness).max() < 0.6
    assert np.abs(ours[:, 1:] - ab).max() < 1.3


def test_encodedColorsAreThoseOfHighdicom():
    from highdicom.color import CIELabColor

    for color in ([1, 1, 1], [0, 0, 0], [1, 0, 0], [0.2, 0.4, 0.6]):
        lab = labFromRgb(color)
        theirs = CIELabColor(*np.clip(lab, [0, -128, -128], [100, 127, 127])).value
        assert np.abs(np.array(encodeLab(lab)) - theirs).max() <= 1
    assert encodeLab(labFromRgb((1, 1, 1))) == [65535, 0x8080, 0x8080]


@pytest.mark.parametrize(
    "charset, name",
    [
        ("ISO_IR 100", "Müller^Zoë"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        (["", "ISO 2022 IR 159", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        ("ISO_IR 144", "Люкceмбypг"),
    ],
)
def test_patientNamesInTheirOwnCharactersComeBack(tmp_path, charset, name):
    headers = makeHeaders(SpecificCharacterSet=charset, PatientName=name)
    dataset = makeObject(headers=headers)
    assert dataset.SpecificCharacterSet == charset
    model = throughFile(dataset, tmp_path)
    assert str(model.dataset.PatientName) == name


# The examples of PS3.5 H.3.1 (Japanese) and I.2 (Korean), byte for byte.
JAPANESE = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
KOREAN = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"


@pytest.mark.parametrize("charset, name", [("\\ISO 2022 IR 87", JAPANESE), ("\\ISO 2022 IR 149", KOREAN)])
def test_namesWithCodeExtensionsKeepTheirBytes(tmp_path, charset, name):
    headers = makeHeaders(SpecificCharacterSet=charset.split("\\"), PatientName="X")
    headers[0].file_meta = pydicom.dataset.FileMetaDataset()
    headers[0].file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "ct.dcm", headers[0], enforce_file_format=True)
    element = b"\x10\0\x10\0PN"
    padded = name + b" " * (len(name) % 2)
    data = (tmp_path / "ct.dcm").read_bytes()
    data = data.replace(element + b"\x02\0X ", element + len(padded).to_bytes(2, "little") + padded)
    (tmp_path / "ct.dcm").write_bytes(data)
    writeDicomFile(makeObject(headers=[pydicom.dcmread(tmp_path / "ct.dcm")]), tmp_path / "model.dcm")
    written = (tmp_path / "model.dcm").read_bytes()
    assert element + len(padded).to_bytes(2, "little") + padded in written


def test_textTheSourcesCharactersCannotHoldMakesItUtf8(tmp_path):
    headers = makeHeaders(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Zoë")
    dataset = makeObject(description=ModelDescription(title="下顎骨"), headers=headers)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    model = throughFile(dataset, tmp_path)
    assert model.description.title == "下顎骨"
    assert str(model.dataset.PatientName) == "Müller^Zoë"


def test_sourceWithoutCharacterSetKeepsNone():
    headers = makeHeaders(SpecificCharacterSet=None)
    assert "SpecificCharacterSet" not in makeObject(headers=headers)
    dataset = makeObject(description=ModelDescription(title="Größe"), headers=headers)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"


def test_referencesComeBack(tmp_path):
    references = [
        DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.5.1", "1.5", STUDY, EDITED),
        DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.5.2", "1.5", STUDY, COMPONENT),
        DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.6.1", "1.6", "1.77", EDITED),
    ]
    identical = [DocumentReference("1.2.840.10008.5.1.4.1.1.104.3", "1.5.9", "1.5", STUDY)]
    dataset = makeObject(predecessors=references, identical=identical)
    model = throughFile(dataset, tmp_path)
    assert model.predecessors == references
    assert model.identical == identical
    purposes = dataset.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [item.PurposeOfReferenceCodeSequence[0].CodeValue for item in purposes] == ["129010", "129011"]
    assert [item.SeriesInstanceUID for item in dataset.ReferencedSeriesSequence] == ["1.2.3.4.300", "1.5"]
    (other,) = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == "1.77"


def test_earlierModelsAreReadFromFiles(tmp_path):
    first = makeObject()
    writeDicomFile(first, tmp_path / "first.dcm")
    earlier = readEarlierModels([tmp_path / "first.dcm"], [tmp_path / "first.dcm"], sameSeries=True)
    assert [reference.purpose for reference in earlier.predecessors] == [EDITED, COMPONENT]
    assert earlier.continued.SeriesInstanceUID == first.SeriesInstanceUID
    earlier.requireSamePatient(makeHeaders()[0])
    assert earlier.warnings(FRAME) == []
    assert "another frame" in earlier.warnings("1.2.9")[0]
    with pytest.raises(M3DError, match="PID-5"):
        earlier.requireSamePatient(makeHeaders(PatientID="PID-5")[0])
    with pytest.raises(M3DError, match="no series to continue"):
        readEarlierModels([], [], sameSeries=True)


def test_identicalDocumentsAreFoundByTheirBytes(tmp_path):
    writeDicomFile(makeObject(), tmp_path / "same.dcm")
    writeDicomFile(makeObject(makeTetrahedron(11)), tmp_path / "other.dcm")
    (tmp_path / "text.dcm").write_text("no model")
    dataset = makeObject()
    files = sorted(tmp_path.iterdir())
    (found,) = findIdentical(dataset.EncapsulatedDocument, files)
    assert found.sopInstanceUid == readEncapsulatedStl(tmp_path / "same.dcm").sopInstanceUid


def test_newSeriesHasANumberThatNobodyHas():
    neighbors = [header for number in (1, FIRST_SERIES_NUMBER) for header in makeHeaders(1, SeriesNumber=number)]
    assert newSeries(neighbors, STUDY).seriesNumber == FIRST_SERIES_NUMBER + 1
    assert newSeries(neighbors, "1.2.9").seriesNumber == FIRST_SERIES_NUMBER
    assert newSeries(makeHeaders(1, SeriesNumber=None), STUDY).seriesNumber == FIRST_SERIES_NUMBER


def test_sameSeriesContinuesItsNumbers():
    first = makeObject(description=ModelDescription(seriesDescription="Jaws"))
    place = sameSeries(first, [first], STUDY)
    second = makeObject(placement=place)
    assert second.SeriesInstanceUID == first.SeriesInstanceUID
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)
    for keyword in ("SeriesNumber", "SeriesDate", "SeriesTime", "SeriesDescription"):
        assert second[keyword].value == first[keyword].value
    with pytest.raises(M3DError, match="cannot share a series"):
        sameSeries(first, [], "1.2.9")


def test_iconComesBack(tmp_path):
    rng = np.random.default_rng(4)
    picture = np.repeat(np.repeat(rng.integers(0, 256, (4, 4, 3)).astype(np.uint8), 9, axis=0), 9, axis=1)
    model = throughFile(makeObject(icon=picture), tmp_path)
    item = model.dataset.IconImageSequence[0]
    assert item.PhotometricInterpretation == "PALETTE COLOR"
    assert np.abs(iconPicture(item).astype(int) - picture).max() <= 1
    for bad in (np.zeros((65, 10, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))):
        with pytest.raises(M3DError, match="icon"):
            makeObject(icon=bad)


def test_frameAndSourcesAreThoseOfTheImages(tmp_path):
    model = throughFile(makeObject(headers=makeHeaders(4)), tmp_path)
    assert model.frameOfReferenceUid == FRAME
    assert [source.sopInstanceUid for source in model.sources] == [f"1.2.3.4.300.{number}" for number in range(1, 5)]
