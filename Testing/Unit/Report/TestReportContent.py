"""The report's content: what it holds, that it follows its schema, that it is the same every time."""

import copy
import hashlib
import json

import jsonschema
import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Image.ImageReader import readImage
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Reports import PATIENT, bruteHistogram, hostile, validated, withFindings, writeNamedScan
from M3DValidationLib.Acquisition.ImageCheck import inOne
from M3DValidationLib.Deviation.DeviationHistogram import deviationHistogram
from M3DValidationLib.Report.Content.DataFlow import fileEntry
from M3DValidationLib.Report.Content.Pseudonym import WITHHELD, withheld
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.SchemaValidation import schemaProblems


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("report")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return validated(folder / "scan", folder / "out", "--person", "Dr. Q")


def test_followsThePublishedSchema(report):
    assert schemaProblems(report, readSchema()) == []
    jsonschema.Draft202012Validator.check_schema(readSchema())
    jsonschema.validate(report, readSchema())
    jsonschema.validate(withFindings(report, 0), readSchema())
    jsonschema.validate(withFindings(report, 500), readSchema())
    jsonschema.validate(hostile(report), readSchema())


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("dataFlow"),
        lambda r: r.update(verdict="compliant"),
        lambda r: r["findings"][0].update(verdict="ok"),
        lambda r: r["deviation"]["image"].pop("p95Absolute"),
        lambda r: r["deviation"]["image"].update(coverage=1.5),
        lambda r: r["dataFlow"][0]["files"][0].update(sha256="no hash"),
        lambda r: r.update(schemaVersion="2.0"),
    ],
)
def test_schemaRefusesWhatIsWrong(report, change):
    wrong = copy.deepcopy(report)
    change(wrong)
    assert schemaProblems(wrong, readSchema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, readSchema())


def test_saysWhoWhatAndHow(report, folder):
    assert report["case"]["patient"] == {"name": PATIENT, "id": "PID-20481", "birthDate": "19510203", "sex": "O"}
    assert report["made"]["person"] == "Dr. Q"
    assert [step["step"] for step in report["dataFlow"]] == ["image", "segmentation", "surface", "stl", "validation"]
    first = sorted((folder / "scan").iterdir())[0]
    image = report["dataFlow"][0]
    assert {"name": first.name, "sha256": hashlib.sha256(first.read_bytes()).hexdigest()} in image["files"]
    assert len(image["files"]) == len(list((folder / "scan").iterdir()))
    assert report["dataFlow"][2]["parameters"]["smoothing"] == 0.2
    for step in report["dataFlow"][1:]:
        assert step["time"] == report["made"]["time"] and step["person"] == "Dr. Q"
        assert step["software"][0].startswith("SlicerM3D ")
    assert "person" not in image
    assert {"keyword": "SliceThickness", "attribute": "Slice Thickness (0018,0050), mm", "value": "1"} in report[
        "acquisition"
    ]
    unassessed = [f["requirement"] for f in report["findings"] if f["verdict"] == "notAssessable"]
    assert [entry["requirement"] for entry in report["notAssessable"]] == unassessed
    assert sum(sum(clause["counts"].values()) for clause in report["clauses"]) == len(report["findings"])
    assert "too small" in report["signConvention"]


def test_differentValuesOfAnAttributeAreOneText():
    assert inOne(["3", "20", "-1.5"]) == "−1.5 to 20"
    assert inOne(["b", "a"]) == "a, b"
    assert inOne(map(str, range(5))) == "0 to 4" and inOne(["x", *"abcdef"]) == "a, b, c, d, e and 2 more"
    assert inOne([]) == "" and inOne(["YA"]) == "YA"


def test_nothingClaimsConformityWithTheStandard(report):
    text = json.dumps(report).casefold()
    assert "compliant" not in text and "conforms to iso" not in text and "certified" not in text


def test_secondRunGivesTheSameButForTimes(report, folder):
    again = validated(folder / "scan", folder / "again", "--person", "Dr. Q")
    for one in (again, report := copy.deepcopy(report)):
        for key in ("seconds", "peakMemoryMb", "report"):
            del one[key]
        del one["made"]["time"]
        for step in one["dataFlow"][1:]:
            del step["time"]
    assert again == report


def test_pseudonymLeavesNothingOfThePatient(folder):
    named = folder / "named"
    report = validated(folder / "scan", named, "--pseudonym", "Case 7")
    text = (named / "report.json").read_text(encoding="utf-8")
    image = readImage(folder / "scan")
    for secret in ("Grünwald", "Änne", "PID-20481", "19510203", "ACC778812", image.headers[0].StudyInstanceUID):
        assert secret not in text
    assert image.headers[0].SeriesInstanceUID not in text
    assert report["case"]["patient"]["name"] == "Case 7" and report["case"]["pseudonymized"]
    jsonschema.validate(report, readSchema())


def test_pseudonymReachesNamesInTextsAndKeysButNotVerdicts(folder):
    header = readImage(folder / "scan").headers[0]
    header.PatientName = "Pass^Gruenwald"
    content = {
        "findings": [{"verdict": "pass", "message": "Segment 'GRUENWALD skull' has 3 parts"}],
        "segments": {"gruenwald": {"n": 1}},
        "dataFlow": [{"title": "x", "files": [{"name": f"{header.SeriesInstanceUID}.dcm"}]}],
    }
    clean = withheld(content, [header])
    assert clean["findings"][0] == {"verdict": "pass", "message": WITHHELD}
    assert clean["segments"] == {"segment 1": {"n": 1}}
    assert clean["dataFlow"][0]["files"] == []


def test_histogramAgreesWithCounting():
    random = np.random.default_rng(3)
    count = 400
    points = random.normal(size=(count, 3)).astype(np.float32)
    distance = random.normal(0, 0.8, count).astype(np.float32)
    distance[:3] = (np.nan, 5.0, -5.0)
    quality = (random.random(count) < 0.2).astype(np.uint8)
    quality[1:3] = 0
    areas = random.random(count)
    deviation = DeviationMap("image", TriangleMesh(points, [[0, 1, 2]]), distance, quality, areas)
    found = deviationHistogram(deviation, 0.7)
    good = (quality == 0) & np.isfinite(distance)
    wanted = bruteHistogram(distance[good].astype(float), areas[good], np.linspace(-1.4, 1.4, 41))
    np.testing.assert_allclose(found["shares"], wanted, atol=1e-12)
    assert sum(found["shares"]) + found["below"] + found["above"] == pytest.approx(1)
    assert found["below"] > 0 and found["above"] > 0
    deviation.quality[:] = 1
    assert sum(deviationHistogram(deviation, 0.7)["shares"]) == 0


def test_modelAloneHasAReport(tmp_path):
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DTestSupport.Faults import cube

    (tmp_path / "cube.stl").write_bytes(stlBytes(cube(0.0)))
    main(["validate", "--mesh", str(tmp_path / "cube.stl"), "--output", str(tmp_path / "out")])
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, readSchema())
    stl = report["dataFlow"][0]
    assert stl["files"] == [fileEntry(tmp_path / "cube.stl")]
    assert stl["parameters"]["sha256OfBinaryStlInMm"] is not None
