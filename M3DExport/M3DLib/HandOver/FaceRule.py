"""No model with a face leaves the house unless somebody says why, and none of which nobody knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..DeIdentification.FaceJudgement import FACE, UNKNOWN, FaceJudgement, judgeFace
from ..DeIdentification.FileTexts import textsOf
from ..Errors import M3DError
from .PackageInput import IMAGE, MODEL, PackageInput
from .PackageRequest import PackageRequest

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

# What a file says of itself stands at its beginning, before thousands of points.
_BEGINNING = 1 << 16
_HEADS = ("HEAD", "FACE", "SKULL", "BRAIN", "HEADNECK", "WHOLEBODY", "EAR", "NOSE", "ORBIT", "JAW", "SINUS", "PAROTID")


def requireNoFace(request: PackageRequest, found: PackageInput, warnings: list[str]) -> None:
    """Judge all models and images that will be packed.

    :raises M3DError: one shows a face, or nobody can say whether it does, and nobody has said what to do.
    """
    if request.withIdentity:
        return
    problems = []
    aside = {file for file, _why in found.leftOut}
    segments = _segmentNames(found)
    judged: list[tuple[Path, FaceJudgement]] = []
    marks: dict[str, FaceJudgement] = {}
    for entry in found.dicom:
        if entry.kind == MODEL and entry.file not in aside and str(entry.header.get("Modality")) == "M3D":
            if "MTL" not in entry.header.SOPClassUID.name:
                read = partial(_mesh, entry.file, entry.header)
                judged.append((entry.file, judgeFace(entry.header, _namesIn(entry.header), read)))
                marks[str(entry.header.SOPInstanceUID)] = judged[-1][1]
    for file in found.models:
        judged.append((file, _sameModel(file, marks) or judgeFace(None, [file.stem], partial(_mesh, file))))
    judged += [(report.file, judgeFace(None, segments, _noMesh)) for report in found.reports if _namesFace(segments)]
    for file, judgement in judged:
        if judgement.verdict == FACE and not request.faceIsNeeded:
            problems.append(
                f"'{file}' shows a face ({judgement.reason}), by which the patient can be recognized. If it must be "
                "handed over, say why with --face-is-needed REASON."
            )
        elif judgement.verdict == FACE:
            warnings.append(f"'{file.name}' shows a face, by which the patient can be recognized.")
        elif judgement.verdict == UNKNOWN and not (request.faceIsNeeded or request.noFace):
            problems.append(
                f"Whether '{file}' shows a face is not known: {judgement.reason}. Say who has looked with --no-face "
                "REASON, or with --face-is-needed REASON why it must be handed over."
            )
    problems += _images(request, found, aside, warnings)
    if problems:
        raise M3DError(problems)


def _images(request: PackageRequest, found: PackageInput, aside: set[Path], warnings: list[str]) -> list[str]:
    images = [entry.header for entry in found.dicom if entry.kind == IMAGE and entry.file not in aside]
    said = {str(header.get("RecognizableVisualFeatures") or "").upper() for header in images}
    if "YES" in said and not request.faceIsNeeded:
        sentence = (
            "The images say that a face can be recognized in them (Recognizable Visual Features); say with "
            "--face-is-needed REASON why they must be handed over."
        )
        return [sentence]
    parts = {str(header.get("BodyPartExamined") or "").upper() for header in images}
    if images and said != {"NO"} and (parts & set(_HEADS) or "" in parts):
        where = "show a head" if parts & set(_HEADS) else "do not say which part of the body they show"
        warnings.append(
            f"The images {where}: a face can be made visible from a scan of a head. Their pixels were not changed."
        )
    return []


def _namesFace(names: list[str]) -> bool:
    return judgeFace(None, names, _noMesh).verdict == FACE


def _sameModel(file: Path, marks: dict[str, FaceJudgement]) -> FaceJudgement | None:
    """What was found of the object whose model a file says it holds, as files for printers do."""
    if not marks:
        return None
    for _place, text in textsOf(file.read_bytes(), "the model"):
        beginning = text[:_BEGINNING] if isinstance(text, str) else text[:_BEGINNING].decode("latin-1")
        for uid, judgement in marks.items():
            if uid in beginning:
                return judgement
    return None


def _noMesh() -> None:
    """A report shows pictures of its models, and has none itself."""


def _segmentNames(found: PackageInput) -> list[str]:
    """Segments that the reports are about, whose pictures and 3D models they show."""
    names = []
    for report in found.reports:
        segments = (report.data.get("input") or {}).get("segments") or ()
        names += [str(segment.get("name") or "") for segment in segments]
    return names


def _namesIn(header: Dataset) -> list[str]:
    """What an object calls its structure, coded or in words."""
    names = [str(header.get(keyword) or "") for keyword in ("DocumentTitle", "ContentDescription", "SeriesDescription")]
    names.append(str(header.get("BodyPartExamined") or ""))
    for keyword in ("AnatomicRegionSequence", "PrimaryAnatomicStructureSequence", "SegmentedPropertyTypeCodeSequence"):
        names += [str(item.get("CodeMeaning") or "") for item in header.get(keyword) or ()]
    # The body part that was scanned says nothing of what was segmented.
    return [name for name in names[:3] + names[4:] if name]


def _mesh(file: Path, header: Dataset | None = None) -> TriangleMesh | None:
    """The triangles, where they can be read here."""
    from ..EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
    from ..MeshFiles.MeshReader import FORMATS, readMesh

    try:
        if header is not None:
            return readEncapsulatedStl(file).mesh
        return readMesh(file, None)[0] if file.suffix.lower() in FORMATS else None
    except M3DError:
        # What cannot be read is judged by its names alone, and refused where they do not tell.
        return None
