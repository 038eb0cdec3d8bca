"""How the map of deviations looks in Slicer's views, and which value it has at a place."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
# Shares of a view, and points.
_LEGEND_SIZE, _LEGEND_POSITION = (0.09, 0.35), (0.97, 0.5)
_TITLE_POINTS, _LABEL_POINTS = 11, 11
# With bands the scale ends here: beyond twice the tolerance there is one band more, and it is to be seen.
_BANDS_REACH = 3.0


def showDeviation(
    modelNode: slicer.vtkMRMLModelNode,
    reach: float,
    tolerance: float,
    bands: bool = False,
    reliableOnly: bool = True,
) -> slicer.vtkMRMLColorTableNode:
    """Color a map; gray is what is not measured.

    Colors that are so already are left alone, and views redraw once: each change of one color would cut the map anew in
    every slice view.

    :param reach: mm; from here on the color is that of the scale's end. With bands, the scale follows the tolerance.
    :param tolerance: mm.
    :param bands: five even colors (within the tolerance, beyond it, beyond twice it) instead of a smooth scale.
    :param reliableOnly: whether places that were found but are not reliable are gray too.
    :return: the color node of the model.
    """
    import vtk

    display = modelNode.GetDisplayNode()
    colorNode = display.GetColorNode()
    if colorNode is None or not colorNode.GetAttribute(COLORS):
        colorNode = _newColorNode(modelNode)
    reach = reachOf(reach, tolerance, bands)
    wasModified = colorNode.StartModify(), display.StartModify()
    try:
        _setColors(colorNode, reach, tolerance, bands)
        if display.GetColorNodeID() != colorNode.GetID():
            display.SetAndObserveColorNodeID(colorNode.GetID())
        display.SetActiveScalar(RELIABLE if reliableOnly else FOUND, vtk.vtkAssignAttribute.POINT_DATA)
        display.SetScalarRangeFlag(display.UseManualScalarRange)
        display.SetScalarRange(-reach, reach)
        display.SetScalarVisibility(True)
        display.SetVisibility2D(True)
        display.SetSliceIntersectionThickness(3)
    finally:
        colorNode.EndModify(wasModified[0])
        display.EndModify(wasModified[1])
    return colorNode


def _setColors(colorNode: slicer.vtkMRMLColorTableNode, reach: float, tolerance: float, bands: bool) -> None:
    wanted = f"{reach:g} mm, bands of {tolerance:g} mm" if bands else f"{reach:g} mm"
    table = colorNode.GetLookupTable()
    # A scene that is opened again has lost these two.
    table.SetNanColor(*(channel / 255 for channel in NOT_MEASURED), 1.0)
    table.SetTableRange(-reach, reach)
    if colorNode.GetAttribute(COLORS) == wanted:
        return
    values = (np.arange(_COLORS) + 0.5) / _COLORS * 2 * reach - reach
    colors = deviationColors(banded(values, tolerance, reach) if bands else values, reach) / 255
    for number, (value, color) in enumerate(zip(values, colors, strict=True)):
        colorNode.SetColor(number, f"{value:+.2f} mm", *color.tolist(), 1.0)
    colorNode.SetAttribute(COLORS, wanted)


def _newColorNode(modelNode: slicer.vtkMRMLModelNode) -> slicer.vtkMRMLColorTableNode:
    colorNode = modelNode.GetScene().AddNewNodeByClass("vtkMRMLColorTableNode", "Deviation colors")
    colorNode.SetAttribute(COLORS, "none yet")
    colorNode.SetTypeToUser()
    colorNode.SetHideFromEditors(True)
    colorNode.SetNumberOfColors(_COLORS)
    return colorNode


def reachOf(reach: float, tolerance: float, bands: bool) -> float:
    """Deviation at which the colors end, mm: what is asked for, or with bands what shows all five."""
    return _BANDS_REACH * tolerance if bands else reach


def addLegend(
    modelNode: slicer.vtkMRMLModelNode, bands: bool = False, viewIds: Sequence[str] = ()
) -> slicer.vtkMRMLColorLegendDisplayNode:
    """A small legend of a map's colors; the one it has already, if any.

    :param bands: whether the labels are to be the bounds of the bands.
    :param viewIds: IDs of the views that show it; all views when empty.
    """
    import slicer

    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(modelNode)
    if legend is None:
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(modelNode)
    wasModified = legend.StartModify()
    legend.SetTitleText(LEGEND_TITLE)
    legend.SetLabelFormat("%.2f")
    legend.SetNumberOfLabels(7 if bands else 5)
    legend.SetSize(*_LEGEND_SIZE)
    legend.SetPosition(*_LEGEND_POSITION)
    legend.GetTitleTextProperty().SetFontSize(_TITLE_POINTS)
    legend.GetLabelTextProperty().SetFontSize(_LABEL_POINTS)
    legend.RemoveAllViewNodeIDs()
    for viewId in viewIds:
        legend.AddViewNodeID(viewId)
    legend.SetVisibility(True)
    legend.EndModify(wasModified)
    return legend


def legendViews(scene: slicer.vtkMRMLScene) -> list[str]:
    """IDs of the views for a legend: those in 3D and one slice view, the first."""
    found = []
    for className, most in (("vtkMRMLViewNode", None), ("vtkMRMLSliceNode", 1)):
        count = scene.GetNumberOfNodesByClass(className)
        nodes = [scene.GetNthNodeByClass(number, className) for number in range(count)]
        found += [node.GetID() for node in nodes[:most]]
    return found


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
