"""``m3d inspect``: what an Encapsulated STL object holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..ModelFacts import modelFacts, modelText
from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what an Encapsulated STL object holds",
        description="Says what an Encapsulated STL object holds: patient, size, triangles, sources, software.",
    )
    parser.add_argument("file", metavar="FILE.dcm", type=Path)
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Read the object and print its facts; the exit status is 0."""
    from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl

    model = readEncapsulatedStl(arguments.file)
    facts = modelFacts(model, str(arguments.file))
    terminal.result(facts, modelText(facts))
    return 0
