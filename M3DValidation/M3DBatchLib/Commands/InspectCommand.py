"""``m3d inspect``: what Encapsulated STL objects hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from M3DLib.Errors import M3DError

from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what Encapsulated STL objects hold",
        description="Says what an Encapsulated STL object holds: patient, size, triangles, sources, software. Of "
        "several files, or of the models in a folder, a table is printed, with what cannot be read and why.",
    )
    parser.add_argument(
        "files", metavar="FILE.dcm|DIR", nargs="+", help="objects, folders (a file-set, for example), - for stdin"
    )
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Read the objects and print their facts.

    :return: 0; 2 when one of several could not be read, after the others were shown.
    """
    from M3DLib.MeshFiles.EncapsulatedModels import readEncapsulatedModel

    from ..ModelFacts import modelFacts, modelTable, modelText

    names = [name for given in arguments.files for name in _modelFiles(given)]
    if len(names) == 1 and not Path(arguments.files[0]).is_dir():
        facts = modelFacts(readEncapsulatedModel(sourceOf(names[0])), names[0])
        terminal.result(facts, modelText(facts))
        return 0
    models, problems = [], []
    for number, name in enumerate(names):
        terminal.progress(number / len(names), "Reading the models")
        try:
            models.append(modelFacts(readEncapsulatedModel(sourceOf(name)), name))
        except M3DError as error:
            problems.append({"file": name, "problem": " ".join(error.problems)})
    terminal.result({"models": models, "problems": problems}, modelTable(models, problems))
    return 2 if problems else 0


def sourceOf(name: str) -> Path | bytes:
    """What a reader is given for a name on the command line: the file, or for "-" all of stdin.

    :raises M3DError: stdin has no bytes to give.
    """
    if name != "-":
        return Path(name)
    stream = getattr(sys.stdin, "buffer", None)
    content = b"" if stream is None or stream.isatty() else stream.read()
    if not content:
        raise M3DError(
            "There is nothing on standard input; '-' reads the object from a pipe, as in 'cat FILE | m3d ...'."
        )
    return content


def _modelFiles(name: str) -> list[str]:
    """The file itself, or in a folder the files that hold an Encapsulated STL object.

    :raises M3DError: the folder holds none.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import OBJ_CLASS, STL_CLASS

    folder = Path(name)
    if not folder.is_dir():
        return [name]
    found = []
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            header = dcmread(file, specific_tags=["SOPClassUID"], stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            continue
        if header.get("SOPClassUID") in (STL_CLASS, OBJ_CLASS):
            found.append(str(file))
    if not found:
        raise M3DError(f"The folder '{name}' holds no Encapsulated STL object.")
    return found
