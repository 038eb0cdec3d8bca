"""What a report says of a case, in one line of the summary: verdict, worst figure, models, places of the files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from M3DValidationLib.Report.ReportFiles import HTML_FILE, PDF_FILE, REPORT_FILE

ERROR = "error"
# From bad to good; the verdict of several reports is the first of theirs.
VERDICTS = ("fail", ERROR, "notAssessable", "warning", "pass")
_EXIT_STATUSES = {"fail": 1, ERROR: 3, "notAssessable": 3, "warning": 0, "pass": 0}
_LONGEST_LIST = 20


def exitStatusOf(verdicts: Sequence[str]) -> int:
    """1 where something fails, 3 where something could not be assessed, done or run, else 0."""
    statuses = {_EXIT_STATUSES.get(verdict, 3) for verdict in verdicts}
    return next((status for status in (1, 3) if status in statuses), 0)


def readReportFile(file: Path) -> dict[str, Any]:
    """A report that a command has just written."""
    return json.loads(file.read_text(encoding="utf-8"))


def outcomeOf(reports: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """The outcome of a case that was judged.

    :param reports: by the folder they are in, relative to that of the case: "" for the model's, "part" for that of the
        printed part.
    """
    verdict = min((report["verdict"] for report in reports.values()), key=VERDICTS.index)
    found = [{**finding, "of": place} for place, report in reports.items() for finding in _ofVerdict(report, verdict)]
    worst = max(found, key=_badness, default=None)
    model = reports.get("")
    pictures = [picture for picture in (model or {}).get("pictures", ()) if (folder / picture["file"]).is_file()]
    shown = next((one for one in pictures if one["kind"] == "model"), pictures[0] if pictures else None)
    return {
        "verdict": verdict,
        "exitStatus": exitStatusOf([verdict]),
        "reason": _reason(found, verdict),
        "worst": None if worst is None else _figure(worst),
        "findings": [_figure(finding) for finding in found[:_LONGEST_LIST]]
        if verdict in ("fail", "notAssessable")
        else [],
        "deviation": _deviation(model),
        "profile": next(f"{report['profile']['name']} {report['profile']['version']}" for report in reports.values()),
        "reports": {place or "model": _faces(folder / place, place) for place in reports},
        "thumbnail": shown["file"] if shown else "",
        "thumbnailText": shown["alternative"] if shown else "",
    }


def _ofVerdict(report: Mapping[str, Any], verdict: str) -> list[dict[str, Any]]:
    """Findings that make a report's verdict; for a good one all that have a figure and a limit."""
    findings = report["findings"]
    if verdict == "notAssessable":
        return [one for one in findings if one["verdict"] == verdict and one["required"]]
    if verdict == "pass":
        return [one for one in findings if one["verdict"] == verdict and _ratio(one) is not None]
    return [one for one in findings if one["verdict"] == verdict]


def _ratio(finding: Mapping[str, Any]) -> float | None:
    """How far a figure is used up: 1 at its limit, more beyond it; None without figure or limit."""
    measured, limit = finding["measured"], finding["limit"]
    if isinstance(measured, (str, bool)) or measured is None or limit is None:
        return None
    measured = abs(measured)
    if finding["sense"] == "atLeast":
        return limit / measured if measured else math.inf
    if not limit:
        return math.inf if measured else 0.0
    return measured / limit


def _badness(finding: Mapping[str, Any]) -> float:
    ratio = _ratio(finding)
    return -1.0 if ratio is None else ratio


def _figure(finding: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("requirement", "title", "verdict", "measured", "unit", "limit", "sense", "message", "of")
    return {**{key: finding[key] for key in keys}, "segment": finding.get("segment", "")}


def _reason(found: Sequence[Mapping[str, Any]], verdict: str) -> str:
    """Why a case does not pass, in sentences, the worst first; "" when it passes."""
    if verdict == "pass":
        return ""
    ordered = sorted(found, key=_badness, reverse=True)
    return " ".join(dict.fromkeys(one["message"].strip() for one in ordered[:3] if one["message"].strip()))


def _deviation(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Figures of the model's distance from the image, mm."""
    image = ((report or {}).get("deviation") or {}).get("image")
    if not image:
        return None
    return {key: image[key] for key in ("meanSigned", "p95Absolute", "minSigned", "maxSigned") if key in image}


def _faces(folder: Path, place: str) -> dict[str, str]:
    names = {"json": REPORT_FILE, "html": HTML_FILE, "pdf": PDF_FILE}
    return {kind: f"{place}/{name}".lstrip("/") for kind, name in names.items() if (folder / name).is_file()}
