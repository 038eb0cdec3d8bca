"""DICOM Segmentations that lack what places their voxels, other objects, empty segments, and names in any encoding."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import RTStructureSetStorage

from M3DLib.Errors import M3DError
from M3DLib.FileSize import fileSizeLimit
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Segmentation.SegmentReader import readSegments, withoutEmpty
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.Volumes import makeVolume


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A sound segmentation of two segments, and its labels."""
    folder = tmp_path_factory.mktemp("seg")
    volume = makeVolume(shape=(6, 16, 16))
    labels = np.zeros(volume.array.shape, np.uint8)
    labels[1:4, 2:9, 3:12], labels[4, 10:12, 10:12] = 1, 2
    file = writeDicomSeg(folder / "good.dcm", writeSeries(volume, folder / "scan"), labels, ["bone", "tooth"])
    return file, labels


def changed(good, tmp_path, change):
    dataset = pydicom.dcmread(good[0])
    change(dataset)
    dataset.save_as(tmp_path / "seg.dcm")
    return tmp_path / "seg.dcm"


def ofAnotherSegment(dataset):
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        identification = frame.SegmentIdentificationSequence[0]
        if identification.ReferencedSegmentNumber == 2:
            identification.ReferencedSegmentNumber = 7


def test_framesOfASegmentThatNobodyDescribesAreNotLost(good, tmp_path):
    with pytest.raises(M3DError, match="frames of segment 7, which"):
        readSegments(changed(good, tmp_path, ofAnotherSegment))


def test_segmentWithoutALabelGetsItsNumber(good, tmp_path):
    segments = readSegments(
        changed(good, tmp_path, lambda dataset: setattr(dataset.SegmentSequence[1], "SegmentLabel", ""))
    )
    assert [segment.name for segment in segments] == ["bone", "segment 2"]


def test_fractionalSegmentBelowHalfSaysWhyItIsEmpty(tmp_path):
    volume = makeVolume(shape=(6, 16, 16))
    fractions = np.zeros(volume.array.shape, np.float32)
    fractions[1:4, 2:9, 3:12] = 0.4
    file = writeDicomSeg(
        tmp_path / "seg.dcm", writeSeries(volume, tmp_path / "scan"), fractions, ["bone"], "FRACTIONAL"
    )
    with pytest.raises(M3DError, match=r"No voxel belongs(.|\n)*'bone' is fractional and reaches 40(\.\d)? %"):
        withoutEmpty(readSegments(file))


def test_soundSegmentationIsRead(good):
    segments = readSegments(good[0])
    assert [segment.name for segment in segments] == ["bone", "tooth"]
    assert segments[0].array.sum() == (good[1] == 1).sum()


def withoutGroup(keyword):
    def change(dataset):
        for item in [*dataset.PerFrameFunctionalGroupsSequence, *dataset.SharedFunctionalGroupsSequence]:
            if keyword in item:
                delattr(item, keyword)

    return change


def without(keyword):
    return lambda dataset: delattr(dataset, keyword)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("DimensionIndexSequence"), "Dimension Index Sequence"),
        (without("FrameOfReferenceUID"), "Frame of Reference UID is missing"),
        (without("SegmentSequence"), "names no segment"),
        (without("PerFrameFunctionalGroupsSequence"), "Per-frame Functional Groups"),
        (withoutGroup("SegmentIdentificationSequence"), "which segment"),
        (withoutGroup("PlanePositionSequence"), "radiograph"),
        (withoutGroup("PlaneOrientationSequence"), "Plane Orientation Sequence"),
        (withoutGroup("PixelMeasuresSequence"), "Pixel Measures Sequence"),
        (lambda dataset: setattr(dataset, "NumberOfFrames", 1000), "says 1000, but there are places for"),
        (lambda dataset: setattr(dataset, "PixelData", dataset.PixelData[:20]), "promises"),
        (without("PixelData"), "holds no voxels"),
        (lambda dataset: setattr(dataset, "SOPClassUID", RTStructureSetStorage), "RT Structure Set.*SlicerRT"),
        (lambda dataset: setattr(dataset, "SOPClassUID", "1.2.3"), "not a DICOM Segmentation"),
        (lambda dataset: setattr(dataset, "SegmentationType", "SOMETHING"), "cannot be read"),
    ],
)
def test_whatCannotBePlacedIsRefusedInOneSentence(good, tmp_path, change, words):
    with pytest.raises(M3DError, match=words) as caught:
        readSegments(changed(good, tmp_path, change))
    assert "seg.dcm" in str(caught.value) and len(caught.value.problems) == 1
    assert "sqlite" not in str(caught.value) and "\n" not in str(caught.value)


def test_segmentationThatTakesTooMuchMemoryIsRefused(good):
    with fileSizeLimit(1000), pytest.raises(M3DError, match="would take"):
        readSegments(good[0])


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO_IR 192"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_labelArrivesWholeWhateverIsDeclared(good, tmp_path, charset, encoding):
    file = changed(good, tmp_path, lambda dataset: setattr(dataset.SegmentSequence[0], "SegmentLabel", "Knxxxxchel"))
    name = "Kn\u00f6chel".encode(encoding).ljust(10)
    content = file.read_bytes().replace(b"Knxxxxchel", name)
    file.write_bytes(content)
    dataset = pydicom.dcmread(file)
    del dataset.SpecificCharacterSet
    if charset:
        dataset.SpecificCharacterSet = charset
    # Raw bytes are written as they are.
    dataset.save_as(file)
    found = readSegments(file)[0].name
    if charset == "ISO_IR 100" and encoding == "utf-8":
        # What was declared can be read; nobody can know better.
        assert found == "Kn\u00c3\u00b6chel"
    else:
        assert found == "Kn\u00f6chel"


def test_latinNameInASlicerSegmentationArrivesWhole(tmp_path):
    lines = ["NRRD0005", "type: uint8", "dimension: 3", "sizes: 3 3 3", "encoding: raw", "endian: little"]
    lines += ["space: left-posterior-superior", "space directions: (1,0,0) (0,1,0) (0,0,1)", "space origin: (0,0,0)"]
    lines += ["Segment0_ID:=a", "Segment0_Name:=Kn\u00f6chel", "Segment0_LabelValue:=1", "Segment0_Layer:=0"]
    file = tmp_path / "a.seg.nrrd"
    for encoding in ("latin-1", "utf-8"):
        file.write_bytes("\n".join(lines).encode(encoding) + b"\n\n" + bytes([0] * 13 + [1] + [0] * 13))
        (segment,) = readSegments(file)
        assert segment.name == "Kn\u00f6chel" and segment.array.sum() == 1 and segment.warnings == []


def test_emptySegmentIsLeftOutByName(good):
    bone, tooth = readSegments(good[0])
    tooth.array = np.zeros_like(tooth.array)
    kept, said = withoutEmpty([bone, tooth])
    assert kept == [bone] and len(said) == 1 and "'tooth'" in said[0] and "left out" in said[0]
    with pytest.raises(M3DError, match="'tooth'"):
        withoutEmpty([tooth])
