"""Stand-ins for the widgets of a ``.ui`` file, which accept no name that the application's widgets do not have."""

from __future__ import annotations

import types
from xml.etree import ElementTree as ET

from .SlicerApi import membersOf, propertiesOf, signalsOf, slotsOf
from .SlicerQt import Qt


class StandInWidget:
    """A widget of some class of qt, ctk or slicer: keeps its properties and connections.

    Setting or asking for a name that the class does not have raises AttributeError.
    """

    def __init__(self, className, properties=None):
        object.__setattr__(self, "_class", className)
        object.__setattr__(self, "_values", {"visible": True, "enabled": True, "text": "", **(properties or {})})
        object.__setattr__(self, "_slots", {})
        object.__setattr__(self, "_items", [])

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in membersOf(self._class):
            raise AttributeError(f"{self._class} has no '{name}'")
        special = _METHODS.get(name)
        if special is not None:
            return types.MethodType(special, self)
        if name in propertiesOf(self._class):
            return self._values.get(name, _DEFAULTS.get(name))
        if name.startswith("set"):
            key = name[3:4].lower() + name[4:]
            return lambda value: self._values.__setitem__(key, value)
        raise AttributeError(f"the stand-in for {self._class} does not know what '{name}' does")

    def __setattr__(self, name, value):
        if name not in propertiesOf(self._class):
            raise AttributeError(f"{self._class} has no property '{name}'")
        changed = self._values.get(name, _DEFAULTS.get(name)) != value
        self._values[name] = value
        if changed and name == "currentIndex":
            emit(self, "currentIndexChanged(int)", value)

    def property(self, name):
        return self._values.get(name)


_DEFAULTS = {"currentIndex": -1, "toolTip": "", "checked": False}


def _connect(self, signal, receiver, slot=None):
    """Connect a signal to a function, or to a slot of another object, which gets no more arguments than it takes."""
    if signal not in signalsOf(self._class):
        raise AttributeError(f"{self._class} has no signal '{signal}'")
    if slot is None:
        assert "(QItemSelection" not in signal, "PythonQt cannot copy these arguments and says so each time"
        self._slots.setdefault(signal, []).append(receiver)
    else:
        assert slot in slotsOf(type(receiver).__name__) and slot.endswith("()")
        function = getattr(receiver, slot[:-2])
        self._slots.setdefault(signal, []).append(lambda *arguments: function())


def emit(widget, signal, *arguments):
    """Let a widget send a signal."""
    if widget._values.get("blocked"):
        return
    for slot in widget._slots.get(signal, []):
        slot(*arguments)


def _addItem(self, text, data=None):
    self._items.append((text, data))
    if self._values.get("currentIndex", -1) < 0:
        self.currentIndex = 0


def _clear(self):
    self._items.clear()
    self._values["currentIndex"] = -1


def _setCurrentNode(self, node):
    changed = self._values.get("node") is not node
    self._values["node"] = node
    if changed:
        emit(self, "currentNodeChanged(vtkMRMLNode*)", node)


def _setSegmentationNode(self, node):
    self._values["segmentationNode"] = node
    self._values["selectedSegmentIDs"] = []


def _setSelectedSegmentIDs(self, segmentIds):
    self._values["selectedSegmentIDs"] = list(segmentIds)
    emit(self, "selectionChanged(QItemSelection,QItemSelection)", None, None)


def _setColumnCount(self, count):
    self._values["columnCount"] = count


def _setRowCount(self, count):
    cells = self._values.setdefault("cells", {})
    for row, column in [cell for cell in cells if cell[0] >= count]:
        del cells[row, column]
    self._values["rowCount"] = count
    if self._values.get("currentRow", -1) >= count:
        self._values["currentRow"] = -1


def _setItem(self, row, column, item):
    assert row < self._values["rowCount"] and column < self._values["columnCount"]
    self._values.setdefault("cells", {})[row, column] = item
    # As Qt does: whoever fills a table hears of it.
    emit(self, "cellChanged(int,int)", row, column)


def typeInto(table, row, column, text):
    """Edit a cell of a table as a user does."""
    item = table.item(row, column)
    assert item.flags() & Qt.ItemIsEditable
    item.setText(text)
    emit(table, "cellChanged(int,int)", row, column)


def _setSpan(self, row, column, rows, columns):
    self._values.setdefault("spans", {})[row, column] = (rows, columns)


def _horizontalHeader(self):
    return self._values.setdefault("header", StandInWidget("QHeaderView"))


def _click(self):
    if self._values.get("checkable"):
        self.checked = not self.checked
    emit(self, "clicked()")


def _selectRow(self, row):
    self._values["currentRow"] = row
    emit(self, "itemSelectionChanged()")


def _blockSignals(self, isBlocked):
    before, self._values["blocked"] = bool(self._values.get("blocked")), isBlocked
    return before


def _setCheckState(self, node, state):
    checked = self._values.setdefault("checkedNodes", [])
    before = list(checked)
    if node in checked:
        checked.remove(node)
    if state:
        checked.append(node)
    if before != checked:
        emit(self, "checkedNodesChanged()")


_METHODS = {
    "blockSignals": _blockSignals,
    "setColumnCount": _setColumnCount,
    "setRowCount": _setRowCount,
    "setHorizontalHeaderLabels": lambda self, labels: self._values.__setitem__("headers", list(labels)),
    "setItem": _setItem,
    "item": lambda self, row, column: self._values.get("cells", {}).get((row, column)),
    "currentRow": lambda self: self._values.get("currentRow", -1),
    "selectRow": _selectRow,
    "clearSelection": lambda self: self._values.__setitem__("currentRow", -1),
    "resizeColumnsToContents": lambda self: None,
    "setCheckState": _setCheckState,
    "checkedNodes": lambda self: tuple(self._values.get("checkedNodes", ())),
    "setPixmap": lambda self, pixmap: self._values.__setitem__("pixmap", pixmap),
    "connect": _connect,
    "addItem": _addItem,
    "clear": _clear,
    "itemData": lambda self, index: self._items[index][1] if 0 <= index < len(self._items) else None,
    "itemText": lambda self, index: self._items[index][0],
    "findData": lambda self, data: next((i for i, item in enumerate(self._items) if item[1] == data), -1),
    "currentNode": lambda self: self._values.get("node"),
    "setCurrentNode": _setCurrentNode,
    "segmentationNode": lambda self: self._values.get("segmentationNode"),
    "setSegmentationNode": _setSegmentationNode,
    "selectedSegmentIDs": lambda self: tuple(self._values.get("selectedSegmentIDs", ())),
    "setSelectedSegmentIDs": _setSelectedSegmentIDs,
    "click": _click,
    "setSpan": _setSpan,
    "clearSpans": lambda self: self._values.pop("spans", None),
    "horizontalHeader": _horizontalHeader,
    "setSectionResizeMode": lambda self, column, mode: self._values.__setitem__(("mode", column), mode),
    "setIcon": lambda self, icon: self._values.__setitem__("icon", icon),
}


def loadUi(file):
    """The widgets of a ``.ui`` file by name."""
    widgets = {}
    for element in ET.parse(file).getroot().find("widget").iter("widget"):
        properties = {item.get("name"): _valueOf(item) for item in element.findall("property")}
        widgets[element.get("name")] = StandInWidget(element.get("class"), properties)
    return widgets


def _valueOf(item):
    child = next(iter(item))
    convert = {"bool": lambda text: text == "true", "number": int, "double": float}.get(child.tag, str)
    return convert(child.text or "")
