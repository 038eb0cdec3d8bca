"""The report in HTML: structure, hostile texts, and what a browser says of it."""

import copy
import hashlib
import json
from html.parser import HTMLParser

import pytest

from M3DBatchLib.CommandLine import main
from M3DTestSupport.Chromium import openPage
from M3DTestSupport.Reports import HOSTILE, PATIENT, hostile, validated, withFindings, writeNamedScan

pytest.importorskip("jinja2")

from M3DValidationLib.Report.Content.ReportText import personName
from M3DValidationLib.Report.Html.HtmlReport import htmlReport
from M3DValidationLib.Report.Pictures.HistogramDrawing import histogramBars, histogramSvg

NAMES = ("Grünwald^Änne", "王^小明=王^小明", "やまだ^たろう", "محمد^علي", "W" * 64)


class Page(HTMLParser):
    """Texts and tags of a document."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.depth = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        """Keep the tag."""
        self.tags.append((tag, dict(attributes)))
        if tag in ("style", "script"):
            self.depth.append(tag)

    def handle_endtag(self, tag):
        """Leave style and script."""
        if self.depth and tag == self.depth[-1]:
            self.depth.pop()

    def handle_data(self, data):
        """Keep what a reader sees."""
        if not self.depth and data.strip():
            self.texts.append(data)

    @property
    def text(self):
        """All that can be read."""
        return "".join(self.texts)

    def count(self, tag):
        """How many tags of a kind."""
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("html")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return validated(folder / "scan", folder / "out", "--formats", "json,html", "--tolerance", "0.3")


def test_holdsEveryFindingAndFigure(report, folder):
    page = Page((folder / "out" / "report.html").read_text(encoding="utf-8"))
    assert personName(PATIENT) in page.text and "Fail" in page.text
    for finding in report["findings"]:
        assert finding["message"] in page.text and finding["requirement"] in page.text
    for entry in report["notAssessable"]:
        assert entry["reason"] in page.text
    for sentence in (*report["limitsOfMethod"], report["signConvention"]):
        assert sentence in page.text
    assert f"{report['deviation']['image']['p95Absolute']:.3f} mm" in page.text
    for step in report["dataFlow"]:
        assert step["title"] in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert {image["alt"] for image in images} == {picture["alternative"] for picture in report["pictures"]}
    assert {"overview", "worst"} <= {picture["kind"] for picture in report["pictures"]}
    assert "compliant" not in page.text.casefold()


def test_needsNothingButItself(folder):
    page = Page((folder / "out" / "report.html").read_text(encoding="utf-8"))
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "action", "srcset"):
            assert attributes.get(name, "data:").startswith(("data:", "#")), (tag, name)
        assert not any(name.startswith("on") for name in attributes)


def test_hostileTextsAreTexts(report):
    plain, attacked = Page(htmlReport(report)), Page(htmlReport(hostile(report)))
    for text in HOSTILE:
        assert " ".join(text.split()) in " ".join(attacked.text.split()), text
    assert attacked.count("script") == plain.count("script") and attacked.count("img") == plain.count("img")
    assert attacked.count("style") == plain.count("style")


@pytest.mark.parametrize("count", [0, 500])
def test_anyNumberOfFindings(report, count):
    page = Page(htmlReport(withFindings(report, count)))
    assert sum(text.startswith("Finding number") for text in page.texts) >= count
    assert ("There are no findings." in page.text) == (count == 0)


@pytest.mark.parametrize("name", NAMES)
def test_namesOfAnyScript(report, name):
    changed = copy.deepcopy(report)
    changed["case"]["patient"]["name"] = name
    assert personName(name) in Page(htmlReport(changed)).text


def test_everySegmentHasItsDeviation(report):
    changed = copy.deepcopy(report)
    block = report["deviation"]
    changed["deviation"] = {**block, "segments": {"left": block, "right": block}}
    text = Page(htmlReport(changed)).text
    for segment in ("left", "right"):
        assert f"Mesh against scan: {segment}" in text and f"Mesh against segment: {segment}" in text


def test_modelWithoutScanHasAPage(report):
    changed = copy.deepcopy(report)
    changed["acquisition"], changed["deviation"] = [], None
    assert "no DICOM headers" in Page(htmlReport(changed)).text


def test_histogramDrawsTheShares():
    histogram = {"edges": [-1.0, 0.0, 1.0], "shares": [0.2, 0.6], "below": 0.0, "above": 0.2}
    heights = [bar["height"] for bar in histogramBars(histogram)]
    assert heights[0] == 0 and heights[2] == pytest.approx(3 * heights[1], abs=0.05)
    assert heights[1] == pytest.approx(heights[3], abs=0.05)
    assert histogramSvg(histogram, 0.5).count("<rect") == 4


def test_browserHasNothingToComplainAbout(report, folder, tmp_path):
    from PIL import Image

    dom, console, requests, screenshot = openPage(folder / "out" / "report.html", tmp_path)
    assert console == [] and requests == []
    # The scripts have run: every table that can be sorted has its buttons.
    assert dom.count("<th scope") <= dom.count("<button") + 2 * dom.count("Figures: ")
    assert dom.count('<button type="button">') > 6
    colors = Image.open(screenshot).convert("RGB").getcolors(1 << 24)
    assert len(colors) > 100


def test_browserRunsNothingHostile(report, tmp_path):
    page = tmp_path / "hostile.html"
    page.write_text(htmlReport(hostile(report)), encoding="utf-8")
    (tmp_path / "profile").mkdir()
    dom, console, requests, _ = openPage(page, tmp_path)
    assert console == [] and requests == []
    assert "<title>broken" not in dom


def test_browserTestSeesErrorsAndRequests(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<script>console.error('boo')</script><img src='http://example.org/x.png'>", encoding="utf-8")
    _, console, requests, _ = openPage(page, tmp_path)
    assert len(console) >= 1 and "boo" in console[0]
    assert any(url.startswith("http://example.org/") for url in requests)


def test_reportIsMadeAgainFromItsJson(folder, report, tmp_path, capsys):
    before = (folder / "out" / "report.html").read_bytes()
    source = folder / "out" / "report.json"
    assert main(["report", str(source), "--formats", "html", "--output", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "report.html").read_bytes() == before
    assert json.loads((tmp_path / "again" / "report.json").read_text(encoding="utf-8")) == report
    stamp = source.stat().st_mtime_ns
    assert main(["report", str(source)]) == 0
    assert source.stat().st_mtime_ns == stamp
    assert (folder / "out" / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(verdict="fine"), "no report of this version"),
        (lambda r: r["pictures"][0].update(file="../secret.png"), "no name of a PNG file"),
        (lambda r: r["pictures"][0].update(file="gone.png"), "cannot be read"),
        (lambda r: r["pictures"][0].update(sha256="0" * 64), "SHA-256 differs"),
    ],
)
def test_wrongReportIsRefused(report, tmp_path, capsys, change, words):
    wrong = copy.deepcopy(report)
    wrong["pictures"] = [{**report["pictures"][0], "sha256": hashlib.sha256(b"a picture").hexdigest()}]
    (tmp_path / report["pictures"][0]["file"]).write_bytes(b"a picture")
    change(wrong)
    (tmp_path / "report.json").write_text(json.dumps(wrong), encoding="utf-8")
    assert main(["report", str(tmp_path / "report.json")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_unknownFormatIsRefusedBeforeAnyWork(folder, tmp_path, capsys):
    arguments = ["validate", "--image", str(folder / "scan"), "--output", str(tmp_path / "x"), "--formats", "docx"]
    assert main(arguments) == 2
    assert "'docx' is unknown" in capsys.readouterr().err and not (tmp_path / "x").exists()
