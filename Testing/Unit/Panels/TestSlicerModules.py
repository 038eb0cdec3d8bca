"""The module files themselves: what Slicer's module list shows, start-up, the sample, settings, progress."""

import ast
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DTestSupport.Project import ROOT
from M3DTestSupport.SceneCases import addVolumeNode


class TestModules:
    @pytest.mark.parametrize("name", ["M3DExport", "M3DValidation"])
    def test_moduleListShowsRealText(self, application, name):
        module = __import__(name)
        parent = types.SimpleNamespace()
        getattr(module, name)(parent)
        # A category that is named like a module, "DICOM" for example, would hide the modules in it.
        assert parent.categories == ["Printing"]
        for attribute in ("title", "contributors", "helpText", "acknowledgementText", "dependencies"):
            assert getattr(parent, attribute)
        assert name not in parent.dependencies
        page = re.search(r'href="https://github.com/[^/]+/[^/]+/blob/main/([^"]+)"', parent.helpText)[1]
        assert (ROOT / page).is_file()

    def test_filesThatSlicerExecutesAtStartImportNothingHeavy(self):
        light = {"slicer", "qt", "ctk", "vtk", "DICOMLib", *sys.stdlib_module_names}
        panels = {
            "M3DExportPanelLib.ExportParameters",
            "M3DExportPanelLib.Choices",
            "M3DPanelLib.Choice",
            "M3DPanelLib.LibraryMessages",
            "M3DPanelLib.NeededPackages",
            "M3DPanelLib.ParameterPanel",
            "M3DPanelLib.PhantomSample",
            "M3DPanelLib.SurfaceChoices",
            "M3DValidationPanelLib.ValidationParameters",
        }
        files = [
            *(ROOT / "M3DExport").glob("*.py"),
            *(ROOT / "M3DValidation").glob("*.py"),
            ROOT / "M3DExport/M3DExportPanelLib/ExportParameters.py",
            ROOT / "M3DExport/M3DExportPanelLib/Choices.py",
            ROOT / "M3DExport/M3DPanelLib/Choice.py",
            ROOT / "M3DExport/M3DPanelLib/LibraryMessages.py",
            ROOT / "M3DExport/M3DPanelLib/NeededPackages.py",
            ROOT / "M3DExport/M3DPanelLib/ParameterPanel.py",
            ROOT / "M3DExport/M3DPanelLib/PhantomSample.py",
            ROOT / "M3DExport/M3DPanelLib/SurfaceChoices.py",
            ROOT / "M3DExport/M3DExportPanelLib/__init__.py",
            ROOT / "M3DValidation/M3DValidationPanelLib/ReportChoices.py",
            ROOT / "M3DValidation/M3DValidationPanelLib/ValidationParameters.py",
            ROOT / "M3DValidation/M3DValidationPanelLib/__init__.py",
        ]
        for file in files:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Import):
                    names = {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = set() if node.module in panels else {node.module.split(".")[0]}
                else:
                    continue
                assert names <= light, f"{file.name}, line {node.lineno}"

    def test_validationRunsFromTheConsole(self, application, tmp_path):
        from M3DValidation import M3DValidationLogic

        logic = M3DValidationLogic()
        assert "anatomical-model" in dict(logic.profiles())
        with pytest.raises(M3DError, match="not options of m3d validate"):
            logic.run(["--no-such-option"])
        with pytest.raises(M3DError):
            logic.run(["--image", tmp_path / "nothing", "--output", tmp_path / "out"])


class TestSample:
    @pytest.fixture
    def loading(self, application, monkeypatch):
        """DICOMUtils.loadSeriesByUID as the application has it: a volume node of the series' files."""
        from M3DLib.Image.ImageReader import readImage

        def loadSeriesByUID(seriesUids):
            (series,) = seriesUids
            image = readImage(Path(application.database.filesForSeries(series)[0]).parent, series)
            return [addVolumeNode(application, image, image.files).GetID(), "vtkMRMLModelNode99"]

        utils = types.SimpleNamespace(loadSeriesByUID=loadSeriesByUID)
        monkeypatch.setattr(sys.modules["DICOMLib"], "DICOMUtils", utils, raising=False)

    def test_smallPhantomGoesThroughTheDatabase(self, application, loading):
        from M3DExport import M3DExportLogic
        from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
        from M3DPanelLib.PhantomSample import addSmallPhantom

        volume, segmentation = addSmallPhantom()
        assert volume.GetAttribute("DICOM.instanceUIDs")
        (uid,) = M3DExportLogic().exportSegments(segmentation, [])
        mesh = readEncapsulatedStl(application.database.fileForInstance(uid)).mesh
        assert mesh.name == "ball 20 mm"
        assert mesh.volumeMm3 == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.03)
        assert np.allclose(mesh.points.astype(float).mean(axis=0), (5, -10, 40), atol=0.1)

    def test_closedDatabaseIsNamed(self, application, loading):
        from M3DPanelLib.PhantomSample import addSmallPhantom

        application.database.isOpen = False
        with pytest.raises(M3DError, match="No DICOM database is open"):
            addSmallPhantom()

    def test_databaseThatTakesNothingIsNamed(self, application, loading):
        from M3DPanelLib.PhantomSample import addSmallPhantom

        application.database._rejects = lambda dataset: True
        with pytest.raises(M3DError, match="did not take the phantom"):
            addSmallPhantom()

    def test_sampleIsRegistered(self, application, monkeypatch):
        registered = []
        logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **more: registered.append(more))
        monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
        from M3DExport import M3DExport, registerSampleData

        M3DExport(types.SimpleNamespace())
        assert application.connected == [("startupCompleted()", registerSampleData)]
        registerSampleData()
        (entry,) = registered
        # The application refuses entries without an address, and others of unequal length.
        assert all(isinstance(entry[name], str) for name in ("uris", "fileNames", "nodeNames", "sampleName"))
        assert callable(entry["customDownloader"])


class FakeDialog:
    """A progress dialog that is cancelled at some value."""

    def __init__(self, cancelAt):
        self.cancelAt, self.value, self.labelText, self.closed = cancelAt, 0, "", False

    @property
    def wasCanceled(self):
        return self.value >= self.cancelAt

    def close(self):
        self.closed = True

    def deleteLater(self):
        pass


class TestProgress:
    def test_dialogShowsProgressAndStops(self, application, monkeypatch):
        import slicer

        from M3DLib.SlicerAdaptors import ProgressDialog

        dialog = FakeDialog(cancelAt=50)
        monkeypatch.setattr(slicer.util, "mainWindow", object)
        monkeypatch.setattr(slicer.util, "createProgressDialog", lambda **more: dialog)
        made = {}
        monkeypatch.setattr(slicer.util, "createProgressDialog", lambda **more: made.update(more) or dialog)
        with pytest.raises(Cancelled), ProgressDialog("Exporting") as progress:
            # Nothing can be begun beside the work.
            assert made["windowModality"] == 2
            progress(0.2, "one")
            assert (dialog.value, dialog.labelText) == (20, "one")
            progress(0.6, "two")
        assert dialog.closed

    @pytest.mark.parametrize(
        ("seconds", "fraction", "words"),
        [
            (1.0, 0.5, ""),
            (10.0, 0.01, ""),
            (10.0, 0.25, "about 30 s left"),
            (10.0, 0.95, "nearly done"),
            (100.0, 0.25, "about 5 min left"),
            (10.0, 1.0, ""),
        ],
    )
    def test_timeLeftIsSaidOnceItCanBeTold(self, seconds, fraction, words):
        from M3DLib.SlicerAdaptors import timeLeft

        assert timeLeft(seconds, fraction) == words

    def test_withoutMainWindowThereIsNoDialog(self, application):
        from M3DLib.SlicerAdaptors import ProgressDialog

        with ProgressDialog("Exporting") as progress:
            progress(1.0, "done")


def test_settingsOfferModelAndSegmentation(application, monkeypatch):
    from M3DTestSupport.SlicerApi import membersOf

    rows, registered, boxes = [], [], []

    class Combo:
        def __init__(self):
            self.items = []
            boxes.append(self)

        def addItem(self, text, data):
            self.items.append(data)

    form = types.SimpleNamespace(addRow=lambda *row: rows.append(row))
    qt = types.SimpleNamespace(QFormLayout=lambda parent: form, SIGNAL=lambda text: text)
    monkeypatch.setitem(sys.modules, "qt", qt)
    monkeypatch.setitem(sys.modules, "ctk", types.SimpleNamespace(ctkComboBox=Combo))
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPluginClass

    panel = types.SimpleNamespace(registerProperty=lambda *arguments: registered.append(arguments))
    DICOMEncapsulatedSTLPluginClass.settingsPanelEntry(panel, None)
    assert boxes[0].items == ["model", "segmentation"]
    assert registered[0][0] == "DICOM/EncapsulatedSTL/LoadAs"
    assert registered[0][2] in membersOf("ctkComboBox")
    assert len(rows) == 1


def test_wordsOfTheLibraryAreThoseThatThePanelTranslates(application):
    from M3DPanelLib.LibraryWords import conclusion, verdictWord
    from M3DValidationLib.Report.Content.ReportView import CONCLUSIONS, WORDS

    assert {key: verdictWord(key) for key in WORDS} == WORDS
    assert {key: conclusion(key) for key in CONCLUSIONS} == CONCLUSIONS
