"""Sections through places that somebody asks for, with the checks and later, when a report is made anew."""

import json
import re
import shutil

import jsonschema
import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DBatchLib.Options.SectionOptions import MOST_PLACES, placeFrom
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DTestSupport.SmallScan import BALL, smallImage
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.Report.Pictures.AskedSections import SectionedModel, askedSections
from M3DValidationLib.Report.Pictures.SlicePicture import Outline, SliceView, slicePicture
from M3DValidationLib.Report.ReportFiles import readReport

pytest.importorskip("jinja2")
pytest.importorskip("typst")

# On the ball, where it faces the patient's left, and in the middle between ball and box.
ON_THE_BALL = (BALL.center[0] + BALL.radius, BALL.center[1], BALL.center[2])
ASKED = ("L 10.3, A 4.1, S 51.7", "RAS 6 -2 50")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("asked")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    more = [word for place in ASKED for word in ("--section-at", place)]
    validated(made / "scan", made / "out", "--formats", "html,pdf", *more)
    return made


@pytest.fixture
def plain(folder, tmp_path):
    """The same report without sections, in a folder of its own."""
    validated(folder / "scan", tmp_path / "plain", "--formats", "html")
    return tmp_path / "plain"


def answer(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "R 31, P 144, S 705.9",
        "R31 P144 S705.9",
        "s 705.9; r 31; p 144",
        "(R 31.0, P 144.0, S 705.9 mm)",
        "L -31, A -144, S 705.9",
        "L \N{MINUS SIGN}31, P 144, S 705.9 mm",
        "LPS -31 144 705.9",
        "lps: -31, 144, 705.9",
        "RAS 31 -144 705.9",
        "31, -144, 705.9 RAS",
        "RAS (31, -144, 705.9)",
    ],
)
def test_aPlaceIsSaidBySidesOrByTheNameOfItsSystem(text):
    assert placeFrom(text) == (-31.0, 144.0, 705.9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("31, -144, 705.9", "in which coordinate system"),
        ("LPS 1 2 3 RAS", "two coordinate systems"),
        ("R 1, L 2, S 3", "the same axis twice"),
        ("R 31, P 144", "no place of three numbers"),
        ("R 31,5, P 144, S 705", "no place of three numbers"),
        ("R 1, P 2, S nan", "no place of three numbers"),
        (f"LPS 1 2 {'9' * 400}", "no place of three numbers"),
        ("", "no place of three numbers"),
        ("the chin", "no place of three numbers"),
    ],
)
def test_whatCouldBeTwoPlacesOrNoneIsRefusedWithTheWayToSayIt(text, why):
    with pytest.raises(M3DError, match=why) as refused:
        placeFrom(text)
    assert "R 31, P 144, S 705.9" in str(refused.value)


def test_jsonNamesThePlaceItsSliceTheSurfaceAndThreePictures(folder):
    stored, attachments = readReport(folder / "out" / "report.json")
    jsonschema.validate(stored, readSchema())
    image = smallImage()
    first, second = stored["sections"]
    assert first["pointLps"] == pytest.approx(ON_THE_BALL) and second["pointLps"] == [-6.0, 2.0, 50.0]
    assert first["slice"] == round(image.lpsToIndex(np.array([ON_THE_BALL]))[0, 2]) + 1
    # The place lies on the true ball, and the model is as far from that as its deviation says.
    model = first["models"][0]
    assert model["surfaceMm"] < 0.4 and abs(abs(model["deviationMm"]) - model["surfaceMm"]) < 0.15
    fromBall = np.linalg.norm(np.array(second["pointLps"]) - BALL.center) - BALL.radius
    assert second["models"][0]["surfaceMm"] == pytest.approx(fromBall, abs=0.3)
    for number, section in enumerate(stored["sections"], start=1):
        assert section["pictures"] == [f"section-at-{number}-{axis}.png" for axis in "kji"]
        assert set(section["pictures"]) <= set(attachments)


def test_everyFaceShowsTheSectionsWithTheirPlaces(folder, tmp_path):
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert 'href="#sections"' in page and page.count("Section 1 at L 10.3, A 4.1, S 51.7 mm, slice") == 4
    assert re.search(r'data-place="\d">Section 1: ', page)
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    import subprocess

    said = subprocess.run(["pdftotext", folder / "out" / "report.pdf", "-"], capture_output=True, check=True).stdout
    text = " ".join(said.decode().split())
    assert "Section 2 at R 6.0, P 2.0, S 50.0 mm, slice" in text
    assert "Sections through the places that were asked for" in text


def test_madeLaterTheyAreTheSame(folder, plain, capsys):
    places = [word for place in ASKED for word in ("--section-at", place)]
    status, said = answer(capsys, "report", plain, "--image", folder / "scan", "--formats", "html,pdf", *places)
    assert status == 0, said
    later, first = (json.loads((one / "report.json").read_text()) for one in (plain, folder / "out"))
    jsonschema.validate(later, readSchema())
    assert later["document"]["number"] == first["document"]["number"]
    for mine, theirs in zip(later["sections"], first["sections"], strict=True):
        assert {**mine, "models": 0} == {**theirs, "models": 0}
        for key in ("surfaceMm", "deviationMm"):
            assert mine["models"][0][key] == pytest.approx(theirs["models"][0][key], abs=1e-3)
        for name in mine["pictures"]:
            assert (plain / name).read_bytes() == (folder / "out" / name).read_bytes()
    # Asked for again, the same place is there once; another one is the next.
    again = ("--section-at", ASKED[0], "--section-at", "LPS 0 0 50")
    assert answer(capsys, "report", plain, "--image", folder / "scan", *again)[0] == 0
    assert [entry["number"] for entry in readReport(plain / "report.json")[0]["sections"]] == [1, 2, 3]


def test_whatCannotBeShownIsRefusedAndNothingChanges(folder, plain, capsys, tmp_path):
    before = {file.name: file.read_bytes() for file in plain.iterdir()}
    other = tmp_path / "other"
    other.mkdir()
    writeNamedScan(other, name="Somebody^Else")
    for arguments, why in (
        (("--section-at", ASKED[0]), "give it with --image"),
        (("--section-at", ASKED[0], "--image", other), "not the scan that the report is about"),
        (("--section-at", "R 500, P 0, S 50", "--image", folder / "scan"), r"outside the scan, which goes from R 30"),
        (("--section-at", "1 2 3", "--image", folder / "scan"), "coordinate system"),
    ):
        status, said = answer(capsys, "report", plain, *arguments)
        assert status == 2 and re.search(why, " ".join(said.split())), said
    assert {file.name: file.read_bytes() for file in plain.iterdir()} == before
    wanted = ("validate", "--image", folder / "scan", "--threshold", "500", "--output", tmp_path / "no")
    status, said = answer(capsys, *wanted, "--section-at", "R 500, P 0, S 50")
    assert status == 2 and "outside the scan" in said and not (tmp_path / "no").exists()
    many = [word for n in range(MOST_PLACES + 1) for word in ("--section-at", f"LPS {n / 10} 0 50")]
    status, said = answer(capsys, *wanted, *many)
    assert status == 2 and "at most" in said


def test_aScanAloneHasSectionsWithoutAModel(folder, capsys, tmp_path):
    arguments = ("--image", folder / "scan", "--output", tmp_path / "out", "--section-at", ASKED[0])
    answer(capsys, "validate", *arguments)
    stored, _attachments = readReport(tmp_path / "out" / "report.json")
    assert stored["sections"][0]["models"] == [] and len(stored["sections"][0]["pictures"]) == 3
    texts = [one["alternative"] for one in stored["pictures"] if one["kind"] == "sectionAt"]
    assert len(texts) == 3 and all("There is no model." in text for text in texts)


def test_betweenTwoSlicesTheImageIsBetweenThemToo():
    # Slices of 5 mm, three black ones, then white ones: a place between them is gray, as its outline is there.
    array = np.zeros((6, 40, 40), np.float32)
    array[3:] = 100.0
    image = ImageVolume(array, np.diag([1.0, 1.0, 5.0, 1.0]), modality="MR")
    nothing = Outline(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    for level, gray in ((2.0, 0), (2.25, 64), (2.5, 128), (3.0, 255)):
        view = SliceView(2, level, (20.0, 20.0, 5 * level), 10.0)
        picture = slicePicture(image, nothing, view, 200)
        assert abs(int(picture[60, 60, 0]) - gray) <= 2
    assert (slicePicture(image, nothing, SliceView(2, 2.4), 200)[60, 60] <= 2).all()


def test_distanceToTheSurfaceIsThatToATriangleAndNotToACorner():
    image = ImageVolume(np.zeros((20, 20, 20), np.float32), np.eye(4), modality="CT")
    points = np.array([(0, 0, 5), (19, 0, 5), (0, 19, 5)], dtype=np.float32)
    triangles = np.array([(0, 1, 2)])
    outline = Outline(image.lpsToIndex(points), triangles)
    model = SectionedModel(outline, points, triangles, np.array([0.1, np.nan, 0.2]))
    entries, pictures = askedSections(image, [model], [(5, 6, 8), (12, 1, 5)])
    assert entries[0]["models"][0]["surfaceMm"] == 3.0 and entries[0]["models"][0]["surfacePointLps"] == [5, 6, 5]
    assert entries[0]["models"][0]["deviationMm"] == 0.1
    # Where nothing was measured it is said, and no figure of a place farther off stands in.
    assert entries[1]["models"][0]["deviationMm"] is None and entries[1]["models"][0]["surfaceMm"] == 0
    assert "was not measured" in pictures[3].alternative
