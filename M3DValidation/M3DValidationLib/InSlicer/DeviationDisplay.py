"""How the map of deviations looks in Slicer's views, and which value it has at a place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Distance.DeviationMap import QUALITY_TEXT, Quality

from ..Report.Pictures.ColorScale import NOT_MEASURED, deviationColors
from .ResultNodes import COLORS, FOUND, QUALITY, RELIABLE, UNCERTAINTY

if TYPE_CHECKING:
    import slicer

_COLORS = 256
LEGEND_TITLE = "Deviation (mm)\npositive: mesh too small"


def showDeviation(
    modelNode: slicer.vtkMRMLModelNode,
    reach: float,
    tolerance: float,
    bands: bool = False,
    reliableOnly: bool = True,
) -> slicer.vtkMRMLColorTableNode:
    """Color a map; gray is what is not measured.

    :param reach: mm; from here on the color is that of the scale's end.
    :param tolerance: mm.
    :param bands: five even colors (within the tolerance, beyond it, beyond twice it) instead of a smooth scale.
    :param reliableOnly: whether places that were found but are not reliable are gray too.
    :return: the color node of the model.
    """
    import vtk

    display = modelNode.GetDisplayNode()
    colorNode = display.GetColorNode()
    if colorNode is None or not colorNode.GetAttribute(COLORS):
        colorNode = modelNode.GetScene().AddNewNodeByClass("vtkMRMLColorTableNode", "Deviation colors")
        colorNode.SetAttribute(COLORS, "1")
        colorNode.SetTypeToUser()
        colorNode.SetHideFromEditors(True)
        colorNode.SetNumberOfColors(_COLORS)
    values = (np.arange(_COLORS) + 0.5) / _COLORS * 2 * reach - reach
    colors = deviationColors(banded(values, tolerance, reach) if bands else values, reach) / 255
    for number, (value, color) in enumerate(zip(values, colors, strict=True)):
        colorNode.SetColor(number, f"{value:+.2f} mm", *color.tolist(), 1.0)
    table = colorNode.GetLookupTable()
    table.SetNanColor(*(channel / 255 for channel in NOT_MEASURED), 1.0)
    table.SetTableRange(-reach, reach)
    display.SetAndObserveColorNodeID(colorNode.GetID())
    display.SetActiveScalar(RELIABLE if reliableOnly else FOUND, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(-reach, reach)
    display.SetScalarVisibility(True)
    display.SetVisibility2D(True)
    display.SetSliceIntersectionThickness(3)
    return colorNode


def addLegend(modelNode: slicer.vtkMRMLModelNode) -> slicer.vtkMRMLColorLegendDisplayNode:
    """The legend of a map's colors in the views; the one it has already, if any."""
    import slicer

    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(modelNode)
    if legend is None:
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(modelNode)
    legend.SetTitleText(LEGEND_TITLE)
    legend.SetLabelFormat("%.2f")
    legend.SetVisibility(True)
    return legend


def toleranceOf(textNode: slicer.vtkMRMLTextNode) -> float:
    """Tolerance of a report in the scene, mm."""
    return float(json.loads(textNode.GetText())["toleranceMm"])


def banded(values: np.ndarray, tolerance: float, reach: float) -> np.ndarray:
    """Deviations (n,) as the middle of their band, for its color: 0 within the tolerance, then half and whole reach."""
    size = np.abs(values)
    band = np.where(size <= tolerance, 0.0, np.where(size <= 2 * tolerance, 0.5, 1.0))
    return np.sign(values) * band * reach


@dataclass(frozen=True)
class ProbedDeviation:
    """What the map says at its point nearest to a place.

    :ivar distance: mm, positive where the mesh is too small; None where no edge was found.
    :ivar uncertainty: half width of the 95 % interval, mm; None where none is stated.
    :ivar reason: why the point is not reliable, "" when it is.
    :ivar awayMm: how far the point is from the place.
    """

    distance: float | None
    uncertainty: float | None
    reason: str
    awayMm: float


class DeviationProbe:
    """Looks up the deviation near places; builds its search structure once.

    :param modelNode: a map.
    """

    def __init__(self, modelNode: slicer.vtkMRMLModelNode):
        import vtk
        from vtk.util.numpy_support import vtk_to_numpy

        self._polyData = modelNode.GetPolyData()
        arrays = self._polyData.GetPointData()
        self._distance, self._quality = (vtk_to_numpy(arrays.GetArray(name)) for name in (FOUND, QUALITY))
        uncertainty = arrays.GetArray(UNCERTAINTY)
        self._uncertainty = vtk_to_numpy(uncertainty) if uncertainty is not None else None
        self._locator = vtk.vtkStaticPointLocator()
        self._locator.SetDataSet(self._polyData)
        self._locator.BuildLocator()

    def at(self, ras: tuple[float, float, float], within: float = 2.0) -> ProbedDeviation | None:
        """The deviation at the point nearest to a place.

        :param ras: in the model's own coordinates, mm.
        :param within: mm; None is returned when no point of the map is so near.
        """
        number = self._locator.FindClosestPoint(*ras)
        if number < 0:
            return None
        away = float(np.linalg.norm(np.subtract(self._polyData.GetPoint(number), ras)))
        if away > within:
            return None
        distance, quality = float(self._distance[number]), Quality(int(self._quality[number]))
        uncertainty = None if self._uncertainty is None else float(self._uncertainty[number])
        reliable = quality == Quality.RELIABLE
        return ProbedDeviation(
            distance if np.isfinite(distance) else None,
            uncertainty if reliable and uncertainty is not None and np.isfinite(uncertainty) else None,
            "" if reliable else QUALITY_TEXT[quality],
            away,
        )
