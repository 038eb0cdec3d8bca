"""The results of a validation as nodes of Slicer's scene: saved with it, and there when it is opened again.

A text node holds the report's JSON and refers to the rest: a table of the findings, a text node with the report's
pictures and the places of the findings, a model with the deviations at its points, and the histogram as a chart.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel, removeNode

from ..Report.Content.FindingPlaces import placesOf
from ..Report.Content.ReportView import findingView

if TYPE_CHECKING:
    import slicer

    from ..Report.Report import Report

IS_REPORT = "M3DValidation.Report"
FINDINGS, EVIDENCE, MAP, HISTOGRAM, SERIES, CHART, VOLUME, INPUT = (
    f"M3DValidation.{name}Ref"
    for name in ("findings", "evidence", "map", "histogram", "series", "chart", "volume", "input")
)
_OWN_ROLES = (CHART, SERIES, HISTOGRAM, MAP, EVIDENCE, FINDINGS)
SEGMENT_ID = "M3DValidation.SegmentID"
_VERDICT = "M3DValidation.Verdict"
COLORS = "M3DValidation.Colors"

# Point arrays of the map; what is not reliable is not a number in the first.
RELIABLE, FOUND, UNCERTAINTY, QUALITY = "Deviation", "Deviation (all found)", "Uncertainty (95 %)", "Quality"
COLUMNS = ("Verdict", "Requirement", "Measured", "Limit", "Clause", "Message", "Places (LPS mm)")


@dataclass
class StoredResults:
    """What a scene holds of a validation.

    :ivar data: content of the report by its schema.
    :ivar files: the report's pictures by name.
    :ivar places: for each finding of ``data`` where to look, LPS mm.
    """

    data: dict
    files: dict[str, bytes] = field(default_factory=dict)
    places: list[list[list[float]]] = field(default_factory=list)


def addResults(
    report: Report,
    scene: slicer.vtkMRMLScene,
    volumeNode: slicer.vtkMRMLVolumeNode | None = None,
    node: slicer.vtkMRMLNode | None = None,
    segmentId: str = "",
) -> slicer.vtkMRMLTextNode:
    """Put a report into the scene; on failure nothing of it is left there.

    :param volumeNode, node, segmentId: what was validated.
    :return: the text node with the JSON.
    """
    textNode = scene.AddNewNodeByClass("vtkMRMLTextNode", _name(report))
    try:
        textNode.SetAttribute(IS_REPORT, report.data["schemaVersion"])
        textNode.SetAttribute(_VERDICT, report.verdict.value)
        textNode.SetText(json.dumps(report.data, ensure_ascii=False, allow_nan=False))
        for role, other in ((VOLUME, volumeNode), (INPUT, node)):
            if other is not None:
                textNode.SetNodeReferenceID(role, other.GetID())
        if segmentId:
            textNode.SetAttribute(SEGMENT_ID, segmentId)
        places = _placesOfFindings(report)
        _refer(textNode, FINDINGS, _addFindings(report.data, places, scene))
        _refer(textNode, EVIDENCE, _addEvidence(report, places, scene))
        for case in report.cases:
            measured = case.measurements.get("deviation")
            deviation = measured.maps.get("image") if measured is not None else None
            if deviation is not None:
                name = case.segment.name if case.segment is not None else case.mesh.name
                _refer(textNode, MAP, _addMap(deviation, name, scene, volumeNode))
        block = (report.data["deviation"] or {}).get("image")
        if block is not None:
            _addHistogram(block, textNode, scene)
    except BaseException:
        removeResults(textNode, scene)
        raise
    return textNode


def _name(report: Report) -> str:
    named = [case.segment or case.mesh or case.image for case in report.cases]
    return f"Validation of {', '.join(one.name for one in named if one.name) or 'a scan'}"


def _refer(textNode, role: str, other) -> None:
    textNode.AddNodeReferenceID(role, other.GetID())


def _placesOfFindings(report: Report) -> list[list[list[float]]]:
    cases = [case for case, found in zip(report.cases, report.results, strict=True) for _finding in found]
    return [placesOf(finding, case) for finding, case in zip(report.data["findings"], cases, strict=True)]


def _addFindings(data: Mapping, places, scene) -> slicer.vtkMRMLTableNode:
    import vtk

    table = vtk.vtkTable()
    rows = []
    for finding, where in zip(data["findings"], places, strict=True):
        view = findingView(finding)
        shown = "; ".join(" ".join(f"{value:.1f}" for value in place) for place in where)
        texts = (view[key] for key in ("title", "measured", "limit", "clause", "message"))
        rows.append((f"{view['icon']} {view['word']}", *texts, shown))
    for number, title in enumerate(COLUMNS):
        column = vtk.vtkStringArray()
        column.SetName(title)
        for row in rows:
            column.InsertNextValue(row[number])
        table.AddColumn(column)
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "Findings of the validation")
    node.SetAndObserveTable(table)
    return node


def _addEvidence(report: Report, places, scene) -> slicer.vtkMRMLTextNode:
    pictures = {name: base64.b64encode(content).decode("ascii") for name, content in report.attachments.items()}
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", "Pictures of the validation")
    node.SetText(json.dumps({"files": pictures, "places": places}))
    return node


def _addMap(deviation: DeviationMap, name: str, scene, volumeNode) -> slicer.vtkMRMLModelNode:
    from vtk.util.numpy_support import numpy_to_vtk

    node = addMeshAsModel(deviation.mesh, scene, f"{name}, deviation from the scan")
    points = node.GetPolyData().GetPointData()
    arrays = {
        RELIABLE: np.where(deviation.reliable, deviation.distance, np.nan),
        FOUND: deviation.distance,
        QUALITY: deviation.quality,
    }
    if deviation.uncertainty is not None:
        arrays[UNCERTAINTY] = deviation.uncertainty
    for title, values in arrays.items():
        kind = np.uint8 if title == QUALITY else np.float32
        array = numpy_to_vtk(np.ascontiguousarray(values, dtype=kind), deep=True)
        array.SetName(title)
        points.AddArray(array)
    if volumeNode is not None:
        node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    return node


def _addHistogram(block: Mapping, textNode, scene) -> None:
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    histogram = block["histogram"]
    edges = np.array(histogram["edges"], dtype=np.float64)
    table = vtk.vtkTable()
    columns = {
        "Deviation (mm)": (edges[:-1] + edges[1:]) / 2,
        "Share of the area (%)": 100 * np.array(histogram["shares"]),
    }
    for title, values in columns.items():
        array = numpy_to_vtk(np.ascontiguousarray(values, dtype=np.float64), deep=True)
        array.SetName(title)
        table.AddColumn(array)
    tableNode = scene.AddNewNodeByClass("vtkMRMLTableNode", "Deviations, shares of the area")
    tableNode.SetAndObserveTable(table)
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "Deviation from the scan")
    series.SetAndObserveTableNodeID(tableNode.GetID())
    horizontal, vertical = columns
    series.SetXColumnName(horizontal)
    series.SetYColumnName(vertical)
    series.SetPlotType(series.PlotTypeScatterBar)
    series.SetColor(0.26, 0.57, 0.78)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", "Deviation from the scan")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetTitle(f"Mesh against scan, tolerance {block['tolerance']:g} mm")
    chart.SetXAxisTitle(f"{horizontal}, positive: mesh too small")
    chart.SetYAxisTitle(vertical)
    chart.LegendVisibilityOff()
    for role, node in ((HISTOGRAM, tableNode), (SERIES, series), (CHART, chart)):
        _refer(textNode, role, node)


def isReport(node: slicer.vtkMRMLNode | None) -> bool:
    """Whether a node holds a report that was put into the scene here."""
    return node is not None and bool(node.GetAttribute(IS_REPORT))


def isModelReport(textNode: slicer.vtkMRMLTextNode) -> bool:
    """Whether a report is about a model or segment and its scan, and both are in the scene still."""
    return textNode.GetNodeReference(VOLUME) is not None and textNode.GetNodeReference(INPUT) is not None


def verdictOf(textNode: slicer.vtkMRMLTextNode) -> str:
    """The verdict of a report in the scene, a value of ``Verdict``, without reading all of it."""
    return textNode.GetAttribute(_VERDICT) or ""


def readResults(textNode: slicer.vtkMRMLTextNode) -> StoredResults:
    """What a scene holds of a validation, also after it was saved and opened again.

    :raises M3DError: the node holds no report of this version.
    """
    from ..Report.Content.ReportContent import readSchema
    from ..SchemaValidation import schemaProblems

    try:
        data = json.loads(textNode.GetText() or "")
    except json.JSONDecodeError as error:
        raise M3DError(f"Text '{textNode.GetName()}' holds no report: it is not JSON.") from error
    problems = schemaProblems(data, readSchema())
    if problems:
        raise M3DError(f"Text '{textNode.GetName()}' holds no report of this version: {problems[0]}")
    evidence = textNode.GetNodeReference(EVIDENCE)
    stored = json.loads(evidence.GetText()) if evidence is not None and evidence.GetText() else {}
    files = {name: base64.b64decode(content) for name, content in stored.get("files", {}).items()}
    places = stored.get("places") or [[] for _finding in data["findings"]]
    return StoredResults(data, files, places)


def mapsOf(textNode: slicer.vtkMRMLTextNode) -> list[slicer.vtkMRMLModelNode]:
    """The models with the deviations, one per segment; those that were removed from the scene are left out."""
    nodes = [textNode.GetNthNodeReference(MAP, number) for number in range(textNode.GetNumberOfNodeReferences(MAP))]
    return [node for node in nodes if node is not None]


def removeResults(textNode: slicer.vtkMRMLTextNode, scene: slicer.vtkMRMLScene) -> None:
    """Take a report and all that belongs to it out of the scene."""
    for role in _OWN_ROLES:
        for number in range(textNode.GetNumberOfNodeReferences(role) - 1, -1, -1):
            node = textNode.GetNthNodeReference(role, number)
            if node is None:
                continue
            if node.IsA("vtkMRMLModelNode"):
                colors = node.GetDisplayNode().GetColorNode() if node.GetDisplayNode() is not None else None
                removeNode(node, scene)
                if colors is not None and colors.GetAttribute(COLORS):
                    _removeWithStorage(colors, scene)
            else:
                _removeWithStorage(node, scene)
    _removeWithStorage(textNode, scene)


def _removeWithStorage(node, scene) -> None:
    storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
    if storage is not None:
        scene.RemoveNode(storage)
    scene.RemoveNode(node)
