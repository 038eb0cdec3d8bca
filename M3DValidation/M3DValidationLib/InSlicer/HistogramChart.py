"""The histogram of deviations as a chart of Slicer's plot view, in the colors of the map, with the tolerance marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..Report.Pictures.ColorScale import deviationColors

if TYPE_CHECKING:
    import slicer

_DEVIATION = "Deviation (mm)"
_SHARE = "Share of the area (%)"
_BINS, _SHARES = "Middle of the bin (mm)", "Share of the area in the bin (%)"
# Multiples of the tolerance that part the bands, and the place on the scale of colors of each band between them.
_EDGES = (-np.inf, -2, -1, 1, 2, np.inf)
_COLORS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_NAMES = ("mesh far too large", "mesh too large", "within the tolerance", "mesh too small", "mesh far too small")
# Darker than on the map: the middle of the scale is nearly white, and so is the plot's background.
_WITHIN = (0.45, 0.45, 0.45)
_LINE_WIDTH = 3


def addHistogram(
    block: Mapping, scene: slicer.vtkMRMLScene, name: str
) -> tuple[slicer.vtkMRMLTableNode, list[slicer.vtkMRMLPlotSeriesNode], slicer.vtkMRMLPlotChartNode]:
    """Put the histogram of a report's deviation into the scene.

    Bars are outlines, one series for each band that occurs, in the band's color on the map, for Slicer's own bars of
    several series stand beside each other; two upright lines mark the tolerance. A bin belongs to the band that its
    middle lies in.

    :param block: ``deviation.image`` of the report.
    :return: the table, the series and the chart; nothing is left in the scene when this fails.
    """
    added = []
    try:
        return _add(block, scene, name, added)
    except BaseException:
        for node in reversed(added):
            scene.RemoveNode(node)
        raise


def _add(block, scene, name, added):
    edges = np.array(block["histogram"]["edges"], dtype=np.float64)
    shares = 100 * np.array(block["histogram"]["shares"], dtype=np.float64)
    tolerance = float(block["tolerance"])
    middles = (edges[:-1] + edges[1:]) / 2
    lines = {
        bandName: (_outline(edges, shares, chosen), tuple(color))
        for bandName, color, chosen in _bands(middles, shares, tolerance)
    }
    top = max(float(shares.max(initial=0.0)), 1.0)
    mark = np.array([(-tolerance, 0.0), (-tolerance, top), (-tolerance, 0.0), (tolerance, 0.0), (tolerance, top)])
    lines[f"tolerance {tolerance:g} mm"] = (mark, (0.1, 0.1, 0.1))
    table = _node(scene, "vtkMRMLTableNode", f"Histogram, {name}", added)
    table.SetAndObserveTable(_table(middles, shares, lines))
    series = []
    for lineName, (_points, color) in lines.items():
        one = _node(scene, "vtkMRMLPlotSeriesNode", lineName, added)
        one.SetAndObserveTableNodeID(table.GetID())
        one.SetPlotType(one.PlotTypeScatter)
        one.SetXColumnName(f"{lineName}, x")
        one.SetYColumnName(f"{lineName}, y")
        one.SetMarkerStyle(one.MarkerStyleNone)
        isMark = lineName.startswith("tolerance")
        one.SetLineStyle(one.LineStyleDash if isMark else one.LineStyleSolid)
        one.SetLineWidth(_LINE_WIDTH - 1 if isMark else _LINE_WIDTH)
        one.SetColor(*color)
        series.append(one)
    chart = _node(scene, "vtkMRMLPlotChartNode", f"Deviation, {name}", added)
    for one in series:
        chart.AddAndObservePlotSeriesNodeID(one.GetID())
    chart.SetTitle(f"Mesh against scan, tolerance {tolerance:g} mm")
    chart.SetXAxisTitle(f"{_DEVIATION}, positive: mesh too small")
    chart.SetYAxisTitle(_SHARE)
    chart.LegendVisibilityOn()
    return table, series, chart


def _node(scene, className: str, name: str, added: list):
    node = scene.AddNewNodeByClass(className, name)
    added.append(node)
    return node


def _bands(middles: np.ndarray, shares: np.ndarray, tolerance: float):
    """Name, color and bins of each band that holds anything."""
    for low, high, place, name in zip(_EDGES[:-1], _EDGES[1:], _COLORS, _NAMES, strict=True):
        chosen = (middles > low * tolerance) & (middles <= high * tolerance)
        if low == -1:
            chosen |= np.isclose(middles, -tolerance)
        if shares[chosen].any():
            color = deviationColors(np.array([place]), 1.0)[0] / 255 if place else np.array(_WITHIN)
            yield name, color.tolist(), np.flatnonzero(chosen)


def _outline(edges: np.ndarray, shares: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """The outlines of bars as one line (n, 2), along the axis from bar to bar."""
    corners = []
    for index in bins:
        left, right, height = edges[index], edges[index + 1], shares[index]
        corners += [(left, 0.0), (left, height), (right, height), (right, 0.0)]
    return np.array(corners)


def _table(middles: np.ndarray, shares: np.ndarray, lines: Mapping):
    """Bins and shares to read, and the points of the lines; shorter columns repeat their last value."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    columns = {_BINS: middles, _SHARES: shares}
    for name, (points, _color) in lines.items():
        columns[f"{name}, x"], columns[f"{name}, y"] = points[:, 0], points[:, 1]
    length = max(map(len, columns.values()))
    table = vtk.vtkTable()
    for title, values in columns.items():
        # The bins end where they end; the lines may stay where they are.
        last = np.nan if title in (_BINS, _SHARES) else values[-1]
        padded = np.concatenate([values, np.full(length - len(values), last)])
        array = numpy_to_vtk(np.ascontiguousarray(padded, dtype=np.float64), deep=True)
        array.SetName(title)
        table.AddColumn(array)
    return table
