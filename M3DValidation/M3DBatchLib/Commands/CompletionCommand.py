"""``m3d completion``: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import argparse

from M3DLib.Errors import M3DError

from ..Terminal import Terminal

SHELLS = ("bash", "zsh", "fish")
_HOW = {
    "bash": "m3d completion bash > ~/.local/share/bash-completion/completions/m3d",
    "zsh": "m3d completion zsh > a folder of $fpath, as _m3d",
    "fish": "m3d completion fish > ~/.config/fish/completions/m3d.fish",
}


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "completion",
        help="print what bash, zsh or fish needs to complete m3d commands",
        description="Prints the completion of m3d for a shell. To install it: "
        + "; ".join(f"{shell}: {how}" for shell, how in _HOW.items())
        + ".",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Print the completion; the exit status is 0."""
    text = completion(arguments.shell)
    terminal.result({"completion": text}, text.rstrip())
    return 0


def completion(shell: str) -> str:
    """The completion script of a shell, made from the parsers.

    :raises M3DError: the package that makes it is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise M3DError("Completions need the Python package shtab: pip install shtab.") from error

    from ..CommandLine import commandsOf, makeParser

    parser = makeParser()
    for one in (parser, *commandsOf(parser).values()):
        for action in one._actions:
            wanted = str(action.metavar or "")
            if "FILE" in wanted or ".json" in wanted:
                action.complete = shtab.FILE
            elif "DIR" in wanted:
                action.complete = shtab.DIRECTORY
            # What is None for argparse would be written as a word.
            if action.help:
                action.help = action.help.replace("\n", " ")
    return shtab.complete(parser, shell)
