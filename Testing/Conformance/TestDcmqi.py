"""The measurement report read by dcmqi, which Slicer's QuantitativeReporting shows such reports with."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Image.ImageReader import readImage
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.MeasurementReports import instances
from M3DTestSupport.Reports import writeNamedScan
from M3DTestSupport.SmallScan import BALL, BOX


def reader():
    beside = Path(sys.executable).parent
    found = shutil.which("tid1500reader") or shutil.which("tid1500reader", path=str(beside))
    if found is None:
        pytest.skip("dcmqi is not installed (pip install dcmqi)")
    return found


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The report's JSON, and what dcmqi finds in its measurement report, by tracking identifier."""
    tool, folder = reader(), tmp_path_factory.mktemp("dcmqi")
    (folder / "scan").mkdir()
    writeNamedScan(folder / "scan")
    image = readImage(folder / "scan")
    points = image.indexToLps(np.indices(image.array.shape)[::-1].reshape(3, -1).T)
    labels = np.zeros(image.array.shape, dtype=np.uint8)
    for number, shape in enumerate((BALL, BOX), start=1):
        labels[(shape.signedDistance(points) <= 0).reshape(labels.shape)] = number
    writeDicomSeg(folder / "seg.dcm", image.files, labels, ["ball", "box"])
    half, center = np.array([3.0, 0.0, 0.0]), np.array(BOX.center)
    distance = {"name": "edge", "start": list(center - half), "end": list(center + half), "nominal": 6.0}
    (folder / "known.json").write_text(json.dumps({"distances": [distance]}), encoding="utf-8")
    arguments = ["validate", "--image", folder / "scan", "--segmentation", folder / "seg.dcm", "--formats", "sr"]
    arguments += ["--references", folder / "known.json", "--output", folder / "out"]
    assert main([str(argument) for argument in arguments]) in (0, 1, 3)
    (file,) = instances(folder / "out" / "dicom")
    subprocess.run([tool, "--inputDICOM", file, "--outputMetadata", folder / "read.json"], check=True, timeout=60)
    groups = json.loads((folder / "read.json").read_text(encoding="utf-8"))["Measurements"]
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    return report, {group["TrackingIdentifier"]: group for group in groups}


def values(group, code):
    return [float(item["value"]) for item in group["measurementItems"] if item["quantity"]["CodeValue"] == code]


def test_segmentsAndTheirVolumesAreRead(read):
    report, groups = read
    for number, segment in enumerate(report["input"]["segments"], start=1):
        group = groups[f"Segment: {segment['name']}"]
        assert group["ReferencedSegment"] == number and group["segmentationSOPInstanceUID"] == "1.2.9.2"
        assert values(group, "118565006") == [pytest.approx(segment["volumeMm3"], rel=0.006)]


def test_deviationsAreRead(read):
    report, groups = read
    for name, block in report["deviation"]["segments"].items():
        for kind, title in (("image", "Mesh against scan"), ("segmentation", "Mesh against segment")):
            found = groups[f"{title}: {name}"]
            for key in ("meanAbsolute", "p95Absolute", "coverage", "withinTolerance"):
                sure = block[kind]["uncertainty95"] or 0
                # Written with the digits that the uncertainty leaves.
                assert values(found, key) == [pytest.approx(block[kind][key], rel=0.006, abs=sure)]


def test_distancesAreRead(read):
    report, groups = read
    for finding in report["findings"]:
        if finding["requirement"] == "reference-image":
            (row,) = finding["evidence"]["distances"]
            group = groups[f"Distance in the scan: edge, {finding['segment']}"]
            assert values(group, "121206") == [pytest.approx(row["measuredMm"], rel=0.006)]
