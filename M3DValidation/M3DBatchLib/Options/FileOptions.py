"""Options that ask for model files beside the DICOM objects: shared by the commands that write models."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DLib.PrintFiles.PrintRequest import PrintRequest


def addFileOptions(parser: argparse.ArgumentParser, stlToo: bool = False) -> None:
    """--files, and how they are written.

    :param stlToo: whether ``--stl`` is taken too, the older name of ``--files stl``.
    """
    group = parser.add_argument_group("model files", "beside the DICOM objects, in the folder of the DICOMDIR")
    group.add_argument(
        "--files",
        type=_kinds,
        default=(),
        metavar="LIST",
        help="write the models as files too: stl, 3mf, amf, obj, ply, glb, separated by commas; 3MF, AMF, OBJ and GLB "
        "hold all models of the run in one file, STL and PLY one each; nothing of the patient is in them",
    )
    if stlToo:
        group.add_argument("--stl", action="store_true", help="the same as --files stl")
    addFileDetails(group)


def addEncapsulateOption(group) -> None:
    """--encapsulate: which documents the DICOM objects hold."""
    group.add_argument(
        "--encapsulate",
        type=_documents,
        default=("stl",),
        metavar="LIST",
        help="what is encapsulated: stl, or stl,obj to write each model also as Encapsulated OBJ with its color in an "
        "Encapsulated MTL, in the same series (default: stl)",
    )


def withSiblings(objects: list[Dataset], meshes: Sequence[TriangleMesh], kinds: Sequence[str]) -> list[Dataset]:
    """The Encapsulated STL objects, and the OBJ and MTL objects that were asked for beside them."""
    from M3DLib.EncapsulatedObj.EncapsulatedObjWriter import addObjObjects

    return [*objects, *(addObjObjects(objects, meshes) if "obj" in kinds else [])]


def siblingEntries(siblings: Sequence[Dataset], files: Mapping[str, Path]) -> list[dict]:
    """OBJ and MTL objects that were written, as the JSON result has them, one entry per model.

    :param siblings: as :func:`withSiblings` adds them. :param files: by SOP Instance UID.
    """
    return [
        {
            "obj": {"file": str(files[str(one.SOPInstanceUID)]), "sopInstanceUid": str(one.SOPInstanceUID)},
            "mtl": {"file": str(files[str(other.SOPInstanceUID)]), "sopInstanceUid": str(other.SOPInstanceUID)},
        }
        for one, other in zip(siblings[::2], siblings[1::2], strict=True)
    ]


def addFileDetails(group: argparse._ArgumentGroup) -> None:
    """--build-plate, --plain-amf and --with-identity."""
    group.add_argument(
        "--build-plate",
        action="store_true",
        help="move the models of these files together to the origin and onto the plane z = 0, and record the way back "
        "(not for STL, which is written as it is in the object)",
    )
    group.add_argument("--plain-amf", action="store_true", help="write AMF as plain text instead of zipped")
    group.add_argument(
        "--with-identity",
        action="store_true",
        help="name the patient in these files (name and number; and names of models are kept whatever they say)",
    )


def printRequestFrom(arguments: argparse.Namespace) -> PrintRequest:
    """What the options ask for.

    :raises M3DError: it cannot be done: a package is missing, or options contradict each other.
    """
    from M3DLib.ModelFiles.ModelFile import FORMATS
    from M3DLib.PrintFiles.PrintRequest import PrintRequest

    wanted = {*arguments.files, *(["stl"] if getattr(arguments, "stl", False) else [])}
    kinds = tuple(kind for kind in FORMATS if kind in wanted)
    request = PrintRequest(kinds, arguments.build_plate, arguments.with_identity, arguments.plain_amf)
    request.requirePossible()
    return request


def _documents(text: str) -> tuple[str, ...]:
    wanted = [part.strip().lower() for part in re.split(r"[,\s]+", text) if part]
    unknown = [part for part in wanted if part not in ("stl", "obj")]
    if unknown:
        raise argparse.ArgumentTypeError(f"'{unknown[0]}' cannot be encapsulated; DICOM has stl and obj")
    if "stl" not in wanted:
        raise argparse.ArgumentTypeError("the STL is what is checked and referred to; write --encapsulate stl,obj")
    return tuple(kind for kind in ("stl", "obj") if kind in wanted)


def _kinds(text: str) -> tuple[str, ...]:
    from M3DLib.PrintFiles.PrintRequest import kindsOf

    try:
        return kindsOf(text)
    except M3DError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
