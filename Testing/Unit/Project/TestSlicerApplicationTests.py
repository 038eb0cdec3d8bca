"""The tests for the application run on its stand-ins as well, as far as those go, before the application runs them."""

import importlib
import sys
import unittest

import pytest

from M3DTestSupport.Project import ROOT
from M3DTestSupport.SlicerDicomUtils import makeDicomUtils
from M3DTestSupport.SlicerModules import StandInApplication

FOLDER = ROOT / "Testing" / "Slicer"
# What needs a plugin of the application's core, or its choice between plugins.
ONLY_IN_THE_APPLICATION = {
    "M3DExportLogicTest.test_coreReaderLoadsItToTheSamePlace",
    "M3DExportPluginTest.test_oursIsChosenBeforeTheReaderOfTheCore",
    # Saving and loading scenes; Testing/Unit/InSlicer/TestSceneValidation.py does it with slicer-core's own means.
    "M3DValidationLogicTest.test_resultsSurviveSavingTheScene",
    # Starts the application; Testing/Unit/Commands/TestInApplication.py runs the script in a bare interpreter.
    "M3DValidationLogicTest.test_commandsRunAsAScriptOfTheApplication",
}


@pytest.fixture
def application(monkeypatch, tmp_path):
    import slicer

    (tmp_path / "database").mkdir()
    application = StandInApplication(monkeypatch, tmp_path / "database")
    (tmp_path / "databases").mkdir()
    utils = makeDicomUtils(application, tmp_path / "databases")
    monkeypatch.setattr(sys.modules["DICOMLib"], "DICOMUtils", utils, raising=False)
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPluginClass

    slicer.modules.dicomPlugins = {"DICOMEncapsulatedSTLPlugin": DICOMEncapsulatedSTLPluginClass}
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("M3DSlicerCase", "M3DExportLogicTest", "M3DExportPluginTest", "M3DValidationLogicTest"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return application


def addItems(application, monkeypatch):
    """Give each segmentation of the phantom its item in the subject hierarchy, as the application does."""
    import slicer

    from M3DPanelLib import PhantomSample

    segment = PhantomSample._segment

    def withItem(*arguments):
        node = segment(*arguments)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        return node

    monkeypatch.setattr(PhantomSample, "_segment", withItem)


@pytest.mark.parametrize("name", ["M3DExportLogicTest", "M3DExportPluginTest", "M3DValidationLogicTest"])
def test_runsOnTheStandIns(application, monkeypatch, name):
    addItems(application, monkeypatch)
    case = getattr(importlib.import_module(name), name)
    every = unittest.defaultTestLoader.getTestCaseNames(case)
    wanted = [test for test in every if f"{name}.{test}" not in ONLY_IN_THE_APPLICATION]
    result = unittest.TestResult()
    unittest.TestSuite(case(test) for test in wanted).run(result)
    assert [trace for _test, trace in result.errors + result.failures] == []
    assert result.testsRun == len(wanted) >= 5
