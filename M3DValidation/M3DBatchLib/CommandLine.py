"""The ``m3d`` command: reads the arguments, runs one command, turns errors into one sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import re
import signal
import sys
import threading

from M3DLib.Errors import M3DError

from .JsonFile import describeJsonFile, takeJsonFile
from .ProgramErrors import EXIT_PROGRAM_ERROR, diskFullSentence, diskIsFull, programErrorSentence
from .Terminal import Terminal

EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
_INTERRUPTED = "Interrupted; nothing was left behind."

# Each module has addParser(subparsers), which sets the default "run" to its run(arguments, terminal) -> exit status.
COMMAND_MODULES = (
    "ExportCommand",
    "InspectCommand",
    "ExtractCommand",
    "EncapsulateCommand",
    "ValidateCommand",
    "RunCommand",
    "ReportCommand",
    "ProfilesCommand",
    "CompareCommand",
    "RepairCommand",
    "DemoCommand",
)


def makeParser() -> argparse.ArgumentParser:
    """The parser of the whole command line; every command's module adds its own part."""
    parser = argparse.ArgumentParser(
        prog="m3d",
        description="3D-printable models from medical images: DICOM Encapsulated STL, checked against the scan.",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMAND_MODULES:
        importlib.import_module(f".Commands.{name}", __package__).addParser(subparsers)
    describeJsonFile(subparsers)
    return parser


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


class _Interruption:
    """Whether a signal has asked the run to end, the way Ctrl-C does, so that what was begun is taken back.

    The exception may come out of compiled code as another one (numpy reports it as a TypeError in places): then only
    this tells what has happened.
    """

    def __init__(self):
        self.happened = False
        if threading.current_thread() is not threading.main_thread():
            return
        signal.signal(signal.SIGTERM, self._interrupt)
        # A run in the background ignores Ctrl-C, and is to go on doing so.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, _number, _frame):
        self.happened = True
        raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    :param argv: arguments without the program's name; ``sys.argv[1:]`` when None.
    :return: 0 done, 2 wrong input or usage, 70 error of the program, 130 interrupted; ``validate`` adds 1 and 3.
    """
    interruption = _Interruption()
    terminal = Terminal()
    command = ""
    try:
        given, terminal.jsonFile = takeJsonFile(joinNegativeValues(sys.argv[1:] if argv is None else argv))
        arguments = _parse(given, terminal)
        command = arguments.run.__module__.rpartition(".")[2].removesuffix("Command").lower()
        terminal.jsonWanted = getattr(arguments, "json", False)
        terminal.requireOutput()
        return arguments.run(arguments, terminal)
    except KeyboardInterrupt as error:
        terminal.error(str(error) or _INTERRUPTED)
        return EXIT_INTERRUPTED
    except Exception as error:
        if interruption.happened:
            terminal.error(_INTERRUPTED)
            return EXIT_INTERRUPTED
        return _statusOf(error, command, terminal)
    finally:
        terminal.close()


def _parse(argv: list[str], terminal: Terminal) -> argparse.Namespace:
    try:
        return makeParser().parse_args(argv)
    except SystemExit:
        # What --help printed may still be on its way.
        terminal.flush()
        raise


def _statusOf(error: Exception, command: str, terminal: Terminal) -> int:
    """Say what has ended a run, and give it its exit status."""
    if isinstance(error, M3DError):
        terminal.error(str(error))
        return EXIT_WRONG_INPUT
    if diskIsFull(error):
        terminal.error(diskFullSentence(error))
        return EXIT_WRONG_INPUT
    terminal.error(programErrorSentence(error, command))
    return EXIT_PROGRAM_ERROR


if __name__ == "__main__":
    sys.exit(main())
