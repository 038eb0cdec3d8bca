"""A refined surface is judged by what is independent of the edge it was moved to: uncertainty, or a control series."""

import json

import jsonschema
import pytest
from pydicom import Dataset, dcmread

from M3DBatchLib.CommandLine import main
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DTestSupport.Commands import requireRefusal, runM3d
from M3DTestSupport.SmallScan import smallImage
from M3DValidationLib.ControlSeries import requireControl
from M3DValidationLib.Report.Content.ReportContent import readSchema

MOVED = 0.3


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """The scan; a second series, 2 % brighter, that shows everything 0.3 mm to the left; a third in another frame."""
    folder = tmp_path_factory.mktemp("scans")
    image = smallImage()
    moved = image.ijkToLps.copy()
    moved[0, 3] += MOVED
    brighter = image.array * 1.02
    for number, array, matrix, frame in (
        (1, image.array, image.ijkToLps, "1.2.3.1"),
        (2, brighter, moved, "1.2.3.1"),
        (3, brighter, moved, "1.2.3.3"),
    ):

        def together(header, k, frame=frame):
            header.StudyInstanceUID, header.FrameOfReferenceUID = "1.2.3", frame

        description = SeriesDescription(seriesNumber=number)
        writeSeries(ImageVolume(array, matrix), folder / str(number), description, changeHeader=together)
    return folder


def validated(scans, output, *more):
    arguments = ["validate", "--image", scans, "--series", "1", "--threshold", "300", "--largest", "1"]
    main([str(argument) for argument in [*arguments, "--output", output, *more]])
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, readSchema())
    return report


def finding(report, requirement):
    (found,) = [entry for entry in report["findings"] if entry["requirement"] == requirement]
    return found


def test_agreementWithTheOwnScanIsNoEvidence(scans, tmp_path):
    report = validated(scans, tmp_path / "out", "--refine")
    image = report["deviation"]["image"]
    assert "by construction" in image["meaning"]
    assert image["p95Absolute"] < 0.05
    bias = finding(report, "deviation-bias")
    assert "by construction" in bias["message"]
    # Noise-free as the phantom is, the edge is uncertain by more than the surface is off.
    assert bias["measured"] == pytest.approx(abs(image["meanSigned"]) + image["uncertainty95"], rel=1e-6)
    assert finding(report, "deviation-p95")["measured"] > image["p95Absolute"]
    (block,) = report["answer"]["models"]
    assert block["deviation"]["refinedShare"] == image["movedShare"] > 0.9
    assert "this agreement is no evidence" in block["sentence"]
    (refinement,) = [entry["refinement"] for entry in report["input"]["segments"]]
    assert block["madeFrom"]["surface"]["refinedShare"] == refinement["movedShare"]


def test_leavingTheSegmentForTheEdgeIsRecordedNotHeldAgainstTheSurface(scans, tmp_path):
    kept = finding(validated(scans, tmp_path / "out", "--refine"), "segment-deviation-p95")
    assert kept["verdict"] == "information"
    assert kept["measured"] > 0
    assert "moved from the segment's to the edge" in kept["message"]
    plain = finding(validated(scans, tmp_path / "plain"), "segment-deviation-p95")
    assert plain["verdict"] == "pass"
    assert "moved from" not in plain["message"]


def test_aRefinedModelThatIsBroughtBackIsStillKnownAsOne(scans, tmp_path):
    arguments = ["export", "--image", scans, "--series", "1", "--threshold", "300", "--largest", "1", "--refine"]
    assert main([str(argument) for argument in [*arguments, "--output", tmp_path / "out"]]) == 0
    (model,) = [
        file for file in (tmp_path / "out" / "DICOM").rglob("*") if file.is_file() and dcmread(file).Modality == "M3D"
    ]
    found = {}
    for series in ("1", "2"):
        output = tmp_path / series
        main(["validate", "--image", str(scans), "--series", series, "--mesh", str(model), "--output", str(output)])
        found[series] = json.loads((output / "report.json").read_text(encoding="utf-8"))
    (own,), (other,) = (report["answer"]["models"] for report in found.values())
    assert own["deviation"]["refinedShare"] > 0.9
    assert "by construction" in finding(found["1"], "deviation-p95")["message"]
    # The other series had no part in it: there the distance is a measurement.
    assert other["deviation"]["refinedShare"] == 0
    assert "by construction" not in finding(found["2"], "deviation-p95")["message"]
    assert finding(found["2"], "deviation-p95")["measured"] == found["2"]["deviation"]["image"]["p95Absolute"]


def test_theControlSeriesJudgesARefinedSurface(scans, tmp_path):
    report = validated(scans, tmp_path / "out", "--refine", "--control-series", "2", "--tolerance", "0.2")
    control = report["deviation"]["control"]
    assert control["seriesInstanceUid"] != report["input"]["image"]["seriesInstanceUid"]
    # A ball that is shifted by s is off by s at its sides and by s times the cosine elsewhere: 0.95 s at 95 %.
    assert control["p95Absolute"] == pytest.approx(0.95 * MOVED, abs=0.03)
    assert finding(report, "deviation-p95")["measured"] == control["p95Absolute"]
    assert finding(report, "deviation-tolerance")["measured"] == pytest.approx(100 * control["withinTolerance"])
    assert "control series" in finding(report, "deviation-p95")["message"]
    coverage = finding(report, "deviation-coverage")["message"]
    assert "could be measured against the control series" in coverage and "against the image" not in coverage
    # Every judgement says whose edge it is about, and that all of it lies to one side.
    assert "The edge in the control series lies" in finding(report, "deviation-bias")["message"]
    assert "of the edge in the control series" in finding(report, "deviation-p95")["message"]
    for name in ("deviation-bias", "deviation-p95", "deviation-max-region", "deviation-tolerance"):
        message = finding(report, name)["message"]
        assert "edge in the image" not in message.split("On ", 1)[0]
        assert "away as a whole (L 0.3, P 0.0, S 0.0 mm)" in message
    assert control["shift"]["lps"] == pytest.approx([MOVED, 0, 0], abs=0.02)
    assert [step["title"] for step in report["dataFlow"] if step["step"] == "image"] == ["Scan", "Control series"]


def test_withoutRefiningTheControlIsMeasuredAndTheScanJudges(scans, tmp_path):
    report = validated(scans, tmp_path / "out", "--control-series", scans / "2")
    assert report["deviation"]["control"]["p95Absolute"] > 0.2
    assert finding(report, "deviation-p95")["measured"] == report["deviation"]["image"]["p95Absolute"]
    # A threshold at 30 % leaves the surface outside of the edge: that is said, and what would take it back.
    message = finding(report, "threshold-plausibility")["message"]
    passes = finding(report, "threshold-plausibility")["verdict"] == "pass"
    assert passes != ("--refine" in message)


def test_aSeriesThatSaysNothingIsRefused(scans, tmp_path):
    common = ["validate", "--image", scans, "--series", "1", "--threshold", "300", "--output", tmp_path / "out"]
    requireRefusal(runM3d(*common, "--control-series", "3"), "frame of reference")
    requireRefusal(runM3d(*common, "--control-series", "1"), "the scan itself")
    alone = ["validate", "--mesh", "a.stl", "--output", tmp_path / "out"]
    requireRefusal(runM3d(*alone, "--control-series", "1"), "--image")


def _image(changed=None, **header):
    image = smallImage()
    base = {"FrameOfReferenceUID": "1.2.3.1", "PatientID": "A", "Modality": "CT", "SeriesInstanceUID": "1.2.3.4"}
    made = Dataset()
    for name, value in {**base, **header}.items():
        setattr(made, name, value)
    image.modality, image.headers = made.Modality, [made]
    if changed is not None:
        changed(image)
    return image


def _blurred(image):
    image.array = image.array + 1


def _far(image):
    _blurred(image)
    image.ijkToLps[2, 3] += 100


def _irregular(image):
    image.geometryProblems = ["A slice is missing."]


@pytest.mark.parametrize(
    ("changed", "header", "words"),
    [
        (_blurred, {"PatientID": "B"}, "of another patient"),
        (_blurred, {"Modality": "MR"}, "is MR, the scan CT"),
        (None, {}, "the scan's own values under another name"),
        (_far, {}, "no place in common"),
        (_irregular, {}, "'kernel' is no regular grid: A slice is missing."),
    ],
)
def test_whatCannotShowTheScansEdgesIsRefusedByName(changed, header, words):
    control = _image(changed, SeriesInstanceUID="1.2.3.5", **header)
    with pytest.raises(M3DError, match="'kernel'") as refusal:
        requireControl(control, _image(), "kernel")
    assert words in str(refusal.value)


def test_anotherKernelOfHalfTheFieldIsTaken():
    control = _image(_blurred, SeriesInstanceUID="1.2.3.5")
    control.array = control.array[:, :, :20]
    requireControl(control, _image(), "kernel")
