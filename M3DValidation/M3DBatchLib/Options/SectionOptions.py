"""``--section-at``: places through which a report shows sections of the scan."""

from __future__ import annotations

import argparse
import math
import re

from M3DLib.Errors import M3DError

# LPS: the axis of each side's letter, and whether the side is where the axis leads to or where it comes from.
_SIDES = {"L": (0, 1.0), "R": (0, -1.0), "P": (1, 1.0), "A": (1, -1.0), "S": (2, 1.0), "I": (2, -1.0)}
_SYSTEMS = {"LPS": (1.0, 1.0, 1.0), "RAS": (-1.0, -1.0, 1.0)}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_BETWEEN = r"\s*[,;\s]\s*"
_WITH_SIDES = re.compile(
    rf"([LRPASI])\s*({_NUMBER}){_BETWEEN}([LRPASI])\s*({_NUMBER}){_BETWEEN}([LRPASI])\s*({_NUMBER})"
)
_WITH_SYSTEM = re.compile(
    rf"(?:(LPS|RAS)[\s:=]*)?\(?\s*({_NUMBER}){_BETWEEN}({_NUMBER}){_BETWEEN}({_NUMBER})\s*\)?(?:\s*(LPS|RAS))?"
)
_HOW = (
    "say it by the patient's sides ('R 31, P 144, S 705.9') or name the system ('LPS -31 144 705.9', 'RAS 31 -144 "
    "705.9')"
)
# A report with more is no help to anybody, and each costs three pictures for each model.
MOST_PLACES = 20


def addSectionOption(group, of: str = "the scan", how: str = ", with the model's outline") -> None:
    """--section-at, to the options of a report.

    :param of: what is cut. :param how: it is shown.
    """
    group.add_argument(
        "--section-at",
        action="append",
        default=[],
        metavar="PLACE",
        help=f"show three sections of {of} through this place{how}: 'R 31, P 144, S 705.9' in mm towards the patient's "
        "sides, as the report and Slicer write places, or 'LPS -31 144 705.9' or 'RAS 31 -144 705.9'; may be given "
        "several times",
    )


def sectionsFrom(arguments: argparse.Namespace) -> list[tuple[float, float, float]]:
    """The places that were asked for, LPS mm, each once.

    :raises M3DError: a text that is no place, or one that could be two; more places than are shown.
    """
    problems, places = [], []
    for text in arguments.section_at:
        try:
            places.append(placeFrom(text))
        except M3DError as error:
            problems += error.problems
    places = list(dict.fromkeys(places))
    if len(places) > MOST_PLACES:
        problems.append(
            f"--section-at was given {len(places)} places; a report shows sections of {MOST_PLACES} at most."
        )
    if problems:
        raise M3DError(problems)
    return places


def placeFrom(text: str) -> tuple[float, float, float]:
    """A place in words, LPS mm.

    Three numbers alone are refused: they would be one place in DICOM's LPS and another one in Slicer's RAS.

    :raises M3DError: says why the text is no place and how one is written.
    """
    plain = re.sub(r"\s*mm\s*$", "", text.replace("\N{MINUS SIGN}", "-").strip(), flags=re.IGNORECASE).upper()
    plain = plain.removeprefix("(").removesuffix(")").strip()
    plain = re.sub(r"\s*MM$", "", plain)
    found = _WITH_SIDES.fullmatch(plain)
    if found:
        point: list[float | None] = [None, None, None]
        for letter, number in zip(found.groups()[::2], found.groups()[1::2], strict=True):
            axis, sign = _SIDES[letter]
            if point[axis] is not None:
                raise M3DError(f"--section-at '{text}' names the same axis twice ({letter} and its opposite); {_HOW}.")
            point[axis] = sign * float(number)
        return _finite(point, text)
    found = _WITH_SYSTEM.fullmatch(plain)
    if not found:
        raise M3DError(f"--section-at '{text}' is no place of three numbers; {_HOW}.")
    systems = {one for one in (found[1], found[5]) if one}
    if len(systems) != 1:
        problem = "does not say in which coordinate system" if not systems else "names two coordinate systems"
        raise M3DError(f"--section-at '{text}' {problem}; {_HOW}.")
    signs = _SYSTEMS[systems.pop()]
    return _finite([sign * float(number) for sign, number in zip(signs, found.groups()[1:4], strict=True)], text)


def _finite(point, text: str) -> tuple[float, float, float]:
    if not all(math.isfinite(value) for value in point):
        raise M3DError(f"--section-at '{text}' is no place of three numbers; {_HOW}.")
    # Without the minus of a zero.
    return tuple(value + 0.0 for value in point)
