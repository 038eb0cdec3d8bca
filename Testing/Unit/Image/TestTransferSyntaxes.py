"""Pixels in every encoding give the same values; other people's tools do the encoding."""

import io
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.Volumes import makeVolume


def smoothVolume(signed=False, shape=(4, 32, 24)):
    """Values like an image's; beyond 12 bits, and so stored signed, when asked for."""
    volume = makeVolume(shape=shape)
    k, j, i = np.indices(shape)
    volume.array = (-1000 + 40 * j + 13 * i + 100 * k + (np.arange(i.size).reshape(shape) * 7919 % 31)).astype(np.int16)
    if signed:
        volume.array[:, :4, :4] = -2048
        volume.array[:, 4:8, :4] = 3071
    return volume


def recode(files, syntax):
    for file in files:
        dataset = pydicom.dcmread(file)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
        recoded = pydicom.Dataset({element.tag: element for element in dataset})
        recoded.file_meta = dataset.file_meta
        recoded.save_as(file, implicit_vr=implicit, little_endian=little, enforce_file_format=True)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressedSyntaxesGiveTheSameValues(tmp_path, syntax, signed):
    volume = smoothVolume(signed)
    recode(writeSeries(volume, tmp_path), syntax)
    read = readImage(tmp_path)
    np.testing.assert_array_equal(read.array, volume.array)
    assert not any("PixelData" in header for header in read.headers)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("little", [False, True])
def test_filesWithoutPreambleAreRead(tmp_path, implicit, little):
    if implicit and not little:
        pytest.skip("there is no implicit big endian in DICOM")
    volume = smoothVolume()
    for file in writeSeries(volume, tmp_path):
        dataset = pydicom.dcmread(file)
        if not little:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        bare = pydicom.Dataset({element.tag: element for element in dataset})
        bare.save_as(file, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
        assert file.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


@pytest.mark.parametrize("says", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_headThatNamesTheOtherSyntaxIsNotBelieved(tmp_path, says):
    volume = smoothVolume()
    for file in writeSeries(volume, tmp_path):
        dataset = pydicom.dcmread(file)
        meta, data = io.BytesIO(), io.BytesIO()
        dataset.file_meta.TransferSyntaxUID = says
        pydicom.filewriter.write_file_meta_info(meta, dataset.file_meta)
        bare = pydicom.Dataset({element.tag: element for element in dataset})
        bare.save_as(data, implicit_vr=not says.is_implicit_VR, little_endian=True, enforce_file_format=False)
        file.write_bytes(bytes(128) + b"DICM" + meta.getvalue() + data.getvalue())
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


@pytest.mark.parametrize("signed", [False, True])
def test_runLengthEncodingIsDecoded(tmp_path, signed):
    volume = smoothVolume(signed)
    for file in writeSeries(volume, tmp_path):
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(file)
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


TOOLS = {
    "JPEG lossless": ["dcmcjpeg", "+e1"],
    "JPEG lossless, other predictor": ["dcmcjpeg", "+el", "+sv", "6"],
    "JPEG-LS": ["dcmcjpls"],
    "RLE": ["dcmcrle"],
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", TOOLS)
def test_losslessCompressionIsDecodedExactly(tmp_path, name, signed):
    command = TOOLS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} (package dcmtk) is not installed")
    volume = smoothVolume(signed)
    for file in writeSeries(volume, tmp_path):
        subprocess.run([*command, file, file], check=True, capture_output=True)
        assert pydicom.dcmread(file).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


@pytest.mark.parametrize("signed", [False, True])
def test_jpeg2000IsDecodedExactly(tmp_path, signed):
    """Written by GDCM inside SimpleITK."""
    import SimpleITK

    volume = smoothVolume(signed)
    for file in writeSeries(volume, tmp_path / "plain"):
        dataset = pydicom.dcmread(file)
        stored = np.frombuffer(dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2")
        image = SimpleITK.GetImageFromArray(stored.reshape(1, *volume.array.shape[1:]))
        writer = SimpleITK.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG2000")
        writer.SetFileName(str(tmp_path / "encoded.dcm"))
        writer.Execute(image)
        encoded = pydicom.dcmread(tmp_path / "encoded.dcm")
        assert encoded.file_meta.TransferSyntaxUID == JPEG2000Lossless
        dataset.PixelData = encoded.PixelData
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.BitsStored, dataset.HighBit = encoded.BitsStored, encoded.HighBit
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.save_as(file)
    np.testing.assert_array_equal(readImage(tmp_path / "plain").array, volume.array)


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="dcmcjpeg (package dcmtk) is not installed")
def test_lossy12BitJpegIsDecodedNearly(tmp_path):
    volume = smoothVolume()
    for file in writeSeries(volume, tmp_path):
        subprocess.run(["dcmcjpeg", "+ee", "+q", "95", file, file], check=True, capture_output=True)
    read = readImage(tmp_path)
    assert 0 < np.abs(read.array.astype(int) - volume.array).max() <= 40
    assert read.headers[0].LossyImageCompression == "01"


def test_compressedMultiFrameIsDecoded(tmp_path):
    volume = smoothVolume()

    def compress(dataset):
        dataset.compress(RLELossless, generate_instance_uid=False)

    path = writeEnhanced(volume, tmp_path / "image.dcm", [2, 0, 3, 1], change=compress)
    np.testing.assert_array_equal(readImage(path).array, volume.array)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncatedFileIsNamed(tmp_path, share, compressed):
    files = writeSeries(smoothVolume(shape=(4, 64, 64)), tmp_path)
    if compressed:
        for file in files:
            dataset = pydicom.dcmread(file)
            dataset.compress(RLELossless, generate_instance_uid=False)
            dataset.save_as(file)
    content = files[1].read_bytes()
    files[1].write_bytes(content[: int(share * len(content))])
    with pytest.raises(M3DError, match=files[1].name):
        readImage(tmp_path)


@pytest.mark.parametrize("length", [133, 180, 300, 500, 700, 900, 1100])
def test_fileThatEndsInItsHeaderIsNamed(tmp_path, length):
    files = writeSeries(smoothVolume(), tmp_path)
    files[2].write_bytes(files[2].read_bytes()[:length])
    with pytest.raises(M3DError, match=files[2].name):
        readImage(tmp_path)


@pytest.mark.parametrize("slope, intercept, dtype", [(1, -1024, np.int16), (2, 0, np.int16), (0.5, 0, np.float32)])
def test_rescaleIsApplied(tmp_path, slope, intercept, dtype):
    volume = smoothVolume()

    def rescale(header, k):
        header.RescaleSlope, header.RescaleIntercept = slope, intercept

    writeSeries(volume, tmp_path, changeHeader=rescale)
    read = readImage(tmp_path)
    assert read.array.dtype == dtype
    np.testing.assert_allclose(read.array, (volume.array + 1024.0) * slope + intercept)


def test_valuesBeyond16BitsWidenTheVolume(tmp_path):
    volume = smoothVolume(shape=(7, 16, 16))

    def sixteenBits(header, k):
        header.BitsStored, header.HighBit, header.RescaleIntercept = 16, 15, 0
        header.PixelData = (np.frombuffer(header.PixelData, "<u2") + (60000 if k == 4 else 0)).astype("<u2").tobytes()

    writeSeries(volume, tmp_path, changeHeader=sixteenBits)
    read = readImage(tmp_path)
    expected = volume.array + 1024
    expected = expected.astype(np.int32)
    expected[4] = (expected[4] + 60000) % 65536
    assert read.array.dtype == np.int32
    np.testing.assert_array_equal(read.array, expected)


def test_bitsOutsideTheStoredValueAreIgnored(tmp_path):
    volume = smoothVolume()

    def overlay(header, k):
        header.PixelData = (np.frombuffer(header.PixelData, "<u2") | 0x8000).astype("<u2").tobytes()

    writeSeries(volume, tmp_path, changeHeader=overlay)
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


def test_slopeOfZeroAndLookupTableAreRefused(tmp_path):
    def flat(header, k):
        header.RescaleSlope = 0

    def table(header, k):
        header.ModalityLUTSequence = [pydicom.Dataset()]

    for name, change in (("flat", flat), ("table", table)):
        writeSeries(smoothVolume(), tmp_path / name, changeHeader=change)
        with pytest.raises(M3DError, match=r"Rescale Slope"):
            readImage(tmp_path / name)
