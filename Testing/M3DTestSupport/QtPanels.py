"""The panels in real Qt, without the application: their .ui files, and their code upon these widgets.

Slicer's Python speaks to Qt by PythonQt, where properties are attributes and signals are connected by their text;
:class:`QtWidget` does so for a widget of PySide. What offscreen Qt cannot show: the application's own style and fonts,
and what CTK's and MRML's widgets paint.
"""

from __future__ import annotations

import os
import types
from xml.etree import ElementTree as ET

# Before Qt is loaded; there is no screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import QtStandIns

_SIGNALS_END = "("


class SlicerStyle(QtWidgets.QProxyStyle):
    """Margins and spaces as Slicer's own style has them."""

    def pixelMetric(self, metric, option=None, widget=None):
        """A size in pixels."""
        kind = QtWidgets.QStyle
        if metric in (kind.PM_LayoutHorizontalSpacing, kind.PM_LayoutVerticalSpacing):
            return 3
        margins = (
            kind.PM_LayoutLeftMargin,
            kind.PM_LayoutTopMargin,
            kind.PM_LayoutRightMargin,
            kind.PM_LayoutBottomMargin,
        )
        if metric in margins:
            return 4 if isinstance(widget, QtStandIns.ctkCollapsibleButton) else 6
        return super().pixelMetric(metric, option, widget)


def application():
    """The one application of the process."""
    running = QtWidgets.QApplication.instance()
    if running is None:
        running = QtWidgets.QApplication(["panels"])
        running.setStyle(SlicerStyle("Fusion"))
        running.setFont(QtGui.QFont("DejaVu Sans", 9))
    return running


class QtWidget:
    """A widget of PySide as PythonQt shows it: properties are attributes."""

    def __init__(self, widget):
        object.__setattr__(self, "widget", widget)

    def _isProperty(self, name):
        return self.widget.metaObject().indexOfProperty(name) >= 0

    def __getattr__(self, name):
        if self._isProperty(name):
            return self.widget.property(name)
        return getattr(self.widget, name)

    def __setattr__(self, name, value):
        if not self._isProperty(name):
            raise AttributeError(f"{self.widget.metaObject().className()} has no property '{name}'")
        parent = self.widget.parent()
        if name == "visible" and isinstance(parent, QtStandIns.ctkCollapsibleButton) and parent.collapsed:
            parent.showLater(self.widget, value)
        else:
            self.widget.setProperty(name, value)

    def connect(self, signal, receiver, slot=None):
        """Connect a signal, written as in Qt, to a function or to a slot of another object."""
        function = receiver if slot is None else getattr(receiver, slot.partition(_SIGNALS_END)[0])
        name = signal.partition(_SIGNALS_END)[0]
        if slot is not None:
            getattr(self.widget, name).connect(lambda *arguments: function())
        elif signal.endswith("()"):
            getattr(self.widget, name).connect(lambda *arguments: receiver())
        else:
            getattr(self.widget, name).connect(receiver)

    def followParameter(self, parameters, name, choices):
        """Show a parameter and change it, as the application's parameter node makes a widget do.

        :param choices: class of an enumeration whose members a combo box offers; None for any other value.
        """
        widget, value = self.widget, getattr(parameters, name)
        if isinstance(widget, QtWidgets.QComboBox):
            members = list(choices)
            widget.addItems([member.label() for member in members])
            widget.setCurrentIndex(members.index(value))
            widget.currentIndexChanged.connect(lambda index: setattr(parameters, name, members[index]))
        elif isinstance(widget, QtWidgets.QCheckBox):
            widget.setChecked(value)
            widget.toggled.connect(lambda isOn: setattr(parameters, name, isOn))
        elif isinstance(widget, QtWidgets.QLineEdit):
            widget.setText(value)
            widget.textChanged.connect(lambda text: setattr(parameters, name, text))
        elif isinstance(widget, (QtWidgets.QDoubleSpinBox, QtStandIns.ctkSliderWidget)):
            widget.setProperty("value", value)
            widget.valueChanged.connect(lambda number: setattr(parameters, name, number))
        elif isinstance(widget, QtStandIns.qMRMLNodeComboBox):
            widget.setCurrentNode(value)
            widget.currentNodeChanged.connect(lambda node: setattr(parameters, name, node))
        else:
            raise TypeError(f"{type(widget).__name__} cannot follow a parameter here.")


def loadQtUi(file):
    """The widgets of a ``.ui`` file by name, the panel itself first."""
    application()
    loader = QtUiTools.QUiLoader()
    for standIn in QtStandIns.CLASSES:
        loader.registerCustomWidget(standIn)
    # Qt's buffer does not keep the bytes, which must live as long.
    content = QtCore.QByteArray(_withoutScene(file))
    panel = loader.load(QtCore.QBuffer(content))
    if panel is None:
        raise ValueError(f"Qt cannot load {file}: {loader.errorString()}")
    for section in panel.findChildren(QtStandIns.ctkCollapsibleButton):
        # Folded before there was anything in it.
        if section.collapsed:
            section.hideContents()
    children = [child for child in panel.findChildren(QtWidgets.QWidget) if child.objectName()]
    return {child.objectName(): QtWidget(child) for child in (panel, *children)}


def _withoutScene(file):
    """A .ui file without what only the application's classes have: connections of the scene, kinds of paths."""
    root = ET.parse(file).getroot()
    root.remove(root.find("connections"))
    for widget in root.iter("widget"):
        for entry in widget.findall("property[@name='filters']"):
            widget.remove(entry)
    return ET.tostring(root)


def _proxied(kind):
    return lambda *arguments: QtWidget(kind(*(getattr(one, "widget", one) for one in arguments)))


def qtModule():
    """What the panels know as ``qt``."""
    module = types.ModuleType("qt")
    for namespace in (QtCore, QtGui, QtWidgets):
        for name in dir(namespace):
            if name.startswith("Q"):
                setattr(module, name, getattr(namespace, name))
    module.QAction, module.QLabel = _proxied(QtGui.QAction), _proxied(QtWidgets.QLabel)
    return module


# Room for the frame of the area and for its scroll bar.
_BESIDE = 18
_areas = []


def layOut(panel, width, height):
    """Show a panel, that many pixels wide, as the module panel of the application does: in an area that scrolls."""
    area = QtWidgets.QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
    area.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOn)
    area.setWidget(panel)
    area.resize(width + _BESIDE, height)
    area.show()
    _areas.append(area)
    settle()
    return area


def close():
    """Take from the screen what was laid out; it lives on, for Python may still know its widgets."""
    for area in _areas:
        area.hide()


def settle():
    """Let Qt do what it has put off."""
    for _round in range(3):
        application().processEvents()


def bottomOf(widget, panel):
    """Lower edge of a widget within its panel, pixels."""
    return widget.mapTo(panel, QtCore.QPoint(0, widget.height())).y()
