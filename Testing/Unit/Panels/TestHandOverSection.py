"""The section "Hand over" of M3D Export: the same choices as ``m3d package``, and the same refusals."""

import pytest

from M3DLib.HandOver.OpenedPackage import openPackage
from M3DLib.HandOver.PackageVerification import verifyPackage
from M3DTestSupport.ExportPanel import openExportPanel
from M3DTestSupport.HandOverCase import secretsIn, writeCase, writeModel
from M3DTestSupport.SlicerWidgets import emit

pytest.importorskip("dicomanonymizer")


@pytest.fixture
def case(tmp_path):
    return writeCase(tmp_path / "case")


@pytest.fixture
def panel(panelApplication, case, monkeypatch):
    monkeypatch.setattr("M3DLib.SlicerAdaptors.ensurePackages", lambda requirements, requester: None)
    return openExportPanel(panelApplication)


def choose(panel, **paths):
    from M3DExportPanelLib.HandOverSection import PATHS

    for name, parameter in PATHS.items():
        if parameter in paths:
            emit(getattr(panel.ui, name), "currentPathChanged(QString)", str(paths[parameter]))


def testTheButtonSaysWhatIsMissing(panel, case, tmp_path):
    assert not panel.ui.packageButton.enabled
    assert "Choose the folder" in panel.ui.packageButton.toolTip
    choose(panel, handOverFolder=case, packageFile=tmp_path / "case.zip")
    assert "pseudonym" in panel.ui.packageButton.toolTip
    panel._parameterNode.pseudonym = "P-1"
    assert panel.ui.packageButton.enabled
    panel._parameterNode.withIdentity = True
    assert panel.ui.packageButton.enabled
    assert not panel.ui.pseudonymLineEdit.enabled


def testThePanelPacksAsTheCommandDoes(panel, case, tmp_path):
    choose(panel, handOverFolder=case, packageFile=tmp_path / "case.zip")
    panel._parameterNode.pseudonym = "P-1"
    panel._parameterNode.keepImages = True
    panel.ui.packageButton.click()
    assert "7 files packed" in panel.ui.packageResultLabel.text, panel.ui.packageResultLabel.text
    assert "'notes.txt'" not in panel.ui.packageResultLabel.text
    assert "Left out: notes.txt" in panel.ui.packageResultLabel.text
    with openPackage(tmp_path / "case.zip") as package:
        assert verifyPackage(package).isWhole
        out = tmp_path / "out"
        out.mkdir()
        for name in package.members:
            (out / name.replace("/", "-")).write_bytes(package.read(name))
    assert secretsIn(out) == []


def testARefusalIsSaidAndLeavesNothing(panel, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    writeModel(faces / "model.dcm", RecognizableVisualFeatures="YES")
    choose(panel, handOverFolder=faces, packageFile=tmp_path / "case.zip")
    panel._parameterNode.pseudonym = "P-1"
    panel.ui.packageButton.click()
    assert "shows a face" in panel.ui.packageResultLabel.text
    assert not (tmp_path / "case.zip").exists()
    panel._parameterNode.faceIsNeeded = "epithesis"
    panel.ui.packageButton.click()
    assert "1 files packed" in panel.ui.packageResultLabel.text


def testPasswordsAreTakenFromTheFieldsAndKeptNowhere(panel, case, tmp_path, monkeypatch):
    from M3DLib.DeIdentification.IdentityTable import readTable
    from M3DTestSupport.Certificates import writeSigner

    for variable in ("M3D_KEY_PASSWORD", "M3D_TABLE_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    signer, _certificate = writeSigner(tmp_path, password=b"of the key")
    choose(panel, handOverFolder=case, packageFile=tmp_path / "case.zip", signKey=signer)
    panel._parameterNode.pseudonym = "P-1"
    panel.ui.packageButton.click()
    assert "password" in panel.ui.packageResultLabel.text
    assert not (tmp_path / "case.zip").exists()
    panel.ui.signPasswordLineEdit.text = "of the key"
    panel.ui.tablePasswordLineEdit.text = "of the table"
    panel.ui.packageButton.click()
    assert "files packed" in panel.ui.packageResultLabel.text, panel.ui.packageResultLabel.text
    assert readTable((tmp_path / "case.identity").read_bytes(), "of the table") is not None
    # No key is left beside the package, and no password in what the scene keeps.
    assert not (tmp_path / "case.identity.key").exists()
    kept = [str(value) for value in panel._parameterNode._values.values()]
    assert not [value for value in kept if "of the" in value]


def testThePackageIsOnTheRecordOfTheCase(panel, case, tmp_path):
    from M3DLib.CaseRecord.CaseFolder import openCase
    from M3DLib.CaseRecord.RecordFile import readEvents

    folder = tmp_path / "ordered"
    openCase(folder, "O-1", "guide", person="Ada", role="engineer")
    panel._parameterNode.caseFolder = str(folder)
    choose(panel, handOverFolder=case, packageFile=folder / "case.zip")
    panel._parameterNode.pseudonym = "P-1"
    panel.ui.packageButton.click()
    event = readEvents(folder)[-1]
    assert event.event == "packaged"
    assert [entry["kind"] for entry in event.body["outputs"]] == ["package"]
