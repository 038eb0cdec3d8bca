"""What makes a document of a report: its number, its revision, the one it replaces, and what made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from M3DLib.Software import NAME

# Of the findings, what changes from one day to the next though nothing else has.
_AGING = {"scan-age"}
_DIGITS = 12


def documentOf(report: Mapping, revision: int = 1, replaces: str = "") -> dict:
    """The report's ``document``.

    :param report: content that follows ``Report.schema.json``.
    :param revision: counted by whoever issues the report, from 1.
    :param replaces: number of the report that this one stands in for; "" for none.
    :return: ``number``, ``revision``, ``replaces`` and ``software``.
    """
    steps = [step for step in report["dataFlow"] if step["step"] == "validation"]
    software = steps[-1]["software"] if steps else []
    return {
        "number": reportNumber(report),
        "revision": revision,
        "replaces": replaces,
        "software": list(software),
    }


def reportNumber(report: Mapping) -> str:
    """A number that follows from what was checked, by what, and what was found: "M3D-8F3A-61C0-94B7".

    The same input gives the same number on any day and in any folder: times, persons, durations and names of
    pictures have no part in it, nor has the age of the scan. Figures count to four digits, for sums of many threads
    differ in the last ones. It is a name and no signature.
    """
    content = {
        "case": report["case"],
        "profile": report["profile"],
        "tolerance": report["toleranceMm"],
        "part": report.get("declaredPart", ""),
        "input": report["input"],
        "steps": [
            {key: step[key] for key in ("step", "title", "parameters", "files")}
            # Which libraries are loaded depends on what is written, and changes nothing that is found.
            | {"software": [one for one in step["software"] if one.startswith(f"{NAME} ")]}
            for step in report["dataFlow"]
        ],
        "findings": [
            {key: entry.get(key) for key in ("requirement", "segment", "verdict", "limit")}
            | {"measured": None if entry["requirement"] in _AGING else entry["measured"]}
            for entry in report["findings"]
        ],
    }
    if report.get("changes"):
        content["changes"] = report["changes"]
    text = json.dumps(_coarse(content), sort_keys=True, ensure_ascii=False)
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS].upper()
    return "-".join(["M3D", *(digits[start : start + 4] for start in range(0, _DIGITS, 4))])


def _coarse(value):
    if isinstance(value, Mapping):
        return {key: _coarse(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_coarse(item) for item in value]
    return f"{value:.4g}" if isinstance(value, float) else value
