"""``m3d batch``: many cases from a table, on this machine or on a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from M3DLib.Errors import M3DError
from M3DValidationLib.Report.Content.ReportFormats import formatsOf, requireFormats

from ..Options.CaseOptions import addCaseOptions
from ..Options.FileOptions import addEncapsulateOption, addFileOptions
from ..Options.InputOptions import addRefinementOptions
from ..Options.ReportOptions import addReportOptions, languageFrom
from ..Settings import readSettings
from ..Terminal import Terminal
from .ValidateCommand import addRequirementOptions, addSurfaceMaking

if TYPE_CHECKING:
    from ..Batch.BatchRun import BatchRun

_COMMANDS = ("run", "validate", "compare")
# Settings that are not about what is judged and made.
_NOT_OF_CASES = ("pacs", "pacs-user", "color", "log-file", "case", "by", "role")
_DEFAULT_FORMATS = "json,html"


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "batch",
        help="do many cases from a table, on this machine or on a cluster",
        description="Do for each row of a table what m3d run does: check scan, segmentation and model, and store the "
        "model in DICOM when nothing fails; with a scan of the printed part, compare that too. Each case gets a folder "
        "with model, report and log; the batch a summary as JSON, CSV, HTML and JUnit XML. Exit status: 1 a case "
        "fails, 3 none fails but one could not be assessed or done, 2 wrong input.",
    )
    parser.add_argument(
        "table",
        type=Path,
        metavar="CASES.csv|json",
        help="a case per row, with the columns id, image, series, segmentation, segment, threshold, largest, mesh, "
        "profile, refine, refine-range, max-error, control-series, part, title, description, usage, references, "
        "section-at, output; paths are relative to its folder",
    )
    group = parser.add_argument_group("output")
    group.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the cases; made if needed")
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with an earlier batch: keep what is finished with the same inputs, settings and versions",
    )
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group = parser.add_argument_group("workers")
    group.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="cases at once on this machine (default: what processors and free memory allow); 0 works without "
        "processes of their own",
    )
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler, as tcp://host:8786 or tls://...")
    group.add_argument("--tls-ca-file", default="", metavar="FILE", help="certificate authority of the scheduler (PEM)")
    group.add_argument("--tls-cert", default="", metavar="FILE", help="certificate of this client (PEM)")
    group.add_argument("--tls-key", default="", metavar="FILE", help="its key (PEM), unless it is in --tls-cert")
    group = parser.add_argument_group("surface", "of all cases whose model is made here; a row's own go over them")
    addSurfaceMaking(group)
    addRefinementOptions(group)
    addRequirementOptions(parser)
    addFileOptions(parser)
    addEncapsulateOption(parser)
    addReportOptions(parser, formats=_DEFAULT_FORMATS, pseudonym=False)
    addCaseOptions(parser, person=False)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    from ..Batch.BatchRun import BatchRun
    from ..Batch.BatchSummary import describeSummary
    from ..Batch.CasePlanning import planCases
    from ..Batch.CaseTable import checkTable

    _requireSense(arguments)
    parse, given = _commandLine(arguments)
    plans = planCases(checkTable(arguments.table), arguments.table, arguments.output, given, parse)
    output = arguments.output.absolute()
    batch = BatchRun(plans, output, arguments.table.absolute(), arguments.resume, terminal)
    batch.requirePlace()
    with batch.place():
        workers = _workers(arguments, batch, terminal)
        summary = batch.run(workers)
    terminal.result(summary, describeSummary(summary, output))
    return summary["exitStatus"]


def _requireSense(arguments: argparse.Namespace) -> None:
    problems = []
    if arguments.scheduler and arguments.workers is not None:
        problems.append("--workers is about this machine; how many work for a --scheduler is said where they start.")
    tls = [name for name in ("tls_ca_file", "tls_cert", "tls_key") if getattr(arguments, name)]
    if tls and not arguments.scheduler:
        problems.append(f"--{tls[0].replace('_', '-')} is about the connection to a --scheduler; give that too.")
    problems += _surfaceProblems(arguments)
    if problems:
        raise M3DError(problems)
    from ..Batch.BatchFaces import requireFaces

    requireFaces()
    requireFormats(formatsOf(arguments.formats))
    languageFrom(arguments)


def _surfaceProblems(arguments: argparse.Namespace) -> list[str]:
    """What no surface can be made with, whatever the rows say."""
    from ..Options.ValidationInput import surfaceParameters

    try:
        # Which surfaces a range is for is said by the rows.
        surfaceParameters(argparse.Namespace(**{**vars(arguments), "refine": True}))
    except M3DError as error:
        return list(error.problems)
    return []


def _commandLine(
    arguments: argparse.Namespace,
) -> tuple[Callable[[list[str]], argparse.Namespace], dict[str, list[list[Any]]]]:
    """What reads the arguments of a case's command, and the options of this command line and of the settings that hold
    for all cases, by the command that takes them.
    """
    from ..CommandLine import commandsOf, makeParser

    parser = makeParser()
    texts = {}
    for name, setting in readSettings(getattr(arguments, "config", None)).values.items():
        if name not in _NOT_OF_CASES:
            texts[f"--{name}"] = setting.text if isinstance(setting.text, list) else [setting.text]
    given = getattr(arguments, "optionsGiven", {})
    for action in arguments.parser._actions:
        value = getattr(arguments, action.dest, None)
        if action.option_strings and action.dest in given:
            texts[action.option_strings[-1]] = _asTexts(value, action)
        elif isinstance(action, argparse._StoreTrueAction) and value:
            texts[action.option_strings[-1]] = []
    texts["--formats"] = [arguments.formats]
    commands = commandsOf(parser)
    known = {name: set(commands[name]._option_string_actions) - _OWN for name in _COMMANDS}
    options = {
        name: [[option, *values] for option, values in texts.items() if option in known[name]] for name in _COMMANDS
    }
    return parser.parse_args, options


# Of this command line, not of a case.
_OWN = {"--case", "--by", "--role", "--output", "--json", "--log-file", "--config", "--color", "--quiet", "--verbose"}


def _asTexts(value: Any, action: argparse.Action) -> list[str]:
    """A value as it was given: several for an option of several, a list with commas for one that takes a list."""
    if isinstance(value, (list, tuple)):
        return [str(one) for one in value] if action.nargs else [",".join(map(str, value))]
    if action.dest == "max_file_size":
        # Bytes by now, but a number alone stands for megabytes.
        return [f"{value / (1 << 20):.6f}M"]
    return [str(value)]


def _workers(arguments: argparse.Namespace, batch: BatchRun, terminal: Terminal):
    """Whoever does the cases, and what the summary says of them."""
    from ..Batch.LocalWorkers import LocalWorkers, ThisProcess

    if arguments.scheduler:
        from ..Batch.DaskWorkers import DaskWorkers, Tls

        tls = Tls(arguments.tls_ca_file, arguments.tls_cert, arguments.tls_key)
        workers = DaskWorkers(arguments.scheduler, tls, batch.output, batch.token, batch.resume)
        batch.workers = workers.workers
        terminal.note(f"{workers.workers['workers']} workers of {arguments.scheduler}.")
        return workers
    if arguments.workers == 0:
        batch.workers = {"count": 0}
        return ThisProcess(batch.output, batch.token, batch.resume)
    from ..Batch.CaseMemory import chooseWorkers

    chosen = chooseWorkers(batch.plans, arguments.workers)
    batch.workers = chosen.asDict()
    terminal.note(chosen.sentence())
    return LocalWorkers(chosen.count, batch.output, batch.token, batch.resume)


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else -1
    if not 0 <= count <= 1024:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of workers; give 1 or more, or 0 for this process")
    return count
