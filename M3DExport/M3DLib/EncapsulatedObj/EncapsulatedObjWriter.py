"""Builds DICOM Encapsulated OBJ and MTL objects (PS3.3 A.85.2, A.85.3) that say the same as a model's STL object."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..Dicom.FileMeta import addFileMeta
from ..Dicom.Uid import newUid
from ..EncapsulatedStl.DescriptionReader import DescriptionReader
from ..EncapsulatedStl.DocumentReferences import DocumentReference, addReferencedInstances
from ..EncapsulatedStl.EncapsulatedStlWriter import safeTitle
from ..Errors import M3DError
from ..Identifying import safeFileName
from ..ModelFiles.FileFacts import FileFacts
from ..ModelFiles.TextWriters import objBytes

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

OBJ_MIME_TYPE, MTL_MIME_TYPE = "model/obj", "model/mtl"
# Attributes of the STL object that say something of its document, or of an instance, and of no other.
_OWN = ("EncapsulatedDocument", "EncapsulatedDocumentLength", "IdenticalDocumentsSequence")
# Modules that the MTL IOD does not have (PS3.3 Table A.85.3-1), and a picture that shows no material.
_NOT_OF_MATERIALS = ("FrameOfReferenceUID", "PositionReferenceIndicator", "IconImageSequence")
_REFERRING = ("SourceInstanceSequence", "ReferencedInstanceSequence", "ReferencedImageSequence")


def addObjObjects(objects: Sequence[Dataset], meshes: Sequence[TriangleMesh]) -> list[Dataset]:
    """For each Encapsulated STL object of a model an OBJ object and an MTL object, in the same series.

    They repeat what the STL object says: patient, study, frame of reference, description, sources, predecessors,
    validation, group. The OBJ holds the same points in the same unit, shared between triangles, and names the MTL
    object by its file name (Relative URI Reference Within Encapsulated Document, PS3.3 C.24.2).

    :param objects: complete, not stored yet. :param meshes: of each its surface, LPS mm.
    :return: OBJ and MTL of the first model, of the second ...
    :raises M3DError: a surface has no triangles.
    """
    number = max((int(one.get("InstanceNumber") or 0) for one in objects), default=0)
    made: list[Dataset] = []
    for dataset, mesh in zip(objects, meshes, strict=True):
        made += _objObjects(dataset, mesh, number + len(made) + 1)
    return made


def _objObjects(stl: Dataset, mesh: TriangleMesh, number: int) -> list[Dataset]:
    from pydicom.uid import UID

    reader = DescriptionReader(stl, [])
    unit = reader.unit()
    description = reader.description(unit)
    if not len(mesh.triangles):
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, so there is nothing to write.")
    name = safeTitle(description.title or mesh.name, stl)
    materialFile = f"{safeFileName(name, [stl])}.mtl"
    shown = replace(
        mesh,
        points=mesh.points / description.unitMm,
        name=name,
        color=mesh.color if description.color is None else description.color,
        opacity=mesh.opacity if description.opacity is None else description.opacity,
    )
    document, materials = objBytes([shown], FileFacts(title=name, unit=unit), materialFile)
    # PS3.4 B.5; pydicom knows the two classes by name.
    mtlObject = _sibling(stl, UID("1.2.840.10008.5.1.4.1.1.104.5"), MTL_MIME_TYPE, materials, number + 1)
    for keyword in _NOT_OF_MATERIALS:
        if keyword in mtlObject:
            del mtlObject[keyword]
    mtlObject.DocumentTitle = f"{stl.DocumentTitle}, materials"[:1024].strip()
    objObject = _sibling(stl, UID("1.2.840.10008.5.1.4.1.1.104.4"), OBJ_MIME_TYPE, document, number)
    addReferencedInstances(objObject, [DocumentReference.toDocument(mtlObject)])
    reference = next(
        item
        for item in objObject.ReferencedInstanceSequence
        if item.ReferencedSOPInstanceUID == mtlObject.SOPInstanceUID
    )
    reference.RelativeURIReferenceWithinEncapsulatedDocument = materialFile
    return [objObject, mtlObject]


def _sibling(stl: Dataset, sopClass: str, mimeType: str, document: bytes, number: int) -> Dataset:
    """An object that says the same as the STL object, with another document."""
    from pydicom import Dataset

    own = Dataset()
    for element in stl:
        if element.keyword not in _OWN:
            own.add(copy.deepcopy(element))
    own.SOPClassUID, own.SOPInstanceUID = sopClass, newUid()
    own.InstanceNumber = number
    own.MIMETypeOfEncapsulatedDocument = mimeType
    own.EncapsulatedDocumentLength = len(document)
    own.EncapsulatedDocument = document
    _forgetOthers(own)
    addFileMeta(own)
    return own


def _forgetOthers(dataset: Dataset) -> None:
    """Leave in Common Instance Reference what the object still refers to."""
    referred = {str(item.ReferencedSOPInstanceUID) for key in _REFERRING for item in dataset.get(key) or []}
    for study in dataset.get("PredecessorDocumentsSequence") or []:
        for series in study.ReferencedSeriesSequence:
            referred |= {str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence}
    others = "StudiesContainingOtherReferencedInstancesSequence"
    for holder in [dataset, *(dataset.get(others) or [])]:
        kept = []
        for series in holder.get("ReferencedSeriesSequence") or []:
            items = [one for one in series.ReferencedInstanceSequence if str(one.ReferencedSOPInstanceUID) in referred]
            if items:
                series.ReferencedInstanceSequence = items
                kept.append(series)
        if kept:
            holder.ReferencedSeriesSequence = kept
        elif "ReferencedSeriesSequence" in holder:
            del holder.ReferencedSeriesSequence
    if others in dataset:
        left = [holder for holder in dataset[others].value if holder.get("ReferencedSeriesSequence")]
        if left:
            dataset.StudiesContainingOtherReferencedInstancesSequence = left
        else:
            del dataset.StudiesContainingOtherReferencedInstancesSequence
