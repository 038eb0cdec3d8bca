"""What the forms of the panels do alike: show parameters, take what is chosen, find the scan that belongs to it."""

import slicer


class PanelForm:
    """Base of the forms; ``showParameters`` is a form's own.

    :param ui: the widgets of the panel's ``.ui`` file, ``inputSelector`` among them.
    :param widget: the module's widget, asked for its ``logic``.
    """

    def __init__(self, ui, widget):
        self.ui = ui
        self.widget = widget
        self._parameters = None
        self._showing = False
        self._segmentation = None
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onInput)

    def show(self, parameters):
        """Show these parameters, None for none; what widgets report meanwhile is no choice of the user's."""
        self._parameters = parameters
        if self._showing:
            return
        self._showing = True
        try:
            self._observeSegments(parameters.inputNode if parameters is not None else None)
            self.showParameters(parameters)
        finally:
            self._showing = False

    def showParameters(self, parameters):
        """Show these parameters; None where the panel is left or the scene is closed."""
        raise TypeError(f"{type(self).__name__} does not say how it shows parameters.")

    def chooseObviousInput(self):
        """Choose the first segmentation, with what belongs to it, when nothing is chosen."""
        if not self.hasInput():
            node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
            if node is not None:
                self.choose(node)

    def hasInput(self):
        """Whether the user, or a saved scene, has chosen something."""
        return bool(self._parameters.inputNode)

    def choose(self, node):
        """Choose a segmentation or model, None for none, with what belongs to it."""
        with slicer.util.NodeModify(self._parameters):
            self.chooseInput(node)

    def chooseInput(self, node):
        """Take a segmentation or model as the user's choice, and the scan it was made from, where that is found.

        Called within one modification of the parameter node, which is shown once afterwards.
        """
        from M3DLib.InSlicer.SlicerExport import findSource
        from M3DLib.SlicerAdaptors import applicationDatabase

        self._parameters.inputNode = node
        source = findSource(node, slicer.mrmlScene, applicationDatabase()) if node is not None else None
        return source.volumeNode if source is not None else None

    def _onInput(self, node):
        if self._parameters is None or self._showing or node is self._parameters.inputNode:
            return
        self.choose(node)

    def nodeRemoved(self, node):
        """Called when a node has left the scene, whether the panel is open or not."""
        if self._parameters is not None:
            self.show(self._parameters)

    def _observeSegments(self, node):
        """Follow the segments of the chosen segmentation: others may add, rename or remove some."""
        segmentation = node.GetSegmentation() if isSegmentation(node) else None
        if segmentation is self._segmentation:
            return
        kind = slicer.vtkSegmentation
        events = (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified)
        for event in events:
            if self._segmentation is not None:
                self.widget.removeObserver(self._segmentation, event, self._onSegments)
            if segmentation is not None:
                self.widget.addObserver(segmentation, event, self._onSegments)
        self._segmentation = segmentation

    def _onSegments(self, caller=None, event=None):
        if self._parameters is not None:
            self.show(self._parameters)


def isSegmentation(node):
    """Whether a node is a segmentation; None is none."""
    return node is not None and node.IsA("vtkMRMLSegmentationNode")


def segmentIdsOf(node):
    """IDs of a segmentation's segments, in its order."""
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
