"""What Slicer does not bring is asked for where it is needed, and not before."""

import re
import sys

import pytest

from M3DLib.CaseRecord.CaseFolder import openCase
from M3DTestSupport.ExportPanel import addBoneAndTooth, openExportPanel
from M3DTestSupport.Project import ROOT
from M3DTestSupport.SlicerWidgets import emit


@pytest.fixture
def asked(application, monkeypatch):
    """The packages that the user was asked for; nothing is installed, and the user declines."""
    found = []

    def decline(requirements, **more):
        found.append(list(requirements))
        raise RuntimeError("declined by the user")

    monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_check", lambda requirement: False)
    monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_ensure", decline)
    return found


@pytest.fixture
def widget(panelApplication, tmp_path):
    addBoneAndTooth(panelApplication, tmp_path / "series")
    return openExportPanel(panelApplication)


def test_versionsAreThoseOfTheProject(application):
    from M3DPanelLib.NeededPackages import NEEDED

    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[1]
    known = set(re.findall(r'"([a-z0-9-]+>=[\d.]+)"', extras.split("test =")[0]))
    assert {package for packages in NEEDED.values() for package in packages} <= known


def test_aCaseAsksForTheRecordsPackageWhenItIsChosen(widget, panelApplication, asked, tmp_path):
    openCase(tmp_path / "case", "2026-17", "Skull")
    with panelApplication.showing("rfc8785>=0.1.4 cannot be had"):
        emit(widget.ui.casePathLineEdit, "currentPathChanged(QString)", str(tmp_path / "case"))
    assert asked == [["rfc8785>=0.1.4"]]


def test_aPathThatIsStillBeingTypedAsksForNothing(widget, panelApplication, asked, tmp_path):
    for typed in ("/", str(tmp_path.parent), str(tmp_path), str(tmp_path / "case")):
        emit(widget.ui.casePathLineEdit, "currentPathChanged(QString)", typed)
    assert asked == [] and panelApplication.errors == []
    with panelApplication.showing("rfc8785>=0.1.4 cannot be had"):
        widget.ui.caseOpenButton.click()


def test_workOnACaseOfASavedSceneAsksForItToo(widget, panelApplication, asked, tmp_path):
    openCase(tmp_path / "case", "2026-17", "Skull")
    widget._parameterNode.caseFolder = str(tmp_path / "case")
    assert asked == []
    with panelApplication.showing("rfc8785>=0.1.4 cannot be had"):
        widget.ui.exportButton.click()
    assert "Nothing was exported" in widget.ui.resultLabel.text


def test_anExportWithoutCaseAsksForNothing(widget, panelApplication, asked):
    widget.ui.exportButton.click()
    assert asked == [] and panelApplication.errors == []


def test_filesIn3mfAskForTheirLibraryBeforeAnythingIsWritten(widget, panelApplication, asked, tmp_path):
    from M3DExportPanelLib.Choices import Destination

    widget._parameterNode.destination = Destination.FOLDER
    widget._parameterNode.folder = str(tmp_path / "out")
    widget._parameterNode.file3mf = True
    with panelApplication.showing("lib3mf>=2.5 cannot be had"):
        widget.ui.exportButton.click()
    assert asked == [["lib3mf>=2.5"]] and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("server", "packages"), [("PACS@127.0.0.1:9", [["pynetdicom>=2.1"]]), ("http://127.0.0.1:9/dicom-web", [])]
)
def test_onlyAServerOfDimseAsksForItsPackage(widget, panelApplication, asked, server, packages):
    widget.ui.serverLineEdit.text = server
    words = "pynetdicom>=2.1 cannot be had" if packages else "cannot be reached"
    with panelApplication.showing(words):
        widget.ui.testServerButton.click()
    assert asked == packages


def test_aPackageAsksForAllThatItIsMadeWithAtOnce(widget, panelApplication, asked, tmp_path):
    emit(widget.ui.handOverPathLineEdit, "currentPathChanged(QString)", str(tmp_path))
    emit(widget.ui.packagePathLineEdit, "currentPathChanged(QString)", str(tmp_path / "case.zip"))
    widget._parameterNode.pseudonym = "P-1"
    widget.ui.packageButton.click()
    (packages,) = asked
    assert {"bagit>=1.8", "dicom-anonymizer>=2.1", "typst>=0.13"} <= set(packages)
    assert "declined by the user" in widget.ui.packageResultLabel.text
