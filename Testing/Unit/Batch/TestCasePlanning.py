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
    writeSmallScan(place / "scan")
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
        "--profile=implant",
        "--output=out",
    ]
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
