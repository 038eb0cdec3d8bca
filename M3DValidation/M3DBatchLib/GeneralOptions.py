"""Options that every command takes, before its name or after it."""

from __future__ import annotations

import argparse

from M3DLib.Errors import M3DError
from M3DLib.FileSize import parseFileSize

COLOR_CHOICES = ("auto", "always", "never")


def addGeneralOptions(parser: argparse.ArgumentParser) -> None:
    """--quiet, --verbose, --color, --log-file, --config, --max-file-size; absent from the result when not given."""
    group = parser.add_argument_group("general")
    given = {"default": argparse.SUPPRESS}
    group.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="no progress and no remarks; warnings, errors and result stay",
        **given,
    )
    group.add_argument("-v", "--verbose", action="store_true", help="also say how long each step took", **given)
    group.add_argument(
        "--color",
        choices=COLOR_CHOICES,
        metavar="WHEN",
        help="auto (on a terminal, unless NO_COLOR is set), always or never",
        **given,
    )
    group.add_argument(
        "--log-file",
        metavar="FILE",
        help="append what happened as JSON, one event per line: steps, times, figures, verdicts; nobody is named in it",
        **given,
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="settings (TOML) to take instead of m3d.toml in this folder or the user's, see m3d config",
        **given,
    )
    group.add_argument(
        "--max-file-size",
        type=_size,
        metavar="SIZE",
        help="refuse a file whose content would take more memory, in MB or as 800M, 2G (default: half of what is free)",
        **given,
    )


def _size(text: str) -> int:
    try:
        return parseFileSize(text)
    except M3DError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
