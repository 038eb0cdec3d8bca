"""The ``m3d`` command: reads the arguments, runs one command, turns errors into one sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import re
import sys

from M3DLib.Errors import M3DError
from M3DLib.FileSize import fileSizeLimit
from M3DLib.FreeMachine import keepOneHeap
from M3DLib.LibraryRemarks import collectRemarks, remarksSentence
from M3DLib.Software import NAME, VERSION

from .CommandParser import CommandParser, HelpFormatter
from .GeneralOptions import addGeneralOptions
from .Interruption import Interruption
from .JsonFile import describeJsonFile, takeJsonFile
from .OnRecord.CaseWork import onRecord
from .ProgramErrors import (
    EXIT_PROGRAM_ERROR,
    diskFullSentence,
    diskIsFull,
    nameIsTooLong,
    programErrorSentence,
    tooLongSentence,
)
from .Settings import Setting, Settings, readSettings
from .Terminal import Terminal

EXIT_DONE = 0
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
# The same for every command; the commands that judge a model give 1 and 3 as well.
EXIT_STATUSES = {
    EXIT_DONE: "0 done, and nothing fails",
    1: "1 something fails",
    EXIT_WRONG_INPUT: "2 wrong input or usage",
    3: "3 nothing fails, but a required check could not be made",
    EXIT_PROGRAM_ERROR: "70 error of the program or the machine",
    EXIT_INTERRUPTED: "130 interrupted",
}
# Commands that are to work whatever the settings say.
WITHOUT_SETTINGS = ("help", "completion", "config")

# Each module has addParser(subparsers), which sets the default "run" to its run(arguments, terminal) -> exit status.
COMMAND_MODULES = (
    "ExportCommand",
    "InspectCommand",
    "ExtractCommand",
    "EncapsulateCommand",
    "ValidateCommand",
    "RunCommand",
    "BatchCommand",
    "ReportCommand",
    "ProfilesCommand",
    "CompareCommand",
    "RepairCommand",
    "CaseCommand",
    "HandOver.PackageCommand",
    "HandOver.VerifyCommand",
    "HandOver.UnpackCommand",
    "Pacs.QueryCommand",
    "Pacs.FetchCommand",
    "Pacs.SendCommand",
    "DemoCommand",
    "ConfigCommand",
    "CompletionCommand",
    "HelpCommand",
)


# Flags that may stand before the name of a command, and have no value that could be taken for one.
_FLAGS = ("-q", "--quiet", "-v", "--verbose")


def makeParser(command: str = "") -> CommandParser:
    """The parser of the command line; every command's module adds its own part.

    :param command: only this one is to be understood, so that no other's module is read; all when "".
    """
    parser = CommandParser(
        prog="m3d",
        formatter_class=HelpFormatter,
        description="3D-printable models from medical images: DICOM Encapsulated STL, checked against the scan.",
        epilog=f"m3d help COMMAND explains a command. Exit status: {'; '.join(EXIT_STATUSES.values())}.",
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in filter(lambda name: command in ("", _commandOf(name)), COMMAND_MODULES):
        importlib.import_module(f".Commands.{name}", __package__).addParser(subparsers)
    describeJsonFile(subparsers)
    addGeneralOptions(parser)
    for one in subparsers.choices.values():
        one.formatter_class = HelpFormatter
        addGeneralOptions(one)
        one.set_defaults(parser=one)
    parser.set_defaults(parser=parser)
    return parser


def _commandOf(module: str) -> str:
    """The name of the command that a module adds: "verify" of "HandOver.VerifyCommand"."""
    return module.rpartition(".")[2].removesuffix("Command").lower()


def _namedFirst(argv: list[str]) -> str:
    """The command that the arguments begin with, flags aside; "" where that is not to be seen at a glance."""
    first = next((argument for argument in argv if argument not in _FLAGS), "")
    return first if first in map(_commandOf, COMMAND_MODULES) else ""


def commandsOf(parser: CommandParser) -> dict[str, CommandParser]:
    """The parser of each command, or of each action of a command that has several, by its name."""
    found = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def joinNegativeValues(argv: list[str]) -> list[str]:
    """Write ``--threshold -480:300`` as ``--threshold=-480:300``: argparse takes a leading "-" for an option."""
    joined: list[str] = []
    for argument in argv:
        isNegative = re.match(r"-[\d.]", argument) is not None
        if isNegative and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(
    argv: list[str] | None = None,
    settings: Settings | None = None,
    terminal: Terminal | None = None,
    interruption: Interruption | None = None,
) -> int:
    """Run one command.

    :param argv: arguments without the program's name; ``sys.argv[1:]`` when None.
    :param settings: that hold; those of the site and the user when None.
    :param terminal: what the command speaks to; standard output and error when None.
    :param interruption: that has been taken since the program began, and still is after the command; None where this
        is a part of another program, whose answer to Ctrl-C is the same before and after.
    :return: one of :data:`EXIT_STATUSES`.
    """
    keepOneHeap()
    isPart, interruption = interruption is None, interruption or Interruption()
    terminal = terminal or Terminal()
    command = ""
    try:
        interruption.hear()
        given, terminal.jsonFile = takeJsonFile(joinNegativeValues(sys.argv[1:] if argv is None else list(argv)))
        arguments = _parse(given, terminal)
        command = arguments.command
        used = _settle(arguments, settings)
        terminal.begin(arguments, used)
        for note in arguments.notes:
            terminal.note(note)
        terminal.requireOutput()
        return terminal.ended(_run(arguments, terminal))
    except KeyboardInterrupt as error:
        terminal.error(str(error) or terminal.interruptedSentence())
        return terminal.ended(EXIT_INTERRUPTED, error)
    except Exception as error:
        if interruption.happened:
            terminal.error(terminal.interruptedSentence())
            return terminal.ended(EXIT_INTERRUPTED, error)
        return terminal.ended(_statusOf(error, command, terminal), error)
    finally:
        interruption.end()
        terminal.close()
        if isPart:
            interruption.restore()


def _run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    with fileSizeLimit(getattr(arguments, "max_file_size", None)), collectRemarks() as remarks:
        try:
            return onRecord(arguments, terminal, lambda: arguments.run(arguments, terminal))
        finally:
            if remarks:
                terminal.note(remarksSentence(remarks))


def _parse(argv: list[str], terminal: Terminal) -> argparse.Namespace:
    parser = makeParser(_namedFirst(argv))
    try:
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help()
            parser.exit(EXIT_DONE)
    except SystemExit:
        # What --help printed may still be on its way.
        terminal.flush()
        raise
    except OSError as error:
        terminal.notPrinted(error)
        raise SystemExit(EXIT_DONE) from error
    return arguments


def _settle(arguments: argparse.Namespace, settings: Settings | None = None) -> list[Setting]:
    """Fill in what the settings say of the options that were not given; returns the settings that hold now."""
    if arguments.command in WITHOUT_SETTINGS:
        return []
    settings = readSettings(getattr(arguments, "config", None)) if settings is None else settings
    arguments.pacsServers = settings.servers
    return settings.fillIn(arguments, arguments.parser, getattr(arguments, "optionsGiven", {}))


def _statusOf(error: Exception, command: str, terminal: Terminal) -> int:
    """Say what has ended a run, and give it its exit status."""
    if isinstance(error, M3DError):
        terminal.error(str(error))
        return EXIT_WRONG_INPUT
    if diskIsFull(error):
        terminal.error(diskFullSentence(error))
        return EXIT_WRONG_INPUT
    if nameIsTooLong(error):
        terminal.error(tooLongSentence(error))
        return EXIT_WRONG_INPUT
    terminal.error(programErrorSentence(error, command))
    return EXIT_PROGRAM_ERROR
