"""Options of the commands that put what they did on the record of a case."""

from __future__ import annotations

import argparse


def addCaseOptions(parser: argparse.ArgumentParser, person: bool = True) -> None:
    """--case, --by and --role; ``CaseWork.onRecord`` does what they ask for, for every command that has them.

    :param person: whether the command does not ask by itself who is responsible (``--person``).
    """
    group = parser.add_argument_group("case", "the record of a case, as m3d case open begins it")
    group.add_argument(
        "--case",
        default="",
        metavar="DIR",
        help="put on the record of this case what is done: settings, versions, inputs, outputs, what came of it",
    )
    group.add_argument(
        "--by",
        default="",
        metavar="NAME",
        help="who does this, for the record" + ("" if person else " (default: --person)"),
    )
    group.add_argument("--role", default="", metavar="ROLE", help="as what, for the record: engineer, surgeon, ...")
