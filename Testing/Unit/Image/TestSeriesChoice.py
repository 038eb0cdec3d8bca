"""Which files of a folder are the image, which are left out and why."""

import os

import numpy as np
import pydicom
import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.SliceHeader import sourceInstances
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DTestSupport.Volumes import makeVolume


def reasons(image):
    return {skipped.file.name: skipped.reason for skipped in image.skippedFiles}


def test_strayFilesAreReportedWithTheirReason(tmp_path):
    files = writeSeries(makeVolume(), tmp_path / "deep" / "er")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(500))
    structured = pydicom.dcmread(files[0])
    structured.SOPClassUID = structured.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    structured.SeriesInstanceUID = "1.2.3.4"
    del structured.PixelData
    structured.save_as(tmp_path / "report")
    read = readImage(tmp_path)
    assert len(read.array) == 8
    assert reasons(read) == {
        "readme.txt": "not a DICOM file",
        "empty": "empty file",
        "zeros": "not a DICOM file",
        "report": "Basic Text SR Storage, not a slice of an image",
    }


def test_dicomDirectoryIsSkipped(tmp_path):
    from pydicom.fileset import FileSet

    fileSet = FileSet()
    for file in writeSeries(makeVolume(), tmp_path / "loose"):
        fileSet.add(file)
    fileSet.write(tmp_path / "set")
    read = readImage(tmp_path / "set")
    assert len(read.array) == 8 and reasons(read) == {"DICOMDIR": "DICOM directory (DICOMDIR)"}


@pytest.fixture
def twoSeries(tmp_path):
    for number, name in ((4, "thin bone"), (5, "thick brain")):
        description = SeriesDescription(seriesNumber=number, seriesDescription=name)
        writeSeries(makeVolume(shape=(number, 6, 6)), tmp_path / name, description)
    return tmp_path


def test_severalSeriesAreListed(twoSeries):
    with pytest.raises(M3DError) as caught:
        readImage(twoSeries)
    text = str(caught.value)
    assert "2 image series" in text and "--series" in text
    assert "series 4: 'thin bone', CT, 4 slices, UID 2.25." in text.replace("1.2.826.0.1.3680043.8.498.", "2.25.")
    assert "series 5: 'thick brain', CT, 5 slices" in text


def test_seriesIsChosenByNumberOrUid(twoSeries):
    byNumber = readImage(twoSeries, "5")
    assert len(byNumber.array) == 5
    assert len(readImage(twoSeries, byNumber.headers[0].SeriesInstanceUID).array) == 5
    assert set(reasons(byNumber).values()) == {"image of another series"} and len(byNumber.skippedFiles) == 4


def test_unknownSeriesIsRefusedWithTheList(twoSeries):
    with pytest.raises(M3DError, match=r"no image series '6'(.|\n)*series 4(.|\n)*series 5"):
        readImage(twoSeries, "6")


def test_ambiguousSeriesNumberIsRefused(tmp_path):
    for name in "ab":
        writeSeries(makeVolume(), tmp_path / name)
    with pytest.raises(M3DError, match="stands for 2 series"):
        readImage(tmp_path, "1")


def test_seriesOfScoutsDoesNotCount(tmp_path):
    writeSeries(makeVolume(), tmp_path / "scan")
    scout = SeriesDescription(seriesNumber=2, attributes={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    writeSeries(makeVolume(shape=(1, 30, 20)), tmp_path / "scout", scout)
    read = readImage(tmp_path)
    assert len(read.array) == 8
    assert list(reasons(read).values()) == ["localizer (scout view) of another series"]


def test_scoutOfAnotherSizeWithinTheSeriesIsLeftOut(tmp_path):
    def scout(header, k):
        if k == 0:
            header.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            header.Rows = 6

    writeSeries(makeVolume(), tmp_path, changeHeader=scout)
    read = readImage(tmp_path)
    assert len(read.array) == 7
    assert list(reasons(read).values()) == ["localizer (scout view) within the series"]


def test_folderWithoutImageSaysWhatItHolds(tmp_path):
    with pytest.raises(M3DError, match="empty"):
        readImage(tmp_path)
    (tmp_path / "note.txt").write_text("no scan")
    with pytest.raises(M3DError, match="no CT or MR image series"):
        readImage(tmp_path)
    with pytest.raises(M3DError, match="does not exist"):
        readImage(tmp_path / "nowhere")
    with pytest.raises(M3DError, match="not a DICOM file"):
        readImage(tmp_path / "note.txt")


def test_colorImageIsRefused(tmp_path):
    def color(header, k):
        header.PhotometricInterpretation, header.SamplesPerPixel = "RGB", 3

    writeSeries(makeVolume(), tmp_path, changeHeader=color)
    with pytest.raises(M3DError, match="not a gray-value image"):
        readImage(tmp_path)


def test_sourceInstancesAreEverySlice(tmp_path):
    files = writeSeries(makeVolume(), tmp_path)
    expected = [(header.SOPClassUID, header.SOPInstanceUID) for header in map(pydicom.dcmread, files)]
    assert sourceInstances(readImage(tmp_path)) == expected


def test_headersKeepNoPixels(tmp_path):
    writeSeries(makeVolume(), tmp_path)
    assert not any("PixelData" in header for header in readImage(tmp_path).headers)


def test_imageFileHasGeometryAndNoHeaders(tmp_path):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(makeVolume().array)
    image.SetSpacing((0.5, 0.6, 0.7))
    image.SetOrigin((1, 2, 3))
    for suffix in (".nrrd", ".nii", ".nii.gz", ".mha"):
        SimpleITK.WriteImage(image, str(tmp_path / f"scan{suffix}"))
        read = readImage(tmp_path / f"scan{suffix}")
        np.testing.assert_array_equal(read.array, makeVolume().array)
        np.testing.assert_allclose(read.ijkToLps[:3, 3], (1, 2, 3), atol=1e-5)
        np.testing.assert_allclose(read.spacing, (0.5, 0.6, 0.7), atol=1e-6)
        assert read.headers == [] and read.slicePositions is None and read.array.dtype == np.int16
    with pytest.raises(M3DError, match="no DICOM series"):
        readImage(tmp_path / "scan.nrrd", "1")


def test_readingCanBeCancelled(tmp_path):
    writeSeries(makeVolume(), tmp_path)

    def stop(fraction, text):
        if text == "Reading pixels":
            raise Cancelled

    with pytest.raises(Cancelled):
        readImage(tmp_path, progress=stop)


def test_linkedFoldersAreFollowedOnce(tmp_path):
    writeSeries(makeVolume(), tmp_path / "archive")
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "series").symlink_to(tmp_path / "archive")
    (tmp_path / "archive" / "up").symlink_to(tmp_path / "scan")
    assert readImage(tmp_path / "scan").array.shape == makeVolume().array.shape


def test_linkToASliceBesideItIsNoCopy(tmp_path):
    files = writeSeries(makeVolume(), tmp_path / "scan")
    (tmp_path / "scan" / "newest").symlink_to(files[-1])
    assert readImage(tmp_path / "scan").geometryProblems == []
    # A scan may consist of links alone.
    (tmp_path / "links").mkdir()
    for file in files:
        (tmp_path / "links" / file.name).symlink_to(file)
    assert readImage(tmp_path / "links").array.shape == makeVolume().array.shape


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipeAmongTheFilesIsNotWaitedFor(tmp_path):
    writeSeries(makeVolume(), tmp_path)
    os.mkfifo(tmp_path / "pipe")
    read = readImage(tmp_path)
    assert read.array.shape == makeVolume().array.shape
    assert [(item.file.name, item.reason) for item in read.skippedFiles] == [("pipe", "no regular file")]


@pytest.mark.parametrize("start, kind", [(b"PK\x03\x04", "ZIP"), (b"\x1f\x8b", "gzip"), (b"7z\xbc\xaf\x27\x1c", "7z")])
def test_archiveIsNamedAsWhatItIs(tmp_path, start, kind):
    archive = tmp_path / "scan.bin"
    archive.write_bytes(start + bytes(200))
    for place in (archive, tmp_path):
        with pytest.raises(M3DError, match=f"{kind} archive, which must be unpacked first"):
            readImage(place)


def test_linkThatLeadsNowhereMayHaveBeenASlice(tmp_path):
    writeSeries(makeVolume(), tmp_path)
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (skipped,) = readImage(tmp_path).skippedFiles
    assert skipped.broken and skipped.reason == "file that cannot be opened"
