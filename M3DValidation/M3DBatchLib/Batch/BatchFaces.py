"""The summary of a batch as files: JSON, CSV, an HTML page, and JUnit XML for continuous integration."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError
from M3DLib.PageTemplates import pageTemplates

from .BatchSummary import CSV_FILE, HTML_FILE, JUNIT_FILE, SUMMARY_FILE, WORDS, figureText, linkTo, straySentence

# Characters that XML 1.0 has no way to write.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_CSV_COLUMNS = (
    "row",
    "id",
    "verdict",
    "exitStatus",
    "worstRequirement",
    "worstMeasured",
    "worstUnit",
    "worstLimit",
    "meanDeviationMm",
    "p95DeviationMm",
    "reason",
    "remarks",
    "profile",
    "folder",
    "report",
    "models",
    "printFiles",
    "log",
    "seconds",
    "peakMemoryMb",
    "kept",
)
# With these a spreadsheet takes a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def requireFaces() -> None:
    """Refuse a batch whose results could not be written, before any work.

    :raises M3DError: junitparser or Jinja2 is not installed.
    """
    import importlib.util

    missing = [name for name in ("junitparser", "jinja2") if importlib.util.find_spec(name) is None]
    if missing:
        raise M3DError(f"m3d batch needs {' and '.join(missing)}; install it with: pip install SlicerM3D[batch]")


def writeSummary(output: Path, summary: Mapping[str, Any]) -> None:
    """Write all faces of the summary; each is there whole or not at all.

    :raises M3DError: a file cannot be written.
    """
    faces = {
        CSV_FILE: _csv(summary),
        HTML_FILE: batchPage(summary),
        JUNIT_FILE: junitXml(summary),
        SUMMARY_FILE: json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
    }
    for name, text in faces.items():
        part = output / f".{uuid.uuid4().hex}.part"
        try:
            part.write_bytes(text.encode("utf-8"))
            os.replace(part, output / name)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise M3DError(f"The summary '{output / name}' cannot be written: {error.strerror or error}.") from error


def _csv(summary: Mapping[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    for case in summary["cases"]:
        worst, deviation = case["worst"] or {}, case["deviation"] or {}
        values = {
            **case,
            "worstRequirement": worst.get("requirement", ""),
            "worstMeasured": worst.get("measured"),
            "worstUnit": worst.get("unit", ""),
            "worstLimit": worst.get("limit"),
            "meanDeviationMm": deviation.get("meanSigned"),
            "p95DeviationMm": deviation.get("p95Absolute"),
            "remarks": " ".join(case["remarks"]),
            "report": case["reports"].get("model", {}).get("json", ""),
            "models": ";".join(case["models"]),
            "printFiles": ";".join(case["printFiles"]),
            "kept": "yes" if case["kept"] else "no",
        }
        writer.writerow([_cell(values[name]) for name in _CSV_COLUMNS])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def junitXml(summary: Mapping[str, Any]) -> str:
    """The batch as a JUnit document with a test for each case: a failing model is a failing test with its reason.

    A case that could not be done, assessed or begun is an error there: "skipped" would leave the run green.
    """
    from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

    suite = TestSuite("m3d batch")
    suite.timestamp = summary["started"]
    for case in summary["cases"]:
        test = TestCase(_plain(case["id"]), "m3d.batch", case["seconds"] or 0.0)
        kind = {"fail": Failure, "error": Error, "notAssessable": Error, "notRun": Error}.get(case["verdict"])
        if kind is not None:
            result = kind(_plain(case["reason"]), _typeOf(case))
            result.text = _plain(_details(case))
            test.result = [result]
        places = [
            *case["reports"].get("model", {}).values(),
            *case["reports"].get("part", {}).values(),
            *case["models"],
            *case["printFiles"],
        ]
        test.system_out = _plain("\n".join([*case["remarks"], *places, case["log"]]).strip())
        suite.add_testcase(test)
    document = JUnitXml("m3d batch")
    document.add_testsuite(suite)
    document.update_statistics()
    return document.tostring().decode("utf-8")


def _typeOf(case: Mapping[str, Any]) -> str:
    worst = case["worst"]
    if case["verdict"] == "fail" and worst:
        return str(worst["requirement"])
    return {"error": "could-not-be-done", "notAssessable": "not-assessable", "notRun": "not-begun"}.get(
        case["verdict"], case["verdict"]
    )


def _details(case: Mapping[str, Any]) -> str:
    """Every finding that makes the verdict, a line each."""
    lines = [f"{one['requirement']}: {' '.join(one['message'].split())}" for one in case["findings"]]
    return "\n".join(lines) or case["reason"]


def _plain(text: str) -> str:
    return _NOT_XML.sub("?", text)


def batchPage(summary: Mapping[str, Any]) -> str:
    """A complete HTML document; pictures and links lead into the folders of the cases beside it."""
    environment = pageTemplates(Path(__file__).parent, "The page of a batch")
    environment.filters.update(link=linkTo, figure=figureText)
    return environment.get_template("BatchPage.html.j2").render(
        {**summary, "words": WORDS, "strays": straySentence(summary["strayFolders"])}
    )
