"""Reads models from DICOM objects whatever document is in them: Encapsulated STL, or Encapsulated OBJ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..Dicom.DicomFile import openDicom
from ..EncapsulatedObj.EncapsulatedObjDocument import (
    MTL_CLASS,
    MTL_MIME_TYPES,
    OBJ_CLASS,
    OBJ_MIME_TYPES,
    classOf,
    materialReferences,
    materialWarnings,
    textDocument,
)
from ..EncapsulatedStl.EncapsulatedStlReader import EncapsulatedModel, describedModel, modelOfContent
from ..Errors import M3DError
from .MeshNotes import meshOf
from .ObjFile import readObjText

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Dicom.DicomFile import DicomContent
    from ..Mesh.TriangleMesh import TriangleMesh


def readEncapsulatedModel(source: Path | str | bytes | BinaryIO | Dataset) -> EncapsulatedModel:
    """The model of an Encapsulated STL or OBJ object of this or another writer, in LPS mm.

    The color of an OBJ model is the one that its object recommends; no MTL object is opened.

    :raises M3DError: see ``readEncapsulatedStl``; also what is wrong with the OBJ, and for an Encapsulated MTL, which
        holds materials and no model.
    """
    with openDicom(source) as content:
        found = classOf(content.dataset)
        if found == MTL_CLASS:
            raise M3DError(
                "The DICOM object is an Encapsulated MTL: the materials of a model, not a model. Name the Encapsulated "
                "OBJ that refers to it."
            )
        if found == OBJ_CLASS:
            return _objModel(content)
        return modelOfContent(content)


def readTextDocument(source: Path | str | bytes | BinaryIO | Dataset) -> tuple[bytes, Dataset, list[str]] | None:
    """The document of an Encapsulated OBJ or MTL object as it was encapsulated; None for any other object."""
    with openDicom(source) as content:
        types = {OBJ_CLASS: OBJ_MIME_TYPES, MTL_CLASS: MTL_MIME_TYPES}.get(classOf(content.dataset))
        if types is None:
            return None
        warnings: list[str] = []
        return textDocument(content, warnings, types), content.dataset, warnings


def isText(model: EncapsulatedModel) -> bool:
    """Whether a model was read from an Encapsulated OBJ object."""
    return classOf(model.dataset) == OBJ_CLASS


def _objModel(content: DicomContent) -> EncapsulatedModel:
    warnings: list[str] = []
    document = textDocument(content, warnings, OBJ_MIME_TYPES)
    warnings += materialWarnings(document, materialReferences(content.dataset))

    def read(said: list[str]) -> TriangleMesh:
        parts = readObjText(document)
        said += parts.warnings
        if not np.isfinite(parts.points[np.unique(parts.triangles)]).all():
            raise M3DError("The OBJ has coordinates that are not finite numbers (NaN or infinity).")
        return meshOf(np.where(np.isfinite(parts.points), parts.points, 0), parts.triangles, "")

    return describedModel(content.dataset, np.frombuffer(document, dtype=np.uint8), read, warnings)
