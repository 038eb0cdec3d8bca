"""``m3d export`` as a user calls it: one command from a scan to objects, a sentence for everything that is wrong."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from M3DBatchLib.CommandLine import joinNegativeValues, makeParser
from M3DTestSupport.Commands import environment, requireRefusal, runJson, runM3d
from M3DTestSupport.SmallScan import BALL, BOX, smallImage, writeSmallScan


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    (folder / "DIRFILE").write_bytes(b"not an image")
    return folder


@pytest.fixture(scope="module")
def exported(scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "out"
    anatomy = ["--image", scan, "--threshold", "500:2000", "--largest", "1"]
    output = ["--output", out, "--stl", "--copy-source"]
    return runJson("export", *anatomy, *output, "--title", "Ball", "--usage", "planning", "--description", "for a test")


def listing(folder):
    return sorted(str(file) for file in folder.rglob("*"))


def test_theResultSaysWhatWasMade(exported):
    (model,) = exported["models"]
    assert model["triangles"] > 1000
    assert model["volumeMm3"] == pytest.approx(BALL.volumeMm3, rel=0.02)
    center, radius = np.array(BALL.center), BALL.radius
    expected = np.stack([center - radius, center + radius], axis=1).ravel()
    np.testing.assert_allclose(model["boundsLps"], expected, atol=0.5)
    assert model["closed"] is True
    assert exported["source"]["slices"] == smallImage().array.shape[0]
    assert [skipped["file"] for skipped in exported["source"]["skippedFiles"]] == ["DIRFILE"]
    assert set(exported["seconds"]) >= {"reading", "segmenting", "surface", "object", "storing", "total"}
    assert exported["peakMemoryMb"] > 0


def test_theObjectIsOfTheScansPatientStudyAndFrame(scan, exported):
    (model,) = exported["models"]
    dataset = pydicom.dcmread(model["file"])
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in sorted(scan.glob("*.dcm"))]
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert dataset[keyword].value == headers[0][keyword].value
    assert dataset.SeriesInstanceUID != headers[0].SeriesInstanceUID
    referenced = {item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence}
    assert referenced == {header.SOPInstanceUID for header in headers}
    assert dataset.DocumentTitle == "Ball"
    assert dataset.ContentDescription == "for a test"


def test_theObjectHoldsTheStlByteForByte(exported, tmp_path):
    (model,) = exported["models"]
    process = runM3d("extract", model["file"], "--output", tmp_path / "back.stl")
    assert process.returncode == 0, process.stderr
    stl = open(model["stl"], "rb").read()
    assert (tmp_path / "back.stl").read_bytes() == stl
    assert len(stl) == 84 + 50 * model["triangles"]
    assert not stl.startswith(b"solid")


def test_inspectSaysTheSame(exported):
    (model,) = exported["models"]
    facts = runJson("inspect", model["file"])
    for key in ("sopInstanceUid", "seriesInstanceUid", "triangles", "closed"):
        assert facts[key] == model[key]
    assert facts["volumeMm3"] == pytest.approx(model["volumeMm3"], rel=1e-6)
    np.testing.assert_allclose(facts["boundsLps"], model["boundsLps"], atol=1e-4)
    assert facts["unit"] == "mm"
    assert facts["title"] == "Ball"
    assert facts["warnings"] == []
    assert facts["source"]["slices"] == exported["source"]["slices"]


def test_theFileSetHoldsScanAndModelOfOneStudy(exported):
    fileSet = FileSet(f"{exported['output']}/DICOMDIR")
    assert len(fileSet) == exported["source"]["slices"] + 1
    assert len(fileSet.find_values("StudyInstanceUID")) == 1


def test_nothingInFileNamesOrStlHeaderNamesThePatient(scan, exported):
    (model,) = exported["models"]
    patient = str(pydicom.dcmread(next(scan.glob("*.dcm"))).PatientID)
    header = open(model["stl"], "rb").read(80).decode("ascii", "replace")
    assert patient not in header
    assert patient not in model["file"] + model["stl"].rpartition("/")[2]


def test_aSecondExportGetsASeriesNumberOfItsOwn(scan, tmp_path):
    arguments = ["export", "--image", scan, "--threshold", "500", "--output", tmp_path / "out", "--no-icon"]
    first, second = runJson(*arguments), runJson(*arguments)
    numbers = [pydicom.dcmread(result["models"][0]["file"]).SeriesNumber for result in (first, second)]
    assert numbers[0] != numbers[1]
    assert len(FileSet(tmp_path / "out" / "DICOMDIR")) == 2


def test_everySegmentOfASegmentationBecomesAModelOfOneSeries(scan, tmp_path):
    import SimpleITK

    image = smallImage()
    points = image.indexToLps(np.indices(image.array.shape)[::-1].reshape(3, -1).T)
    array = np.zeros(image.array.shape, dtype=np.uint8)
    for label, shape in ((1, BALL), (2, BOX)):
        array[(shape.signedDistance(points) <= 0).reshape(array.shape)] = label
    labelmap = SimpleITK.GetImageFromArray(array)
    labelmap.SetOrigin(image.ijkToLps[:3, 3])
    labelmap.SetSpacing(image.spacing)
    SimpleITK.WriteImage(labelmap, str(tmp_path / "labels.nii.gz"))
    anatomy = ["--image", scan, "--segmentation", tmp_path / "labels.nii.gz"]
    result = runJson("export", *anatomy, "--output", tmp_path / "out", "--no-icon")
    assert [model["name"] for model in result["models"]] == ["label 1", "label 2"]
    assert len({model["seriesInstanceUid"] for model in result["models"]}) == 1
    numbers = [pydicom.dcmread(model["file"]).InstanceNumber for model in result["models"]]
    assert numbers == [1, 2]
    assert result["models"][1]["volumeMm3"] == pytest.approx((array == 2).sum() * np.prod(image.spacing), rel=0.02)


def test_negativeThresholdsAreTakenAsValues():
    arguments = makeParser().parse_args(
        joinNegativeValues(["export", "--image", "x", "--threshold", "-480:-20.5", "--output", "y"]),
    )
    assert arguments.threshold == (-480.0, -20.5)


def without(scan, folder, *positions):
    """A copy of the scan that lacks slices, counted along the normal."""
    shutil.copytree(scan, folder)
    for position in positions:
        sorted(folder.glob("*.dcm"))[position].unlink()
    return folder


def emptyFolder(scan, folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing here")
    return folder


def twoSeries(scan, folder):
    writeSmallScan(folder / "a")
    writeSmallScan(folder / "b", changeHeader=lambda header, _k: setattr(header, "SeriesInstanceUID", "1.2.3.9"))
    return folder


def oneSlice(scan, folder):
    folder.mkdir()
    shutil.copy(sorted(scan.glob("*.dcm"))[0], folder)
    return folder


def duplicateSlice(scan, folder):
    shutil.copytree(scan, folder)
    dataset = pydicom.dcmread(sorted(folder.glob("*.dcm"))[5])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    dataset.save_as(folder / "twin.dcm")
    return folder


def otherSize(scan, folder):
    shutil.copytree(scan, folder)
    file = sorted(folder.glob("*.dcm"))[3]
    dataset = pydicom.dcmread(file)
    dataset.PixelData = dataset.pixel_array[:-2].tobytes()
    dataset.Rows -= 2
    dataset.save_as(file)
    return folder


def truncated(scan, folder):
    shutil.copytree(scan, folder)
    file = sorted(folder.glob("*.dcm"))[3]
    file.write_bytes(file.read_bytes()[:-500])
    return folder


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (emptyFolder, ["holds no CT or MR image series"]),
        (twoSeries, ["--series", "1.2.3.9"]),
        (oneSlice, ["one slice"]),
        (lambda scan, folder: without(scan, folder, 9), ["missing"]),
        (duplicateSlice, ["at the position of the slice before"]),
        (otherSize, ["size"]),
        (truncated, ["slice-0004.dcm"]),
    ],
)
def test_aScanThatIsNoImageIsRefusedInOneSentence(scan, tmp_path, damage, words):
    folder = damage(scan, tmp_path / "bad")
    before = listing(tmp_path)
    process = runM3d("export", "--image", folder, "--threshold", "500", "--output", tmp_path / "out")
    requireRefusal(process)
    for word in words:
        assert word.lower() in process.stderr.lower(), process.stderr
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", "4000"], ["No voxel"]),
        (["--threshold", "abc"], ["not a threshold"]),
        (["--threshold", "nan"], ["not a threshold"]),
        (["--threshold", "300:nan"], ["not a threshold"]),
        (["--threshold", "500", "--largest", "0"], ["at least 1"]),
        (["--threshold", "500", "--smoothing", "7"], ["Smoothing"]),
        (["--threshold", "500", "--usage", "decoration"], ["decoration"]),
        (["--threshold", "500", "--segmentation", "x.nrrd"], ["not both"]),
        (["--segmentation", "nowhere.seg.nrrd"], ["no segmentation file"]),
        ([], ["--threshold"]),
        (["--threshold", "500", "--series", "77"], ["77"]),
    ],
)
def test_wrongArgumentsAreRefusedAndTheOutputIsLeftAlone(scan, tmp_path, arguments, words):
    process = runM3d("export", "--image", scan, "--output", tmp_path / "out", *arguments)
    requireRefusal(process, *words)
    assert listing(tmp_path) == []


def test_aVolumeWithoutHeadersIsRefusedWithTheRemedy(tmp_path):
    import SimpleITK

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(smallImage().array), str(tmp_path / "scan.nrrd"))
    process = runM3d("export", "--image", tmp_path / "scan.nrrd", "--threshold", "500", "--output", tmp_path / "out")
    requireRefusal(process, "give the DICOM series")


def test_anOutputThatCannotBeWrittenIsRefusedBeforeTheWork(scan, tmp_path):
    (tmp_path / "out").write_text("a file")
    process = runM3d("export", "--image", scan, "--threshold", "500", "--output", tmp_path / "out")
    requireRefusal(process, "is a file")
    assert "Reading" not in process.stderr


def test_extractRefusesACtFile(scan, tmp_path):
    before = listing(tmp_path)
    process = runM3d("extract", next(scan.glob("*.dcm")), "--output", tmp_path / "x.stl")
    requireRefusal(process, "CT Image Storage")
    assert listing(tmp_path) == before


@pytest.mark.parametrize("signalNumber", [signal.SIGINT, signal.SIGTERM])
def test_anInterruptedRunLeavesNothingBehind(scan, tmp_path, signalNumber):
    command = [sys.executable, "-m", "M3DBatchLib", "export", "--image", scan, "--threshold", "500"]
    process = subprocess.Popen(
        [*command, "--output", tmp_path / "out"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stderr.readline()
    time.sleep(0.05)
    process.send_signal(signalNumber)
    errors = process.communicate(timeout=60)[1]
    if process.returncode == 0:
        pytest.skip("the run was quicker than the signal")
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert listing(tmp_path) == []


def test_interruptionThatComesOutAsAnotherErrorIsOneAllTheSame(scan, tmp_path, monkeypatch, capsys):
    from M3DBatchLib.CommandLine import main
    from M3DBatchLib.Commands import ExportCommand

    def asNumpyDoes(*arguments):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise TypeError("Cannot compare structured arrays") from error

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(ExportCommand, "readSegmentsFrom", asNumpyDoes)
    try:
        status = main(["export", "--image", str(scan), "--threshold", "500", "--output", str(tmp_path / "out")])
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert status == 130
    assert "Interrupted" in capsys.readouterr().err
    assert listing(tmp_path) == []


def test_jsonOutputIsStrictJson(exported):
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
