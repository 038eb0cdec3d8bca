"""The panel of M3D Validation on stand-ins for Slicer's widgets."""

import types

from .SlicerWidgets import emit


def openPanel():
    from M3DValidation import M3DValidationWidget

    layout = types.SimpleNamespace(addWidget=lambda widget: None)
    widget = M3DValidationWidget(types.SimpleNamespace(isEntered=True, layout=lambda: layout))
    widget.setup()
    return widget


def choose(widget, node):
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", None)
    emit(widget.ui.inputSelector, "currentNodeChanged(vtkMRMLNode*)", node)


def rowOf(widget, text):
    """Row of the findings' table whose requirement's title holds a text."""
    table = widget.ui.findingsTable
    return next(row for row in range(table.rowCount) if text in table.item(row, 1).text())
