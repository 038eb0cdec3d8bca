"""Line markups as reference distances: which ones, and what is known of their lengths."""

import slicer
from slicer.i18n import tr as _

from M3DPanelLib.PanelActions import errorsShown

from .ValidationParameters import lineNodesOf, setLineNodes


class ReferenceLines:
    """Shows which lines are reference distances, and the known length of the one that is current in the list.

    :param ui: the widgets of ``M3DValidation.ui``.
    """

    def __init__(self, ui):
        self.ui = ui
        self._parameters = None
        self._showing = False
        ui.linesComboBox.connect("checkedNodesChanged()", self._onChecked)
        ui.linesComboBox.connect("currentNodeChanged(vtkMRMLNode*)", self._onCurrent)
        for name, edit in self._edits().items():
            edit.connect("editingFinished()", lambda name=name: self._onEdit(name))

    def _edits(self):
        """The field for each attribute of a line's node."""
        from M3DValidationLib.InSlicer.MarkupReferences import NOMINAL, PRINTED, TOLERANCE

        return {
            NOMINAL: self.ui.nominalLineEdit,
            TOLERANCE: self.ui.lineToleranceLineEdit,
            PRINTED: self.ui.printedLineEdit,
        }

    def show(self, parameters):
        """Show the lines of these parameters; None for none."""
        self._parameters = parameters
        if parameters is None:
            return
        import qt

        self._showing = True
        try:
            chosen = lineNodesOf(parameters)
            for node in slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode"):
                state = qt.Qt.Checked if node in chosen else qt.Qt.Unchecked
                self.ui.linesComboBox.setCheckState(node, state)
        finally:
            self._showing = False
        self._onCurrent(self.ui.linesComboBox.currentNode())

    def _onChecked(self):
        if self._parameters is not None and not self._showing:
            setLineNodes(self._parameters, self.ui.linesComboBox.checkedNodes())

    def _onCurrent(self, node):
        for name, edit in self._edits().items():
            edit.enabled = node is not None
            edit.text = (node.GetAttribute(name) or "") if node is not None else ""
        self.ui.currentLineLabel.text = (
            _("Known of '{name}' (mm):").format(name=node.GetName()) if node is not None else _("No line is chosen.")
        )

    def _onEdit(self, name):
        from M3DValidationLib.InSlicer.MarkupReferences import keepWithLine

        node = self.ui.linesComboBox.currentNode()
        if node is None:
            return
        with errorsShown(_("The value was not taken.")):
            try:
                keepWithLine(node, name, self._edits()[name].text)
            finally:
                self._edits()[name].text = node.GetAttribute(name) or ""
