"""A second run on the same input gives the same report, but for times and unique identifiers."""

import json
import re
import shutil
import subprocess

import pytest
from pydicom import dcmread

from M3DBatchLib.CommandLine import main
from M3DTestSupport.MeasurementReports import instances
from M3DTestSupport.Reports import writeNamedScan

# What names the moment of the run, the place of its output, or how long it took.
_OF_THE_RUN = {"seconds", "peakMemoryMb", "report"}
_DATES = ("DA", "TM", "DT")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeated")
    writeNamedScan(folder)
    return folder


def m3d(*arguments):
    status = main([str(argument) for argument in arguments])
    assert status in (0, 1, 3)
    return status


def readJson(output):
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def newUids(report):
    """Identifiers that were made in a run: those of the models, by where they stand among them."""
    entries = report.get("dicomReferences", {}).get("models", [])
    found = {}
    for number, entry in enumerate(entries):
        for key in ("sopInstanceUid", "seriesInstanceUid"):
            found.setdefault(entry[key], f"<{key} {number}>")
    return found


def withoutRun(value, uids, key=""):
    """A JSON value without what is of the run alone."""
    if isinstance(value, dict):
        return {name: withoutRun(item, uids, name) for name, item in value.items() if name not in _OF_THE_RUN}
    if isinstance(value, list):
        return [withoutRun(item, uids, key) for item in value]
    if key == "time" and isinstance(value, str):
        return "<time>" if value else ""
    return uids.get(value, value) if isinstance(value, str) else value


def contentTree(dataset, uids):
    """A data set as lines of keyword and value; no dates and times, new identifiers by the order they come in."""
    lines = []
    for element in dataset.iterall():
        if element.VR in _DATES or element.VR == "SQ":
            lines.append(element.keyword)
        elif element.VR == "UI" and str(element.value).startswith("2.25."):
            lines.append(f"{element.keyword} {uids.setdefault(str(element.value), len(uids))}")
        else:
            lines.append(f"{element.keyword} {element.value!r}")
    return lines


def objects(output):
    found = [dcmread(file) for file in instances(output / "dicom")]
    return sorted(found, key=lambda dataset: (str(dataset.Modality), int(dataset.InstanceNumber)))


def pdfText(file):
    """Text of a PDF, without clock times."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    said = subprocess.run(["pdftotext", "-raw", file, "-"], capture_output=True, check=True)
    return withoutTimes(said.stdout.decode("utf-8"))


def withoutTimes(text):
    return re.sub(r"\d\d:\d\d(:\d\d)?", "<time>", text)


def plain(text, report):
    """Text of a face of the report, without the time it was made at and the identifiers of its models."""
    for uid, word in newUids(report).items():
        text = text.replace(uid, word)
    return text.replace(report["made"]["time"], "<time>")


def requireSame(first, second):
    reports = [readJson(output) for output in (first, second)]
    left, right = (withoutRun(report, newUids(report)) for report in reports)
    assert left == right
    made = [objects(output) for output in (first, second)]
    assert [one.Modality for one in made[0]] == [one.Modality for one in made[1]]
    trees = []
    for datasets in made:
        uids: dict[str, int] = {}
        for dataset in datasets:
            # The PDF says when it was made, so its bytes differ; its text is compared below.
            if dataset.Modality == "DOC":
                dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength = b"", 0
        trees.append([contentTree(dataset, uids) for dataset in datasets])
    assert trees[0] == trees[1]
    return reports


def test_validateTwice(scan, tmp_path):
    for name in ("first", "second"):
        arguments = ["--image", scan, "--threshold", 500, "--formats", "json,html,pdf,sr", "--person", "Roe^Richard"]
        m3d("validate", *arguments, "--output", tmp_path / name)
    outputs = (tmp_path / "first", tmp_path / "second")
    reports = requireSame(*outputs)
    html = [(output / "report.html").read_text(encoding="utf-8") for output in outputs]
    left, right = (withoutTimes(plain(text, report)) for text, report in zip(html, reports, strict=True))
    assert left == right
    pictures = [{file.name: file.read_bytes() for file in output.glob("*.png")} for output in outputs]
    assert pictures[0] == pictures[1]
    assert pdfText(outputs[0] / "report.pdf") == pdfText(outputs[1] / "report.pdf")


def test_runTwice(scan, tmp_path):
    for name in ("first", "second"):
        arguments = ["--image", scan, "--threshold", 500, "--export-anyway", "test", "--formats", "sr"]
        m3d("run", *arguments, "--output", tmp_path / name)
    reports = requireSame(tmp_path / "first", tmp_path / "second")
    assert len(reports[0]["exported"]) == 1
    assert reports[0]["exported"] != reports[1]["exported"]
