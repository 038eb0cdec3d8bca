"""A model and the reports on it in a real archive: sent by ``m3d run``, fetched again, still what they were."""

import json

import pytest
from highdicom.sr import srread
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DTestSupport.MeasurementReports import complaints, groupsOf, instances, numbers
from M3DTestSupport.Reports import PATIENT, writeNamedScan

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")


def test_runStoresModelAndReportsInThePatientsStudy(server, tmp_path):
    (tmp_path / "scan").mkdir()
    writeNamedScan(tmp_path / "scan")
    arguments = ["run", "--image", tmp_path / "scan", "--threshold", 500, "--output", tmp_path / "out"]
    arguments += ["--export-anyway", "test", "--formats", "sr,pdf", "--pacs", f"{server.url}/dicom-web"]
    assert main([str(argument) for argument in arguments]) in (0, 1, 3)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    kept = {str(dataset.Modality): dataset for dataset in map(dcmread, instances(tmp_path / "out" / "dicom"))}
    assert set(kept) == {"M3D", "SR", "DOC"}
    (study,) = server.post("/tools/find", {"Level": "Study", "Query": {"PatientID": "PID-20481"}, "Expand": True})
    assert study["MainDicomTags"]["StudyInstanceUID"] == report["case"]["study"]["studyInstanceUid"]
    assert study["PatientMainDicomTags"]["PatientName"] == PATIENT and len(study["Series"]) == 3
    fetched = {}
    for modality, dataset in kept.items():
        fetched[modality] = tmp_path / f"{modality}.dcm"
        uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
        fetched[modality].write_bytes(server.retrieveByWado(*uids))
        assert dcmread(fetched[modality]) == dataset
    # The measurement report is read by others as it was written.
    assert complaints(fetched["SR"]) == []
    facts = report["deviation"]["image"]
    found = numbers(groupsOf(fetched["SR"])["Mesh against scan"])
    assert found["SignedDeviation", "Root Mean Square"] == (pytest.approx(facts["rms"], rel=1e-10), "mm")
    evidence = str(srread(fetched["SR"]).CurrentRequestedProcedureEvidenceSequence)
    assert kept["M3D"].SOPInstanceUID in evidence
    pdf = dcmread(fetched["DOC"])
    content = pdf.EncapsulatedDocument[: pdf.EncapsulatedDocumentLength]
    assert content == (tmp_path / "out" / "report.pdf").read_bytes()
