"""``m3d help``: the help of a command, or of all."""

from __future__ import annotations

import argparse
import difflib

from M3DLib.Errors import M3DError

from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "help",
        help="explain a command, or list them",
        description="Explains a command as its own --help does; without one, lists all commands.",
    )
    parser.add_argument("about", nargs="?", default="", metavar="COMMAND", help="(default: list the commands)")
    parser.add_argument("action", nargs="?", default="", metavar="ACTION", help="of a command that has several")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Print the help; the exit status is 0."""
    from ..CommandLine import commandsOf, makeParser

    parser = makeParser()
    commands = commandsOf(parser)
    if arguments.about and arguments.about not in commands:
        close = difflib.get_close_matches(arguments.about, commands, 1, 0.5)
        hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(commands)}."
        raise M3DError(f"There is no command '{arguments.about}'. {hint}")
    explained = commands[arguments.about] if arguments.about else parser
    if arguments.action:
        actions = commandsOf(explained)
        if arguments.action not in actions:
            there = f"'m3d {arguments.about}' has {', '.join(actions)}." if actions else ""
            raise M3DError(f"'{arguments.action}' is one argument too many. {there}".strip())
        explained = actions[arguments.action]
    text = explained.format_help()
    terminal.result({"help": text}, text.rstrip())
    return 0
