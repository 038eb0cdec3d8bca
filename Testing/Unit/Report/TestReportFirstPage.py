"""What the first page of a report shows, and how values are written in it."""

import pytest

from M3DValidationLib.Report.Content.PictureGroups import pictureGroups
from M3DValidationLib.Report.Content.ReportText import date, millimeters, moment, number, percent
from M3DValidationLib.Report.Content.WorstPlaces import worstPlaces


def picture(file, kind, requirement="", segment=""):
    entry = {"file": file, "kind": kind, "title": file, "alternative": file}
    return entry | {"requirement": requirement, "segment": segment}


ALL = [
    picture("fov-a", "fieldOfView", "anatomy-inside-field-of-view", "a"),
    picture("fov-b", "fieldOfView", "anatomy-inside-field-of-view", "b"),
    picture("wall-a", "thinnestPlace", "wall-thickness", "a"),
    picture("map-a", "deviation", segment="a"),
    picture("worst-a", "worst", segment="a"),
    picture("map-b", "deviation", segment="b"),
    picture("worst-b", "worst", segment="b"),
    picture("model-a", "model", segment="a"),
]


def finding(requirement, verdict, segment):
    return {"requirement": requirement, "verdict": verdict, "segment": segment}


def firstPage(*findings, pictures=ALL):
    groups = pictureGroups({"pictures": pictures, "findings": list(findings)})
    key = [entry["file"] for entry in groups["keyPictures"]]
    others = [entry["file"] for group in groups["pictureGroups"] for entry in group["pictures"]]
    assert set(key) | set(others) == {entry["file"] for entry in pictures}
    # The maps stay together, and the planes of a place; nothing else is shown twice.
    assert all(file.startswith(("map", "edge", "worst")) for file in set(key) & set(others))
    return key


def test_everyModelHasMapWorstPlaceAndWhatItsFailureRestsOn():
    shown = firstPage(
        finding("wall-thickness", "warning", "a"),
        finding("deviation-p95", "fail", "b"),
        finding("anatomy-inside-field-of-view", "pass", "a"),
        finding("anatomy-inside-field-of-view", "fail", "b"),
    )
    assert shown == ["map-a", "worst-a", "wall-a", "map-b", "worst-b", "fov-b"]


def test_whereNothingFailsMapAndModelAreShown():
    assert firstPage()[:3] == ["map-a", "worst-a", "model-a"]
    assert firstPage(pictures=[]) == []


def test_whatTheModelLacksIsShownOnTheScan():
    own = [*ALL, picture("edge-a", "scan", segment="a"), picture("gone-a", "completeness", "bodies-left-out", "a")]
    shown = firstPage(finding("bodies-left-out", "fail", "a"), pictures=own)
    assert shown[:3] == ["edge-a", "gone-a", "model-a"]


def test_aReportWithoutNamesOfSegmentsHasItsPicturesToo():
    plain = [{key: entry[key] for key in ("file", "kind", "title", "alternative")} for entry in ALL]
    assert firstPage(finding("deviation-bias", "fail", "b"), pictures=plain) == ["map-a", "worst-a", "model-a"]


def test_theWorstPlaceComesFirstAndNoneTwice():
    # The report lists regions by their area; places are ordered by their distance from zero.
    regions = [(0.7, [30, 0, 0]), (2.6, [10, 0, 0.5]), (0.6, [40, 0, 0]), (-0.8, [20, 0, 0]), (0.9, [0, 0, 0])]
    facts = {
        "worstPointLps": [10, 0, 0],
        "minSigned": -0.8,
        "maxSigned": 2.7,
        "regions": {"largest": [{"worst": worst, "worstPointLps": point} for worst, point in regions]},
    }
    assert worstPlaces(facts) == [(2.7, [10, 0, 0]), (0.9, [0, 0, 0]), (-0.8, [20, 0, 0]), (0.7, [30, 0, 0])]
    assert worstPlaces({**facts, "worstPointLps": None, "regions": {"largest": []}}) == []


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.99996, "> 99.99 %"),
        (0.00003, "< 0.01 %"),
        (0.92371, "92.4 %"),
        (None, "not measured"),
    ],
)
def test_aShareIsWholeOnlyWhenItIs(share, text):
    assert percent(share) == text


def test_lengthsHaveThreeDigitsAndEndAtTheMicrometer():
    assert [millimeters(value) for value in (0.39831, -0.00004, None)] == [
        "0.398 mm",
        "less than 0.001 mm",
        "not measured",
    ]
    assert [millimeters(value, signed=True) for value in (1.30404, -0.844, 0.0)] == ["+1.3 mm", "−0.844 mm", "0 mm"]


def test_numbersStandInFull():
    assert [number(value) for value in (1569860, 391243.4, 0.45117, -2.5, None, "YA", True)] == [
        "1569860",
        "391243",
        "0.451",
        "−2.5",
        "–",
        "YA",
        "True",
    ]


def test_datesAreReadTheSameEverywhere():
    assert date("20150206") == "2015-02-06" and date("2015") == "2015" and date("") == ""
    assert moment("20150206 092921.123") == "2015-02-06 09:29:21"
    assert moment("2026-11-26T23:23:34+01:00") == "2026-11-26 23:23:34 +01:00"
    assert moment("yesterday") == "yesterday"
