"""What the DICOM report refers to: scan, DICOM Segmentation, models, and known distances with their places."""

import json

import jsonschema
import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.sr.codedict import codes

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.Image.ImageReader import readImage
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.MeasurementReports import complaints, groupsOf, instances, numbers
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DTestSupport.SmallScan import BALL, BOX
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.Report.Dicom.ReportObjects import reportObjects

NAMES = ["ball", "box"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("references")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def image(folder):
    return readImage(folder / "scan")


def labels(image):
    points = image.indexToLps(np.indices(image.array.shape)[::-1].reshape(3, -1).T)
    array = np.zeros(image.array.shape, dtype=np.uint8)
    for number, shape in enumerate((BALL, BOX), start=1):
        array[(shape.signedDistance(points) <= 0).reshape(array.shape)] = number
    return array


@pytest.fixture(scope="module")
def segmentation(folder, image):
    return writeDicomSeg(folder / "seg.dcm", image.files, labels(image), NAMES)


def referencesIn(sequence):
    return {
        item.ReferencedSOPInstanceUID: (study.StudyInstanceUID, series.SeriesInstanceUID, item.ReferencedSOPClassUID)
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


def validateWith(folder, segmentation, output, *more, formats="sr"):
    arguments = ["--image", folder / "scan", "--segmentation", segmentation, "--output", output, *more]
    assert main([str(argument) for argument in ["validate", "--formats", formats, *arguments]]) in (0, 1, 3)
    found = {str(dcmread(file).Modality): file for file in instances(output / "dicom")}
    pdf = dcmread(found["DOC"]) if "DOC" in found else None
    return json.loads((output / "report.json").read_text(encoding="utf-8")), found["SR"], pdf


def segmentsReferredTo(group):
    return [
        (item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID, item.ReferencedSOPSequence[0].ReferencedSegmentNumber)
        for item in group[0].ContentSequence
        if item.ValueType == "IMAGE" and "ReferencedSegmentNumber" in item.ReferencedSOPSequence[0]
    ]


@pytest.fixture(scope="module")
def both(folder, segmentation):
    return validateWith(folder, segmentation, folder / "both", formats="sr,pdf")


def test_segmentsOfADicomSegmentationAreReferredToByNumber(both, segmentation, image):
    report, file, pdf = both
    seg = dcmread(segmentation, stop_before_pixels=True)
    groups = groupsOf(file)
    (roiBall, roiBox) = srread(file).content.get_volumetric_roi_measurement_groups()
    for roi, name, number in ((roiBall, "ball", 1), (roiBox, "box", 2)):
        assert roi.tracking_identifier == f"Segment: {name}"
        assert (seg.SOPInstanceUID, number) in segmentsReferredTo(roi)
        assert roi.referenced_segment.source_series_for_segmentation.value == image.headers[0].SeriesInstanceUID
        voxels = np.count_nonzero(labels(image) == number) * np.prod(image.spacing)
        (volume,) = roi.get_measurements(codes.SCT.Volume)
        assert float(volume.value) == pytest.approx(voxels) and volume.unit.value == "mm3"
        assert segmentsReferredTo(groups[f"Mesh against segment: {name}"]) == [(seg.SOPInstanceUID, number)]
        assert segmentsReferredTo(groups[f"Mesh against scan: {name}"]) == []
    current = referencesIn(srread(file).CurrentRequestedProcedureEvidenceSequence)
    assert current[seg.SOPInstanceUID] == (seg.StudyInstanceUID, seg.SeriesInstanceUID, seg.SOPClassUID)
    assert set(current) == {header.SOPInstanceUID for header in image.headers} | {seg.SOPInstanceUID}
    assert {item.ReferencedSOPInstanceUID for item in pdf.SourceInstanceSequence} == set(current)
    assert [item.ReferencedSOPInstanceUID for item in pdf.ReferencedInstanceSequence] == [dcmread(file).SOPInstanceUID]
    assert complaints(file) == []
    jsonschema.validate(report, readSchema())


def test_findingsOfSeveralSegmentsAreToldApart(both):
    report, file, _pdf = both
    groups = groupsOf(file)
    for name in ("", *NAMES):
        wanted = [f["requirement"] for f in report["findings"] if f.get("segment", "") == name]
        group = groups[f"Findings: {name}" if name else "Findings"]
        found = [item.name.value for item in group.get_qualitative_evaluations()]
        assert wanted and found == (wanted if name else ["verdict", *wanted])


def test_oneChosenSegmentKeepsItsNumber(folder, segmentation, tmp_path):
    _report, file, _pdf = validateWith(folder, segmentation, tmp_path, "--segment", "box")
    uid = dcmread(segmentation, stop_before_pixels=True).SOPInstanceUID
    assert segmentsReferredTo(groupsOf(file)["Segment: box"]) == [(uid, 2)]
    assert segmentsReferredTo(groupsOf(file)["Mesh against segment"]) == [(uid, 2)]


def test_segmentationOfAnotherStudyIsPertinent(folder, image, tmp_path):
    made = writeDicomSeg(tmp_path / "seg.dcm", image.files, labels(image), NAMES, StudyInstanceUID="1.2.3.4.5.77")
    _report, file, _pdf = validateWith(folder, made, tmp_path / "out", "--segment", "ball")
    document = srread(file)
    uid = dcmread(made, stop_before_pixels=True).SOPInstanceUID
    assert uid not in referencesIn(document.CurrentRequestedProcedureEvidenceSequence)
    assert referencesIn(document.PertinentOtherEvidenceSequence) == {
        uid: ("1.2.3.4.5.77", "1.2.9.1", "1.2.840.10008.5.1.4.1.1.66.4")
    }
    assert complaints(file) == []


def test_nothingIsInventedForOtherSegmentations(folder, image, tmp_path):
    report = validated(folder / "scan", tmp_path, "--formats", "sr")
    assert report["dicomReferences"] == {"segmentations": [], "models": []}
    (file,) = instances(tmp_path / "dicom")
    assert srread(file).content.get_volumetric_roi_measurement_groups() == []
    assert "PertinentOtherEvidenceSequence" not in srread(file)


def test_segmentWithoutANumberIsReferredToAsAWhole(both, image, tmp_path):
    report = json.loads(json.dumps(both[0]))
    for entry in report["dicomReferences"]["segmentations"]:
        entry["segmentNumber"], entry["imageSeriesUid"] = None, ""
    jsonschema.validate(report, readSchema())
    (document,) = reportObjects(report, image.headers)
    writeDicomFile(document, tmp_path / "sr.dcm")
    group = groupsOf(tmp_path / "sr.dcm")["Segment: ball"]
    (item,) = [item for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
    assert item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.9.2"
    assert "ReferencedSegmentNumber" not in item.ReferencedSOPSequence[0]
    assert complaints(tmp_path / "sr.dcm") == []


def test_pseudonymizedReportNamesNoObject(folder, segmentation, tmp_path):
    arguments = ["validate", "--image", folder / "scan", "--segmentation", segmentation, "--segment", "ball"]
    arguments += ["--output", tmp_path, "--pseudonym", "Case 7"]
    assert main([str(argument) for argument in arguments]) in (0, 1, 3)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert "dicomReferences" not in text and "1.2.9.2" not in text


def test_reportIsMadeAgainFromTheJsonWithAllItRefersTo(folder, both, tmp_path):
    arguments = ["report", folder / "both" / "report.json", "--formats", "sr", "--image", folder / "scan"]
    assert main([str(argument) for argument in [*arguments, "--output", tmp_path]]) == 0
    (again,) = instances(tmp_path / "dicom")
    first, second = srread(both[1]), srread(again)
    sequences = [referencesIn(one.CurrentRequestedProcedureEvidenceSequence) for one in (first, second)]
    assert sequences[0] == sequences[1]
    groups = [groupsOf(file) for file in (both[1], again)]
    assert list(groups[0]) == list(groups[1])
    for name, group in groups[0].items():
        assert segmentsReferredTo(group) == segmentsReferredTo(groups[1][name])
        assert numbers(group) == numbers(groups[1][name])


@pytest.mark.parametrize(
    "change",
    [{"sopInstanceUid": "../x"}, {"segmentNumber": 0}, {"segmentNumber": "2"}, {"seriesInstanceUid": None}],
)
def test_referencesThatAreNoneAreRefused(folder, both, tmp_path, capsys, change):
    report = json.loads(json.dumps(both[0]))
    report["dicomReferences"]["segmentations"][0].update(change)
    report["pictures"] = []
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    arguments = ["report", tmp_path / "report.json", "--formats", "sr", "--image", folder / "scan"]
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert "dicomReferences.segmentations[0]" in said and not (tmp_path / "dicom").exists()


def test_modelOfAnotherPatientIsRefused(folder, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    writeNamedScan(tmp_path / "other", "Somebody^Else")
    arguments = ["export", "--image", tmp_path / "other", "--threshold", 500, "--output", tmp_path / "model"]
    assert main([str(argument) for argument in arguments]) == 0
    (model,) = instances(tmp_path / "model")
    arguments = ["validate", "--image", folder / "scan", "--mesh", model, "--formats", "sr", "--output", tmp_path / "x"]
    assert main([str(argument) for argument in arguments]) == 2
    assert "different patients" in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_modelBroughtAlongIsReferredTo(folder, image, tmp_path):
    arguments = ["export", "--image", folder / "scan", "--threshold", 500, "--output", tmp_path / "model"]
    assert main([str(argument) for argument in arguments]) == 0
    (model,) = instances(tmp_path / "model")
    report = validated(folder / "scan", tmp_path / "out", "--mesh", model, "--formats", "sr")
    header = dcmread(model)
    (entry,) = report["dicomReferences"]["models"]
    assert entry["sopInstanceUid"] == header.SOPInstanceUID and entry["seriesInstanceUid"] == header.SeriesInstanceUID
    (file,) = instances(tmp_path / "out" / "dicom")
    assert header.SOPInstanceUID in referencesIn(srread(file).CurrentRequestedProcedureEvidenceSequence)
    composites = [item for item in groupsOf(file)["Model"][0].ContentSequence if item.ValueType == "COMPOSITE"]
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in composites] == [header.SOPInstanceUID]


@pytest.fixture(scope="module")
def measured(folder):
    """A report with known distances and an object of known size, and its measurement report."""
    center, half = np.array(BOX.center), np.array([3.0, 0.0, 0.0])
    marks = folder / "known.json"
    marks.write_text(
        json.dumps(
            {
                "distances": [
                    {
                        "name": "Kante / 縁",
                        "start": (center - half).tolist(),
                        "end": (center + half * 1.2).tolist(),
                        "nominal": 6.0,
                        "printed": [5.9, 6.3],
                    },
                    {"name": "nowhere", "start": [0.0, 0.0, 37.0], "end": [2.0, 0.0, 37.0]},
                ],
                "objects": [{"name": "ball", "kind": "sphere", "near": list(BALL.center), "size": [16.0]}],
            }
        ),
        encoding="utf-8",
    )
    report = validated(folder / "scan", folder / "known", "--references", marks, "--formats", "sr")
    (file,) = instances(folder / "known" / "dicom")
    return report, file


def rowsOf(report, requirement, key="distances"):
    (finding,) = [finding for finding in report["findings"] if finding["requirement"] == requirement]
    return finding["evidence"][key]


@pytest.mark.parametrize(
    ("requirement", "place"),
    [("reference-image", "in the scan"), ("reference-mesh", "on the mesh"), ("reference-printed", "on the print")],
)
def test_knownDistancesAreMeasurements(measured, requirement, place):
    report, file = measured
    groups = groupsOf(file)
    distance = codes.cid7470.Distance
    for row in rowsOf(report, requirement):
        group = groups[f"Distance {place}: {row['name']}"]
        found = numbers(group)
        for key in ("nominalMm", "expectedMm", "deviationMm", "toleranceMm", "uncertaintyMm"):
            if row.get(key) is None:
                assert (key, "") not in found
            else:
                assert found[key, ""] == (pytest.approx(row[key], rel=1e-10), "mm")
        (verdict,) = group.get_qualitative_evaluations()
        assert verdict.value.value == row["verdict"]
        lengths = [(float(one.value), one.unit.value) for one in group.get_measurements(distance)]
        if row["measuredMm"] is None:
            assert lengths == []
        else:
            readings = row.get("readingsMm", [])
            assert lengths == [(pytest.approx(value, rel=1e-10), "mm") for value in [row["measuredMm"], *readings]]


def test_knownDistancesHaveTheirPlaces(measured, image):
    _report, file = measured
    group = groupsOf(file)["Distance in the scan: Kante / 縁"]
    (length,) = group.get_measurements(codes.cid7470.Distance)
    (line,) = length.referenced_coordinates
    assert line.graphic_type.value == "POLYLINE"
    assert line.frame_of_reference_uid == image.headers[0].FrameOfReferenceUID
    ends = line.value
    # The edges of the box, by its analytic shape.
    np.testing.assert_allclose(ends[:, 0], [BOX.center[0] - 3.0, BOX.center[0] + 3.0], atol=0.1)
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(float(length.value), abs=1e-3)


def test_objectsOfKnownSizeAreMeasurements(measured):
    report, file = measured
    groups = groupsOf(file)
    for row in rowsOf(report, "calibration-scale", "objects"):
        found = numbers(groups[f"Known object: {row['name']}"])
        for axis, value, error in zip("ijk", row["scaleIJK"], row["scaleStandardUncertaintyIJK"], strict=True):
            assert found[f"scaleIJK-{axis}", ""] == (pytest.approx(value, rel=1e-10), "1")
            assert found[f"scaleStandardUncertaintyIJK-{axis}", ""] == (pytest.approx(error, rel=1e-10), "1")
        for number, size in enumerate(row["sizes"], start=1):
            found = numbers(groups[f"Known object: {row['name']}, size {number}"])
            wanted = (codes.cid7470.Length.value, "")
            assert found[wanted] == (pytest.approx(size["measuredMm"], rel=1e-10), "mm")
            assert found["nominalMm", ""] == (pytest.approx(size["nominalMm"]), "mm")
    assert complaints(file) == []
