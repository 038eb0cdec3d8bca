"""The panel of M3D Validation on stand-ins for Slicer's widgets."""

import types

from .SlicerWidgets import emit

# What came of validating the scanned ball, once that was done in this process.
_ballValidated = []


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
    """Row of the findings' table whose title holds a text; those that pass are shown, too."""
    showAll(widget)
    table = widget.ui.findingsTable
    titles = [table.item(row, 1) for row in range(table.rowCount)]
    return next(row for row, item in enumerate(titles) if item is not None and text in item.text())


def showAll(widget, isOn=True):
    """Show the findings that pass, too, or only the others."""
    widget.ui.attentionCheckBox.checked = not isOn
    emit(widget.ui.attentionCheckBox, "toggled(bool)", not isOn)


def validateBall(widget):
    """Press the button; the ball of ``scannedBall``, as it is chosen at first, is validated once in a process.

    The scan is the same in every test, to its identifiers, and so is what there is to say of it.
    """
    validate = widget.logic.validateParameters

    def validateOnce(parameters, progress=None):
        if not _ballValidated:
            _ballValidated.append(validate(parameters, progress))
        return _ballValidated[0]

    widget.logic.validateParameters = validateOnce
    try:
        widget.ui.validateButton.click()
    finally:
        del widget.logic.validateParameters
