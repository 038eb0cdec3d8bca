"""Defaults of a site or a user: from a TOML file and from the environment, for options that are not given.

What holds: the command line, over the environment (``M3D_PROFILE``), over one file, over what is built in. The file is
that of ``--config`` (or ``M3D_CONFIG``), else ``m3d.toml`` in the current folder, else the user's own.
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.Store.Servers.ServerList import SETTINGS_FILE, readTables, searchedFiles, serverTables

FILE_NAME = SETTINGS_FILE
CONFIG_VARIABLE = "M3D_CONFIG"
# What is the same for every case of a site. What is about one case (scan, model, title) is not among them.
NAMES = (
    "profile",
    "tolerance",
    "min-wall",
    "min-gap",
    "build-volume",
    "surface-method",
    "smoothing",
    "decimation",
    "edge-method",
    "formats",
    "person",
    "institution",
    "pacs",
    "pacs-user",
    "device-serial-number",
    "timezone",
    "color",
    "log-file",
)
_FILES = ("profile", "log-file")
# Words that cannot be told from a path by their look are names of built-in profiles.
_PROFILE_SUFFIX = ".json"


@dataclass(frozen=True)
class Setting:
    """One value and where it is from.

    :ivar text: the value as it would be given on the command line; a list for an option of several values.
    :ivar origin: the file, or "environment variable M3D_...".
    """

    name: str
    text: str | list[str]
    origin: str


@dataclass
class Settings:
    """What a site or a user has set.

    :ivar file: the file that was read; None when there is none.
    :ivar servers: the tables [pacs.NAME] by name, see ``M3DLib.Store.Servers.ServerList``.
    """

    file: Path | None = None
    values: dict[str, Setting] = field(default_factory=dict)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fillIn(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser, given: Mapping[str, Any]) -> list:
        """Set what the command line left open; returns the settings that now hold.

        :param given: destinations that the command line has given.
        :raises M3DError: a value that the option does not take, with the place it is from.
        """
        used = []
        actions = {action.option_strings[-1]: action for action in parser._actions if action.option_strings}
        for name, setting in self.values.items():
            action = actions.get(f"--{name}")
            if action is None or not self._isOpen(name, action, arguments, given):
                continue
            setattr(arguments, action.dest, _converted(parser, action, setting))
            used.append(setting)
        return used

    @staticmethod
    def _isOpen(name: str, action: argparse.Action, arguments: argparse.Namespace, given: Mapping[str, Any]) -> bool:
        """Whether a setting fills in an option.

        An address to send to is taken only where --pacs asks for it: nothing leaves the house because of a setting.
        """
        if name == "pacs":
            return getattr(arguments, action.dest, "") == action.const
        if name == "pacs-user" and not getattr(arguments, "pacs", True):
            return False
        return action.dest not in given


def _converted(parser: argparse.ArgumentParser, action: argparse.Action, setting: Setting) -> Any:
    texts = setting.text if isinstance(setting.text, list) else [setting.text]
    count = action.nargs if isinstance(action.nargs, int) else 1
    if len(texts) != count:
        raise M3DError(f"{setting.origin}: '{setting.name}' needs {plural(count, 'value')}, not {len(texts)}.")
    values = []
    for text in texts:
        try:
            value = parser._get_value(action, text)
            parser._check_value(action, value)
        except argparse.ArgumentError as error:
            raise M3DError(f"{setting.origin}: '{setting.name}': {error.message}") from error
        values.append(value)
    return values if isinstance(action.nargs, int) else values[0]


def readSettings(config: str | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the file that holds and of the environment.

    :param config: file of ``--config``; it must exist.
    :raises M3DError: the file cannot be read or has an entry that is none; says which, and what was probably meant.
    """
    named = config or environment.get(CONFIG_VARIABLE) or ""
    file = Path(named) if named else next((one for one in searchedFiles(environment) if one.is_file()), None)
    settings = Settings(file)
    if file is not None:
        values, settings.servers = _read(file)
        for name, value in values.items():
            settings.values[name] = Setting(name, _text(name, value, file), str(file))
    for name in NAMES:
        variable = variableOf(name)
        if environment.get(variable):
            text = environment[variable]
            value = text.split() if name == "build-volume" else text
            settings.values[name] = Setting(name, value, f"environment variable {variable}")
    return settings


def variableOf(name: str) -> str:
    """The environment variable of a setting."""
    return f"M3D_{name.upper().replace('-', '_')}"


def _read(file: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings of a file by name, and its servers."""
    values = readTables(file)
    servers = serverTables(values, file)
    if servers:
        values.pop("pacs")
    problems = []
    for name in values:
        if name not in NAMES:
            close = difflib.get_close_matches(name.replace("_", "-"), NAMES, 1)
            hint = f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(NAMES)}."
            problems.append(f"The settings file '{file}' has an entry '{name}', which is none. {hint}")
    if problems:
        raise M3DError(problems)
    return values, servers


def _text(name: str, value: Any, file: Path) -> str | list[str]:
    """A value of the file as the command line would have it; paths are relative to the file."""
    if name == "formats" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if name == "build-volume" and isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise M3DError(f"The settings file '{file}': '{name}' must be a text or a number, not {value!r}.")
    text = str(value)
    if name in _FILES and text and (name != "profile" or text.endswith(_PROFILE_SUFFIX)):
        return str(file.parent / text)
    return text
