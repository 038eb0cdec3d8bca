"""What would cover a surface that is made of it is hidden, and shown again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer


class InputHider:
    """Hides a segmentation or model where it would cover a map or a preview of it, and shows it again as it was.

    A segmentation's outlines in the slices stay: they show where the segment ends.
    """

    def __init__(self):
        self._hidden: list[tuple] = []

    def hide(self, node: slicer.vtkMRMLDisplayableNode | None) -> None:
        """Hide a node's surface in 3D and a segmentation's fill in the slices; once for each node."""
        display = node.GetDisplayNode() if node is not None else None
        if display is None or any(one is display for one, *_ in self._hidden):
            return
        isSegmentation = node.IsA("vtkMRMLSegmentationNode")
        self._hidden.append((display, display.GetVisibility3D(), isSegmentation and display.GetVisibility2DFill()))
        display.SetVisibility3D(False)
        if isSegmentation:
            display.SetVisibility2DFill(False)

    def restore(self) -> None:
        """Show again what was hidden, where it is in the scene still; what a user has switched on since stays on."""
        for display, in3D, fill in self._hidden:
            if display.GetScene() is None:
                continue
            if in3D:
                display.SetVisibility3D(True)
            if fill:
                display.SetVisibility2DFill(True)
        self._hidden = []
