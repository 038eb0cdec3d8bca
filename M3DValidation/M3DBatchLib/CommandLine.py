"""The ``m3d`` command: reads the arguments, runs one command, turns errors into one sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import sys
import threading

from M3DLib.Errors import M3DError

from .Terminal import Terminal

EXIT_DONE = 0
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130

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
        importlib.import_module(f".{name}", __package__).addParser(subparsers)
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


def _endLikeInterrupted(signalNumber: int) -> None:
    """Let a signal end the run the way Ctrl-C does, so that what was begun is taken back."""

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signalNumber, interrupt)


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    :param argv: arguments without the program's name; ``sys.argv[1:]`` when None.
    :return: 0 done, 2 wrong input or usage, 130 interrupted; ``validate`` adds 1 and 3.
    """
    _endLikeInterrupted(signal.SIGTERM)
    arguments = makeParser().parse_args(joinNegativeValues(sys.argv[1:] if argv is None else argv))
    terminal = Terminal(json=getattr(arguments, "json", False))
    try:
        return arguments.run(arguments, terminal)
    except M3DError as error:
        terminal.error(str(error))
        return EXIT_WRONG_INPUT
    except KeyboardInterrupt as error:
        terminal.error(str(error) or "Interrupted; nothing was left behind.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has had enough, as "head" does; Python's last flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    finally:
        terminal.close()


if __name__ == "__main__":
    sys.exit(main())
