"""The deviation map in 3D in a browser: colors, values under the pointer, mouse, fingers, keys, and pages without it.

The model is a box whose deviation follows from the place, so that every value shown can be worked out by hand.
"""

import re

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.ChromiumPage import ChromiumPage
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.Reports import hostile, validated, writeNamedScan

pytest.importorskip("jinja2")

from M3DLib.Distance.DeviationMap import DeviationMap, Quality
from M3DValidationLib.Check import Case
from M3DValidationLib.Deviation.DeviationReport import DeviationReport
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Html import HtmlReport
from M3DValidationLib.Report.Html.HtmlReport import htmlReport
from M3DValidationLib.Report.Pictures.ColorScale import HATCH, NOT_MEASURED, deviationColors
from M3DValidationLib.Report.Pictures.DeviationModel import deviationModels
from M3DValidationLib.Report.ReportFiles import readReport

MIDDLE, SIZE, TOLERANCE = np.array([100.0, -50.0, 12.0]), np.array([40.0, 30.0, 50.0]), 0.4
FACES = {
    "anterior": (1, -1),
    "posterior": (1, 1),
    "left": (0, 1),
    "right": (0, -1),
    "superior": (2, 1),
    "inferior": (2, -1),
}
NOT_MEASURED_ABOVE = MIDDLE[2] + 15
RIGHT = np.array([1, 0])


def slope(place):
    """The deviation at a place, mm: more to the patient's left and to the back."""
    return 0.05 * (place[..., 0] - MIDDLE[0]) + 0.02 * (place[..., 1] - MIDDLE[1])


def boxModel():
    """The box as a model of a report; its head end was not measured."""
    mesh = TriangleMesh(*box(SIZE, MIDDLE, level=5))
    points = mesh.points.astype(np.float64)
    quality = np.where(points[:, 2] > NOT_MEASURED_ABOVE, Quality.NO_EDGE, Quality.RELIABLE).astype(np.uint8)
    deviation = DeviationMap("image", mesh, slope(points).astype(np.float32), quality, np.ones(len(points)))
    case = Case(profile=loadProfile("anatomical-model"), mesh=mesh)
    case.measurements["deviation"] = DeviationReport({"image": {"tolerance": TOLERANCE}}, {"image": deviation})
    return deviationModels([case])[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("view")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    validated(made / "scan", made / "out", "--formats", "json,html", "--tolerance", "0.3")
    return made


@pytest.fixture(scope="module")
def file(folder):
    """A page with the box instead of the report's own model."""
    report, attachments = readReport(folder / "out" / "report.json")
    model = boxModel()
    report["models3d"] = [model.asDict()]
    page = folder / "box.html"
    page.write_text(htmlReport(report, {**attachments, model.file: model.glb}), encoding="utf-8")
    return page


def requireView(page):
    if not page.evaluate("!!document.createElement('canvas').getContext('webgl2')"):
        pytest.skip("this Chromium has no WebGL 2")
    page.waitFor("document.querySelector('canvas').dataset.painted")
    return page


@pytest.fixture(scope="module")
def opened(file, tmp_path_factory):
    with ChromiumPage(file, tmp_path_factory.mktemp("profile")) as page:
        yield requireView(page)


@pytest.fixture
def page(opened):
    """The page as it is at first."""
    opened.evaluate("[...document.querySelectorAll('.view3d button')].find(b => b.textContent === 'Reset').click()")
    opened.box("canvas")
    opened.settle()
    return opened


def words(page):
    page.settle()
    return page.evaluate("document.querySelector('.view3d output').textContent")


def pointed(page, across=0.0, up=0.0):
    """Value (mm, None where not measured) and place under the pointer, some pixels right of and above the middle."""
    x, y, width, height = page.box("canvas")
    page.mouse("mouseMoved", x + width / 2 + across, y + height / 2 - up)
    return understood(words(page))


def understood(text):
    if text == "No surface here":
        return None
    sides = {"L": 1, "P": 1, "S": 1, "R": -1, "A": -1, "I": -1}
    place = [sides[side] * float(size) for side, size in re.findall("([LRPASI]) ([0-9.]+)", text)]
    value = None if text.startswith("not measured") else float(text.split()[0].replace("−", "-"))
    assert value is None or ("too small" in text) == (value > 0)
    return value, np.array(place)


def test_showsTheColorsOfTheScale(page):
    picture = page.picture("canvas")
    height, width = picture.shape[:2]
    for across in (-90, -30, 40, 90):
        value, place = pointed(page, across, -40)
        wanted = deviationColors(slope(place)[None], 2 * TOLERANCE)[0].astype(int)
        # The face looks at the eye, so that no shade darkens it.
        shown = picture[height // 2 + 40, width // 2 + across].astype(int)
        assert np.abs(shown - wanted).max() <= 3 and value == pytest.approx(slope(place), abs=0.01)
    above = picture[height // 2 - 180, width // 2]
    assert tuple(above) in {NOT_MEASURED, HATCH}
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_saysTheDeviationUnderThePointer(page):
    for across in (-100, 0, 100):
        value, place = pointed(page, across, -60)
        assert value == pytest.approx(slope(place), abs=0.01)
        assert place[1] == pytest.approx(MIDDLE[1] - SIZE[1] / 2, abs=0.06)
    value, place = pointed(page, 0, 180)
    assert value is None and place[2] > NOT_MEASURED_ABOVE
    assert pointed(page, 330, 0) is None


@pytest.mark.parametrize("side", FACES)
def test_everySideShowsItsFaceOfThePatient(page, side):
    axis, sign = FACES[side]
    page.evaluate(f"document.querySelector('[data-side={side}]').click()")
    _value, place = pointed(page)
    wanted = MIDDLE.copy()
    wanted[axis] += sign * SIZE[axis] / 2
    np.testing.assert_allclose(place, wanted, atol=0.2)
    # As one stands before a patient: from the front, the patient's left is at the right hand; up is the head.
    _value, right = pointed(page, 60, 0)
    _value, above = pointed(page, 0, 60)
    toRight = {"anterior": (0, 1), "posterior": (0, -1), "left": (1, 1), "right": (1, -1)}.get(side)
    if toRight:
        assert toRight[1] * (right - place)[toRight[0]] > 1 and (above - place)[2] > 1
    letters = dict(
        page.evaluate(
            "[...document.querySelectorAll('.view3d-axes text')].map(t => [t.textContent, +t.getAttribute('y')])"
        )
    )
    assert letters["S"] < letters["I"] if toRight else letters["A"] < letters["P"]


def test_mouseTurnsAndShiftMoves(page):
    x, y, width, height = page.box("canvas")
    middle = (x + width / 2, y + height / 2)
    page.mouse("mousePressed", *middle)
    page.mouse("mouseMoved", middle[0] + 157, middle[1], buttons=1)
    page.mouse("mouseReleased", middle[0] + 157, middle[1])
    # A quarter turn to the right brings what was at the left hand, the patient's right, to the front.
    assert pointed(page)[1][0] == pytest.approx(MIDDLE[0] - SIZE[0] / 2, abs=0.1)
    before = pointed(page)[1]
    page.mouse("mousePressed", *middle, modifiers=8)
    page.mouse("mouseMoved", middle[0], middle[1] + 50, buttons=1, modifiers=8)
    page.mouse("mouseReleased", middle[0], middle[1] + 50, modifiers=8)
    assert pointed(page, 0, -50)[1][2] == pytest.approx(before[2], abs=0.2)


def test_fingersTurnZoomAndRead(page):
    page.send("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    try:
        x, y, width, height = page.box("canvas")
        middle = np.array([x + width / 2, y + height / 2])
        page.touch("touchStart", middle)
        page.touch("touchEnd")
        assert understood(words(page))[1][1] == pytest.approx(MIDDLE[1] - SIZE[1] / 2, abs=0.1)
        page.touch("touchStart", middle)
        page.touch("touchMove", middle + RIGHT * 80)
        page.touch("touchMove", middle + RIGHT * 157)
        page.touch("touchEnd")
        assert pointed(page)[1][0] == pytest.approx(MIDDLE[0] - SIZE[0] / 2, abs=0.3)
        apart = abs(pointed(page, 50)[1] - pointed(page, -50)[1]).max()
        page.touch("touchStart", middle - RIGHT * 40, middle + RIGHT * 40)
        page.touch("touchMove", middle - RIGHT * 60, middle + RIGHT * 60)
        page.touch("touchMove", middle - RIGHT * 80, middle + RIGHT * 80)
        page.touch("touchEnd")
        assert abs(pointed(page, 50)[1] - pointed(page, -50)[1]).max() == pytest.approx(apart / 2, rel=0.05)
    finally:
        page.send("Emulation.setTouchEmulationEnabled", enabled=False)


def test_keysTurnMoveZoomAndRead(page):
    page.evaluate("document.querySelector('.view3d [data-place], .view3d [data-zoom]').focus()")
    for _ in range(20):
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
        page.press("Tab")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Home")
    first = page.picture("canvas")
    for _ in range(9):
        page.press("ArrowRight")
    value, place = understood(words(page))
    assert place[0] == pytest.approx(MIDDLE[0] - SIZE[0] / 2, abs=0.1)
    assert value == pytest.approx(slope(place), abs=0.01)
    assert (page.picture("canvas") != first).mean() > 0.1
    page.press("ArrowUp", shift=True)
    assert understood(words(page))[1][2] < place[2] - 1
    page.press("Home")
    assert (page.picture("canvas") == first).mean() > 0.999
    across = pointed(page, 60)[1][0] - pointed(page, -60)[1][0]
    page.press("+")
    assert pointed(page, 60)[1][0] - pointed(page, -60)[1][0] == pytest.approx(across / 1.25, rel=0.02)
    page.press("-")
    assert pointed(page, 60)[1][0] - pointed(page, -60)[1][0] == pytest.approx(across, rel=0.02)


def test_wheelScrollsThePageUntilTheViewIsChosen(page):
    page.evaluate("document.activeElement.blur()")
    across = pointed(page, 60)[1][0] - pointed(page, -60)[1][0]
    page.mouse("mouseWheel", 640, 450, deltaX=0, deltaY=-100)
    assert pointed(page, 60)[1][0] - pointed(page, -60)[1][0] == pytest.approx(across)
    page.evaluate("document.querySelector('canvas').focus()")
    x, y, width, height = page.box("canvas")
    page.mouse("mouseWheel", x + width / 2, y + height / 2, deltaX=0, deltaY=-100)
    assert pointed(page, 60)[1][0] - pointed(page, -60)[1][0] < 0.95 * across


def test_nothingWasAskedForAndNothingComplained(page):
    assert page.console == [] and page.requests == []


def test_worstPlaceOfTheReportIsFoundWithItsValue(folder, tmp_path):
    report, _ = readReport(folder / "out" / "report.json")
    facts = report["deviation"]["image"]
    with ChromiumPage(folder / "out" / "report.html", tmp_path) as page:
        requireView(page)
        page.evaluate("document.querySelector('[data-place=\"0\"]').click()")
        page.settle()
        value, place = understood(words(page))
        np.testing.assert_allclose(place, facts["worstPointLps"], atol=0.15)
        worst = max((facts["minSigned"], facts["maxSigned"]), key=abs)
        # What is in the middle lies within a pixel of the vertex, and so does its value.
        assert value == pytest.approx(worst, abs=0.03)
        assert not page.evaluate("document.querySelector('.view3d-ring').hidden")
        for dark in (False, True):
            page.media(dark=dark)
            assert len(np.unique(page.picture("canvas").reshape(-1, 3), axis=0)) > 50
        assert page.console == [] and page.requests == []


def seen(page, selector):
    return page.evaluate(f"document.querySelector('{selector}').getClientRects().length > 0")


@pytest.mark.parametrize("settings", [{"webGl": False}, {"scripts": False}], ids=["no WebGL", "no JavaScript"])
def test_withoutItThePicturesStay(file, tmp_path, settings):
    with ChromiumPage(file, tmp_path, **settings) as page:
        assert seen(page, ".view3d-missing") and not seen(page, "canvas") and not seen(page, ".view3d button")
        assert page.evaluate("[...document.images].filter(i => /deviation/i.test(i.alt) && i.naturalWidth).length") >= 6
        assert page.console == [] and page.requests == []


def test_paperHasThePicturesAndSaysSo(page):
    page.media("print")
    try:
        assert seen(page, ".view3d-missing") and not seen(page, "canvas")
    finally:
        page.media()
    assert seen(page, "canvas") and not seen(page, ".view3d-missing")


def test_pageStaysSmall(folder, file, monkeypatch):
    assert file.stat().st_size < 15e6
    report, attachments = readReport(folder / "out" / "report.json")
    assert "<canvas" in htmlReport(report, attachments)
    monkeypatch.setattr(HtmlReport, "MOST_BYTES", 100_000)
    small = htmlReport(report, attachments)
    assert "<canvas" not in small and "deviation.glb beside the report opens in any glTF viewer" in small


def test_reportWithout3dModelsHasAPageToo(folder):
    report, attachments = readReport(folder / "out" / "report.json")
    assert "<canvas" not in htmlReport(report, {name: attachments[name] for name in attachments if name[-4:] == ".png"})
    # As reports were before there were 3D models.
    del report["models3d"]
    assert "<canvas" not in htmlReport(report, attachments)


def test_hostileTitlesAreTexts(folder, tmp_path):
    report, attachments = readReport(folder / "out" / "report.json")
    file = tmp_path / "hostile.html"
    file.write_text(htmlReport(hostile(report), attachments), encoding="utf-8")
    with ChromiumPage(file, tmp_path) as page:
        requireView(page)
        assert page.evaluate("document.title") != "broken" and page.console == [] and page.requests == []
        scripts = page.evaluate("document.scripts.length")
        assert scripts == 5
