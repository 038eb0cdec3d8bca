"""The section "Fetch a scan from a PACS" of M3D Export, against a real archive: what it names is in the database."""

import pytest

from M3DLib.Store.DicomWebStore import PacsStore
from M3DLib.Store.Servers.PacsServer import dicomWebServer
from M3DTestSupport.ExportPanel import openExportPanel
from M3DTestSupport.OrthancServer import AET
from M3DTestSupport.Reports import writeNamedScan
from M3DTestSupport.SlicerFixtures import application, panelApplication
from M3DTestSupport.SlicerWidgets import emit

__all__ = ["application", "panelApplication"]

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

PATIENT = "PID-30517"


@pytest.fixture(scope="module")
def scan(server, tmp_path_factory):
    """A scan in the archive; its data sets."""
    from pydicom import dcmread

    folder = tmp_path_factory.mktemp("scan")
    writeNamedScan(folder, PatientID=PATIENT)
    datasets = [dcmread(file) for file in sorted(folder.rglob("*.dcm"))]
    PacsStore(dicomWebServer(server.dicomWeb)).add(datasets)
    return datasets


@pytest.fixture
def panel(panelApplication, monkeypatch, tmp_path):
    monkeypatch.setenv("M3D_CONFIG", str(tmp_path / "none.toml"))
    (tmp_path / "none.toml").write_text("")
    widget = openExportPanel(panelApplication)
    yield widget
    widget.cleanup()


def say(panel, server, value):
    panel.ui.fetchServerComboBox.currentText = server
    panel.ui.fetchLineEdit.text = value
    emit(panel.ui.fetchLineEdit, "textChanged(QString)", value)


def test_scanIsFetchedIntoTheDatabase(panel, application, server, scan):
    assert not panel.ui.fetchButton.enabled
    say(panel, server.dicomWeb, PATIENT)
    assert panel.ui.fetchButton.enabled
    panel.ui.fetchButton.click()
    assert "1 series in the DICOM database" in panel.ui.fetchResultLabel.text
    assert len(application.database.filesForSeries(scan[0].SeriesInstanceUID)) == len(scan)


def test_whatIsNotThereIsSaidAndNothingIsImported(panel, application, server, scan):
    say(panel, server.dicomWeb, "nobody")
    with application.showing("nothing that fits"):
        panel.ui.fetchButton.click()
    assert "m3d" not in panel.ui.fetchResultLabel.text
    assert list(application.database.patients()) == []


def test_serverThatDoesNotKnowThisComputerIsSaid(panel, application, server, scan):
    say(panel, f"{AET}@127.0.0.1:{server.dicomPort}", PATIENT)
    with application.showing("127.0.0.1"):
        panel.ui.fetchButton.click()
    assert list(application.database.patients()) == []
