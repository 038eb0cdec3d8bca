"""Write Docs/CommandLine.md and the man page Docs/m3d.1 from the parsers of the command line.

    python Utilities/WriteCommandLineDocs.py [--check]

With --check nothing is written; the exit status says whether both are current.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "M3DExport"), str(ROOT / "M3DValidation")]

from M3DBatchLib.CommandLine import EXIT_STATUSES, commandsOf, makeParser
from M3DBatchLib.Options.PacsOptions import PASSWORD_VARIABLE
from M3DBatchLib.Settings import CONFIG_VARIABLE, FILE_NAME, NAMES, variableOf
from M3DLib.Software import VERSION

_SETTINGS_EXAMPLE = """profile = "implant"              # or a file, relative to this one: "our-hospital.json"
formats = ["json", "html", "pdf"]
person = "Dr. Roe"
institution = "Our clinic"
min-wall = 0.8
pacs = "https://pacs.example.org/dicom-web"
"""
_OUTPUT = (
    "An option that may be given once says so when it is given twice, and is never shortened. `--json` of a command "
    "prints one JSON object on standard output, `--json FILE.json` writes it into a file. Progress and messages go "
    "to standard error, with the time that is left where that can be told."
)
_SETTINGS = (
    f"What is the same for every case of a site can be set once: in the file of `--config` (or the environment "
    f"variable `{CONFIG_VARIABLE}`), else in `{FILE_NAME}` in the current folder, else in the user's "
    f"`~/.config/m3d/{FILE_NAME}` (Windows: `%APPDATA%\\m3d\\{FILE_NAME}`); one of them holds. Environment variables "
    f"(`{variableOf('min-wall')}`) go over the file, the command line over both. What holds because of a setting is "
    "said at every run, and `m3d config --show` lists it all with its origin."
)
_NAMES = (
    f"The names are those of the options: {', '.join(f'`{name}`' for name in NAMES)}. `pacs` is an address only: "
    f"nothing is sent without `--pacs`. The password of the PACS is taken from `{PASSWORD_VARIABLE}`."
)
_GENERAL = "general"


def subparsersOf(parser):
    """The parsers of a command's actions by name; empty where it has none."""
    found = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def explained(action):
    """The explanation of an option, with its values filled in."""
    values = {**vars(action), "prog": "m3d"}
    return " ".join(((action.help or "") % values).split())


def spelled(action):
    """An option with its value, as one types it."""
    if not action.option_strings:
        return str(action.metavar or action.dest)
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if action.nargs == "?":
        value = f"[{value}]"
    if isinstance(action.nargs, int):
        value = " ".join([value] * action.nargs)
    return f"{', '.join(action.option_strings)} {value}"


def groupsOf(parser):
    """Groups of options as (title, description, actions), without those that every command has."""
    for group in parser._action_groups:
        actions = [
            one
            for one in group._group_actions
            if not isinstance(one, (argparse._HelpAction, argparse._SubParsersAction))
            and one.help is not argparse.SUPPRESS
        ]
        if actions and group.title != _GENERAL:
            title = {"positional arguments": "", "options": "", "optional arguments": ""}.get(group.title, group.title)
            yield title, group.description or "", actions


def generalOptions(parser):
    """The options that every command has."""
    return next(group._group_actions for group in parser._action_groups if group.title == _GENERAL)


def usageOf(parser):
    """What a command cannot do without, in one line."""
    return re.sub(r"^Usage: (.*?)   \(.*$", r"\1", parser.usageInOneLine())


def cell(text):
    """Text for a cell of a table in Markdown."""
    return text.replace("|", "\\|")


def markdownOf(name, parser, level):
    """A command, or an action of one, as Markdown."""
    lines = [f"{'#' * level} {name}", "", parser.description or "", "", "```", usageOf(parser), "```", ""]
    for title, description, actions in groupsOf(parser):
        if title:
            lines += [f"**{title}**{f' ({description})' if description else ''}", ""]
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{cell(spelled(one))}` | {cell(explained(one))} |" for one in actions]
        lines.append("")
    if parser.oldNames:
        names = ", ".join(f"`{one}`" for one in parser.oldNames)
        lines += [f"Former names, taken with a note for one version: {names}.", ""]
    for action, own in subparsersOf(parser).items():
        lines += markdownOf(f"{name} {action}", own, level + 1)
    return lines


def markdown():
    """Docs/CommandLine.md."""
    parser = makeParser()
    lines = [
        "# Command line",
        "",
        "Made from the program by `python Utilities/WriteCommandLineDocs.py`; `m3d help COMMAND` says the same.",
        "",
        "## All commands",
        "",
        "| command | |",
        "|---|---|",
    ]
    helps = {one.dest: one.help for one in parser._subparsers._group_actions[0]._choices_actions}
    lines += [f"| [`m3d {name}`](#m3d-{name}) | {cell(helps[name])} |" for name in commandsOf(parser)]
    lines += ["", "These stand before or after the name of any command:", "", "| option | |", "|---|---|"]
    lines += [f"| `{cell(spelled(one))}` | {cell(explained(one))} |" for one in generalOptions(parser)]
    lines += ["| `--version` | print the version |", ""]
    lines += [
        _OUTPUT,
        "",
        "## Exit status",
        "",
        "| status | the same for every command |",
        "|---|---|",
    ]
    lines += [f"| {status} | {text.partition(' ')[2]} |" for status, text in EXIT_STATUSES.items()]
    lines += [
        "",
        "1 and 3 are given by the commands that judge: `validate` and `run`, and others where they say so.",
        "",
        "## Settings",
        "",
        _SETTINGS,
        "",
        "```toml",
        *_SETTINGS_EXAMPLE.splitlines(),
        "```",
        "",
        _NAMES,
        "",
        "## Known distances and objects",
        "",
        "`--references FILE.csv` has a header line and these columns; the last four may be missing or empty:",
        "",
        "| column | |",
        "|---|---|",
        "| `name` | what the distance is called |",
        "| `x1`, `y1`, `z1`, `x2`, `y2`, `z2` | points near the two surfaces, mm |",
        "| `nominal` | what it should be, mm |",
        "| `tolerance` | allowed deviation, mm (default: the profile's) |",
        "| `printed` | readings on the printed part, mm, separated by `;` or `\\|` |",
        "| `space` | `LPS` (default) or `RAS` |",
        "",
        "JSON files can hold bodies of known size too, and Slicer's line markups (`.mrk.json`) are read as they are.",
        "",
    ]
    for name, command in commandsOf(parser).items():
        lines += markdownOf(f"m3d {name}", command, 2)
    return "\n".join(lines).rstrip() + "\n"


def roff(text):
    """Text as a man page has it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def manOf(name, parser, heading):
    """A command, or an action of one, for the man page."""
    lines = [f".{heading} {roff(name)}", roff(usageOf(parser)), ".PP", roff(parser.description or "")]
    for _title, _description, actions in groupsOf(parser):
        for one in actions:
            lines += [".TP", f"\\fB{roff(spelled(one))}\\fR", roff(explained(one))]
    for action, own in subparsersOf(parser).items():
        lines += manOf(f"{name} {action}", own, "SS")
    return lines


def manPage():
    """Docs/m3d.1."""
    parser = makeParser()
    lines = [
        f'.TH M3D 1 "" "SlicerM3D {VERSION}" "User commands"',
        ".SH NAME",
        "m3d \\- 3D\\-printable models from medical images, traceable and checked",
        ".SH SYNOPSIS",
        "\\fBm3d\\fR COMMAND [options]",
        ".SH DESCRIPTION",
        roff(parser.description),
        ".SH GENERAL OPTIONS",
    ]
    for one in generalOptions(parser):
        lines += [".TP", f"\\fB{roff(spelled(one))}\\fR", roff(explained(one))]
    lines.append(".SH COMMANDS")
    for name, command in commandsOf(parser).items():
        lines += manOf(f"m3d {name}", command, "SS")
    lines.append(".SH EXIT STATUS")
    for status, text in EXIT_STATUSES.items():
        lines += [".TP", str(status), roff(text.partition(" ")[2])]
    lines += [".SH FILES", ".TP", roff(f"{FILE_NAME}, ~/.config/m3d/{FILE_NAME}"), "Settings; see m3d config."]
    return "\n".join(line for line in lines if line) + "\n"


def pages():
    """The files that are made here, by their place in the project."""
    return {"Docs/CommandLine.md": markdown(), "Docs/m3d.1": manPage()}


def main():
    """Write the files that are not current, or say that they are not."""
    stale = []
    for place, text in pages().items():
        file = ROOT / place
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(place)
            if "--check" not in sys.argv:
                file.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'Stale' if '--check' in sys.argv else 'Written'}: {', '.join(stale)}")
    sys.exit(1 if stale and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
