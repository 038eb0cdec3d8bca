"""The results of a validation as nodes of Slicer's scene: saved with it, and there when it is opened again.

A text node holds the report's JSON and refers to the rest: a table of the findings, a text node with the report's
pictures and the places of the findings, a model with the deviations at its points, and the histogram as a chart. All
lie in one folder of the subject hierarchy, in the study of the scan.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel, removeNode

from ..Report.Content.FindingPlaces import placesOf
from ..Report.Content.ReportView import findingView
from .HistogramChart import addHistogram
from .ResultFolder import folderOf, putIntoFolder, removeFolder

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
_SCAN_NAME, _INPUT_NAME = "M3DValidation.ScanName", "M3DValidation.InputName"
COLORS = "M3DValidation.Colors"

# Point arrays of the map; what is not reliable is not a number in the first.
RELIABLE, FOUND, UNCERTAINTY, QUALITY = "Deviation", "Deviation (all found)", "Uncertainty (95 %)", "Quality"
COLUMNS = ("Verdict", "Requirement", "Measured", "Limit", "Clause", "Message", "Places (RAS mm)")


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
    name = resultName(report)
    textNode = scene.AddNewNodeByClass("vtkMRMLTextNode", f"Report, {name}")
    try:
        textNode.SetAttribute(IS_REPORT, report.data["schemaVersion"])
        textNode.SetAttribute(_VERDICT, report.verdict.value)
        textNode.SetText(json.dumps(report.data, ensure_ascii=False, allow_nan=False))
        for role, other in ((VOLUME, volumeNode), (INPUT, node)):
            if other is not None:
                textNode.SetNodeReferenceID(role, other.GetID())
        if segmentId:
            textNode.SetAttribute(SEGMENT_ID, segmentId)
        textNode.SetAttribute(_SCAN_NAME, volumeNode.GetName() if volumeNode is not None else "")
        textNode.SetAttribute(_INPUT_NAME, _namesOf(report))
        places = _placesOfFindings(report)
        _refer(textNode, FINDINGS, _addFindings(report.data, places, scene, name))
        _refer(textNode, EVIDENCE, _addEvidence(report, places, scene, name))
        for case in report.cases:
            measured = case.measurements.get("deviation")
            deviation = measured.maps.get("image") if measured is not None else None
            if deviation is not None:
                own = case.segment.name if case.segment is not None else case.mesh.name
                _refer(textNode, MAP, addMap(deviation, f"{own}, deviation from the scan", scene, volumeNode))
        block = (report.data["deviation"] or {}).get("image")
        if block is not None:
            table, series, chart = addHistogram(block, scene, name)
            for role, others in ((HISTOGRAM, [table]), (SERIES, series), (CHART, [chart])):
                for other in others:
                    _refer(textNode, role, other)
        putIntoFolder([textNode, *ownNodes(textNode, scene)], f"Validation of {name}", scene, volumeNode)
    except BaseException:
        removeResults(textNode, scene)
        raise
    return textNode


def resultName(report: Report) -> str:
    """What was validated and by which profile, for the names of nodes."""
    about = _namesOf(report) or next((case.image.name for case in report.cases if case.image is not None), "")
    return f"{about or 'a scan'} ({report.data['profile']['title']})"


def _namesOf(report: Report) -> str:
    """Names of the segments or of the model; "" for a scan alone."""
    named = [case.segment or case.mesh for case in report.cases]
    return ", ".join(one.name for one in named if one is not None and one.name)


def subjectOf(textNode: slicer.vtkMRMLTextNode) -> tuple[str, str]:
    """Names of what a report in the scene is about, also after it is gone: segments or model, and scan."""
    return textNode.GetAttribute(_INPUT_NAME) or "", textNode.GetAttribute(_SCAN_NAME) or ""


def _refer(textNode, role: str, other) -> None:
    textNode.AddNodeReferenceID(role, other.GetID())


def _placesOfFindings(report: Report) -> list[list[list[float]]]:
    cases = [case for case, found in zip(report.cases, report.results, strict=True) for _finding in found]
    return [placesOf(finding, case) for finding, case in zip(report.data["findings"], cases, strict=True)]


def _addFindings(data: Mapping, places, scene, name: str) -> slicer.vtkMRMLTableNode:
    import vtk

    table = vtk.vtkTable()
    rows = []
    for finding, where in zip(data["findings"], places, strict=True):
        view = findingView(finding)
        shown = "; ".join(f"{-x:.1f} {-y:.1f} {z:.1f}" for x, y, z in where)
        texts = (view[key] for key in ("title", "measured", "limit", "clause", "message"))
        rows.append((f"{view['icon']} {view['word']}", *texts, shown))
    for number, title in enumerate(COLUMNS):
        column = vtk.vtkStringArray()
        column.SetName(title)
        for row in rows:
            column.InsertNextValue(row[number])
        table.AddColumn(column)
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"Findings, {name}")
    node.SetAndObserveTable(table)
    return node


def _addEvidence(report: Report, places, scene, name: str) -> slicer.vtkMRMLTextNode:
    pictures = {name: base64.b64encode(content).decode("ascii") for name, content in report.attachments.items()}
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", f"Pictures, {name}")
    node.SetText(json.dumps({"files": pictures, "places": places}))
    return node


def addMap(
    deviation: DeviationMap,
    name: str,
    scene: slicer.vtkMRMLScene,
    volumeNode: slicer.vtkMRMLVolumeNode | None = None,
) -> slicer.vtkMRMLModelNode:
    """A model whose points hold the deviations.

    :param volumeNode: whose transform it is put under; None for none.
    """
    from vtk.util.numpy_support import numpy_to_vtk

    node = addMeshAsModel(deviation.mesh, scene, name)
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


def ownNodes(textNode: slicer.vtkMRMLTextNode, scene: slicer.vtkMRMLScene) -> list[slicer.vtkMRMLNode]:
    """The nodes that were made with a report, those still there, in the order of removal; also of a removed report."""
    found = []
    for role in _OWN_ROLES:
        count = textNode.GetNumberOfNodeReferences(role)
        # By their IDs: a node that has left the scene knows those only.
        found += [scene.GetNodeByID(textNode.GetNthNodeReferenceID(role, number) or "") for number in range(count)]
    return [node for node in found if node is not None]


def removeResults(textNode: slicer.vtkMRMLTextNode, scene: slicer.vtkMRMLScene) -> None:
    """Take a report and all that belongs to it out of the scene."""
    folder = folderOf(textNode, scene)
    _removeOwnNodes(ownNodes(textNode, scene), scene)
    _removeWithStorage(textNode, scene)
    removeFolder(folder, scene)


def removeOrphans(textNode: slicer.vtkMRMLTextNode, scene: slicer.vtkMRMLScene) -> None:
    """Take what belongs to a report out of the scene that the report itself has left already."""
    orphans = ownNodes(textNode, scene)
    folder = next(filter(None, (folderOf(node, scene) for node in orphans)), 0)
    _removeOwnNodes(orphans, scene)
    removeFolder(folder, scene)


def _removeOwnNodes(nodes: Sequence[slicer.vtkMRMLNode], scene: slicer.vtkMRMLScene) -> None:
    for node in nodes:
        if not node.IsA("vtkMRMLModelNode"):
            _removeWithStorage(node, scene)
            continue
        colors = node.GetDisplayNode().GetColorNode() if node.GetDisplayNode() is not None else None
        removeNode(node, scene)
        if colors is not None and colors.GetAttribute(COLORS):
            _removeWithStorage(colors, scene)


def _removeWithStorage(node, scene) -> None:
    storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
    if storage is not None:
        scene.RemoveNode(storage)
    scene.RemoveNode(node)
