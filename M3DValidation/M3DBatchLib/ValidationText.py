"""The result of ``m3d validate`` for the terminal: one line for each requirement."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path

from M3DLib.NumberText import exactNumber, measuredText, plural, withUnit
from M3DValidationLib.Report.ReportFiles import REPORT_FILE

_FACES = (".html", ".pdf", ".csv")

WORDS = {
    "pass": "pass",
    "warning": "WARNING",
    "fail": "FAIL",
    "notAssessable": "not assessable",
    "information": "information",
}
_ORDER = ("fail", "notAssessable", "warning", "pass", "information")
_CONCLUSIONS = {
    "pass": "Nothing fails.",
    "warning": "Nothing fails, but there are warnings.",
    "fail": "At least one requirement fails.",
    "notAssessable": "Nothing fails, but a check that the profile requires could not be made.",
}


def describeResult(data: dict) -> str:
    """Table and conclusion.

    :param data: as :func:`resultOf` makes it.
    """
    rows: dict[tuple[str, str], list[dict]] = {}
    for finding in data["findings"]:
        rows.setdefault((finding["requirement"], finding.get("segment", "")), []).append(finding)
    lines = [f"Profile {data['profile']['name']}, version {data['profile']['version']}"]
    clause = ""
    for (identifier, segment), findings in sorted(rows.items(), key=lambda row: row[1][0]["clause"]):
        if findings[0]["clause"] != clause:
            clause = findings[0]["clause"]
            lines += ["", f"ISO/IEC 3532-1, {clause}"]
        lines += _row(identifier, segment, findings)
    counts = data["counts"]
    listed = ", ".join(f"{counts[verdict]} {WORDS[verdict].lower()}" for verdict in _CONCLUSIONS if counts[verdict])
    lines += ["", f"{_CONCLUSIONS[data['verdict']]} ({listed})"]
    # A comparison may be judged without a folder for its report.
    if data["report"]:
        lines.append(f"Report: {data['report']}")
    return "\n".join(lines)


def describeFiles(folder: Path, names: Iterable[str], stored: Iterable[Path] = ()) -> str:
    """What was written beside the JSON: every face by its path, pictures and 3D models by their number; "" for nothing.

    :param names: files of the report, in its folder.
    :param stored: DICOM objects.
    """
    others = [name for name in names if name != REPORT_FILE]
    faces = [name for name in others if Path(name).suffix in _FACES]
    lines = [f"  {folder / name}" for name in faces] + [f"  {file}" for file in stored]
    count = len(others) - len(faces)
    if count:
        lines.append(f"  {plural(count, 'file')} of pictures and 3D models in {folder}")
    return "\n".join(["Also written:", *lines]) if lines else ""


def _row(identifier: str, segment: str, findings: list[dict]) -> list[str]:
    """One line, and the sentence for whatever does not simply pass."""
    worst = min(findings, key=lambda finding: _ORDER.index(finding["verdict"]))
    name = f"{identifier} [{segment}]" if segment else identifier
    if len(findings) > 1:
        passed = sum(finding["verdict"] == "pass" for finding in findings)
        share = "recorded" if worst["verdict"] == "information" else f"{passed} of {len(findings)}"
        return [f"  {WORDS[worst['verdict']]:15}{name:31} {share}".rstrip()]
    line = f"  {WORDS[worst['verdict']]:15}{name:31} {_value(worst):>20}   {_limit(worst)}".rstrip()
    if worst["verdict"] in ("pass", "information"):
        return [line]
    width = max(60, min(shutil.get_terminal_size((120, 24)).columns, 140))
    return [line, *textwrap.wrap(worst["message"], width, initial_indent=" " * 17, subsequent_indent=" " * 17)]


def _value(finding: dict) -> str:
    value = finding["measured"]
    if value is None:
        return "-"
    if isinstance(value, str):
        return value if len(value) <= 20 else f"{value[:17]}..."
    limits = tuple(finding[key] for key in ("limit", "warningLimit") if finding.get(key) is not None)
    return measuredText(value, finding["unit"], (*limits, *(-limit for limit in limits)))


def _limit(finding: dict) -> str:
    if finding["limit"] is None:
        return ""
    sense = "at least" if finding["sense"] == "atLeast" else "at most"
    sign = "±" if finding.get("signed") else ""
    return f"{sense} {sign}{withUnit(exactNumber(finding['limit']), finding['unit'])}"
