"""Places of MRML nodes: their grids and transforms as matrices in LPS mm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    import slicer
    import vtk

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TOLERANCE = 1e-6


def arrayOfMatrix(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """A vtkMatrix4x4 as float64 (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrixOfArray(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """A (4, 4) array as vtkMatrix4x4."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix


def ijkToLpsOfVolume(volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """Voxel index to LPS mm, float64 (4, 4), without the node's parent transform."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return LPS_FROM_RAS @ arrayOfMatrix(matrix)


def transformToVolume(
    node: slicer.vtkMRMLTransformableNode,
    volumeNode: slicer.vtkMRMLVolumeNode | None,
) -> np.ndarray | None:
    """How a node lies in the coordinates of the scan: from the node's own coordinates to the volume's own ones.

    A transform that both nodes share (a registration of the whole case, the regularization of an irregular scan) moves
    both alike and does not count.

    :param volumeNode: None when the scan is not in the scene and so under no transform.
    :return: float64 (4, 4), LPS mm; None when the node lies where it was drawn.
    :raises M3DError: the transform is not linear.
    """
    import slicer
    import vtk

    nodeTransform = node.GetParentTransformNode()
    volumeTransform = volumeNode.GetParentTransformNode() if volumeNode is not None else None
    if nodeTransform is volumeTransform:
        return None
    if not _isLinear(nodeTransform, volumeTransform):
        raise M3DError(
            f"'{node.GetName()}' is moved against the scan by a transform that is not linear, which cannot be recorded "
            "in the model. Harden the transform (Transforms module), or take the node out of it.",
        )
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(nodeTransform, volumeTransform, matrix)
    result = LPS_FROM_RAS @ arrayOfMatrix(matrix) @ LPS_FROM_RAS
    if np.allclose(result, np.eye(4), atol=_TOLERANCE):
        return None
    if abs(np.linalg.det(result[:3, :3])) < _TOLERANCE:
        raise M3DError(f"The transform of '{node.GetName()}' flattens it; take the node out of the transform.")
    return result


def _isLinear(source: slicer.vtkMRMLTransformNode | None, target: slicer.vtkMRMLTransformNode | None) -> bool:
    """Whether the transform between two transform nodes (None for the world) is linear."""
    if source is not None:
        return bool(source.IsTransformToNodeLinear(target))
    return bool(target.IsTransformToNodeLinear(None))


def describeTransform(matrix: np.ndarray) -> str:
    """A linear transform in words and numbers that fit into an algorithm parameter (no comma, no equals sign)."""
    shift = np.linalg.norm(matrix[:3, 3])
    scale = abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3)
    words = ["mirrored"] if np.linalg.det(matrix[:3, :3]) < 0 else []
    if abs(scale - 1) > 1e-4:
        words.append(f"scaled by {scale:.4g}")
    rotation = matrix[:3, :3] / scale * (-1 if words[:1] == ["mirrored"] else 1)
    angle = np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    if angle > 0.01:
        words.append(f"turned by {angle:.2f} degrees")
    words.append(f"moved by {shift:.2f} mm")
    return "linear transform: " + " and ".join(words)
