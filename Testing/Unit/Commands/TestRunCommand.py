"""``m3d run``: a model is exported when nothing fails, and otherwise only with a reason that is on record."""

import hashlib
import json

import jsonschema
import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Conformance import dciodvfyMessages
from M3DTestSupport.MeasurementReports import complaints, groupsOf
from M3DTestSupport.Reports import writeNamedScan
from M3DValidationLib.Report.Content.ReportContent import readSchema


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    writeNamedScan(folder)
    return folder


@pytest.fixture
def profiles(tmp_path):
    """A profile that the small scan passes, and one that it cannot pass."""
    files = {}
    for name, limits in (("easy", {}), ("strict", {"passLimit": 0.1, "warningLimit": 0.2, "source": "set by us"})):
        files[name] = tmp_path / f"{name}.json"
        content = {
            "profile": name,
            "title": name,
            "version": "1",
            "tolerance": {"value": 1.0, "source": "set by the site"},
            "requirements": {"slice-thickness": limits, "mesh-closed": {}},
        }
        files[name].write_text(json.dumps(content), encoding="utf-8")
    return files


def run(scan, profile, output, *more):
    arguments = ["run", "--image", scan, "--threshold", 500, "--profile", profile, "--output", output, *more]
    status = main([str(argument) for argument in arguments])
    file = output / "report.json"
    return status, json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def objects(output):
    found = {}
    for file in (output / "dicom" / "DICOM").rglob("*"):
        if file.is_file():
            found.setdefault(dcmread(file, stop_before_pixels=True).Modality, []).append(file)
    return found


def test_soundModelIsExportedAndReported(scan, profiles, tmp_path, capsys):
    status, report = run(scan, profiles["easy"], tmp_path / "out", "--formats", "sr", "--title", "Ball and box")
    assert status == 0 and "override" not in report
    found = objects(tmp_path / "out")
    assert {modality: len(files) for modality, files in found.items()} == {"M3D": 1, "SR": 1}
    model = dcmread(found["M3D"][0])
    assert report["exported"] == [model.SOPInstanceUID] and model.DocumentTitle == "Ball and box"
    (step,) = [step for step in report["dataFlow"] if step["step"] == "dicom"]
    stl = model.EncapsulatedDocument[: model.EncapsulatedDocumentLength]
    assert step["files"][0]["sha256"] == hashlib.sha256(stl).hexdigest()
    document = dcmread(found["SR"][0])
    assert model.SOPInstanceUID in str(document)
    (entry,) = report["dicomReferences"]["models"]
    assert (entry["sopInstanceUid"], entry["seriesInstanceUid"]) == (model.SOPInstanceUID, model.SeriesInstanceUID)
    # The model says which report is about it, and is as valid with that.
    read = readEncapsulatedStl(found["M3D"][0])
    assert [one.sopInstanceUid for one in read.related] == [document.SOPInstanceUID]
    assert (read.related[0].seriesInstanceUid, read.related[0].studyInstanceUid) == (
        document.SeriesInstanceUID,
        document.StudyInstanceUID,
    )
    assert dciodvfyMessages(found["M3D"]) == {}
    assert main(["inspect", str(found["M3D"][0])]) == 0
    assert document.SOPInstanceUID in capsys.readouterr().out
    jsonschema.validate(report, readSchema())


def test_failingModelIsReportedAndNotExported(scan, profiles, tmp_path, capsys):
    status, report = run(scan, profiles["strict"], tmp_path / "out")
    assert status == 1 and report["verdict"] == "fail" and report["exported"] == []
    assert not (tmp_path / "out" / "dicom").exists()
    assert "--export-anyway" in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["urgent, surgeon agrees = ok", "Notfall: Entscheidung Dr. Grün", "緊急"])
def test_overrideIsOnRecordInObjectAndReport(scan, profiles, tmp_path, reason):
    more = ("--export-anyway", reason, "--formats", "html,sr")
    status, report = run(scan, profiles["strict"], tmp_path / "out", *more)
    assert status == 1 and report["verdict"] == "fail" and report["override"] == {"reason": reason}
    jsonschema.validate(report, readSchema())
    (file,) = objects(tmp_path / "out")["M3D"]
    written = dcmread(file).DerivationAlgorithmSequence[0].AlgorithmParameters
    assert "validation=fail" in written
    assert f"exportedAnyway={reason.replace(',', ';').replace('=', ':')}" in written
    (document,) = objects(tmp_path / "out")["SR"]
    groups = groupsOf(document)
    (said,) = [
        item
        for item in groups["Findings"][0].ContentSequence
        if item.ValueType == "TEXT" and item.name.value == "override"
    ]
    assert said.value == reason and complaints(document) == []
    # The record of the surface is still understood.
    read = readEncapsulatedStl(file)
    assert read.surface is not None and read.surface.smoothing == 0.2
    assert reason in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_overrideOfASoundModelIsNone(scan, profiles, tmp_path):
    status, report = run(scan, profiles["easy"], tmp_path / "out", "--export-anyway", "just in case")
    assert status == 0 and "override" not in report and len(report["exported"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        (("--export-anyway", "  "), "needs the reason"),
        (("--formats", "sr", "--pseudonym", "A"), "leave --pseudonym out"),
    ],
)
def test_wrongOptionsAreRefusedBeforeAnyWork(scan, profiles, tmp_path, capsys, wrong):
    more, words = wrong
    status, report = run(scan, profiles["easy"], tmp_path / "out", *more)
    assert status == 2 and report is None and words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def inspected(file, capsys):
    capsys.readouterr()
    assert main(["inspect", str(file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert main(["inspect", str(file)]) == 0
    return facts, capsys.readouterr().out


def test_inspectShowsWhatTheObjectRecordsOfItsValidation(scan, profiles, tmp_path, capsys):
    run(scan, profiles["easy"], tmp_path / "out", "--formats", "sr")
    (file,), (report,) = (objects(tmp_path / "out")[kind] for kind in ("M3D", "SR"))
    facts, text = inspected(file, capsys)
    uid = str(dcmread(report).SOPInstanceUID)
    assert facts["validation"]["verdict"] == "pass" and facts["validation"]["profile"] == "easy 1"
    assert facts["validation"]["reports"] == [{"sopInstanceUid": uid, "present": True, "file": str(report)}]
    assert "nothing fails (profile easy 1)" in text and str(report) in text and facts["warnings"] == []
    # A file that has left its file-set still says which report is meant.
    alone = tmp_path / "alone.dcm"
    alone.write_bytes(file.read_bytes())
    assert inspected(alone, capsys)[0]["validation"]["reports"][0]["present"] is None
    report.unlink()
    facts, text = inspected(file, capsys)
    assert facts["validation"]["reports"][0]["present"] is False and "not found in its file-set" in text


def test_inspectWarnsOfAModelThatFailed(scan, profiles, tmp_path, capsys):
    run(scan, profiles["strict"], tmp_path / "out", "--export-anyway", "urgent, surgeon agrees")
    (file,) = objects(tmp_path / "out")["M3D"]
    facts, text = inspected(file, capsys)
    assert facts["validation"]["verdict"] == "fail" and facts["validation"]["profile"] == "strict 1"
    assert facts["validation"]["exportedAnyway"] == "urgent; surgeon agrees"
    assert any("exported although something fails" in warning for warning in facts["warnings"])
    assert "urgent; surgeon agrees" in text and "something fails (profile strict 1)" in text


def test_inspectSaysWhereNothingIsRecorded(scan, tmp_path, capsys):
    arguments = ["export", "--image", scan, "--threshold", 500, "--output", tmp_path / "out"]
    assert main([str(argument) for argument in arguments]) == 0
    (file,) = [file for file in (tmp_path / "out" / "DICOM").rglob("*") if file.is_file()]
    facts, text = inspected(file, capsys)
    assert facts["validation"] is None and "none recorded" in text


def test_secondRunIntoOneFolderMakesNoTwin(scan, profiles, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(scan, profiles["easy"], output)[0] == 0
    (first,) = objects(output)["M3D"]
    before = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    capsys.readouterr()
    assert run(scan, profiles["easy"], output)[0] == 2
    assert "--predecessor" in capsys.readouterr().err
    # Nothing was validated over the report of the first model either.
    arguments = ["validate", "--image", scan, "--output", output, "--profile", profiles["easy"]]
    assert main([str(argument) for argument in arguments]) == 2
    assert before == {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    status, report = run(scan, profiles["easy"], output, "--predecessor", first, "--same-series")
    assert status == 0
    models = {str(model.SOPInstanceUID): model for model in map(dcmread, objects(output)["M3D"])}
    new = models[report["exported"][0]]
    old = dcmread(first)
    assert len(models) == 2 and new.SeriesInstanceUID == old.SeriesInstanceUID
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in predecessors(new)] == [
        old.SOPInstanceUID
    ]


def predecessors(model):
    """Items of the series that a model's Predecessor Documents Sequence names."""
    return [item for study in model.PredecessorDocumentsSequence for item in study.ReferencedSeriesSequence]
