"""Regular stacks whose slices are not of one acquisition and reconstruction, or whose sides are named twice."""

import pydicom
import pytest

from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.Volumes import makeVolume

VOLUME = makeVolume()


def warnings(folder, change):
    writeSeries(VOLUME, folder, changeHeader=change)
    image = readImage(folder)
    assert image.geometryProblems == []
    return image.warnings


@pytest.mark.parametrize(
    "keyword, one, other",
    [
        ("ConvolutionKernel", "B70s", "B20s"),
        ("KVP", "120", "80"),
        ("PhotometricInterpretation", "MONOCHROME2", "MONOCHROME1"),
        ("PatientPosition", "HFS", "FFS"),
        ("TemporalPositionIdentifier", 1, 2),
    ],
)
def test_slicesMadeInTwoWaysAreSaid(tmp_path, keyword, one, other):
    def change(header, k):
        setattr(header, keyword, other if k == 2 else one)

    (text,) = warnings(tmp_path, change)
    assert "not made alike" in text and f"{other} (1)" in text


def numbered(*numbers):
    def change(header, k):
        header.AcquisitionNumber = numbers[k % len(numbers)]

    return change


def test_acquisitionsThatLieBetweenEachOtherAreSaid(tmp_path):
    # The second phase, half a slice distance off: positions make one regular stack.
    (text,) = warnings(tmp_path, numbered(1, 2))
    assert text.startswith("Slices of 2 acquisitions") and "lie between each other" in text


def test_acquisitionsOneAfterAnotherAreNot(tmp_path):
    # Step and shoot: each turn of the gantry is an acquisition of its own.
    count = VOLUME.array.shape[0]
    assert warnings(tmp_path, lambda header, k: setattr(header, "AcquisitionNumber", 1 + 2 * k // count)) == []


def test_patientOrientationThatContradictsTheSidesIsSaid(tmp_path):
    writeSeries(VOLUME, tmp_path / "plain")
    axes = readImage(tmp_path / "plain").ijkToLps[:3, :2]
    letters = [("LR", "PA", "HF")[abs(axis).argmax()][int(axis[abs(axis).argmax()] < 0)] for axis in axes.T]
    opposite = {"L": "R", "R": "L", "P": "A", "A": "P", "H": "F", "F": "H"}

    def said(*named):
        folder = tmp_path / "-".join(named)
        return warnings(folder, lambda header, _k: setattr(header, "PatientOrientation", list(named)))

    assert said(*letters) == []
    (text,) = said(opposite[letters[0]], letters[1])
    assert "Patient Orientation (0020,0020)" in text and "exchanged" in text


def test_framesOfAMultiFrameObjectAreLookedAtToo(tmp_path):
    def change(dataset):
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            frame.FrameContentSequence[0].TemporalPositionIdentifier = 1 + number % 2

    (text,) = readImage(writeEnhanced(VOLUME, tmp_path / "enhanced.dcm", change=change)).warnings
    assert "Temporal Position Identifier" in text


def acquired(one, other):
    def change(header, k):
        header.AcquisitionDate, header.AcquisitionTime = other if k >= 5 else one

    return change


def test_slicesOfTwoDaysAreSaidWithTheirNumbers(tmp_path):
    (text,) = warnings(tmp_path, acquired(("20240101", "101500"), ("20240214", "101500.123")))
    assert "not acquired in one visit" in text and "20240101 (5), 20240214 (3)" in text
    (text,) = warnings(tmp_path / "next day", acquired(("20240101", "101500"), ("20240102", "0900")))
    assert "20240102 (3)" in text


@pytest.mark.parametrize(
    "one, other",
    [
        (("20231231", "235900"), ("20240101", "000430")),
        (("20240101", ""), ("20240102", "")),
        (("20240101", "080000"), ("20240101", "081500")),
        (("", ""), ("20240102", "081500")),
        (("yesterday", "8 h"), ("20240102", "081500")),
    ],
)
def test_scanOverMidnightOrWithoutDatesIsNotDoubted(tmp_path, one, other):
    def change(header, k):
        # As a damaged header holds it: no value of its kind.
        day, time = other if k >= 5 else one
        with pydicom.config.disable_value_validation():
            header.AcquisitionDate, header.AcquisitionTime = day, time

    assert warnings(tmp_path, change) == []


def test_textDrawnIntoThePixelsIsSaid(tmp_path):
    (text,) = warnings(tmp_path / "some", lambda header, k: setattr(header, "BurnedInAnnotation", "NO" if k else "YES"))
    assert "Burned In Annotation (0028,0301)" in text and "1 slice:" in text
    assert warnings(tmp_path / "none", lambda header, _k: setattr(header, "BurnedInAnnotation", "NO")) == []
