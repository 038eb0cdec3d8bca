"""Options that ask for model files beside the DICOM objects: shared by the commands that write models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
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


def _kinds(text: str) -> tuple[str, ...]:
    from M3DLib.PrintFiles.PrintRequest import kindsOf

    try:
        return kindsOf(text)
    except M3DError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
