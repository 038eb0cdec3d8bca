"""The report as DICOM SR: read back with highdicom and compared with the JSON, and judged by other people's tools."""

import copy
import json

import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import MRImageStorage

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DTestSupport.Faults import cube
from M3DTestSupport.MeasurementReports import complaints, groupsOf, instances, numbers
from M3DTestSupport.Reports import PATIENT, hostile, validated, withFindings, writeNamedScan
from M3DValidationLib.Report.Dicom.ReportCodes import plainMeaning
from M3DValidationLib.Report.Dicom.ReportObjects import reportObjects
from M3DValidationLib.Report.Dicom.StructuredReport import measurementReport


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sr")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return validated(folder / "scan", folder / "out", "--formats", "sr", "--person", "Roe^Richard")


@pytest.fixture(scope="module")
def image(folder):
    return readImage(folder / "scan")


def close(value, unit):
    """A value of the JSON as it must stand in the SR: DICOM's decimals have sixteen characters."""
    return (pytest.approx(value, rel=1e-10), unit)


def test_numbersAreThoseOfTheJson(report, folder):
    (file,) = instances(folder / "out" / "dicom")
    groups = groupsOf(file)
    (segment,) = report["input"]["segments"]
    titles = {"Mesh against scan", "Scan against mesh", "Mesh against segment", "Findings", "Model"}
    titles.add(f"Segment: {segment['name']}")
    assert set(groups) == titles
    for kind, title in (("image", "Mesh against scan"), ("segmentation", "Mesh against segment")):
        facts, found = report["deviation"][kind], numbers(groups[title])
        wanted = {
            ("SignedDeviation", "Mean"): facts["meanSigned"],
            ("SignedDeviation", "Standard Deviation"): facts["sd"],
            ("SignedDeviation", "Root Mean Square"): facts["rms"],
            ("SignedDeviation", "Median"): facts["median"],
            ("SignedDeviation", "Minimum"): facts["minSigned"],
            ("SignedDeviation", "Maximum"): facts["maxSigned"],
        }
        for key in ("meanAbsolute", "p5", "p25", "p75", "p95Absolute", "p99Absolute", "uncertainty95", "tolerance"):
            if facts[key] is not None:
                wanted[key, ""] = facts[key]
        for key, value in wanted.items():
            assert found[key] == close(value, "mm"), key
        for key in ("coverage", "withinTolerance"):
            assert found[key, ""] == close(facts[key], "1")
        assert found[codes.cid7471.SurfaceAreaOfMesh.value, ""] == close(facts["areaMm2"], "mm2")
    facts, found = report["deviation"]["scan"], numbers(groups["Scan against mesh"])
    assert found["withinTolerance", ""] == close(facts["withinTolerance"], "1")
    assert found["scanEdge", ""] == close(facts["areaMm2"], "mm2")
    facts = report["deviation"]["segmentation"]
    # Between two surfaces nothing is measured, so no uncertainty is stated.
    assert ("uncertainty95", "") not in numbers(groups["Mesh against segment"])
    assert numbers(groups["Mesh against segment"])["volumeChange", ""] == close(facts["volumeChange"], "1")
    volume = codes.SCT.Volume.value
    assert numbers(groups["Model"])[volume, ""] == close(facts["meshVolumeMm3"], "mm3")
    assert numbers(groups[f"Segment: {segment['name']}"])[volume, ""] == close(segment["volumeMm3"], "mm3")


def test_everyFindingIsThere(report, folder):
    (file,) = instances(folder / "out" / "dicom")
    group = groupsOf(file)["Findings"]
    verdicts = [(item.name.value, item.value.value) for item in group.get_qualitative_evaluations()]
    assert verdicts[0] == ("verdict", report["verdict"])
    assert verdicts[1:] == [(finding["requirement"], finding["verdict"]) for finding in report["findings"]]
    measured = [f for f in report["findings"] if isinstance(f["measured"], (int, float))]
    values = group.get_measurements()
    assert [float(value.value) for value in values] == [pytest.approx(f["measured"], rel=1e-10) for f in measured]


def test_isInThePatientsStudyAndRefersToItsSources(folder, report, image):
    (file,) = instances(folder / "out" / "dicom")
    document = srread(file)
    header = image.headers[0]
    assert str(document.PatientName) == PATIENT and document.PatientID == "PID-20481"
    assert document.StudyInstanceUID == header.StudyInstanceUID and document.AccessionNumber == "ACC778812"
    assert document.SeriesInstanceUID != header.SeriesInstanceUID
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    referred = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert referred == {one.SOPInstanceUID for one in image.headers}
    # One image stands for the scan in each comparison with it, and in no other group: that of the worst place.
    for title, group in groupsOf(file).items():
        shown = [item.referenced_sop_instance_uid for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
        if title not in ("Mesh against scan", "Scan against mesh"):
            assert shown == []
            continue
        worst = report["deviation"]["image" if title.startswith("Mesh") else "scan"]["worstPointLps"]
        nearest = min(image.headers, key=lambda one: abs(float(one.ImagePositionPatient[2]) - worst[2]))
        assert shown == [nearest.SOPInstanceUID]


def test_otherToolsFindNothingWrong(folder, report):
    (file,) = instances(folder / "out" / "dicom")
    assert complaints(file) == []


def test_refersToTheModel(report, image, tmp_path):
    model = encapsulateMesh(cube(0.0), ModelDescription(title="Cube"), sourcesFromImages([image.headers]))
    document = measurementReport(report, image.headers, [model])
    writeDicomFile(document, tmp_path / "sr.dcm")
    assert complaints(tmp_path / "sr.dcm") == []
    read = srread(tmp_path / "sr.dcm")
    (study,) = read.CurrentRequestedProcedureEvidenceSequence
    series = {one.SeriesInstanceUID for one in study.ReferencedSeriesSequence}
    assert model.SeriesInstanceUID in series
    assert model.SOPInstanceUID in str(read)


@pytest.mark.parametrize("count", [0, 150])
def test_anyNumberOfFindings(report, image, tmp_path, count):
    writeDicomFile(measurementReport(withFindings(report, count), image.headers), tmp_path / "sr.dcm")
    group = groupsOf(tmp_path / "sr.dcm")["Findings"]
    assert len(group.get_qualitative_evaluations()) == count + 1
    assert complaints(tmp_path / "sr.dcm") == []


def test_hostileTextsAreTexts(report, image, tmp_path):
    attacked = hostile(report)
    writeDicomFile(measurementReport(attacked, image.headers), tmp_path / "sr.dcm")
    assert complaints(tmp_path / "sr.dcm") == []
    meanings = []
    for group in srread(tmp_path / "sr.dcm").content.get_image_measurement_groups():
        if group.tracking_identifier.startswith("Findings"):
            meanings += [item.name.meaning for item in group.get_qualitative_evaluations()]
    wanted = [plainMeaning(finding["title"]) for finding in attacked["findings"]]
    assert sorted(meanings) == sorted(["Verdict of the validation", *wanted])


@pytest.mark.parametrize(
    ("name", "characterSet"),
    [
        ("Müller-Lüdenscheidt^Änne", "ISO_IR 100"),
        ("Wang^XiaoDong=王^小东", "GB18030"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        ("قباني^لنزار", "ISO_IR 127"),
    ],
)
def test_namesOfAllScriptsAreThoseOfTheScan(report, tmp_path, name, characterSet):
    (tmp_path / "scan").mkdir()
    writeNamedScan(tmp_path / "scan", name, SpecificCharacterSet=characterSet)
    headers = readImage(tmp_path / "scan").headers
    document, pdf = reportObjects(report, headers, pdf=b"%PDF-1.7\n%%EOF\n")
    for number, dataset in enumerate((document, pdf)):
        file = tmp_path / f"{number}.dcm"
        writeDicomFile(dataset, file)
        read = dcmread(file)
        assert str(read.PatientName) == name == str(headers[0].PatientName)
        assert complaints(file, isReport=number == 0) == []


def test_whatTheScanDoesNotSayIsEmpty(report, image, tmp_path):
    headers = copy.deepcopy(image.headers)
    for header in headers:
        for keyword in ("AccessionNumber", "StudyID", "ReferringPhysicianName", "PatientSex"):
            header.pop(keyword, None)
    writeDicomFile(measurementReport(report, headers), tmp_path / "sr.dcm")
    # It is valid; an empty Study ID, which is the scan's, is no good in a DICOMDIR.
    assert [line for line in complaints(tmp_path / "sr.dcm") if "needed to build DICOMDIR" not in line] == []
    read = dcmread(tmp_path / "sr.dcm")
    assert read.AccessionNumber == "" and read.PatientSex == "" and str(read.PatientName) == PATIENT
    # What was given is as it was.
    assert str(image.headers[0].PatientName) == PATIENT and image.headers[0].AccessionNumber == "ACC778812"


def test_magneticResonanceHasItsProcedure(report, tmp_path):
    (tmp_path / "scan").mkdir()
    writeNamedScan(tmp_path / "scan", Modality="MR", SOPClassUID=MRImageStorage)
    headers = readImage(tmp_path / "scan").headers
    document, pdf = reportObjects(report, headers, pdf=b"%PDF-1.7\n%%EOF\n")
    for number, dataset in enumerate((document, pdf)):
        writeDicomFile(dataset, tmp_path / f"{number}.dcm")
        assert complaints(tmp_path / f"{number}.dcm", isReport=number == 0) == []
    assert "Magnetic resonance imaging" in str(document)
    evidence = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert {item.ReferencedSOPClassUID for item in evidence.ReferencedSOPSequence} == {MRImageStorage}


def test_pseudonymHasNoPlaceInTheStudy(report, image, folder, tmp_path, capsys):
    changed = copy.deepcopy(report)
    changed["case"]["pseudonymized"] = True
    with pytest.raises(M3DError, match="no place in the patient's study"):
        measurementReport(changed, image.headers)
    arguments = ["validate", "--image", str(folder / "scan"), "--output", str(tmp_path / "x"), "--formats", "sr"]
    assert main([*arguments, "--pseudonym", "A"]) == 2
    assert "leave --pseudonym out" in capsys.readouterr().err and not (tmp_path / "x").exists()
    with pytest.raises(M3DError, match="needs the patient and study"):
        measurementReport(report, [])


def test_isMadeAgainFromTheJson(report, folder, tmp_path, capsys):
    source = folder / "out" / "report.json"
    assert main(["report", str(source), "--formats", "sr", "--output", str(tmp_path)]) == 2
    assert "--image" in capsys.readouterr().err
    arguments = ["--formats", "sr", "--image", str(folder / "scan"), "--output", str(tmp_path)]
    assert main(["report", str(source), *arguments]) == 0
    (again,), (first,) = instances(tmp_path / "dicom"), instances(folder / "out" / "dicom")
    assert numbers(groupsOf(again)["Mesh against scan"]) == numbers(groupsOf(first)["Mesh against scan"])
    # The same once more is refused before anything is written; a new issue goes beside it, in a series of its own.
    before = sorted(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    capsys.readouterr()
    assert main(["report", str(source), *arguments]) == 2
    said = capsys.readouterr().err
    assert "holds this measurement report already" in said and "--revision 2" in said
    assert sorted(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()) == before
    assert main(["report", str(source), *arguments, "--revision", "2"]) == 0
    both = [srread(file) for file in instances(tmp_path / "dicom")]
    assert len({one.SeriesInstanceUID for one in both}) == 2
    number = json.loads(source.read_text())["document"]["number"]
    descriptions = sorted(one.SeriesDescription for one in both)
    assert descriptions == [f"3D model validation {number}, revision {revision}" for revision in (1, 2)]
    assert main(["report", str(source), *arguments, "--revision", "2"]) == 2
    assert "--revision 3" in capsys.readouterr().err
    # Another report on the same scan is none of its issues.
    wanted = ["validate", "--image", str(folder / "scan"), "--threshold", "400", "--output", str(tmp_path / "lower")]
    main(wanted)
    assert main(["report", str(tmp_path / "lower" / "report.json"), *arguments]) == 0
    (tmp_path / "other").mkdir()
    writeNamedScan(tmp_path / "other")
    assert main(["report", str(source), "--formats", "sr", "--image", str(tmp_path / "other")]) == 2
    assert "is about a scan of study" in capsys.readouterr().err


def test_namesAreNotPrinted(folder, tmp_path, recwarn, capfd):
    (tmp_path / "scan").mkdir()
    writeNamedScan(tmp_path / "scan", "Singlename")
    validated(tmp_path / "scan", tmp_path / "out", "--formats", "sr")
    said = capfd.readouterr()
    assert "Singlename" not in said.err + said.out + " ".join(str(one.message) for one in recwarn)
    (file,) = instances(tmp_path / "out" / "dicom")
    assert str(srread(file).PatientName) == "Singlename"
