"""The section "Case" of both panels: choose, open, see what is open, confirm; and what is done goes on the record."""

import pytest

from M3DLib.CaseRecord.CaseFolder import openCase, recordWork, requireCase
from M3DLib.CaseRecord.CaseState import CONFIRMABLE as KNOWN
from M3DLib.CaseRecord.RecordFile import readEvents
from M3DTestSupport.ExportPanel import addBoneAndTooth, openExportPanel


@pytest.fixture
def widget(panelApplication, application, tmp_path):
    addBoneAndTooth(application, tmp_path / "series")
    return openExportPanel(panelApplication)


@pytest.fixture
def case(tmp_path):
    openCase(tmp_path / "case", "2026-17", "Skull")
    return tmp_path / "case"


def test_whatCanBeConfirmedIsWhatTheLibraryKnows(application):
    from M3DPanelLib.CaseSection import CONFIRMABLE

    assert [what for what, _label in CONFIRMABLE] == list(KNOWN)


def test_withoutAFolderNothingIsAskedFor(widget):
    assert widget.ui.caseStateLabel.text == ""
    assert not widget.ui.caseConfirmButton.visible and not widget.ui.caseOpenButton.visible


def test_aNewFolderBecomesACase(widget, application, tmp_path):
    widget._parameterNode.caseFolder = str(tmp_path / "new")
    assert widget.ui.caseOpenButton.visible
    with application.showing("A case needs the number of its order"):
        widget.ui.caseOpenButton.click()
    widget.ui.caseOrderLineEdit.text, widget.ui.caseRequirementLineEdit.text = "7", "Jaw"
    widget.ui.caseOpenButton.click()
    assert requireCase(tmp_path / "new").order == "7"
    assert "Order 7: Jaw." in widget.ui.caseStateLabel.text
    assert "Open: design: not confirmed" in widget.ui.caseStateLabel.text
    assert not widget.ui.caseOpenButton.visible and widget.ui.caseConfirmButton.visible


def test_confirmingAsksForNameAndRole(widget, application, case):
    series = {
        "kind": "series",
        "seriesInstanceUid": "1.2",
        "studyInstanceUid": "1.1",
        "instances": 1,
        "sha256": "0" * 64,
    }
    recordWork(case, "added", inputs=[series])
    widget._parameterNode.caseFolder = str(case)
    with application.showing("the name and the role"):
        widget.ui.caseConfirmButton.click()
    assert requireCase(case).holding("data") is None
    widget.ui.caseNameLineEdit.text, widget.ui.caseRoleLineEdit.text = "Dr. Berg", "surgeon"
    widget.ui.caseConfirmButton.click()
    held = requireCase(case).holding("data")
    assert (held.person, held.role) == ("Dr. Berg", "surgeon")
    assert "data: not confirmed" not in widget.ui.caseStateLabel.text


def test_aBrokenRecordIsSaidAndNothingCanBeConfirmed(widget, case):
    (case / "case.jsonl").write_bytes(b"{}\n")
    widget._parameterNode.caseFolder = str(case)
    assert "Line 1" in widget.ui.caseStateLabel.text and not widget.ui.caseConfirmButton.visible


def test_anExportIsOnRecordWithItsScanAndItsModels(widget, application, case):
    widget._parameterNode.caseFolder = str(case)
    widget.ui.caseNameLineEdit.text = "Ada"
    widget.ui.exportButton.click()
    event = readEvents(case)[-1]
    assert (event.event, event.person) == ("exported", "Ada")
    assert [entry["kind"] for entry in event.body["outputs"]] == ["model", "model"]
    (series,) = event.body["inputs"]
    assert series["kind"] == "series" and series["contentSha256"]
    assert event.body["acquisition"][0]["seriesInstanceUid"] == series["seriesInstanceUid"]
    assert event.body["settings"]["smoothing"] == 0.2


def test_anExportThatFailsIsOnRecordToo(widget, application, case, tmp_path):
    from M3DExportPanelLib.Choices import Destination

    parameters = widget._parameterNode
    parameters.caseFolder, parameters.destination = str(case), Destination.FOLDER
    parameters.folder = str(tmp_path / "nowhere")
    with application.showing("There is no folder"):
        widget.ui.exportButton.click()
    assert "There is no folder" in readEvents(case)[-1].body["result"]["error"]


def test_withABrokenRecordNothingIsExported(widget, application, case):
    before = set(application.database._files)
    (case / "case.jsonl").write_bytes(b"{}\n")
    widget._parameterNode.caseFolder = str(case)
    with application.showing("Line 1"):
        widget.ui.exportButton.click()
    assert set(application.database._files) == before


def test_aValidationIsOnRecord(validationPanel, scannedBall, case):
    validationPanel._parameterNode.caseFolder = str(case)
    validationPanel.ui.validateButton.click()
    event = readEvents(case)[-1]
    assert event.event == "validated"
    assert event.body["result"]["verdict"] in ("pass", "warning", "fail", "notAssessable")
    assert event.body["settings"]["profile"] == "anatomical-model"


def test_aStoredReportIsOnRecord(validationPanel, scannedBall, case):
    validationPanel.ui.validateButton.click()
    validationPanel._parameterNode.caseFolder = str(case)
    validationPanel._parameterNode.pdf = False
    validationPanel.ui.storeButton.click()
    event = readEvents(case)[-1]
    assert (event.event, event.body["settings"]["stored"]) == ("validated", "DICOM database")
    assert [entry["kind"] for entry in event.body["outputs"]] == ["report"]


def test_aComparisonIsOnRecord(panelApplication, case):
    from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DTestSupport.MeshShapes import icosphere
    from M3DTestSupport.ValidationPanel import openPanel

    widget = openPanel()
    points, triangles = icosphere(level=3)
    nodes = [
        addMeshAsModel(TriangleMesh(scale * points, triangles), panelApplication.scene, name)
        for scale, name in ((1, "printed"), (1.02, "designed"))
    ]
    widget._parameterNode.caseFolder = str(case)
    widget._parameterNode.comparedModel, widget._parameterNode.comparisonReference = nodes
    widget.ui.compareButton.click()
    event = readEvents(case)[-1]
    assert event.event == "compared"
    assert event.body["settings"]["model"] == "printed"
    assert event.body["result"]["meanSigned"] == pytest.approx(0.2, abs=0.02)
    widget.cleanup()
