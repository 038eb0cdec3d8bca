"""Fixtures of the tests that need the application, on its stand-ins; folders name them in their conftest.py."""

import pytest

from .ScannedBall import addScannedBall
from .SceneCases import casesInScene
from .SlicerModules import StandInApplication
from .SlicerWidgets import loadUi
from .ValidationPanel import choose, openPanel


@pytest.fixture
def application(monkeypatch, tmp_path):
    """The application without widgets, its DICOM database in a folder of the test."""
    (tmp_path / "database").mkdir()
    application = StandInApplication(monkeypatch, tmp_path / "database")
    yield application
    # Nodes that go with the scene are nothing that a panel, whose application is gone, needs to hear of.
    application.scene.RemoveAllObservers()


@pytest.fixture
def panelApplication(application, monkeypatch):
    """The application with the widgets that panels have."""
    application.useWidgets(monkeypatch, loadUi)
    return application


@pytest.fixture
def scannedBall(application, tmp_path):
    """A ball's CT and its segmentation in database and scene: (volume node, segmentation node)."""
    return addScannedBall(application, tmp_path / "series", uidSeed="the ball of the tests")


@pytest.fixture
def ballReport(application, scannedBall):
    """The report on the ball."""
    from M3DValidationLib.Report.Report import validateCases

    return validateCases(casesInScene(application, *scannedBall), showing=False)


@pytest.fixture
def validationPanel(panelApplication, scannedBall):
    """The panel of M3D Validation with the ball chosen."""
    widget = openPanel()
    choose(widget, scannedBall[1])
    yield widget
    widget.cleanup()
