"""The parser of the command line: one vocabulary, nothing guessed, and mistakes answered in one sentence."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

EXIT_WRONG_USAGE = 2
_GIVEN = "optionsGiven"
_MISSING = "Missing:"


@dataclass(frozen=True)
class OldName:
    """A name that an option had before.

    :ivar newName: from the value that was given ("" for a flag) to the name that the option has now.
    """

    name: str
    newName: Callable[[str], str]


class _StoreOnce(argparse.Action):
    """Keeps the one value of an option; a second one is refused instead of taking the place of the first."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = _givenOf(namespace)
        if self.option_strings and self.dest in given:
            raise argparse.ArgumentError(
                None,
                f"{self.option_strings[-1]} may be given once, but was given as '{given[self.dest]}' and as "
                f"'{_asGiven(values)}'.",
            )
        given[self.dest] = _asGiven(values)
        setattr(namespace, self.dest, values)


class _AppendNoted(argparse._AppendAction):
    """Collects the values of an option, and notes that it was given."""

    def __call__(self, parser, namespace, values, option_string=None):
        super().__call__(parser, namespace, values, option_string)
        _givenOf(namespace)[self.dest] = getattr(namespace, self.dest)


def _givenOf(namespace: argparse.Namespace) -> dict[str, Any]:
    """What the command line has given, by the destination of the option."""
    if not hasattr(namespace, _GIVEN):
        setattr(namespace, _GIVEN, {})
    return getattr(namespace, _GIVEN)


def _asGiven(values: Any) -> str:
    return " ".join(map(str, values)) if isinstance(values, (list, tuple)) else str(values)


class CommandParser(argparse.ArgumentParser):
    """An argument parser that takes options by their whole names only and says what was probably meant.

    :ivar settable: whether settings may fill in the options of this parser (see ``Settings``).
    """

    def __init__(self, *positional, **more):
        more.setdefault("allow_abbrev", False)
        super().__init__(*positional, **more)
        self._oldNames: dict[str, OldName] = {}
        self._arguments: list[str] = []
        self.register("action", None, _StoreOnce)
        self.register("action", "store", _StoreOnce)
        self.register("action", "append", _AppendNoted)

    def acceptOldName(self, name: str, newName: str | Callable[[str], str]) -> None:
        """Take an option by a name that it had before; the notes of the parsed arguments say what it is called now.

        :param newName: the name, or a function from the value to the name.
        """
        self._oldNames[name] = OldName(name, newName if callable(newName) else lambda _value: newName)

    @property
    def oldNames(self) -> list[str]:
        """Names that are still taken, in the order in which they were given up."""
        return list(self._oldNames)

    def parse_known_args(self, args=None, namespace=None):
        """Like argparse's, with old names written anew; ``notes`` of the result holds a sentence for each."""
        namespace = argparse.Namespace() if namespace is None else namespace
        args, notes = self._renamed(sys.argv[1:] if args is None else list(args))
        self._arguments = args
        namespace, unknown = super().parse_known_args(args, namespace)
        namespace.notes = [*notes, *getattr(namespace, "notes", [])]
        if unknown and not hasattr(namespace, "parserOfUnknown"):
            namespace.parserOfUnknown = self
        return namespace, unknown

    def parse_args(self, args=None, namespace=None):
        """Like argparse's, but what is not known is answered by the command that it was given to."""
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            getattr(namespace, "parserOfUnknown", self).refuseUnknown(unknown)
        return namespace

    def refuseUnknown(self, unknown: Sequence[str]) -> None:
        """Ends the program: what was given that this command does not know, and what it has instead."""
        # What follows an option that is not known is probably its value.
        pairs = zip(("", *unknown[:-1]), unknown, strict=True)
        shown = [one for before, one in pairs if one.startswith("-") or not before.startswith("-")]
        self.error(" ".join(dict.fromkeys(map(self._unknown, shown))))

    def _unknown(self, argument: str) -> str:
        name = argument.partition("=")[0]
        if not name.startswith("-"):
            return f"'{argument}' is one argument too many."
        begun = [option for option in self._option_string_actions if option.startswith(name) and len(name) > 3]
        close = difflib.get_close_matches(name, [*self._option_string_actions], 1, 0.7)
        meant = begun if len(begun) == 1 else close
        return f"There is no option {name}.{f' Did you mean {meant[0]}?' if meant else ''}"

    def error(self, message: str) -> None:
        """Ends the program with one sentence and the usage of this command in one line."""
        said = _sentence(message)
        if said.startswith(_MISSING):
            # What is missing was probably given by a name that is not known.
            names = [one for one in self._arguments if one.startswith("--") and one != "--"]
            wrong = [one for one in names if one.partition("=")[0] not in self._option_string_actions]
            said = " ".join([*dict.fromkeys(map(self._unknown, wrong)), said])
        self.exit(EXIT_WRONG_USAGE, f"{self.prog}: {said}\n{self.usageInOneLine()}\n")

    def usageInOneLine(self) -> str:
        """What the command cannot do without, and where the rest is explained."""
        needed, free = [], False
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                needed.append("COMMAND")
            elif not action.option_strings:
                name = self._get_formatter()._format_args(action, action.metavar or action.dest)
                needed.append(name)
            elif action.required:
                needed.append(f"{action.option_strings[-1]} {action.metavar or action.dest.upper()}")
            else:
                free = True
        words = [self.prog, *needed, *(["[options]"] if free else [])]
        program, _, command = self.prog.partition(" ")
        return f"Usage: {' '.join(words)}   (all of it: {' '.join([program, 'help', command]).strip()})"

    def _renamed(self, arguments: list[str]) -> tuple[list[str], list[str]]:
        """Arguments with the names that options have now, and a note for each that was written anew."""
        renamed, notes = [], []
        for position, argument in enumerate(arguments):
            name, equals, value = argument.partition("=")
            old = self._oldNames.get(name)
            if old is None or "--" in arguments[:position]:
                renamed.append(argument)
                continue
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            newName = old.newName(value if equals else following)
            if newName == name:
                renamed.append(argument)
                continue
            renamed.append(f"{newName}{equals}{value}")
            notes.append(f"{name} is called {newName} now; the old name will go away with the next version.")
        return renamed, list(dict.fromkeys(notes))

    def _check_value(self, action, value):
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        close = difflib.get_close_matches(str(value), names, 1, 0.5)
        if isinstance(action, argparse._SubParsersAction):
            meant = f"Did you mean {close[0]}?" if close else f"There are {', '.join(names)}."
            raise argparse.ArgumentError(None, f"There is no command '{value}'. {meant}")
        meant = f" Did you mean {close[0]}?" if close else ""
        raise argparse.ArgumentError(action, f"'{value}' is none of {', '.join(names)}.{meant}")

    def _print_message(self, message, file=None):
        # argparse passes over an output that takes nothing more, where the text is longer than the output's buffer.
        stream = file or sys.stderr
        try:
            if message and stream is not None:
                stream.write(message)
        except OSError:
            if stream is sys.stdout:
                raise


def _sentence(message: str) -> str:
    """What argparse says, as a sentence that begins with what it is about."""
    message = message.strip()
    for before, after in (
        ("argument ", ""),
        ("the following arguments are required: ", f"{_MISSING} "),
        ("one of the arguments ", f"{_MISSING} one of "),
    ):
        if message.startswith(before):
            message = after + message[len(before) :]
    head, colon, rest = message.partition(": ")
    # "-o/--output" is shown as the name that is explained.
    if colon and head.startswith("-") and "/" in head:
        message = f"{head.split('/')[-1]}: {rest}"
    return message if message.endswith((".", "?", "!")) else f"{message}."


class HelpFormatter(argparse.HelpFormatter):
    """Help as wide as the terminal, up to a width that is still read with ease."""

    def __init__(self, prog, **more):
        columns = shutil.get_terminal_size((100, 24)).columns
        more.setdefault("width", max(60, min(columns, 110)) - 2)
        more.setdefault("max_help_position", 30)
        super().__init__(prog, **more)

    def _format_action_invocation(self, action):
        # "--series UID|NUMBER", and a short name beside a long one only before the value.
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, action.dest.upper())}"
