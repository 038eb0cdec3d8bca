"""``m3d validate`` and ``m3d profiles`` as a user runs them: exit status, JSON, report, bad input."""

import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DTestSupport.Faults import FAULTS, cube
from M3DTestSupport.PhantomScan import SCANNED, TODAY, Content, Fault, boneMask, render


@pytest.fixture(autouse=True)
def onTheDayOfTheTests(monkeypatch):
    """The scan of the phantom is a few days old."""
    import datetime as dt

    import M3DValidationLib.Acquisition.IdentityChecks as module

    class Day(dt.date):
        @classmethod
        def today(cls):
            return TODAY

    monkeypatch.setattr(module, "date", Day)


def writeScan(folder, fault=None):
    fault = fault or Fault()
    array = render(fault.content).array.copy()
    array = fault.change(array) if fault.change else array
    description = {"acquired": SCANNED, "sliceThickness": 0.8, "attributes": fault.attributes, **fault.description}
    volume = ImageVolume(array, fault.content.ijkToLps, modality="CT")
    return writeSeries(volume, folder, SeriesDescription(**description), changeHeader=fault.header)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeScan(folder)
    return folder


def run(capsys, *arguments):
    """Exit status, JSON from stdout, text from stderr."""
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out.startswith("{") else captured.out, captured.err


def verdicts(data):
    return {finding["requirement"]: finding["verdict"] for finding in data["findings"]}


@pytest.fixture
def site(tmp_path):
    """A profile of this site that asks for what the phantom can show."""
    file = tmp_path / "site.json"
    limits = {
        "profile": "site",
        "title": "Site",
        "version": "1",
        "tolerance": {"value": 1.1, "source": "set by the site"},
        "requirements": {
            name: {} for name in ("slice-thickness", "slice-distance", "anatomy-inside-field-of-view", "mesh-closed")
        },
    }
    file.write_text(json.dumps(limits))
    return file


def test_soundScanAndModelPass(capsys, tmp_path, scan, site):
    output = tmp_path / "out"
    status, data, _ = run(
        capsys, "validate", "--image", scan, "--threshold", 500, "--profile", site, "--output", output, "--json"
    )
    assert (status, data["verdict"], data["exitStatus"]) == (0, "pass", 0)
    assert set(verdicts(data)) == {"slice-thickness", "slice-distance", "anatomy-inside-field-of-view", "mesh-closed"}
    assert json.loads((output / "report.json").read_text(encoding="utf-8"))["findings"] == data["findings"]
    assert {file.name for file in output.iterdir()} == {"report.json", "field-of-view.png"}
    (picture,) = [entry for entry in data["pictures"] if entry["kind"] == "fieldOfView"]
    assert picture["file"] == "field-of-view.png" and "reaches no face" in picture["alternative"]
    for finding in data["findings"]:
        wanted = {"requirement", "verdict", "measured", "limit", "unit", "clause", "message", "evidence"}
        assert wanted <= set(finding)


def test_faultFailsWithStatusOne(capsys, tmp_path):
    writeScan(tmp_path / "scan", FAULTS["thick slices"][0])
    status, data, _ = run(capsys, "validate", "--image", tmp_path / "scan", "--output", tmp_path / "out", "--json")
    assert (status, data["verdict"]) == (1, "fail")
    assert verdicts(data)["slice-thickness"] == "fail"
    (finding,) = [f for f in data["findings"] if f["requirement"] == "slice-thickness"]
    assert (finding["measured"], finding["limit"], finding["unit"]) == (3.0, 1.0, "mm")


def test_scanAloneIsIncomplete(capsys, tmp_path, scan):
    status, data, _ = run(capsys, "validate", "--image", scan, "--output", tmp_path / "out", "--json")
    assert (status, data["verdict"]) == (3, "notAssessable")
    assert verdicts(data)["anatomy-inside-field-of-view"] == "notAssessable"
    assert verdicts(data)["through-plane-resolution"] == "pass"


def test_tableSaysVerdictValueAndLimit(capsys, tmp_path, scan):
    status, text, _ = run(capsys, "validate", "--image", scan, "--output", tmp_path / "out")
    assert status == 3
    (line,) = [line for line in text.splitlines() if " slice-thickness " in line]
    assert line.split() == ["pass", "slice-thickness", "0.8", "mm", "at", "most", "1", "mm"]
    assert "not assessable" in text and "could not be made" in text


@pytest.mark.parametrize("name", ["one slice missing", "two slices twice", "irregular distance", "one slice turned"])
def test_irregularScanIsJudgedNotRefused(capsys, tmp_path, name):
    fault, requirement, *_ = FAULTS[name]
    files = writeScan(tmp_path / "scan", fault)
    if fault.files:
        fault.files(files)
    arguments = ("--threshold", 500, "--output", tmp_path / "out", "--json")
    status, data, _ = run(capsys, "validate", "--image", tmp_path / "scan", *arguments)
    assert (status, verdicts(data)[requirement]) == (1, "fail")
    # No surface can be made on it, which is said and not passed over.
    assert verdicts(data)["mesh-closed"] == "notAssessable"
    (finding,) = [f for f in data["findings"] if f["requirement"] == "mesh-closed"]
    assert "no regular grid" in finding["message"]


def test_modelAloneIsEnough(capsys, tmp_path):
    (tmp_path / "cube.stl").write_bytes(stlBytes(cube(0.0)))
    status, data, _ = run(
        capsys, "validate", "--mesh", tmp_path / "cube.stl", "--unit", "mm", "--output", tmp_path / "out", "--json"
    )
    assert status in (0, 3)
    assert not {"fail", "warning"} & set(verdicts(data).values())
    assert "slice-thickness" not in verdicts(data) and verdicts(data)["mesh-closed"] == "pass"


def test_deviationsAreInTheReportAndInATable(capsys, tmp_path, scan):
    points = tmp_path / "points.csv"
    arguments = ("--threshold", 500, "--output", tmp_path / "out", "--points-csv", points, "--json")
    _, data, _ = run(capsys, "validate", "--image", scan, *arguments)
    image = data["deviation"]["image"]
    assert abs(image["meanSigned"]) < 0.1 and image["coverage"] > 0.8
    assert data["deviation"]["segmentation"]["p95Absolute"] < 0.5 and data["deviation"]["surface"] is None
    assert verdicts(data)["deviation-bias"] == "pass"
    lines = points.read_text().splitlines()
    distances = [float(line.split(",")[4]) for line in lines[1:] if line.split(",")[6] == "RELIABLE"]
    assert np.mean(distances) == pytest.approx(image["meanSigned"], abs=0.05)


def test_foreignModelIsComparedWithTheScan(capsys, tmp_path, scan):
    (tmp_path / "cube.stl").write_bytes(stlBytes(cube(300.0)))
    arguments = ("--mesh", tmp_path / "cube.stl", "--output", tmp_path / "out", "--json")
    status, data, _ = run(capsys, "validate", "--image", scan, *arguments)
    assert status == 1 and verdicts(data)["mesh-inside-image"] == "fail"


def test_imageFileIsJudgedByWhatItHolds(capsys, tmp_path):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(render(Content()).array)
    image.SetSpacing((0.5, 0.5, 0.5))
    SimpleITK.WriteImage(image, str(tmp_path / "scan.nrrd"))
    arguments = ("--threshold", 500, "--output", tmp_path / "out", "--json")
    status, data, _ = run(capsys, "validate", "--image", tmp_path / "scan.nrrd", *arguments)
    found = verdicts(data)
    for name in ("slice-thickness", "missing-slices", "single-patient", "scan-age", "lossy-compression"):
        assert found[name] == "notAssessable"
    for name in ("slice-distance", "in-plane-pixel", "gantry-tilt", "through-plane-resolution", "noise"):
        assert found[name] == "pass"
    assert status == 3


def test_everySegmentIsJudgedButTheScanOnce(capsys, tmp_path, scan):
    import SimpleITK

    label = boneMask(Content()).copy()
    label[:, 10:14, 45:50] = 2
    image = SimpleITK.GetImageFromArray(label)
    matrix = Content().ijkToLps
    image.SetSpacing((0.5, 0.5, 0.5))
    image.SetOrigin(matrix[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "label.nrrd"))
    arguments = ("--segmentation", tmp_path / "label.nrrd", "--output", tmp_path / "out", "--json")
    status, data, _ = run(capsys, "validate", "--image", scan, *arguments)
    names = [f["requirement"] for f in data["findings"]]
    assert names.count("slice-thickness") == 1 and names.count("anatomy-inside-field-of-view") == 2
    assert not any("segment" in f for f in data["findings"] if f["requirement"] == "slice-thickness")
    assert {f["segment"] for f in data["findings"] if f["requirement"] == "mesh-closed"} == {"label 1", "label 2"}
    assert set(data["deviation"]["segments"]) == {"label 1", "label 2"}
    assert data["deviation"]["image"] == data["deviation"]["segments"]["label 1"]["image"]
    assert status == 1  # the second touches the top and the bottom of the image


WRONG = {
    "nothing": ([], "Say what to validate"),
    "threshold without scan": (["--mesh", "x.stl", "--threshold", "3"], "needs the scan"),
    "tolerance": (["--mesh", "x.stl", "--tolerance", "-1"], "--tolerance must be a positive number"),
    "not a number": (["--mesh", "x.stl", "--min-wall", "nan"], "--min-wall must be a positive number"),
    "no scan": (["--image", "nowhere"], "does not exist"),
    "no model": (["--mesh", "nowhere.stl"], "nowhere.stl"),
    "profile": (["--mesh", "x.stl", "--profile", "nothing"], "no profile and no file 'nothing'"),
    "table of nothing": (["--image", "x", "--points-csv", "p.csv"], "both must be given"),
    "two methods": (
        ["--image", "x", "--edge-method", "gradient", "--edge-method", "half-height"],
        "--edge-method may be given once, but was given as 'gradient' and as 'half-height'",
    ),
    "smoothing of a given mesh": (["--mesh", "x.stl", "--smoothing", "0.3"], "--mesh brings one"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrongInputIsOneSentenceAndLeavesNothing(capsys, tmp_path, name):
    arguments, expected = WRONG[name]
    status, out, err = run(capsys, "validate", *arguments, "--output", tmp_path / "out")
    assert status == 2 and expected in err and "Traceback" not in err and out == ""
    assert not (tmp_path / "out").exists()


def test_outputThatIsAFileIsRefused(capsys, tmp_path, scan):
    (tmp_path / "out").write_text("mine")
    status, _, err = run(capsys, "validate", "--image", scan, "--output", tmp_path / "out")
    assert status == 2 and "is a file; name a folder" in err and (tmp_path / "out").read_text() == "mine"


def test_segmentationOfAnotherGridIsRefused(capsys, tmp_path, scan):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ones((5, 5, 5), np.uint8))
    image.SetOrigin((500, 0, 0))
    SimpleITK.WriteImage(image, str(tmp_path / "label.nrrd"))
    arguments = ("--segmentation", tmp_path / "label.nrrd", "--output", tmp_path / "out")
    status, _, err = run(capsys, "validate", "--image", scan, *arguments)
    assert status == 2 and "does not fit the image" in err


def test_profilesAreListedAndShown(capsys, site):
    status, text, _ = run(capsys, "profiles")
    assert status == 0
    for name in ("anatomical-model", "surgical-planning", "surgical-guide", "implant", "education"):
        assert name in text
    status, data, _ = run(capsys, "profiles", "--json")
    assert data["profiles"][0]["name"] == "anatomical-model"
    status, text, _ = run(capsys, "profiles", "implant")
    assert status == 0 and "slice-thickness" in text and "FDA 2017" in text
    status, data, _ = run(capsys, "profiles", site, "--json")
    assert data["name"] == "site" and data["requirements"]["slice-thickness"]["passLimit"] == 1.0
    status, text, _ = run(capsys, "profiles", "--list-requirements")
    assert status == 0 and "deviation" not in text.split()[0]
    status, _, err = run(capsys, "profiles", "nothing")
    assert status == 2 and "no profile and no file" in err
