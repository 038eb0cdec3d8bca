"""From finished models to the files beside their objects: names, what is said in them, and who is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..EncapsulatedStl.DescriptionReader import DescriptionReader
from ..Identifying import namesPatient, safeFileName
from ..ModelFiles.FileFacts import FileFacts, onBuildPlate
from ..ModelFiles.ModelFile import modelFileBytes, writeModelFile
from .PrintRequest import ASSEMBLIES, PrintRequest

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..EncapsulatedStl.ModelExport import Model
    from ..Mesh.TriangleMesh import TriangleMesh

NOT_VALIDATED = "not validated"
# Of several models in one file, when nobody has given a title.
SEVERAL = "models"
_DEFAULT = "model"
# What a file says of its patient when it is to.
_IDENTITY = {"PatientName": "PatientName", "PatientID": "PatientID"}
_THUMBNAIL_PIXELS = 256


@dataclass
class PrintFiles:
    """Files that were made, not written yet.

    :ivar contents: by file name; an OBJ file and its MTL file are two.
    :ivar facts: what they say, and where the models stand in them.
    :ivar named: names of the files of each model, in the order of the models; a file of several is in each list.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    facts: FileFacts = field(default_factory=FileFacts)
    named: list[list[str]] = field(default_factory=list)


def printFiles(
    meshes: Sequence[TriangleMesh],
    objects: Sequence[Dataset],
    request: PrintRequest,
    isTaken: Callable[[str], bool] = lambda name: False,
    *,
    title: str = "",
    withUids: bool = True,
) -> PrintFiles:
    """The files that a request asks for, of models whose objects are complete.

    3MF, AMF, OBJ and GLB hold all models in one file, each as an object of its own, 3MF as one assembly; STL and PLY
    hold one model each. STL is the document of the object, byte for byte; the others are in mm.

    :param meshes: LPS mm. :param objects: the DICOM object of each.
    :param isTaken: whether there is a file of this name already where they go; another name is chosen then.
    :param title: of all models together, "" for none.
    :param withUids: whether the files may name the objects (not so in a pseudonymized run).
    :raises M3DError: what a format cannot hold, or a package that is missing.
    """
    request.requirePossible()
    names = [_nameOf(mesh, one, request.withIdentity) for mesh, one in zip(meshes, objects, strict=True)]
    shown = [_shown(*one) for one in zip(meshes, objects, names, strict=True)]
    whole = _safe(title, objects[0], request.withIdentity) or (names[0] if len(names) == 1 else SEVERAL)
    made = PrintFiles(facts=_facts(objects, whole, request.withIdentity, withUids), named=[[] for _ in meshes])
    moved, made.facts = onBuildPlate(shown, made.facts) if request.buildPlate else (shown, made.facts)
    hidden = () if request.withIdentity else objects
    together = [kind for kind in request.kinds if kind in ASSEMBLIES]
    apart = [kind for kind in request.kinds if kind not in ASSEMBLIES]
    if together:
        stem = _freeStem(safeFileName(whole, hidden), together, made, isTaken)
        if "3mf" in together:
            made.facts = replace(made.facts, thumbnail=thumbnail(moved))
        for kind in together:
            _add(made, range(len(meshes)), modelFileBytes(moved, f"{stem}.{kind}", made.facts, request.plainAmf))
    for number, mesh in enumerate(moved) if apart else ():
        stem = _freeStem(safeFileName(names[number], hidden, f"{_DEFAULT}-{number + 1}"), apart, made, isTaken)
        facts = _facts([objects[number]], names[number], request.withIdentity, withUids)
        facts = replace(facts, place=made.facts.place, toPatient=made.facts.toPatient)
        for kind in apart:
            name = f"{stem}.{kind}"
            isStl = kind == "stl"
            document = {name: documentOf(objects[number])} if isStl else modelFileBytes([mesh], name, facts)
            _add(made, [number], document)
    return made


def _shown(mesh: TriangleMesh, dataset: Dataset, name: str) -> TriangleMesh:
    """The mesh as the file names and colors it: as the object does."""
    description = DescriptionReader(dataset, []).description("mm")
    color = mesh.color if description.color is None else description.color
    opacity = mesh.opacity if description.opacity is None else description.opacity
    return replace(mesh, name=name, color=color, opacity=opacity)


def filesBeside(models: Sequence[Model], request: PrintRequest | None, folder: Path | str) -> dict[str, bytes]:
    """The files of models that go to a folder, by names that it does not have; none without a request."""
    if not request:
        return {}
    meshes, objects = [model.mesh for model in models], [model.dataset for model in models]
    return printFiles(meshes, objects, request, takenIn(Path(folder))).contents


def writeModel(file: Path, mesh: TriangleMesh, dataset: Dataset, request: PrintRequest) -> tuple[FileFacts, list[Path]]:
    """Write the model of one object to a file of a given name; what it says, and the files written.

    :raises M3DError: see :func:`printFiles`; also when a file cannot be written.
    """
    request.requirePossible()
    name = _nameOf(mesh, dataset, request.withIdentity)
    meshes, facts = [_shown(mesh, dataset, name)], _facts([dataset], name, request.withIdentity, withUids=True)
    if request.buildPlate:
        meshes, facts = onBuildPlate(meshes, facts)
    if "3mf" in request.kinds:
        facts = replace(facts, thumbnail=thumbnail(meshes))
    return facts, writeModelFile(file, meshes, facts, request.plainAmf)


def documentOf(dataset: Dataset) -> bytes:
    """The STL of an object without the byte that DICOM may have added."""
    length = int(dataset.get("EncapsulatedDocumentLength") or len(dataset.EncapsulatedDocument))
    document = dataset.EncapsulatedDocument
    return document if length == len(document) else document[:length]


def _add(made: PrintFiles, numbers: Sequence[int], contents: dict[str, bytes]) -> None:
    made.contents.update(contents)
    for number in numbers:
        made.named[number] += contents


def _nameOf(mesh: TriangleMesh, dataset: Dataset, withIdentity: bool) -> str:
    return _safe(str(dataset.get("DocumentTitle") or mesh.name), dataset, withIdentity) or _DEFAULT


def _safe(text: str, dataset: Dataset, withIdentity: bool) -> str:
    """A text in one line; "" when it names the patient and is not to."""
    text = " ".join(str(text).split())
    return "" if not withIdentity and namesPatient(text, [dataset]) else text


def _freeStem(wanted: str, kinds: Sequence[str], made: PrintFiles, isTaken: Callable[[str], bool]) -> str:
    """A file name without ending that no file has, with any of the endings: OBJ and MTL name each other."""
    stem, attempt = wanted, 1
    endings = [*kinds, *(["mtl"] if "obj" in kinds else [])]
    while any(f"{stem}.{ending}" in made.contents or isTaken(f"{stem}.{ending}") for ending in endings):
        attempt += 1
        stem = f"{wanted}-{attempt}"
    return stem


def _facts(objects: Sequence[Dataset], title: str, withIdentity: bool, withUids: bool) -> FileFacts:
    """What the files say of models beside their triangles."""
    return FileFacts(
        title=title,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        metadata=metadataOf(objects, withIdentity, withUids),
    )


def metadataOf(objects: Sequence[Dataset], withIdentity: bool = False, withUids: bool = True) -> dict[str, str]:
    """UIDs of the objects, verdict of their validation, and the patient where that is asked for.

    Of several objects each different value is named once, parted by semicolons.
    """
    rows = []
    for dataset in objects:
        recorded = DescriptionReader(dataset, []).validation()
        values = {
            "ModelUID": str(dataset.get("SOPInstanceUID") or "") if withUids else "",
            "Verdict": recorded.verdict or NOT_VALIDATED,
            "Profile": recorded.profile,
            # A reason is typed by a person and may name the patient.
            "ExportedAnyway": _safe(recorded.exportedAnyway, dataset, withIdentity)
            or (recorded.exportedAnyway and "yes, for a reason that names the patient"),
        }
        if withIdentity:
            values |= {name: str(dataset.get(keyword) or "") for name, keyword in _IDENTITY.items()}
        rows.append(values)
    names = dict.fromkeys(name for row in rows for name in row)
    joined = {name: "; ".join(dict.fromkeys(row[name] for row in rows if row.get(name))) for name in names}
    return {name: value for name, value in joined.items() if value}


def thumbnail(meshes: Sequence[TriangleMesh]) -> bytes:
    """A small picture of models as PNG; empty where this machine cannot render."""
    import io

    from PIL import Image

    from ..Mesh.Rendering import renderMeshes

    picture = renderMeshes(meshes, (_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS), smooth=False)
    if picture is None:
        return b""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG")
    return stream.getvalue()


def takenIn(folder: Path) -> Callable[[str], bool]:
    """Whether a folder, which need not exist, has a file of a name."""
    return lambda name: (folder / name).exists()
