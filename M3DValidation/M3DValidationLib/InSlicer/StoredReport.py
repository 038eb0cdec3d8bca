"""A report of the scene in the study of its scan, and what M3D Export is told of a model that was validated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerDatabase import studyHeaders
from M3DLib.InSlicer.SlicerImage import imageOfVolumeNode, requireOpen
from M3DLib.Language.Languages import ENGLISH
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

from ..Report.Dicom.ReportObjects import reportObjects
from ..Report.Pdf.PdfReport import pdfReport
from .ResultNodes import INPUT, SEGMENT_ID, VOLUME, isModelReport, readResults, verdictOf

if TYPE_CHECKING:
    import slicer
    from pydicom import Dataset

_STORED = "M3DValidation.StoredInstanceUIDs"
# What a model is for, by the intended use it was validated for (keywords of CID 7064).
_USAGES = {
    "surgical-planning": "PlanningIntent",
    "surgical-guide": "ToolFabrication",
    "implant": "ImplantFabrication",
    "education": "EducationalIntent",
}


def reportObjectsOf(
    textNode: slicer.vtkMRMLTextNode,
    database,
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None = None,
    *,
    withPdf: bool = False,
    language: str = ENGLISH,
) -> list[Dataset]:
    """The DICOM objects of a report in the scene, not stored yet.

    :param database: ctkDICOMDatabase with the scan's files.
    :param volumeNode: the scan; the one that the report was made on when None.
    :param language: of the PDF, code of :data:`M3DLib.Language.Languages.LANGUAGES`.
    :raises M3DError: the report is pseudonymized, its scan is gone or is not in the database, or is another study's.
    """
    requireOpen(database)
    results = readResults(textNode)
    if results.data["case"]["pseudonymized"]:
        raise M3DError(
            "A pseudonymized report has no place in the patient's study; empty the field of the pseudonym and validate "
            "again to store it."
        )
    volume = volumeNode or textNode.GetNodeReference(VOLUME)
    if volume is None:
        raise M3DError("The report's scan is no longer in the scene; load it again and choose it as volume.")
    headers = imageOfVolumeNode(volume, database).image.headers
    study = str(headers[0].get("StudyInstanceUID") or "")
    said = results.data["case"]["study"]["studyInstanceUid"]
    if said and said != study:
        raise M3DError(f"The report is about a scan of study {said}, but '{volume.GetName()}' is of study {study}.")
    pdf = pdfReport(results.data, results.files, language) if withPdf else None
    return reportObjects(results.data, headers, [], studyHeaders(database, study), pdf)


def rememberStored(textNode: slicer.vtkMRMLTextNode, uids: Sequence[str]) -> None:
    """Keep with a report which instances of the database hold it."""
    textNode.SetAttribute(_STORED, " ".join(uids))


def storedInstances(textNode: slicer.vtkMRMLTextNode, database) -> list[str]:
    """SOP Instance UIDs of a report that are in the database still."""
    uids = (textNode.GetAttribute(_STORED) or "").split()
    return [uid for uid in uids if database is not None and database.isOpen and database.fileForInstance(uid)]


def recordReason(textNode: slicer.vtkMRMLTextNode, reason: str) -> bool:
    """Say in a report why its model is exported although something fails; whether that is new to it."""
    data = json.loads(textNode.GetText())
    if data.get("override", {}).get("reason", "") == reason:
        return False
    data["override"] = {"reason": reason}
    textNode.SetText(json.dumps(data, ensure_ascii=False, allow_nan=False))
    return True


def exportValuesOf(textNode: slicer.vtkMRMLTextNode, reason: str = "") -> dict:
    """What M3D Export is to know of a validated model, as plain values.

    :param reason: why it is exported although something fails.
    :return: ``node``, ``segmentIds`` and ``volume`` that were validated, ``surface`` (``SurfaceParameters``, None for a
        model), ``usage`` (keyword of CID 7064 or ""), ``sha256`` of the validated surface as binary STL in mm,
        ``override`` (the reason, "" where nothing fails), ``verdict``, ``profile`` (name and version),
        ``part`` (why it is a part of the anatomy only, or "").
    :raises M3DError: something fails and no reason is given, no surface was validated, or its nodes are gone.
    """
    if not isModelReport(textNode):
        raise M3DError(
            "What was validated is no longer in the scene, or was no model with its scan; validate it again."
        )
    data = readResults(textNode).data
    if verdictOf(textNode) == "fail" and not reason.strip():
        raise M3DError("Something fails; say why the model is exported all the same.")
    hashes = [
        step["parameters"].get("sha256OfBinaryStlInMm")
        for step in data["dataFlow"]
        if step["step"] == "stl" and step["parameters"].get("sha256OfBinaryStlInMm")
    ]
    if len(hashes) != 1:
        raise M3DError("The report is not about one surface, so no model can be exported with it.")
    profile = data["profile"]["name"].removesuffix("-changed")
    override = reason.strip() if verdictOf(textNode) == "fail" else ""
    surface, segmentId = data["input"].get("surface"), textNode.GetAttribute(SEGMENT_ID)
    return {
        "node": textNode.GetNodeReference(INPUT),
        "segmentIds": [segmentId] if segmentId else [],
        "volume": textNode.GetNodeReference(VOLUME),
        "surface": SurfaceParameters(**surface) if surface else None,
        "usage": _USAGES.get(profile, ""),
        "sha256": hashes[0],
        "override": override,
        "verdict": verdictOf(textNode),
        "profile": f"{data['profile']['name']} {data['profile']['version']}",
        "part": data.get("declaredPart", ""),
    }
