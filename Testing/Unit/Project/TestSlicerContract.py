"""Every name of the application that the extension uses exists in Slicer 5.12.3.

The names are compared with what a running application reported (``Testing/Data/slicer-5.12-api.json``), those of MRML
and VTK with slicer-core. The stand-ins of the unit tests are held to the same names.
"""

import ast
import xml.etree.ElementTree as ET

import pytest

from M3DTestSupport import SlicerApi, SlicerDatabase, SlicerModules, SlicerQt
from M3DTestSupport.ContractCheck import unknownNames, widgetsOf
from M3DTestSupport.Project import ROOT

MODULES = ("M3DExport", "M3DValidation")
# Files that meet the application: panels, plugin, adaptors, and the tests that run in it.
SOURCES = sorted(
    {
        *(file for module in MODULES for file in (ROOT / module).glob("*.py")),
        *(file for module in MODULES for file in (ROOT / module).glob("*PanelLib/*.py")),
        *(ROOT / "M3DExport" / "M3DLib").glob("Slicer*.py"),
        *(file for module in MODULES for file in (ROOT / module).glob("*/InSlicer/*.py")),
        *(ROOT / "Testing" / "Slicer").glob("*.py"),
    }
)
UI_FILES = sorted(file for module in MODULES for file in (ROOT / module / "Resources").rglob("*.ui"))


def widgetsFor(source):
    """Class by name of the widgets that a source may use: those of its module, in tests those of all modules."""
    module = source.relative_to(ROOT).parts[0]
    files = [file for file in UI_FILES if module in (file.relative_to(ROOT).parts[0], "Testing")]
    return {name: className for file in files for name, className in widgetsOf(file).items()}


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_everyNameExistsInTheApplication(source):
    assert unknownNames(source.read_text(encoding="utf-8"), widgetsFor(source)) == []


@pytest.mark.parametrize(
    "line",
    [
        "slicer.util.loadUi(path)",
        "slicer.app.quickly()",
        "slicer.mrmlScene.AddNode2(node)",
        "slicer.dicomDatabase.fileOfInstance(uid)",
        "slicer.modules.segmentationz.logic()",
        "slicer.vtkMRMLSegmentationNodes()",
        "slicer.vtkMRMLModelNode.GetTypo()",
        "slicer.qMRMLWidgets()",
        "self.database.fileForInstances(uid)",
        "indexer.addFiles(database, file)",
        "exportable.setTags('a', 'b')",
        "segmentationNode.GetSegmentations()",
        "node.GetNodeReferences2('role')",
        "self.ui.missingButton.text = ''",
        "self.ui.exportButton.txt = ''",
        "self.ui.exportButton.connect('clickd()', f)",
        "qt.QPushButtons()",
        "qt.QComboBox.addItemz",
        "ctk.ctkDICOMIndexers()",
        "from slicer.util import nothing",
        "from DICOMLib import DICOMNothing",
        "from slicer.parameterNodeWrapper import Nothing",
        "DICOMUtils.importDicoms(folder)",
        "SampleData.SampleDataLogic.registerSample()",
    ],
)
def test_wrongNameIsFound(line):
    assert unknownNames(line, widgetsOf(ROOT / "M3DExport/Resources/UI/M3DExport.ui"))


def test_standInsHaveNoNamesOfTheirOwn():
    assert SlicerDatabase.unknownNames() == []
    assert SlicerModules.unknownNames() == []
    assert SlicerQt.unknownNames() == []


def parametersOf(module):
    """Names and annotations of a module's parameter node."""
    for source in SOURCES:
        if source.relative_to(ROOT).parts[0] != module:
            continue
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            decorators = [getattr(decorator, "id", "") for decorator in getattr(node, "decorator_list", [])]
            if "parameterNodeWrapper" in decorators:
                return {
                    item.target.id: ast.unparse(item.annotation) for item in node.body if hasattr(item, "annotation")
                }
    return {}


# What the application's parameter node can connect to a widget of a class.
CONNECTABLE = {
    "QCheckBox": ("bool",),
    "QLineEdit": ("str",),
    "QSpinBox": ("int",),
    # Without bounds the application lets a number run from minus infinity to infinity, whatever the .ui file says.
    "QDoubleSpinBox": ("Annotated[float, WithinRange",),
    "ctkSliderWidget": ("Annotated[float, WithinRange", "Annotated[int, WithinRange"),
    "ctkPathLineEdit": ("pathlib.Path",),
    "qMRMLNodeComboBox": ("vtkMRML",),
}
BUILT_IN = ("bool", "str", "int", "float", "list", "pathlib", "vtk", "Annotated")


@pytest.mark.parametrize("file", UI_FILES, ids=lambda file: file.name)
class TestUiFile:
    def test_parametersExistAndFitTheirWidgets(self, file):
        parameters = parametersOf(file.relative_to(ROOT).parts[0])
        connected = []
        for widget in ET.parse(file).getroot().iter("widget"):
            for item in widget.findall("property"):
                if item.get("name") == "SlicerParameterName":
                    name = item.findtext("string")
                    connected.append(name)
                    assert name in parameters
                    annotation = parameters[name]
                    if widget.get("class") == "QComboBox":
                        assert not annotation.startswith(BUILT_IN) or "Choice" in annotation
                    else:
                        assert annotation.startswith(CONNECTABLE[widget.get("class")])
        assert len(set(connected)) == len(connected)

    def test_classesAndPropertiesExist(self, file):
        for widget in ET.parse(file).getroot().iter("widget"):
            className = widget.get("class")
            assert SlicerApi.membersOf(className), className
            for item in widget.findall("property"):
                isBuddy = className == "QLabel" and item.get("name") == "buddy"
                # The field of a label is no property of Qt's, but one of the files that its loader reads.
                if item.get("stdset") != "0" and not isBuddy:
                    assert item.get("name") in SlicerApi.propertiesOf(className), (className, item.get("name"))

    def test_connectionsExist(self, file):
        widgets = widgetsOf(file)
        wired = set()
        for connection in ET.parse(file).getroot().iter("connection"):
            sender, receiver = (widgets[connection.findtext(end)] for end in ("sender", "receiver"))
            assert connection.findtext("signal") in SlicerApi.signalsOf(sender)
            slot = connection.findtext("slot")
            assert slot in SlicerApi.slotsOf(receiver) or slot == "setMRMLScene(vtkMRMLScene*)"
            assert slot.split("(")[0] in SlicerApi.membersOf(receiver)
            wired.add(connection.findtext("receiver"))
        needy = {name for name, cls in widgets.items() if cls.startswith("qMRML") and cls != "qMRMLWidget"}
        assert needy <= wired
        assert len(widgets) == len(list(ET.parse(file).getroot().iter("widget"))), "two widgets have one name"


def test_librariesDoNotTouchTheApplication():
    forbidden = {"app", "mrmlScene", "modules", "dicomDatabase"}
    folders = ("M3DExport/M3DLib", "M3DValidation/M3DValidationLib", "M3DValidation/M3DBatchLib")
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        if file.name == "SlicerAdaptors.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "slicer":
                assert node.attr not in forbidden, f"{file.name}, line {node.lineno}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert not {"qt", "ctk"} & set(names), f"{file.name}, line {node.lineno}"
