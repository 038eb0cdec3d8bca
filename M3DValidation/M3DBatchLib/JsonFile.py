"""``--json FILE.json``: the command's JSON object in a file, for programs whose stdout is not theirs alone.

An application that writes to stdout itself, as Slicer does, leaves no stdout that is pure JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from M3DLib.Errors import M3DError

_OPTION = "--json"


def takeJsonFile(argv: list[str]) -> tuple[list[str], Path | None]:
    """Take the file out of ``--json FILE.json`` or ``--json=FILE``, which leaves the ``--json`` that all commands know.

    What follows ``--json`` is its file only when it is named so: it may as well be the file that the command reads,
    which for ``m3d report`` is a JSON file itself and is needed first.

    :return: the arguments without the file, and the file, None for stdout.
    """
    rest: list[str] = []
    file = None
    inputs = 1 if argv[:1] == ["report"] else 0
    for number, argument in enumerate(argv):
        before = argv[number - 1] if number else ""
        if argument.startswith(f"{_OPTION}="):
            rest.append(_OPTION)
            file = Path(argument.partition("=")[2])
        elif before == _OPTION and _isJsonName(argument) and sum(map(_isJsonName, argv)) > inputs:
            file = Path(argument)
        else:
            rest.append(argument)
    return rest, file


def _isJsonName(argument: str) -> bool:
    return argument.lower().endswith(".json") and not argument.startswith("-")


def describeJsonFile(subparsers) -> None:
    """Say in the help of each command's ``--json`` that it takes a file, which the parser itself does not see."""
    for command in subparsers.choices.values():
        for action in command._actions:
            if isinstance(action, argparse._StoreTrueAction) and _OPTION in action.option_strings:
                action.help = f"{action.help}; {_OPTION} FILE.json writes it into that file instead"


def requireJsonPlace(file: Path) -> None:
    """Raise :class:`M3DError` when there can be no file: to be asked before the work, whose result would be lost."""
    if not file.absolute().parent.is_dir():
        raise M3DError(f"The folder of --json {file} does not exist.")
    if file.is_dir():
        raise M3DError(f"--json {file} is a folder; name a file.")


def writeJsonFile(data: dict, file: Path) -> None:
    """Write a result; the file is there whole or stays as it was.

    :raises M3DError: it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        # Strict JSON: NaN and infinity have no place in it, so a measurement that failed must say null.
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise M3DError(f"--json {file} cannot be written: {error.strerror or error}.") from error
