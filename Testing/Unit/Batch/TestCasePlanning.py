"""From rows to plans: what contradicts itself or is not there is found before the first case is begun."""

import pytest

from M3DBatchLib.Batch.CasePlanning import planCases
from M3DBatchLib.Batch.CaseTable import CheckedTable
from M3DBatchLib.CommandLine import makeParser
from M3DLib.Errors import M3DError
from M3DTestSupport.Batches import GOOD, writeMeshes
from M3DTestSupport.SmallScan import writeSmallScan

NOTHING = {"run": [], "validate": [], "compare": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("planning")
    writeMeshes(place)
    for name in ("scan", "other"):
        writeSmallScan(place / name)
    for name in ("volume.nrrd", "labels.seg.nrrd", "known.csv"):
        (place / name).write_text("not read yet")
    (place / "site.json").write_text(
        '{"profile": "site", "title": "Site", "version": "1", "base": "implant", "requirements": {}}'
    )
    return place


def plan(folder, *rows, given=NOTHING, output=None):
    checked = CheckedTable(list(enumerate(rows, start=2)), [], set())
    return planCases(checked, folder / "cases.csv", output or folder / "out", given, makeParser().parse_args)


def problems(folder, *rows, **more):
    with pytest.raises(M3DError) as caught:
        plan(folder, *rows, **more)
    return caught.value.problems


def test_rowOfAnAnatomyIsDoneAsByRun(folder):
    row = {
        "id": "skull",
        "image": "scan",
        "series": "2",
        "threshold": "300: 2000",
        "largest": 1,
        "refine": True,
        "refine-range": 1,
        "max-error": 0.05,
        "control-series": "other",
        "profile": "implant",
        "title": "-a title",
        "description": "Skull",
        "usage": "PlanningIntent",
        "references": ["known.csv"],
        "section-at": ["R 31, P 144, S 705.9", "LPS -3 4 5"],
    }
    (made,) = plan(folder, row)
    assert made.arguments("out") == [
        "run",
        f"--image={folder / 'scan'}",
        f"--control-series={folder / 'other'}",
        "--series=2",
        "--threshold=300:2000",
        "--largest=1",
        "--title=-a title",
        "--description=Skull",
        "--usage=PlanningIntent",
        f"--references={folder / 'known.csv'}",
        "--section-at=R 31, P 144, S 705.9",
        "--section-at=LPS -3 4 5",
        "--refine",
        "--refine-range=1.0",
        "--max-error=0.05",
        "--profile=implant",
        "--output=out",
    ]
    assert made.inputs["control-series"] == [str(folder / "other")]
    parsed = makeParser().parse_args(made.arguments("out"))
    assert parsed.threshold == (300, 2000)
    assert parsed.title == "-a title"


@pytest.mark.parametrize(
    "row",
    [
        {"image": "scan"},
        {"mesh": GOOD},
        {"image": "scan", "mesh": GOOD},
        {"image": "volume.nrrd", "threshold": "300"},
    ],
)
def test_whatMakesNoModelInDicomIsValidated(folder, row):
    (made,) = plan(folder, {"id": "a", **row})
    assert made.command == "validate"
    assert bool(made.remarks) == ("threshold" in row)


def test_scanOfThePrintedPartIsComparedWithTheModel(folder):
    given = {**NOTHING, "compare": [["--formats", "json"], ["--profile", "implant"]], "run": [["--profile", "implant"]]}
    (made,) = plan(folder, {"id": "a", "image": "scan", "threshold": "300", "part": GOOD}, given=given)
    assert made.partArguments("model.dcm", "part") == [
        "compare",
        "--register",
        "--profile=implant",
        "--formats=json",
        "--output=part",
        "--",
        str(folder / GOOD),
        "model.dcm",
    ]


def test_profileOfTheRowGoesOverThatOfAllCases(folder):
    given = {**NOTHING, "validate": [["--profile", "education"]]}
    rows = [{"id": "a", "mesh": GOOD}, {"id": "b", "mesh": GOOD, "profile": "site.json"}]
    first, second = plan(folder, *rows, given=given)
    assert "--profile=education" in first.arguments("out")
    assert f"--profile={folder / 'site.json'}" in second.arguments("out")
    assert second.inputs["profile"] == [str(folder / "site.json")]


SURFACE = ("--smoothing", "--refine", "--refine-range", "--max-error")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, ["--smoothing=0.3", "--refine", "--refine-range=0.5", "--max-error=0.2"]),
        ({"refine": True}, ["--smoothing=0.3", "--refine", "--refine-range=0.5", "--max-error=0.2"]),
        ({"refine": False}, ["--smoothing=0.3", "--max-error=0.2"]),
        ({"refine-range": 2}, ["--smoothing=0.3", "--refine", "--refine-range=2.0", "--max-error=0.2"]),
        ({"max-error": 0.05}, ["--smoothing=0.3", "--refine", "--refine-range=0.5", "--max-error=0.05"]),
        ({"mesh": GOOD}, []),
        ({"threshold": None}, []),
    ],
)
@pytest.mark.parametrize("image", ["scan", "volume.nrrd"])
def test_whatTheRowSaysOfItsSurfaceGoesOverWhatHoldsForAllCases(folder, image, row, expected):
    common = [["--smoothing", "0.3"], ["--refine"], ["--refine-range", "0.5"], ["--max-error", "0.2"]]
    row = {name: value for name, value in {"image": image, "threshold": "3", **row}.items() if value is not None}
    (made,) = plan(folder, {"id": "a", **row}, given={**NOTHING, "run": common, "validate": common})
    assert [one for one in made.arguments("out") if one.partition("=")[0] in SURFACE] == expected


def test_rangeForAllCasesNeedsOneThatIsRefined(folder):
    common = [["--refine-range", "0.5"]]
    given = {**NOTHING, "run": common, "validate": common}
    rows = [{"id": name, "image": "scan", "threshold": "3"} for name in "ab"]
    (found,) = problems(folder, *rows, given=given)
    assert found.startswith("--refine-range says nothing without refining")
    first, second = plan(folder, rows[0], {**rows[1], "refine": True}, given=given)
    assert "--refine-range=0.5" not in first.arguments("out")
    assert "--refine-range=0.5" in second.arguments("out")


def test_controlSeriesIsMeasuredForAModelThatWasBroughtAlong(folder):
    (made,) = plan(folder, {"id": "a", "image": "scan", "mesh": GOOD, "control-series": "other"})
    assert made.command == "validate"
    assert f"--control-series={folder / 'other'}" in made.arguments("out")
    (without,) = plan(folder, {"id": "a", "image": "scan", "mesh": GOOD})
    assert made.expectedMemory > without.expectedMemory


def test_resultsNeverLieInAControlSeries(folder):
    row = {"id": "a", "image": "scan", "threshold": "3", "control-series": "other"}
    (found,) = problems(folder, row, output=folder / "other" / "out")
    assert found.startswith("Row 2: control-series: ")
    assert "would be read as part of it" in found


def test_placesOfFilesAreNoPartOfWhatACaseIsRecognizedBy(folder, tmp_path):
    (here,) = plan(folder, {"id": "a", "mesh": GOOD})
    writeMeshes(tmp_path)
    (there,) = plan(tmp_path, {"id": "b", "mesh": GOOD})
    assert here.settings() == there.settings()
    assert str(folder) not in str(here.settings())


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "nothing to check"),
        ({"image": "scan", "segmentation": "labels.seg.nrrd", "threshold": "3"}, "contradict"),
        ({"mesh": GOOD, "threshold": "3"}, "give image too"),
        ({"mesh": GOOD, "series": "3"}, "series needs the scan"),
        ({"mesh": GOOD, "section-at": ["R 1, A 2, S 3"]}, "section-at shows sections of the scan"),
        ({"image": "scan", "section-at": ["1 2 3"]}, "coordinate system"),
        ({"image": "scan", "segment": ["x"], "threshold": "3"}, "give segmentation too"),
        ({"image": "scan", "largest": 1, "segmentation": "labels.seg.nrrd"}, "largest belongs to threshold"),
        ({"image": "scan", "threshold": "30:3"}, "LOW is above HIGH"),
        ({"image": "scan", "mesh": GOOD, "refine": True}, "refine is about a surface made here"),
        ({"image": "scan", "threshold": "3", "usage": "Decoration"}, "usage"),
        ({"image": "scan", "threshold": "3", "description": "x" * 65}, "64"),
        ({"image": "scan", "mesh": GOOD, "max-error": 0.5}, "max-error is about a surface made here"),
        ({"image": "scan", "refine": False, "refine-range": 0.5}, "refine-range is about a surface made here"),
        ({"image": "scan", "threshold": "3", "refine-range": 0.5}, "refine-range says nothing without refining"),
        ({"image": "scan", "threshold": "3", "refine": False, "refine-range": 0.5}, "says nothing without refining"),
        ({"mesh": GOOD, "control-series": "other"}, "control-series needs the scan"),
        ({"image": "scan", "control-series": "other"}, "this row has none"),
        ({"image": "volume.nrrd", "threshold": "3", "control-series": "other"}, "needs two DICOM series"),
        ({"image": "scan", "threshold": "3", "control-series": "volume.nrrd"}, "needs two DICOM series"),
        ({"image": "scan", "threshold": "3", "control-series": "other/../scan"}, "is the scan's own place"),
        ({"mesh": GOOD, "usage": "PlanningIntent"}, "usage is written into the model's object"),
        ({"mesh": GOOD, "profile": "imlant"}, "profile"),
        ({"mesh": GOOD, "profile": "none.json"}, "profile"),
        ({"mesh": "scan"}, "is a folder"),
        ({"image": "scan", "part": GOOD}, "this row has none"),
        ({"image": "volume.nrrd", "threshold": "3", "part": GOOD}, "for DICOM scans only"),
    ],
)
def test_contradictionIsNamedWithItsRow(folder, row, words):
    found = problems(folder, {"id": "good", "mesh": GOOD}, {"id": "a", **row})
    assert len(found) == 1
    assert found[0].startswith("Row 3: ")
    assert words in found[0]


def test_everyRowIsLookedAtBeforeAnythingIsSaid(folder):
    found = problems(folder, {"id": "a", "mesh": "none.stl"}, {"id": "b"}, {"id": "c", "image": "scan", "largest": 2})
    assert [one.partition(":")[0] for one in found] == ["Row 2", "Row 3", "Row 4"]


@pytest.mark.parametrize(
    "name",
    [
        *("..", "a/b", "a\\b", "a:b", "a*", "con", "LPT1.txt", "a.", "a ", ".hidden", "-a", "x" * 121, "a\tb"),
        *("summary.json", "Junit.XML"),
    ],
)
def test_idThatIsNoNameForAFolderIsRefusedUnlessTheFolderIsNamed(folder, name):
    assert "id: '" in problems(folder, {"id": name, "mesh": GOOD})[0]
    (made,) = plan(folder, {"id": name, "mesh": GOOD, "output": "safe"})
    assert (made.id, made.folder) == (name, "safe")


@pytest.mark.parametrize("output", ["/elsewhere", "../a", "a/../b", "C:/x", "a//b", "summary.html"])
def test_outputThatLeadsElsewhereIsRefused(folder, output):
    assert "output: '" in problems(folder, {"id": "a", "mesh": GOOD, "output": output})[0]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"id": "a"}, {"id": "a"}, "the id 'a' is that of row 2"),
        ({"id": "A"}, {"id": "a"}, "there it is written 'A'"),
        ({"id": "caf\u00e9"}, {"id": "cafe\u0301"}, "is that of row 2"),
        ({"id": "a"}, {"id": "b", "output": "a"}, "its folder 'a' is that of row 2"),
        ({"id": "a", "output": "x/y"}, {"id": "b", "output": "X/Y"}, "is that of row 2"),
        ({"id": "a", "output": "x"}, {"id": "b", "output": "x/y"}, "lies in that of row 2"),
    ],
)
def test_casesThatWouldWriteIntoEachOthersFolderAreRefused(folder, first, second, words):
    found = problems(folder, {**first, "mesh": GOOD}, {**second, "mesh": GOOD})
    assert len(found) == 1
    assert found[0].startswith("Row 3: ")
    assert words in found[0]


def test_resultsNeverLieInWhatIsRead(folder):
    row = {"id": "a", "image": "scan", "threshold": "3"}
    assert "would be read as part of it" in problems(folder, row, output=folder / "scan" / "out")[0]
    assert "would be read as part of it" in problems(folder, row, output=folder / "scan")[0]
    assert (
        "lies in the folder that the case is written to"
        in problems(folder, {**row, "output": "scan"}, output=folder)[0]
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"image": "none"}, "image: there is no"),
        ({"mesh": GOOD, "references": ["known.csv", "none.csv"]}, "references: there is no"),
        ({"image": "scan", "threshold": "3", "part": "left half"}, "scan of the printed part"),
        ({"image": "scan", "threshold": "3", "control-series": "2"}, "not a series within the scan's folder"),
        ({"image": "scan", "threshold": "3", "control-series": "none.nrrd"}, "control-series: there is no"),
    ],
)
def test_fileThatIsNotThereIsTheErrorOfItsOwnCaseOnly(folder, row, words):
    good, lost = plan(folder, {"id": "good", "mesh": GOOD}, {"id": "a", **row})
    assert good.remarks == []
    (remark,) = lost.remarks
    assert words in remark
    (alone,) = problems(folder, {"id": "a", **row})
    assert words in alone


def test_missingFilesAreListedWithWhatIsWrongWithTheTable(folder):
    rows = {"id": "a", "mesh": "none.stl"}, {"id": "a", "mesh": GOOD}
    (lost, twice) = problems(folder, *rows)
    assert lost.startswith("Row 2: mesh: there is no '")
    assert twice.startswith("Row 3: the id 'a'")
