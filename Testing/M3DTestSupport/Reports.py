"""Reports to test with: one made by ``m3d validate`` on a small scan, and ones made up."""

import copy
import json
from datetime import date

import numpy as np

from M3DBatchLib.CommandLine import main
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Phantom.PhantomShapes import Box, Sphere, Union
from M3DTestSupport.SmallScan import writeSmallScan

PATIENT = "Grünwald^Änne^Maria"

# Each would do something if it were not shown as text: markup, script, template and typst syntax, paths, controls.
HOSTILE = (
    "<script>document.title='broken'</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    '#panic("broken")',
    "$x^2$ *bold* _it_ @ref <label> \\ // /* ",
    '#read("/etc/passwd")',
    "../../etc/passwd",
    "]]></style><!--",
    "&amp; &lt;",
)


def writeNamedScan(folder, name=PATIENT, **attributes):
    """The small scan of a patient with a name that is not plain ASCII."""

    def named(header, _k):
        header.SpecificCharacterSet = "ISO_IR 192"
        header.PatientName = name
        header.PatientID = "PID-20481"
        header.PatientBirthDate = "19510203"
        header.AccessionNumber = "ACC778812"
        for keyword, value in attributes.items():
            setattr(header, keyword, value)

    return writeSmallScan(folder, changeHeader=named)


def writePassingScan(folder):
    """A scan of today, of bone (above 500 HU) in tissue in air, that meets every limit of an anatomical model."""
    spacing, dimensions = np.array((0.45, 0.45, 0.8)), np.array((150, 130, 64))
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -(dimensions - 1) / 2 * spacing
    bone = Union((Sphere((0, 0, 0), 14.0), Box((6, 3, 2), (24, 20, 26))))
    paint = [(Box((0, 0, 0), (56, 48, 80)), 40.0), (bone, 1000.0)]
    image = renderPhantom(paint, -1000.0, tuple(dimensions.tolist()), matrix, 0.7, noise=12.0)

    def made(header, _k):
        header.AcquisitionDate = date.today().strftime("%Y%m%d")

    return writeSeries(image, folder, changeHeader=made)


def validated(scan, output, *more):
    """Run ``m3d validate`` on the scan's bone; its report."""
    arguments = ["validate", "--image", scan, "--threshold", "500", "--output", output, *more]
    assert main([str(argument) for argument in arguments]) in (0, 1, 3)
    return json.loads((output / "report.json").read_text(encoding="utf-8"))


def withFindings(report, count):
    """The report with so many findings: none, or copies of its own."""
    changed = copy.deepcopy(report)
    own = changed["findings"]
    changed["findings"] = [copy.deepcopy(own[number % len(own)]) for number in range(count)]
    for number, finding in enumerate(changed["findings"]):
        finding["message"] = f"Finding number {number}."
    if not count:
        changed["clauses"] = changed["notAssessable"] = []
        changed["counts"] = dict.fromkeys(changed["counts"], 0)
    return changed


def hostile(report):
    """The report with hostile text wherever text can come from a user or a header."""
    changed = copy.deepcopy(report)
    texts = iter(HOSTILE * 200)
    for block, keys in (
        (changed["case"]["patient"], ("name", "id", "birthDate", "sex")),
        (changed["case"]["study"], ("description", "date", "id", "accessionNumber", "studyInstanceUid")),
        (changed["profile"], ("name", "title", "version", "sha256")),
        (changed["intendedUse"], ("title", "description")),
        (changed["made"], ("person", "time")),
    ):
        for key in keys:
            block[key] = next(texts)
    for finding in changed["findings"]:
        for key in ("requirement", "title", "measured", "unit", "clause", "source", "message", "segment"):
            finding[key] = next(texts)
        # Rows of the reference checks, of which the schema says nothing, hold what they should not.
        rows = [{"name": next(texts), "measuredMm": next(texts), "readingsMm": next(texts), "sizes": next(texts)}]
        finding["evidence"] = {next(texts): [next(texts)], "distances": rows, "objects": rows}
    for entry in changed["acquisition"]:
        entry["attribute"] = entry["value"] = next(texts)
    for step in changed["dataFlow"]:
        step["title"], step["time"], step["software"] = next(texts), next(texts), [next(texts)]
        step["parameters"] = {next(texts): next(texts)}
        step["files"] = [{"name": next(texts), "sha256": "0" * 64}]
    for clause in changed["clauses"]:
        clause["clause"] = next(texts)
    for entry in changed["notAssessable"]:
        entry["title"] = entry["reason"] = next(texts)
    for segment in changed["input"].get("segments", []):
        segment["name"] = next(texts)
    for entry in (*changed["pictures"], *changed["models3d"]):
        entry["title"] = next(texts)
    for entry in changed["pictures"]:
        entry["alternative"] = next(texts)
    changed["override"] = {"reason": next(texts)}
    return changed


def bruteHistogram(distances, areas, edges):
    """Shares per bin by looking at every value."""
    total = float(np.sum(areas))
    shares = [0.0] * (len(edges) - 1)
    for value, area in zip(distances, areas, strict=True):
        for number in range(len(shares)):
            last = number == len(shares) - 1
            if edges[number] <= value < edges[number + 1] or (last and value == edges[-1]):
                shares[number] += area / total
    return shares
