"""``m3d config``: which settings hold, and where each is from."""

from __future__ import annotations

import argparse
import os

from ..Options.PacsOptions import PACS_OF_SETTINGS, PASSWORD_VARIABLE
from ..Settings import NAMES, readSettings, searchedFiles, variableOf
from ..Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "config",
        help="show which settings hold and where they are from",
        description="Shows the settings: defaults of a site or a user for options that are not given. They are read "
        "from one TOML file, that of --config (or M3D_CONFIG), else m3d.toml in the current folder, else the user's "
        "own, and from environment variables. The command line goes over the environment, the environment over the "
        f"file. The names: {', '.join(NAMES)}; an environment variable is named as {variableOf('min-wall')}. Files "
        "that a settings file names are relative to it.",
    )
    parser.add_argument("--show", action="store_true", help="list every setting (this is done anyway)")
    parser.add_argument("--json", action="store_true", help="print the settings as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Print the settings; the exit status is 0."""
    from ..CommandLine import commandsOf, makeParser

    settings = readSettings(getattr(arguments, "config", None))
    parsers = commandsOf(makeParser()).values()
    rows = []
    for name in NAMES:
        setting = settings.values.get(name)
        taking = [one for one in parsers if f"--{name}" in one._option_string_actions]
        if setting is None:
            default = taking[0]._option_string_actions[f"--{name}"].default if taking else None
            known = default not in (None, "", [], argparse.SUPPRESS)
            rows.append({"name": name, "value": default if known else None, "from": "built in" if known else ""})
        else:
            # A value that no command takes is refused here as it would be there.
            for one in taking[:1]:
                settings.fillIn(argparse.Namespace(pacs=PACS_OF_SETTINGS), one, {})
            rows.append({"name": name, "value": setting.text, "from": setting.origin})
    password = bool(os.environ.get(PASSWORD_VARIABLE))
    data = {
        "file": str(settings.file) if settings.file else None,
        "searched": [str(file) for file in searchedFiles()],
        "settings": rows,
        "pacsPasswordSet": password,
        "servers": settings.servers,
    }
    terminal.result(data, _text(data))
    return 0


def _text(data: dict) -> str:
    file = data["file"] or f"none (looked for {' and '.join(data['searched'])})"
    lines = [f"Settings file: {file}", ""]
    for row in data["settings"]:
        value = row["value"]
        shown = "-" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines.append(f"{row['name']:22} {shown:28} {row['from']}".rstrip())
    lines += ["", f"Password of the PACS ({PASSWORD_VARIABLE}): {'set' if data['pacsPasswordSet'] else 'not set'}"]
    for name, table in data["servers"].items():
        addresses = " and ".join(str(table[key]) for key in ("url", "dimse") if table.get(key))
        lines.append(f"Server {name}: {addresses}")
    return "\n".join(lines)
