"""Scans that leave out or contradict what they say: what is stated, a refusal or a warning, never a silent default."""

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.Volumes import makeVolume

VOLUME = makeVolume()


def write(folder, change=None):
    return writeSeries(VOLUME, folder, changeHeader=change)


def writeRaw(files, keyword, text):
    """Set an attribute to a text that pydicom would not write."""
    for file in files:
        dataset = pydicom.dcmread(file)
        tag = pydicom.datadict.tag_for_keyword(keyword)
        dataset[tag] = pydicom.DataElement(tag, "LO", text)
        dataset.save_as(file)
        # The value representation follows tag and is two letters long in explicit transfer syntaxes.
        content = bytearray(file.read_bytes())
        place = content.find(tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2] + b"LO")
        content[place + 4 : place + 6] = b"DS"
        file.write_bytes(content)


def without(*keywords, only=None):
    def change(header, k):
        for keyword in keywords:
            if (only is None or k == only) and keyword in header:
                delattr(header, keyword)

    return change


def test_goodScanHasNoWarning(tmp_path):
    write(tmp_path)
    image = readImage(tmp_path)
    assert image.isHounsfield and image.warnings == [] and image.geometryProblems == []
    assert thresholdSegment(image, 0).name == "above 0 HU"


@pytest.mark.parametrize("keywords", [("RescaleSlope", "RescaleIntercept"), ("RescaleSlope",), ("RescaleIntercept",)])
def test_valuesWithoutRescaleAreNoHounsfieldUnits(tmp_path, keywords):
    write(tmp_path, without(*keywords))
    image = readImage(tmp_path)
    assert not image.isHounsfield and image.valueUnit == "" and "missing in all slices" in image.warnings[0]
    assert thresholdSegment(image, 10).name == "above 10"


@pytest.mark.parametrize("kind", ["US", "OD", "ED", "HU_MOD"])
def test_rescaleTypeOtherThanHuIsSaid(tmp_path, kind):
    write(tmp_path, lambda header, k: setattr(header, "RescaleType", kind))
    image = readImage(tmp_path)
    assert image.valueUnit == "" and f"'{kind}'" in image.warnings[0]


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_oneSliceWithoutRescaleIsRefusedWithItsFile(tmp_path, keyword):
    files = write(tmp_path, without(keyword, only=3))
    with pytest.raises(M3DError, match="1 of 8 slices") as caught:
        readImage(tmp_path)
    assert files[3].name in str(caught.value)


def test_slicesOfDifferentKindsAreRefused(tmp_path):
    write(tmp_path, lambda header, k: setattr(header, "RescaleType", "HU" if k else "US"))
    with pytest.raises(M3DError, match="different kinds"):
        readImage(tmp_path)


def test_decimalCommaIsReadAsAPointAndSaid(tmp_path):
    writeRaw(write(tmp_path / "comma"), "RescaleIntercept", "-1024,0")
    image = readImage(tmp_path / "comma")
    good = write(tmp_path / "good")
    intercept = float(pydicom.dcmread(good[0]).RescaleIntercept)
    difference = image.array - readImage(tmp_path / "good").array
    assert image.isHounsfield and np.array_equal(difference, np.full(difference.shape, -1024 - intercept))
    assert len(image.warnings) == 1 and "decimal comma" in image.warnings[0]


@pytest.mark.parametrize("text", ["abc", "1e999", "nan", "1\\2"])
def test_rescaleThatIsNoNumberIsRefused(tmp_path, text):
    writeRaw(write(tmp_path), "RescaleIntercept", text)
    with pytest.raises(M3DError, match="Rescale Intercept that is no number"):
        readImage(tmp_path)


def test_sharedInstanceNameIsFound(tmp_path):
    write(tmp_path, lambda header, k: setattr(header, "SOPInstanceUID", "1.2.3"))
    (problem,) = readImage(tmp_path).geometryProblems
    assert "8 of 8 images share 1 SOP Instance UID" in problem


def scout(folder, name="zz-scout.dcm", **changes):
    """A copy of the first slice that calls itself a localizer."""
    dataset = pydicom.dcmread(sorted(folder.iterdir())[0])
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(folder / name)


@pytest.mark.parametrize(
    "changes",
    [
        {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImagePositionPatient": [-3, 0, 150]},
        {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "ImagePositionPatient": [0, 5, 103.4]},
        {},
        {"ImagePositionPatient": [-3, 5, 250]},
    ],
)
def test_scoutAmongTheSlicesIsLeftOutAndNamed(tmp_path, changes):
    write(tmp_path)
    alone = readImage(tmp_path)
    scout(tmp_path, **changes)
    image = readImage(tmp_path)
    assert [item.file.name for item in image.skippedFiles] == ["zz-scout.dcm"]
    assert "localizer" in image.skippedFiles[0].reason
    assert image.geometryProblems == [] and np.array_equal(image.array, alone.array)
    assert np.allclose(image.ijkToLps, alone.ijkToLps)


def test_sliceThatIsCalledALocalizerStaysWithAWarning(tmp_path):
    def change(header, k):
        if k in (3, 7):
            header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write(tmp_path, change)
    image = readImage(tmp_path)
    assert image.array.shape[0] == 8 and image.geometryProblems == [] and image.skippedFiles == []
    assert len(image.contradictions) == 1 and "LOCALIZER" in image.contradictions[0]


def test_privateCopiesInFunctionalGroupsAreNotBelieved(tmp_path):
    def change(dataset):
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            copy = Dataset()
            copy.ImagePositionPatient, copy.PixelSpacing, copy.RescaleSlope = [9, 9, 9], [7, 7], 5
            block = frame.private_block(0x2005, "SOMEBODY", create=True)
            # Private groups come first in the order of tags where their number is low.
            block.add_new(0x0F, "SQ", [copy])
            other = Dataset()
            other.ImagePositionPatient = [1, 1, 1]
            frame.DerivationImageSequence = [other]

    image = readImage(writeEnhanced(VOLUME, tmp_path / "a.dcm", change=change))
    assert image.geometryProblems == [] and image.warnings == []
    assert np.allclose(image.ijkToLps, VOLUME.ijkToLps) and np.array_equal(image.array, VOLUME.array)


def test_groupThatIsSharedAndPerFrameIsAContradiction(tmp_path):
    def change(dataset):
        measures = Dataset()
        measures.PixelSpacing, measures.SliceThickness = [0.8, 0.8], 1.0
        dataset.PerFrameFunctionalGroupsSequence[2].PixelMeasuresSequence = [measures]

    problems = readImage(writeEnhanced(VOLUME, tmp_path / "a.dcm", change=change)).geometryProblems
    assert any("0.5" in text and "0.8" in text and "contradicts itself" in text for text in problems)


def test_copyAtTheTopOfTheObjectIsNamedWithBothValues(tmp_path):
    image = readImage(
        writeEnhanced(VOLUME, tmp_path / "a.dcm", change=lambda dataset: setattr(dataset, "PixelSpacing", [0.9, 0.9]))
    )
    assert image.spacing[:2] == pytest.approx([0.5, 0.5]) and image.geometryProblems == []
    assert len(image.contradictions) == 1 and "0.9" in image.contradictions[0] and "0.5" in image.contradictions[0]


@pytest.mark.parametrize("count", [7, 9, 1000000])
def test_numberOfFramesAgainstTheirPlacesIsRefused(tmp_path, count):
    file = writeEnhanced(VOLUME, tmp_path / "a.dcm", change=lambda dataset: setattr(dataset, "NumberOfFrames", count))
    with pytest.raises(M3DError, match=rf"says {count}, but there are places for 8"):
        readImage(file)


def test_instanceNumberThatIsNoNumberIsReadAllTheSame(tmp_path):
    files = write(tmp_path)
    for file in files:
        content = file.read_bytes()
        place = content.find(b"\x20\x00\x13\x00IS")
        file.write_bytes(content[: place + 8] + b"A7" + content[place + 10 :])
    image = readImage(tmp_path)
    assert image.geometryProblems == [] and np.array_equal(image.array, VOLUME.array)
