"""Enhanced multi-frame objects: geometry and values come from the functional groups of every frame."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.SliceHeader import sliceHeaders, sourceInstances
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.Volumes import makeVolume, rotation

ORDER = [3, 0, 7, 5, 1, 2, 6, 4]


@pytest.mark.parametrize("asFolder", [False, True])
def test_framesAreSortedByPosition(tmp_path, asFolder):
    volume = makeVolume(axes=rotation(10, 20, 30), spacing=(0.5, 0.75, 1.5))
    path = writeEnhanced(volume, tmp_path / "image.dcm", ORDER)
    read = readImage(tmp_path if asFolder else path)
    assert read.geometryProblems == []
    np.testing.assert_array_equal(read.array, volume.array)
    np.testing.assert_allclose(read.ijkToLps, volume.ijkToLps, atol=1e-6)
    assert read.frameIndices.tolist() == [ORDER.index(k) for k in range(8)]
    assert len(read.headers) == len(read.files) == 1
    assert len(sourceInstances(read)) == 1


def test_headerOfASliceIsThatOfItsFrame(tmp_path):
    read = readImage(writeEnhanced(makeVolume(), tmp_path / "image.dcm", ORDER))
    headers = sliceHeaders(read)
    assert [header.get("InStackPositionNumber") for header in headers] == list(range(1, 9))
    assert {header.number("SliceThickness") for header in headers} == {1.0}
    assert {header.get("Modality") for header in headers} == {"CT"}
    assert headers[0].get("KVP") is None


def test_rescaleDiffersByFrame(tmp_path):
    volume = makeVolume()
    slopes = np.linspace(0.5, 2, 8)
    read = readImage(writeEnhanced(volume, tmp_path / "image.dcm", ORDER, slopes=slopes))
    assert read.array.dtype == np.float32
    expected = (volume.array + 1000.0) * slopes[:, None, None] - 1000
    np.testing.assert_allclose(read.array, expected, rtol=1e-6)


def test_frameWithoutPositionIsJudged(tmp_path):
    def without(dataset):
        del dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence

    read = readImage(writeEnhanced(makeVolume(), tmp_path / "image.dcm", change=without))
    assert any("Image Position (Patient) is missing" in problem for problem in read.geometryProblems)


def test_missingFrameIsFound(tmp_path):
    def further(dataset):
        for frame in dataset.PerFrameFunctionalGroupsSequence[5:]:
            frame.PlanePositionSequence[0].ImagePositionPatient[2] += 1.0

    read = readImage(writeEnhanced(makeVolume(), tmp_path / "image.dcm", change=further))
    assert "missing between slices 5 and 6" in read.geometryProblems[0]


def test_stacksOfSeveralOrientationsAreRefused(tmp_path):
    def threePlanes(dataset):
        from pydicom import Dataset

        for frame in dataset.PerFrameFunctionalGroupsSequence[4:]:
            frame.FrameContentSequence[0].StackID = "2"
            frame.PlaneOrientationSequence = [Dataset()]
            frame.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    path = writeEnhanced(makeVolume(), tmp_path / "image.dcm", change=threePlanes)
    with pytest.raises(M3DError, match="2 stacks of different orientation"):
        readImage(path)


def test_severalMultiFrameFilesOfOneSeriesAreRefused(tmp_path):
    def sameSeries(dataset):
        dataset.SeriesInstanceUID = "1.2.3"

    for name in "ab":
        writeEnhanced(makeVolume(), tmp_path / name, change=sameSeries)
    with pytest.raises(M3DError, match="spread over 2 files"):
        readImage(tmp_path)


def test_framesWithoutFunctionalGroupsAreRefused(tmp_path):
    def without(dataset):
        del dataset.PerFrameFunctionalGroupsSequence

    path = writeEnhanced(makeVolume(), tmp_path / "image.dcm", change=without)
    with pytest.raises(M3DError, match="does not say where each lies"):
        readImage(path)
