"""A stand-in for slicer.parameterNodeWrapper that keeps values in Python and checks their types."""

from __future__ import annotations

import enum
import math
import pathlib
import typing


class WithinRange:
    """Bounds of a number."""

    def __init__(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum


def parameterNodeWrapper(classtype):
    """Give a class typed properties, as the application's decorator does; nodes are references of the node."""
    hints = typing.get_type_hints(classtype, include_extras=True)
    defaults = {name: getattr(classtype, name) for name in hints if hasattr(classtype, name)}
    for name, hint in hints.items():
        setattr(classtype, name, _property(name, hint))

    def initialize(self, parameterNode):
        # Wrappers of one node share its values, as they do when the node itself keeps them.
        self.parameterNode = parameterNode
        self._values = _valuesOf.setdefault(parameterNode, {})
        self._guis = {}
        for name, hint in hints.items():
            self._values.setdefault(name, defaults.get(name, _empty(hint)))

    classtype.__init__ = initialize
    classtype.parameterTypes = hints
    classtype.connectGui = _connectGui
    classtype.disconnectGui = lambda self, tag: self._guis.pop(tag, None)
    classtype.StartModify = lambda self: self.parameterNode.StartModify()
    classtype.EndModify = lambda self, wasModified: self.parameterNode.EndModify(wasModified)
    classtype.AddObserver = lambda self, event, callback, priority=0.0: self.parameterNode.AddObserver(event, callback)
    classtype.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return classtype


_valuesOf: dict = {}


def _plain(hint):
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _empty(hint):
    plain = _plain(hint)
    if typing.get_origin(plain) is list:
        return []
    if isinstance(plain, type) and issubclass(plain, pathlib.PurePath):
        return plain()
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return next(iter(plain))
    if plain in (int, float, str, bool):
        return plain()
    return None


def _property(name, hint):
    plain = _plain(hint)

    isNode = typing.get_origin(plain) is None and plain.__module__.startswith(("slicer", "vtk"))

    def read(self):
        return self.parameterNode.GetNodeReference(name) if isNode else self._values[name]

    def write(self, value):
        if typing.get_origin(plain) is list:
            assert isinstance(value, list)
            assert all(isinstance(item, typing.get_args(plain)[0]) for item in value)
            value = list(value)
        elif not (isNode and value is None):
            assert isinstance(value, plain if plain is not float else (int, float)), (name, value)
        for bounds in typing.get_args(hint)[1:] if plain is not hint else ():
            assert bounds.minimum <= value <= bounds.maximum, (name, value)
        if isNode:
            self.parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)
        elif self._values[name] != value:
            self._values[name] = value
            self.parameterNode.Modified()

    return property(read, write)


def _setBounds(widget, hint):
    """Give the widget of a number the bounds of its parameter; without any it takes every number, as in Slicer."""
    if _plain(hint) is float:
        bounds = [one for one in typing.get_args(hint)[1:] if isinstance(one, WithinRange)]
        widget.minimum = bounds[0].minimum if bounds else -math.inf
        widget.maximum = bounds[0].maximum if bounds else math.inf


def _connectGui(self, ui):
    """Connect widgets with a SlicerParameterName; the parameter must exist, as in the application."""
    tag = len(self._guis)
    self._guis[tag] = []
    for widget in vars(ui).values():
        name = widget.property("SlicerParameterName")
        if name:
            assert name in type(self).parameterTypes, f"there is no parameter '{name}'"
            self._guis[tag].append(name)
            hint = type(self).parameterTypes[name]
            _setBounds(widget, hint)
            if hasattr(type(widget), "followParameter"):
                plain = _plain(hint)
                isChoice = isinstance(plain, type) and issubclass(plain, enum.Enum)
                widget.followParameter(self, name, plain if isChoice else None)
    return tag
