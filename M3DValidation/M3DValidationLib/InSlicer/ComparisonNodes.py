"""What a comparison of two models leaves in Slicer's scene: a table of its figures, and the transform that aligns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.InSlicer.SlicerTransforms import matrixOfArray

if TYPE_CHECKING:
    import slicer

# Key of the figures, their name, and whether they are shares.
_ROWS = (
    ("meanSigned", "Mean (signed), mm", 1),
    ("sd", "Standard deviation, mm", 1),
    ("rms", "Root mean square, mm", 1),
    ("p95Absolute", "95 % of sizes within, mm", 1),
    ("minSigned", "Smallest, mm", 1),
    ("maxSigned", "Largest, mm", 1),
    ("withinTolerance", "Within tolerance, %", 100),
)


def addFigures(facts: Mapping, name: str, scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLTableNode:
    """A table with the figures of both directions; what was not measured is empty.

    :param facts: of the comparison, as ``m3d compare`` gives them for the surface.
    """
    import vtk

    table = vtk.vtkTable()
    columns = [vtk.vtkStringArray() for _ in range(3)]
    for column, title in zip(columns, ("Figure", "Model to reference", "Reference to model"), strict=True):
        column.SetName(title)
    for key, title, factor in _ROWS:
        columns[0].InsertNextValue(title)
        for column, values in zip(columns[1:], (facts, facts["reverse"]), strict=True):
            value = values.get(key)
            column.InsertNextValue("" if value is None else f"{factor * value:.3f}")
    for column in columns:
        table.AddColumn(column)
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetAndObserveTable(table)
    return node


def addTransform(matrix: np.ndarray, name: str, scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLLinearTransformNode:
    """A transform node with a matrix (4, 4), RAS mm, that nothing is under yet."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    transform.SetMatrixTransformToParent(matrixOfArray(matrix))
    return transform
