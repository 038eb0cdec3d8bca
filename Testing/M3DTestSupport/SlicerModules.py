"""Stand-ins for what the application adds to slicer-core: DICOMLib, slicer.i18n, slicer.dicomDatabase and the like.

They do the little that the extension's own code needs, so that it runs in the unit tests before it meets the
application. Their names are checked against the recorded API.
"""

from __future__ import annotations

import contextlib
import sys
import types
from pathlib import Path

from . import SlicerQt
from .SlicerApi import membersOf, pythonMembers, pythonNames
from .SlicerDatabase import StandInDatabase, StandInIndexer
from .SlicerParameters import WithinRange, parameterNodeWrapper


class DICOMLoadable:
    """Like the application's, without its conversion from Qt."""

    def __init__(self):
        self.files = []
        self.name = "Unknown"
        self.tooltip = ""
        self.warning = ""
        self.selected = False
        self.confidence = 0.5


class DICOMPlugin:
    """The part of the base class that the plugin uses."""

    def __init__(self):
        self.loadType = "Generic DICOM"
        self.tags = {"sopClassUID": "0008,0016", "instanceUID": "0008,0018", "seriesInstanceUID": "0020,000E"}

    def examineForImport(self, fileLists):
        return [loadable for files in fileLists for loadable in self.examineFiles(files)]

    def addSeriesInSubjectHierarchy(self, loadable, dataNode):
        """Put the node under its patient and study, as the base class does."""
        import slicer

        constants, database = slicer.vtkMRMLSubjectHierarchyConstants, slicer.dicomDatabase
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), dataNode)
        file = loadable.files[0]
        patient, study, series, instance = (
            database.fileValue(file, tag) for tag in ("0010,0020", "0020,000D", "0020,000E", "0008,0018")
        )
        hierarchy.SetItemUID(item, constants.GetDICOMUIDName(), series)
        hierarchy.SetItemUID(item, constants.GetDICOMInstanceUIDName(), instance)
        references = " ".join(getattr(loadable, "referencedInstanceUIDs", []))
        hierarchy.SetItemAttribute(item, constants.GetDICOMReferencedInstanceUIDsAttributeName(), references)
        slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(hierarchy, patient, study, series)


class StandInExportable:
    """The part of qSlicerDICOMExportable that the plugin uses."""

    def __init__(self):
        self.name = self.tooltip = self.pluginClass = self.directory = ""
        self.subjectHierarchyItemID = 0
        self.confidence = 0.0
        self._tags = {}

    def setTag(self, name, value):
        self._tags[name] = value

    def tag(self, name):
        return self._tags.get(name)

    def tags(self):
        return dict(self._tags)


class ScriptedLoadableModule:
    """Base of the module class."""

    def __init__(self, parent):
        self.parent = parent


class ScriptedLoadableModuleLogic:
    """Base of the logic class."""

    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        import slicer

        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleWidget:
    """Base of the module's widget.

    :param parent: anything with ``isEntered`` and ``layout()``.
    """

    def __init__(self, parent=None):
        self.parent = parent
        self.layout = parent.layout()

    def setup(self):
        pass

    def resourcePath(self, filename):
        return str(Path(sys.modules[type(self).__module__].__file__).parent / "Resources" / filename)

    def onReload(self):
        pass


class ScriptedLoadableModuleTest:
    """Base of the module's own test."""


def translate(context, text):
    return text


def tr(text):
    return text


def unknownNames():
    """Public names of the stand-ins of Python classes that the application does not have."""
    names = []
    base = "slicer.ScriptedLoadableModule"
    for standIn in (ScriptedLoadableModule, ScriptedLoadableModuleLogic, ScriptedLoadableModuleWidget):
        public = {name for name in vars(standIn) if not name.startswith("_")}
        names += sorted(public - pythonMembers(base, standIn.__name__))
    public = {name for name in vars(StandInExportable()) if not name.startswith("_")}
    public |= {name for name in vars(StandInExportable) if not name.startswith("_")}
    names += sorted(public - membersOf("qSlicerDICOMExportable"))
    names += sorted({"DICOMLoadable", "DICOMPlugin"} - pythonNames("DICOMLib.DICOMPlugin"))
    names += sorted({"WithinRange", "parameterNodeWrapper"} - pythonNames("slicer.parameterNodeWrapper"))
    names += sorted({"tr", "translate"} - pythonNames("slicer.i18n"))
    return names


def registerNodeClasses(scene):
    """Let a scene know the nodes of Slicer's modules; returns the logics, which must live as long as the scene."""
    import slicer

    kinds = ("SegmentationsModule", "SubjectHierarchyModule", "Color", "Markups", "Plots")
    logics = [getattr(slicer, f"vtkSlicer{kind}Logic")() for kind in kinds]
    for logic in logics:
        logic.SetMRMLScene(scene)
    return logics


class StandInApplication:
    """What the tests see of the application.

    :ivar scene, database: of the test.
    :ivar settings: what ``slicer.util.settingsValue`` returns.
    :ivar warnings, errors: what the user was warned of, and what was shown as an error.
    :ivar connected: signals of slicer.app that were connected.
    """

    def __init__(self, monkeypatch, folder):
        import slicer

        self.scene = slicer.vtkMRMLScene()
        self.database = StandInDatabase(folder)
        self.settings, self.warnings, self.errors, self.connected = {}, [], [], []
        # Conversion rules and node classes are registered by the application's own logics.
        self._logics = registerNodeClasses(self.scene)
        monkeypatch.setattr(slicer, "mrmlScene", self.scene, raising=False)
        monkeypatch.setattr(slicer, "dicomDatabase", self.database, raising=False)
        monkeypatch.setattr(slicer, "qSlicerDICOMExportable", StandInExportable, raising=False)
        monkeypatch.setattr(slicer, "modules", types.SimpleNamespace(), raising=False)
        monkeypatch.setattr(
            slicer,
            "app",
            types.SimpleNamespace(
                connect=lambda signal, slot: self.connected.append((signal, slot)),
                processEvents=lambda: None,
                applicationVersion="5.12.3-2026-07-22",
                applicationLocaleName="en_US",
                layoutManager=lambda: None,
                slicerUserSettingsFilePath=str(Path(folder) / "Slicer.ini"),
            ),
            raising=False,
        )
        monkeypatch.setattr(slicer.util, "settingsValue", lambda key, default, **more: self.settings.get(key, default))
        monkeypatch.setattr(slicer.util, "warningDisplay", lambda text, **more: self.warnings.append(text))
        monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **more: self.errors.append(text))
        monkeypatch.setattr(slicer.util, "mainWindow", lambda: None)
        dicomLib = _module("DICOMLib", DICOMLoadable=DICOMLoadable, DICOMPlugin=DICOMPlugin)
        modules = {
            "DICOMLib": dicomLib,
            "ctk": _module("ctk", ctkDICOMIndexer=StandInIndexer),
            "qt": _module("qt", Qt=SlicerQt.Qt, **{entry.__name__: entry for entry in SlicerQt.CLASSES}),
            "slicer.packaging": _module(
                "slicer.packaging", pip_check=lambda requirement: True, pip_ensure=lambda requirements, **more: None
            ),
            "slicer.i18n": _module("slicer.i18n", tr=tr, translate=translate),
            "slicer.parameterNodeWrapper": _module(
                "slicer.parameterNodeWrapper",
                WithinRange=WithinRange,
                parameterNodeWrapper=parameterNodeWrapper,
            ),
            "slicer.ScriptedLoadableModule": _module(
                "slicer.ScriptedLoadableModule",
                ScriptedLoadableModule=ScriptedLoadableModule,
                ScriptedLoadableModuleLogic=ScriptedLoadableModuleLogic,
                ScriptedLoadableModuleTest=ScriptedLoadableModuleTest,
                ScriptedLoadableModuleWidget=ScriptedLoadableModuleWidget,
            ),
        }
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        # The modules of the extension keep what they have imported from stand-ins of an earlier test.
        for name in [name for name in sys.modules if name.split(".")[0] in _OWN_MODULES]:
            monkeypatch.delitem(sys.modules, name)

    def useWidgets(self, monkeypatch, loadUi):
        """Give the module's widget stand-ins for the widgets of its ``.ui`` file."""
        import slicer

        top = {}

        def load(path):
            widgets = loadUi(path)
            top["widgets"] = widgets
            return next(iter(widgets.values()))

        monkeypatch.setattr(slicer.util, "loadUI", load)
        monkeypatch.setattr(
            slicer.util, "childWidgetVariables", lambda widget: types.SimpleNamespace(**top["widgets"]), raising=False
        )
        monkeypatch.setattr(slicer.util, "tryWithErrorDisplay", _plainContext)
        monkeypatch.setattr(slicer.util, "getNodesByClass", self._nodesOfClass)

    def _nodesOfClass(self, className):
        nodes = self.scene.GetNodesByClass(className)
        return [nodes.GetItemAsObject(number) for number in range(nodes.GetNumberOfItems())]

    @contextlib.contextmanager
    def showing(self, words):
        """Within, one error with these words is shown to the user, and none is raised."""
        before = len(self.errors)
        yield
        (shown,) = self.errors[before:]
        assert words in shown

    def addToDatabase(self, files):
        """Import files."""
        for file in files:
            self.database._insert(file)


@contextlib.contextmanager
def _plainContext(*arguments, **more):
    """Like tryWithErrorDisplay in testing mode: no dialog, and the error goes on."""
    yield


_OWN_MODULES = (
    "M3DExport",
    "M3DExportPanelLib",
    "M3DPanelLib",
    "DICOMEncapsulatedSTLPlugin",
    "M3DValidation",
    "M3DValidationPanelLib",
)


def _module(name, **names):
    module = types.ModuleType(name)
    module.__dict__.update(names)
    return module
