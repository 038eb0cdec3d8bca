"""Finds names in the extension's sources that the application does not have."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from . import SlicerApi

# What variables of these names hold, wherever they appear in the sources.
_OBJECTS = {
    "database": ("ctkDICOMDatabase",),
    "indexer": ("ctkDICOMIndexer",),
    "exportable": ("qSlicerDICOMExportable",),
    "scene": ("vtkMRMLScene",),
    "mrmlScene": ("vtkMRMLScene",),
    "hierarchy": ("vtkMRMLSubjectHierarchyNode",),
    "segmentation": ("vtkSegmentation", "vtkMRMLSegmentationNode"),
    "segmentationNode": ("vtkMRMLSegmentationNode",),
    "modelNode": ("vtkMRMLModelNode",),
    "volumeNode": ("vtkMRMLScalarVolumeNode",),
    "volume": ("vtkMRMLScalarVolumeNode",),
    "node": (
        "vtkMRMLModelNode",
        "vtkMRMLSegmentationNode",
        "vtkMRMLScalarVolumeNode",
        "vtkMRMLTableNode",
        "vtkMRMLTextNode",
    ),
    "display": ("vtkMRMLModelDisplayNode", "vtkMRMLSegmentationDisplayNode"),
    "vtkSegment": ("vtkSegment",),
    "segment": ("vtkSegment",),
}
# Python modules of the application and how sources name them.
_PYTHON_MODULES = ("DICOMLib", "DICOMLib.DICOMUtils", "SampleData")
# Made by the application's modules when they are loaded, or by this extension.
_OWN_MODULE_NAMES = (
    "m3dexport",
    "m3dvalidation",
    "dicomencapsulatedstlplugin",
    "M3DExportWidget",
    "M3DValidationWidget",
)
# Instances of DICOM's module and of its browser are Python objects of the application without a recording.
_UNRECORDED_IMPORTS = {"DICOM": {"DICOMFileDialog"}}


def unknownNames(source: str, widgets: dict[str, str] | None = None) -> list[str]:
    """Names in a source text that the application does not have, each with its line.

    :param widgets: class by name of the widgets in the module's ``.ui`` file.
    """
    finder = _Finder(widgets or {})
    finder.visit(ast.parse(source))
    return finder.unknown


class _Finder(ast.NodeVisitor):
    def __init__(self, widgets):
        self.widgets = widgets
        self.unknown = []
        self.otherModules = set(_OWN_ROOTS)

    def visit_Import(self, node):
        # What is not of the application is not looked at.
        known = ("slicer", "qt", "ctk", *_PYTHON_MODULES)
        self.otherModules |= {alias.asname or alias.name for alias in node.names if alias.name not in known}

    def _report(self, node, name):
        self.unknown.append(f"line {node.lineno}: {name}")

    def visit_ImportFrom(self, node):
        names = [alias.name for alias in node.names]
        if node.module == "slicer":
            for name in names:
                if not self._isSlicerName(name):
                    self._report(node, f"slicer.{name}")
        elif node.module and (node.module.startswith("slicer.") or node.module in _PYTHON_MODULES):
            known = SlicerApi.pythonNames(node.module)
            if node.module == "DICOMLib":
                # The package offers the names and the modules of its files.
                known = known | SlicerApi.pythonNames("DICOMLib.DICOMPlugin") | {"DICOMUtils"}
            for name in names:
                if name not in known:
                    self._report(node, f"{node.module}.{name}")
        elif node.module in _UNRECORDED_IMPORTS:
            for name in set(names) - _UNRECORDED_IMPORTS[node.module]:
                self._report(node, f"{node.module}.{name}")

    def visit_Attribute(self, node):
        chain = _chain(node)
        if chain:
            problem = self._problem(chain)
            if problem:
                self._report(node, problem)
        elif node.attr[:1].isupper() and not _isKnownAnywhere(node.attr):
            self._report(node, f"method {node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "connect" and node.args:
            self._checkSignal(node)
        self.generic_visit(node)

    def _checkSignal(self, node):
        chain = _chain(node.func)
        if not chain or chain[-3:-2] not in (["ui"],) or not isinstance(node.args[0], ast.Constant):
            return
        className = self.widgets.get(chain[-2])
        if className and node.args[0].value not in SlicerApi.signalsOf(className):
            self._report(node, f"signal {node.args[0].value} of {className}")

    def _problem(self, chain):
        """What is wrong with names joined by dots, "" when nothing is."""
        root, *rest = chain
        if root == "slicer":
            return self._slicerProblem(rest)
        if root in ("qt", "ctk"):
            return _qtProblem(root, rest)
        if root in ("SampleData", "DICOMUtils"):
            return _pythonProblem("DICOMLib.DICOMUtils" if root == "DICOMUtils" else root, rest)
        if "ui" in chain[:-1] and chain[0] in ("self", "ui", "widget"):
            return self._widgetProblem(chain[chain.index("ui") + 1 :])
        variable = chain[-2]
        if variable in _OBJECTS and (chain[-1][:1].isupper() or variable in ("database", "indexer", "exportable")):
            if not any(chain[-1] in _members(className) for className in _OBJECTS[variable]):
                return f"{'/'.join(_OBJECTS[variable])}.{chain[-1]}"
        elif chain[-1][:1].isupper() and chain[-1] not in ("Qt",) and not _isKnownAnywhere(chain[-1]):
            return f"method {chain[-1]}" if root[:1].islower() and root not in self.otherModules else ""
        return ""

    def _slicerProblem(self, rest):
        name = rest[0]
        if not self._isSlicerName(name):
            return f"slicer.{name}"
        if len(rest) < 2:
            return ""
        member = rest[1]
        if name in ("util", "i18n", "packaging", "testing"):
            return "" if member in SlicerApi.pythonNames(f"slicer.{name}") else f"slicer.{name}.{member}"
        if name == "modules":
            known = SlicerApi.recording()["slicer"]["modules"]["members"]
            return "" if member in known or member in _OWN_MODULE_NAMES else f"slicer.modules.{member}"
        if name == "app":
            return "" if member in SlicerApi.recording()["slicer"]["app"]["members"] else f"slicer.app.{member}"
        className = {"mrmlScene": "vtkMRMLScene", "dicomDatabase": "ctkDICOMDatabase"}.get(name, name)
        return "" if member in _members(className) else f"slicer.{name}.{member}"

    @staticmethod
    def _isSlicerName(name):
        import slicer

        return name in SlicerApi.slicerNames() | {"packaging", "testing"} or (
            name.startswith("vtk") and hasattr(slicer, name)
        )

    def _widgetProblem(self, rest):
        if rest[0] not in self.widgets:
            return f"widget {rest[0]}"
        className = self.widgets[rest[0]]
        if len(rest) > 1 and rest[1] not in SlicerApi.membersOf(className):
            return f"{className}.{rest[1]}"
        return ""


_OWN_ROOTS = ("self", "np")


def _chain(node):
    """Names of an attribute expression, ``a.b.c``; empty when it does not begin with a name."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _qtProblem(module, rest):
    name = rest[0]
    if SlicerApi.isClass(module, name):
        known = len(rest) < 2 or rest[1] in SlicerApi.membersOf(name)
        return "" if known else f"{module}.{name}.{rest[1]}"
    return "" if module == "qt" and name in SlicerApi.recording()["qtNames"] else f"{module}.{name}"


def _pythonProblem(module, rest):
    entry = SlicerApi.recording()["python"][module]
    if rest[0] in entry["classes"]:
        members = entry["classes"][rest[0]]
        return f"{module}.{'.'.join(rest)}" if len(rest) > 1 and rest[1] not in members else ""
    return "" if rest[0] in entry["functions"] else f"{module}.{rest[0]}"


@functools.cache
def _members(className):
    """Members of a class of the application, from the recording or, for MRML and VTK, from slicer-core."""
    import slicer
    import vtk

    found = SlicerApi.membersOf(className)
    for module in (slicer, vtk):
        found = found or frozenset(dir(getattr(module, className, None)) if hasattr(module, className) else ())
    return found


@functools.cache
def _isKnownAnywhere(name):
    """Whether some class of slicer-core or VTK has a member of this name."""
    import slicer
    import vtk

    for module in (slicer, vtk):
        for className in dir(module):
            if className.startswith("vtk") and hasattr(getattr(module, className), name):
                return True
    # Constants of this extension and of Python are no methods; classes are checked where they are imported.
    return name.isupper() or hasattr(vtk, name) or name in _FIELDS


# Attributes of other libraries and of DICOM data sets begin with a capital letter too.
def _dicomKeywords():
    from pydicom.datadict import keyword_dict

    return set(keyword_dict)


_FIELDS = _dicomKeywords()


def widgetsOf(uiFile: Path) -> dict[str, str]:
    """Class by name of the widgets of a ``.ui`` file."""
    import xml.etree.ElementTree as ET

    return {element.get("name"): element.get("class") for element in ET.parse(uiFile).getroot().iter("widget")}
