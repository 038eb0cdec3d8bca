"""Which PACS the panel sends to: servers of the settings file and of Slicer's own list, tested before they are used."""

import json

import pytest

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

from M3DTestSupport.DicomWebStub import DicomWebStub
from M3DTestSupport.DimseStub import DimseStub
from M3DTestSupport.ExportPanel import addBoneAndTooth, openExportPanel
from M3DTestSupport.SlicerWidgets import emit


@pytest.fixture
def servers():
    with DicomWebStub() as web, DimseStub() as dimse:
        yield web, dimse


@pytest.fixture
def panel(panelApplication, servers, tmp_path, monkeypatch):
    """The panel with a scan and its segments, one server in the settings file and one in Slicer's own list."""
    from M3DExportPanelLib.Choices import Destination

    web, dimse = servers
    (tmp_path / "m3d.toml").write_text(f'[pacs.research]\nurl = "{web.url}"\n')
    monkeypatch.setenv("M3D_CONFIG", str(tmp_path / "m3d.toml"))
    title, host, port = dimse.address.replace("@", ":").split(":")
    node = {"Name": "Archive", "Called AETitle": title, "Calling AETitle": "SLICER", "Address": host, "Port": port}
    broken = {"Name": "Broken", "Address": "", "Port": "none"}
    panelApplication.settings["DICOM/ServerNodeCount"] = 2
    panelApplication.settings["DICOM/ServerNodes/0"] = json.dumps(broken)
    panelApplication.settings["DICOM/ServerNodes/1"] = json.dumps(node).encode()
    widget = openExportPanel(panelApplication)
    _volume, segmentation = addBoneAndTooth(panelApplication, tmp_path / "scan")
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", segmentation)
    widget._parameterNode.destination = Destination.PACS
    return widget


def choose(widget, name):
    combo = widget.ui.knownServersComboBox
    combo.currentIndex = combo.findData(name)
    emit(combo, "currentIndexChanged(int)", combo.currentIndex)
    assert widget.ui.serverLineEdit.text == name


def test_serversOfBothListsCanBeChosen(panel):
    combo = panel.ui.knownServersComboBox
    # One that is wrong in Slicer's list cannot be used, and keeps none of the others away.
    assert [combo.findData(name) for name in ("", "research", "Archive", "Broken")] == [0, 1, 2, -1]


@pytest.mark.parametrize(("name", "words"), [("research", "answers DICOMweb"), ("Archive", "answers C-ECHO")])
def test_serverIsTested(panel, name, words):
    choose(panel, name)
    panel.ui.testServerButton.click()
    assert words in panel.ui.serverStatusLabel.text


def test_serverThatDoesNotAnswerIsSaid(application, panel):
    panel.ui.serverLineEdit.text = "NOBODY@127.0.0.1:9"
    with application.showing("cannot be reached"):
        panel.ui.testServerButton.click()
    assert "cannot be reached" in panel.ui.serverStatusLabel.text


@pytest.mark.parametrize("name", ["research", "Archive"])
def test_modelsAreSentToTheChosenServer(panel, servers, name):
    choose(panel, name)
    panel._parameterNode.server = name
    panel.ui.exportButton.click()
    assert "2 model(s) sent" in panel.ui.resultLabel.text
    assert len(servers[name == "Archive"].stored) == 2


def test_addressThatIsNoneIsRefused(application, panel):
    for text, words in (("", "Choose a server"), ("somewhere", "nor the name of a known one")):
        panel.ui.serverLineEdit.text = text
        with application.showing(words):
            panel.ui.testServerButton.click()
