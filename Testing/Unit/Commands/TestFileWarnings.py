"""What is doubtful about files stands in findings, object and report; the libraries' own words are not shown raw."""

import json
import warnings

import numpy as np
import pydicom
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.LibraryRemarks import collectRemarks, remarksSentence
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.SmallScan import smallImage, writeSmallScan


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, capsys.readouterr()


def withoutRescale(header, k):
    del header.RescaleSlope, header.RescaleIntercept


def test_valuesWithoutUnitAreSaidInTheResultAndTheObject(tmp_path, capsys):
    writeSmallScan(tmp_path / "scan", changeHeader=withoutRescale)
    arguments = ("--image", tmp_path / "scan", "--threshold", 1500, "--output", tmp_path / "out", "--json")
    status, said = run(capsys, "export", *arguments)
    result = json.loads(said.out)
    assert status == 0 and "HU" not in result["models"][0]["name"]
    assert any("no Hounsfield units" in text for text in result["warnings"])
    dataset = pydicom.dcmread(result["models"][0]["file"])
    parameters = str(dataset.DerivationAlgorithmSequence[0].AlgorithmParameters)
    assert "threshold above 1500." in parameters and "no Hounsfield units" in parameters


def test_valuesWithoutUnitAreAFinding(tmp_path, capsys):
    writeSmallScan(tmp_path / "scan", changeHeader=withoutRescale)
    status, said = run(capsys, "validate", "--image", tmp_path / "scan", "--output", tmp_path / "report", "--json")
    report = json.loads(said.out)
    found = {finding["requirement"]: finding for finding in report["findings"]}
    assert found["image-values"]["verdict"] == "warning" and "no Hounsfield units" in found["image-values"]["message"]
    assert found["noise"]["verdict"] != "pass" or "HU" not in found["noise"]["message"]
    assert report["input"]["image"]["valueUnit"] == "" and report["input"]["image"]["warnings"]
    assert status in (0, 1, 3)


@pytest.fixture
def twoSegments(tmp_path):
    """A scan and a segmentation whose second segment has no voxel."""
    files = writeSmallScan(tmp_path / "scan")
    labels = (smallImage().array > 500).astype(np.uint8)
    return tmp_path / "scan", writeDicomSeg(tmp_path / "seg.dcm", files, labels, ["bone", "nothing"])


def test_emptySegmentIsLeftOutByNameAndStrictStops(twoSegments, tmp_path, capsys):
    scan, segmentation = twoSegments
    arguments = ("export", "--image", scan, "--segmentation", segmentation, "--output", tmp_path / "out", "--json")
    status, said = run(capsys, *arguments)
    result = json.loads(said.out)
    assert status == 0 and [model["name"] for model in result["models"]] == ["bone"]
    assert any("'nothing'" in text and "left out" in text for text in result["warnings"])
    status, said = run(capsys, *arguments, "--strict")
    assert status == 2 and "'nothing'" in said.err and said.out == ""


def test_fileThatTakesTooMuchIsRefusedWithTheNumbers(tmp_path, capsys):
    writeSmallScan(tmp_path / "scan")
    arguments = ("--image", tmp_path / "scan", "--threshold", 300, "--output", tmp_path / "out")
    status, said = run(capsys, "export", *arguments, "--max-file-size", "100K")
    assert status == 2 and "--max-file-size" in said.err and "102.4 kB" in said.err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        main(["export", *map(str, arguments), "--max-file-size", "much"])
    assert "no size" in capsys.readouterr().err


def test_remarksOfLibrariesAreSaidOnceWithoutPaths():
    with collectRemarks() as remarks:
        for _ in range(3):
            warnings.warn("odd value in /home/somebody/patient/file.dcm", UserWarning, stacklevel=1)
    text = remarksSentence(remarks)
    assert "3 times" in text and "somebody" not in text and "odd value" in text
    assert remarksSentence(type(remarks)()) == ""
