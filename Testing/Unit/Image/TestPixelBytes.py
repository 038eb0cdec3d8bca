"""Bytes of pixels in odd places: our values are those that pydicom and GDCM agree on."""

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DTestSupport.Volumes import makeVolume


def writeEight(folder, syntax, representation="OW", columns=5, rows=3):
    """Two slices of 8-bit pixels; an odd number of them where rows and columns are odd."""
    generator = np.random.default_rng(1)
    wanted = generator.integers(0, 256, (2, rows, columns), dtype=np.uint8)
    for k, file in enumerate(writeSeries(makeVolume(shape=(2, rows, columns)), folder)):
        dataset = pydicom.dcmread(file)
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        pixels = wanted[k].tobytes() + (b"\0" if wanted[k].size % 2 else b"")
        if syntax == ExplicitVRBigEndian and representation == "OW":
            # Words with the second pixel first, as the standard has it (PS3.5, 8.1.2).
            pixels = np.frombuffer(pixels, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
        plain = pydicom.Dataset({element.tag: element for element in dataset})
        plain.file_meta = dataset.file_meta
        plain.file_meta.TransferSyntaxUID = syntax
        plain.PixelData = pixels
        plain["PixelData"].VR = representation
        little = syntax.is_little_endian
        plain.save_as(file, implicit_vr=False, little_endian=little, enforce_file_format=True)
    return wanted


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("representation", ["OB", "OW"])
@pytest.mark.parametrize("columns", [4, 5])
def test_eightBitPixelsAreThoseOfPydicomAndGdcm(tmp_path, syntax, representation, columns):
    wanted = writeEight(tmp_path, syntax, representation, columns)
    read = readImage(tmp_path).array
    assert np.array_equal(read, wanted)
    files = sorted(tmp_path.iterdir())
    for k, file in enumerate(files):
        theirs = pydicom.dcmread(file).pixel_array
        gdcm = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file), imageIO="GDCMImageIO"))[0]
        if np.array_equal(theirs, gdcm):
            assert np.array_equal(read[k], theirs)


@pytest.mark.parametrize("signed", [0, 1])
def test_overlayInTheHighBitsIsNoValue(tmp_path, signed):
    files = writeSeries(makeVolume(shape=(2, 4, 6)), tmp_path)
    plain = readImage(tmp_path).array
    for file in files:
        dataset = pydicom.dcmread(file)
        values = np.frombuffer(dataset.PixelData, "<u2").copy()
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.PixelRepresentation = signed
        dataset.PixelData = ((values & 0x0FFF) | 0xA000).astype("<u2").tobytes()
        dataset.PlanarConfiguration = 1
        dataset.save_as(file)
    read = readImage(tmp_path).array
    stored = np.round(plain + 0.0).astype(int)
    if not signed:
        assert np.array_equal(read, stored)
    theirs = np.stack([pydicom.dcmread(file).pixel_array for file in files])
    masked = theirs.astype(np.int64) & 0x0FFF
    masked = np.where(masked > 2047, masked - 4096, masked) if signed else masked
    intercept = float(pydicom.dcmread(files[0]).RescaleIntercept)
    assert np.array_equal(read, masked + intercept)


def longer(folder, more, syntax=ExplicitVRLittleEndian):
    """Slices of 12 x 8 pixels with so many bytes behind them."""
    for file in writeSeries(makeVolume(shape=(3, 8, 12)), folder):
        dataset = pydicom.dcmread(file)
        dataset.PixelData += bytes(more)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(file)
    return readImage(folder)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_pixelsThatNobodyAnnouncedAreSaid(tmp_path, syntax):
    image = longer(tmp_path / "preview", 100, syntax)
    assert np.array_equal(image.array, makeVolume(shape=(3, 8, 12)).array)
    (text,) = image.warnings
    assert "longer than Rows" in text and "3 files" in text and "100 bytes" in text
    assert longer(tmp_path / "filled up", 2, syntax).warnings == []


@pytest.mark.parametrize("keyword, value", [("Rows", 4), ("BitsAllocated", 8)])
def test_partOfAPictureIsNotTakenForAllOfIt(tmp_path, keyword, value):
    files = writeSeries(
        makeVolume(shape=(3, 8, 12)), tmp_path, changeHeader=lambda header, _k: setattr(header, keyword, value)
    )
    with pytest.raises(M3DError, match=rf"{files[0].name} holds 192 bytes of pixels and announces 96"):
        readImage(tmp_path)
