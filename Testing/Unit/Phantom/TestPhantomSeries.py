"""Series made by us are real ones: an independent validator has nothing to say about them."""

import shutil
import subprocess
from datetime import datetime

import numpy as np
import pydicom
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import SeriesDescription, SkipSlice, gantryTilt, writeSeries
from M3DTestSupport.Volumes import makeVolume


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (package dicom3tools) is not installed")
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_validatorFindsNothing(tmp_path, modality):
    volume = makeVolume(modality=modality)
    volume.array -= volume.array.min()
    files = writeSeries(volume, tmp_path)
    for file in files[:2]:
        result = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True, check=False)
        assert result.returncode == 0 and result.stderr.strip() == f"{modality}Image"


@pytest.mark.parametrize("low, high", [(-1024, 3071), (-2000, 100), (0, 20000), (-32768, 32767)])
def test_valuesSurvive(tmp_path, low, high):
    volume = makeVolume()
    volume.array = np.linspace(low, high, volume.array.size).astype(np.int16).reshape(volume.array.shape)
    writeSeries(volume, tmp_path)
    np.testing.assert_array_equal(readImage(tmp_path).array, volume.array)


def test_descriptionGoesIntoTheHeaders(tmp_path):
    description = SeriesDescription(
        patientName="Test^One",
        acquired=datetime(2020, 2, 3, 4, 5, 6),
        sliceThickness=2.5,
        uidSeed="same",
        attributes={"KVP": 80},
    )
    header = pydicom.dcmread(writeSeries(makeVolume(), tmp_path / "a", description)[0])
    assert (header.StudyDate, header.AcquisitionTime) == ("20200203", "040506")
    assert (header.PatientName, header.SliceThickness, header.KVP) == ("Test^One", 2.5, 80)
    # Of the longer side: the slices have 12 rows and 10 columns of 0.5 mm.
    assert header.ReconstructionDiameter == 6.0
    again = pydicom.dcmread(writeSeries(makeVolume(), tmp_path / "b", description)[0])
    assert header.SOPInstanceUID == again.SOPInstanceUID


def test_sliceCanBeLeftOutAndNamed(tmp_path):
    def skip(header, k):
        if k == 2:
            raise SkipSlice

    files = writeSeries(makeVolume(), tmp_path, changeHeader=skip, fileName=lambda k: f"IM{k}")
    assert [file.name for file in files] == ["IM0", "IM1", "IM3", "IM4", "IM5", "IM6", "IM7"]


def test_tiltHasItsAngle():
    matrix = np.eye(4)
    matrix[1, 2], matrix[2, 2] = np.sin(np.radians(12)), np.cos(np.radians(12))
    assert gantryTilt(matrix) == pytest.approx(12)
    matrix[1, 2] *= -1
    assert gantryTilt(matrix) == pytest.approx(-12)


def test_whatDicomCannotSayIsRefused(tmp_path):
    skewed = makeVolume(axes=np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]))
    with pytest.raises(M3DError, match="perpendicular"):
        writeSeries(skewed, tmp_path)
    tooLarge = makeVolume()
    tooLarge.array = tooLarge.array.astype(np.int32) * 1000
    with pytest.raises(M3DError, match="16 bits"):
        writeSeries(tooLarge, tmp_path)
