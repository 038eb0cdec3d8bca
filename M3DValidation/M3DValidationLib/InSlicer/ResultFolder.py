"""Where the results of a validation lie in Slicer's subject hierarchy: in a folder of their own in the scan's study."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer

_FOLDER = "M3DValidation.Results"


def putIntoFolder(
    nodes: Iterable[slicer.vtkMRMLNode],
    name: str,
    scene: slicer.vtkMRMLScene,
    volumeNode: slicer.vtkMRMLVolumeNode | None,
) -> None:
    """Put nodes into a new folder of the subject hierarchy.

    :param volumeNode: whose study the folder goes to; into the scene when it is in none, or is None.
    """
    hierarchy = _hierarchy(scene)
    volumeItem = hierarchy.GetItemByDataNode(volumeNode) if volumeNode is not None else 0
    parent = hierarchy.GetItemParent(volumeItem) if volumeItem else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, name)
    hierarchy.SetItemAttribute(folder, _FOLDER, "1")
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.SetItemParent(item, folder)
        else:
            # The application makes items itself; outside it nobody does.
            hierarchy.CreateItem(folder, node)
    hierarchy.SetItemExpanded(folder, False)


def folderOf(node: slicer.vtkMRMLNode, scene: slicer.vtkMRMLScene) -> int:
    """The folder of results that a node lies in, 0 when it is in none."""
    hierarchy = _hierarchy(scene)
    item = hierarchy.GetItemByDataNode(node)
    parent = hierarchy.GetItemParent(item) if item else 0
    return parent if parent and hierarchy.GetItemAttribute(parent, _FOLDER) else 0


def removeFolder(folder: int, scene: slicer.vtkMRMLScene) -> None:
    """Remove a folder of results, once they are removed; what a user has put there stays in the folder's place."""
    if folder:
        _hierarchy(scene).RemoveItem(folder, False, False)


def _hierarchy(scene):
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
