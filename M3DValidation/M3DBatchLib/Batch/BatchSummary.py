"""What a batch has found: one object with a row per case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from M3DLib.NumberText import plural

from .CaseOutcome import VERDICTS, exitStatusOf
from .CasePlan import CasePlan
from .Fingerprint import programVersions
from .FolderNames import RESERVED

SUMMARY_FILE, CSV_FILE, HTML_FILE, JUNIT_FILE = RESERVED
SCHEMA_FILE = Path(__file__).with_name("BatchSummary.schema.json")
NOT_RUN = "notRun"
WORDS = {
    "fail": "FAIL",
    "error": "could not be done",
    "notAssessable": "not assessable",
    NOT_RUN: "not begun",
    "warning": "warning",
    "pass": "pass",
}
_LONGEST_REASON = 200
_MOST_NAMED = 10


def summaryOf(
    plans: Sequence[CasePlan],
    outcomes: Mapping[int, Mapping[str, Any]],
    *,
    table: Path,
    workers: Mapping[str, Any],
    started: datetime,
    strays: Sequence[str] = (),
    interrupted: bool = False,
) -> dict[str, Any]:
    """The summary, which follows ``BatchSummary.schema.json``.

    :param outcomes: records of the cases by the row of their plan; of those that were not done there is none.
    :param workers: how many there were, and where. :param strays: of :func:`~.CaseFolder.strayFolders`.
    """
    cases = [_entry(plan, outcomes.get(plan.row)) for plan in plans]
    verdicts = [case["verdict"] for case in cases]
    ended = datetime.now().astimezone()
    return {
        "schemaVersion": 1,
        "table": str(table),
        "started": started.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "seconds": round((ended - started).total_seconds(), 3),
        "interrupted": interrupted,
        "exitStatus": exitStatusOf(verdicts),
        "verdict": next(
            (verdict for verdict in (*VERDICTS[:3], NOT_RUN, *VERDICTS[3:]) if verdict in verdicts), "pass"
        ),
        "counts": {verdict: verdicts.count(verdict) for verdict in WORDS},
        "workers": dict(workers),
        "versions": programVersions(),
        "cases": cases,
        "strayFolders": list(strays),
    }


def _entry(plan: CasePlan, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    """One case in the summary; its files are named relative to the folder of the summary."""
    if outcome is None:
        outcome = {"verdict": NOT_RUN, "exitStatus": 3, "reason": "The batch ended before this case was done."}
    isThere = "log" in outcome

    def placed(name: str) -> str:
        return f"{plan.folder}/{name}" if name else ""

    reports = {
        about: {kind: placed(file) for kind, file in files.items()}
        for about, files in outcome.get("reports", {}).items()
    }
    return {
        "row": plan.row,
        "id": plan.id,
        "command": plan.command,
        "verdict": outcome["verdict"],
        "exitStatus": outcome["exitStatus"],
        "reason": outcome["reason"],
        "remarks": list(outcome.get("remarks", plan.remarks)),
        "worst": outcome.get("worst"),
        "findings": list(outcome.get("findings", ())),
        "deviation": outcome.get("deviation"),
        "profile": outcome.get("profile", ""),
        "folder": plan.folder if isThere else "",
        "reports": reports,
        "models": [placed(name) for name in outcome.get("models", ())],
        "printFiles": [placed(name) for name in outcome.get("printFiles", ())],
        "thumbnail": placed(outcome.get("thumbnail", "")),
        "thumbnailText": outcome.get("thumbnailText", ""),
        "log": placed(outcome.get("log", "")),
        "seconds": outcome.get("seconds"),
        "peakMemoryMb": outcome.get("peakMemoryMb"),
        "host": outcome.get("host", ""),
        "kept": outcome.get("kept", False),
    }


def removeSummary(output: Path) -> None:
    """Take away the summary of an earlier run, which nobody is to take for that of this one."""
    for name in RESERVED:
        (output / name).unlink(missing_ok=True)


def linkTo(place: str) -> str:
    """A file beside the summary as a link, whatever characters are in its name."""
    return quote(place, safe="/")


def figureText(worst: Mapping[str, Any] | None) -> str:
    """The worst figure of a case as one reads it: what was measured, and what is asked for; "" when it is none."""
    if worst is None:
        return ""
    measured, limit, unit = worst["measured"], worst["limit"], worst["unit"]
    if measured is None or isinstance(measured, (str, bool)):
        return ""
    said = f"{measured:.4g} {unit}".strip()
    if limit is None:
        return said
    return f"{said} ({'at least' if worst['sense'] == 'atLeast' else 'at most'} {limit:g} {unit}".strip() + ")"


def straySentence(folders: Sequence[str]) -> str:
    """What is to be said of folders that hold cases, but none of the table's; "" where there are none."""
    if not folders:
        return ""
    named = ", ".join(folders[:_MOST_NAMED]) + (", ..." if len(folders) > _MOST_NAMED else "")
    has = "holds a case that is" if len(folders) == 1 else "hold cases that are"
    return (
        f"{plural(len(folders), 'folder')} of an earlier batch {has} not in the table, and not counted here: {named}. "
        "Nothing was changed there; remove what is no longer wanted."
    )


def describeSummary(summary: Mapping[str, Any], output: Path) -> str:
    """The summary for the terminal: a line for each case that does not pass, and how many there are of each kind."""
    lines = []
    for case in summary["cases"]:
        if case["verdict"] in ("pass", "warning"):
            continue
        figure = figureText(case["worst"])
        named = f"{case['worst']['requirement']}: {figure}" if figure else case["reason"][:_LONGEST_REASON]
        lines.append(f"  {WORDS[case['verdict']]:18}{case['id']}   {' '.join(named.split())}")
    counts = summary["counts"]
    listed = ", ".join(f"{counts[verdict]} {word.lower()}" for verdict, word in WORDS.items() if counts[verdict])
    kept = sum(case["kept"] for case in summary["cases"])
    again = f" {kept} of them were finished before." if kept else ""
    lines += ["", f"{plural(len(summary['cases']), 'case')}: {listed}.{again}"]
    lines += filter(None, [straySentence(summary["strayFolders"])])
    lines.append(f"Summary: {output / HTML_FILE}")
    return "\n".join(lines).lstrip("\n")
