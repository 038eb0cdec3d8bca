"""Page one as it is seen: on one screen and one sheet whatever is in it, with numbers of the JSON, for everybody."""

import copy
import re
import shutil
import subprocess
from html import unescape

import pytest

from M3DTestSupport.AxeCore import violations
from M3DTestSupport.ChromiumPage import ChromiumPage
from M3DTestSupport.Reports import validated, withFindings, writeNamedScan, writePassingScan
from M3DValidationLib.Report.FirstPage.AnswerText import measuredOf
from M3DValidationLib.Report.ReportFiles import readReport

pytest.importorskip("jinja2")
pytest.importorskip("typst")

from M3DValidationLib.Report.Html.HtmlReport import htmlReport
from M3DValidationLib.Report.Pdf.PdfReport import pdfReport
from M3DValidationLib.Report.Report import conclude

NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("first")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    validated(made / "scan", made / "out", "--formats", "json,html,pdf", "--tolerance", "0.3", "--person", "Dr. Q")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return readReport(folder / "out" / "report.json")


def many(data, models=12, failures=400):
    """The report with very many failures, on very many models with long names."""
    changed = withFindings(data, failures)
    names = [f"Structure number {number} of a set with a long name" for number in range(models)]
    changed["models"] = [{**data["models"][0], "name": name} for name in names]
    for number, finding in enumerate(changed["findings"]):
        finding["verdict"], finding["segment"] = "fail", names[number % models]
        finding["title"] = "Something that is asked for in a sentence that takes more than one line of the table"
    changed["verdict"] = "fail"
    changed["deviation"] = {**data["deviation"], "segments": dict.fromkeys(names, data["deviation"])}
    conclude(changed)
    return changed


def firstPageOf(html):
    """Texts of the first page."""
    section = html[html.index('<section id="answer"') : html.index('<section id="attention"')]
    section = re.sub(r"<svg.*?</svg>", " ", section, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", section))


def valuesOf(part):
    """All numbers of a part of the report, and all its texts."""
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list):
        found = [valuesOf(item) for item in part]
        return [n for numbers, _ in found for n in numbers], [t for _, texts in found for t in texts]
    if isinstance(part, str):
        return [], [part]
    return ([] if part is None or isinstance(part, bool) else [float(part)]), []


def isOf(token, numbers, texts):
    """Whether a written number is one of the report, rounded to its digits, as it is or in percent."""
    digits = len(token.partition(".")[2])
    half = 0.5 * 10**-digits + 1e-9
    for number in map(abs, numbers):
        for value in (number, 100 * number, 100 * (1 - number)):
            if abs(value - float(token)) <= half:
                return True
    return any(token in NUMBER.findall(text) for text in texts)


def numbersNotOfTheJson(data, attachments):
    """Numbers on page one, in HTML, that are none of the JSON."""
    text = firstPageOf(htmlReport(data, attachments))
    # What the words themselves say, and the moment, which stands in the JSON as ISO 8601.
    text = text.replace("95 % of the measured surface", "").replace("Validation of a 3D model", "")
    for model in data["answer"]["models"]:
        text = text.replace(model["name"], "")
    parts = ("answer", "models", "document", "toleranceMm", "case", "made", "pictures")
    numbers, texts = valuesOf([data[part] for part in parts])
    tokens = NUMBER.findall(text)
    assert len(tokens) > 20
    return [token for token in tokens if not isOf(token, numbers, texts)]


def test_everyNumberOnPageOneIsOneOfTheJson(report):
    data, attachments = report
    assert numbersNotOfTheJson(data, attachments) == []
    text = firstPageOf(htmlReport(data, attachments))
    deviation = data["answer"]["models"][0]["deviation"]
    assert f"{deviation['within95Mm']:.2f} mm" in text and f"{deviation['uncertainty95Mm']:.2f} mm" in text


def rounds(token, value):
    """Whether a written number is this very value, rounded to its digits."""
    return abs(float(token) - abs(value)) <= 0.5 * 10 ** -len(token.partition(".")[2]) + 1e-9


def test_everyFigureOfTheAnswerStandsInItsOwnPlace(report):
    data, attachments = report
    page = htmlReport(data, attachments)
    block = data["answer"]["models"][0]
    deviation, worst = block["deviation"], block["deviation"]["worst"]
    sentence = unescape(re.search(r'<p class="sentence">(.*?)</p>', page, re.DOTALL)[1])
    found = re.search(
        r"95 % of the measured surface lies within ([\d.]+) mm of the edge in the scan \(uncertainty ([\d.]+) mm\), "
        r"the worst place is ([\d.]+) mm off at ([LR]) ([\d.]+), ([PA]) ([\d.]+), ([SI]) ([\d.]+) mm, slice (\d+)",
        sentence,
    )
    within, uncertainty, off, *place, slice_ = found.groups()
    assert rounds(within, deviation["within95Mm"]) and rounds(uncertainty, deviation["uncertainty95Mm"])
    assert rounds(off, worst["mm"]) and int(slice_) == worst["slice"]
    for letter, size, value, sides in zip(place[::2], place[1::2], worst["pointLps"], ("LR", "PA", "SI"), strict=True):
        assert letter == sides[value < 0] and rounds(size, value)
    unmeasured = re.search(r"([\d.]+) % of the surface was not measured", sentence)
    assert rounds(unmeasured[1], 100 * (1 - deviation["measuredShare"]))
    rows = re.findall(r"<tr>(.*?)</tr>", page[page.index('<table class="limits">') : page.index("</table>")], re.DOTALL)
    shown = [[unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall("<td>(.*?)</td>", row)] for row in rows[1:]]
    assert shown
    for (title, measured, allowed), limit in zip(shown, block["limits"], strict=False):
        assert title.endswith(limit["title"])
        if isinstance(limit["measured"], (int, float)):
            assert rounds(NUMBER.search(measured)[0], limit["measured"])
        if limit["limit"] is not None:
            assert float(NUMBER.search(allowed)[0]) == limit["limit"]
            assert ("at least" in allowed) == (limit["sense"] == "atLeast")


def test_aNumberThatIsNotOfTheJsonIsSeen(report):
    # Every figure of the answer, changed behind the back of the page that was made from it, is missed.
    data, attachments = copy.deepcopy(report)
    page = htmlReport(data, attachments)
    limit = data["answer"]["models"][0]["limits"][0]
    shown = NUMBER.search(measuredOf(limit))[0]
    assert shown in firstPageOf(page)
    for number in ("777.123", "0.0123"):
        text = page.replace(shown, number)
        numbers, texts = valuesOf([data[part] for part in ("answer", "models", "document", "case", "made", "pictures")])
        assert number in [token for token in NUMBER.findall(firstPageOf(text)) if not isOf(token, numbers, texts)]


def test_theScaleStandsOnPageOneOnlyBesidePicturesInItsColors(report):
    data, attachments = report
    gray = [picture for picture in data["pictures"] if picture["kind"] in ("fieldOfView", "thinnestPlace")]

    def counted(pictures):
        page = htmlReport({**data, "pictures": pictures}, attachments)
        first = page[page.index('<section id="answer"') : page.index('<section id="attention"')]
        return first.count("<img"), first.count('class="scale"')

    assert counted(data["pictures"]) == (3, 1)
    images, scales = counted(gray)
    assert images > 0
    assert scales == 0


def test_whatNeedsAttentionIsOrderedAsOnPageOne(report):
    # What the model lacks before how it prints, whatever the clauses are called.
    data, attachments = copy.deepcopy(report)
    for finding in data["findings"]:
        if finding["requirement"] in ("scan-age", "wall-thickness", "deviation-p95", "bodies-left-out"):
            finding["verdict"] = "fail"
    page = htmlReport(data, attachments)
    listed = page[page.index('<section id="attention"') : page.index('id="deviation"')]
    titles = {finding["title"]: finding["requirement"] for finding in data["findings"]}
    order = [titles[unescape(title)] for title in re.findall(r"<em>Asked for: (.*?)\.</em>", listed)]
    wanted = [one for one in order if one in ("scan-age", "wall-thickness", "deviation-p95", "bodies-left-out")]
    assert wanted == ["bodies-left-out", "deviation-p95", "scan-age", "wall-thickness"]


def test_pageOneIsOneScreenWhateverIsInIt(report, tmp_path):
    data, attachments = report
    for name, content in (("as it is", data), ("very many", many(data)), ("no findings", withFindings(data, 0))):
        conclude(content := copy.deepcopy(content))
        file = tmp_path / f"{name.replace(' ', '-')}.html"
        file.write_text(htmlReport(content, attachments), encoding="utf-8")
        with ChromiumPage(file, tmp_path / f"profile {name}", width=1440, height=900) as page:
            assert page.evaluate("document.querySelector('.first').getBoundingClientRect().bottom") <= 900, name
            assert page.evaluate("document.documentElement.scrollWidth") <= 1440
            page.resize(390, 844, True)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def pagesOf(content, folder):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    (folder / "x.pdf").write_bytes(content)
    said = subprocess.run(["pdftotext", folder / "x.pdf", "-"], capture_output=True, check=True).stdout
    return said.decode("utf-8").split("\f")[:-1]


def test_pageOneIsOneSheetWhateverIsInIt(report, tmp_path):
    data, attachments = report
    for content in (data, many(data)):
        pages = pagesOf(pdfReport(content, attachments), tmp_path)
        # Answer, facts and signatures are on the first sheet; the table of contents begins the second one.
        assert "Approved by" in pages[0] and "Report" in pages[0] and "Contents" in pages[1]
        assert pages[0].index("Do not use") < pages[0].index("Intended use") < pages[0].index("Reviewed by")
    assert "On page: 2" in " ".join(pages[0].split())


@pytest.mark.parametrize("language", ["en", "de"])
def test_eachOfTwoModelsHasItsWorstLimitOnTheSheet(report, tmp_path, language):
    data, attachments = report
    content = many(data, models=2, failures=12)
    for finding in content["findings"]:
        finding["title"] = "Limit of the test"
    conclude(content)
    sheet = pagesOf(pdfReport(content, attachments, language), tmp_path)[0]
    # Both blocks and the scan's name a limit; what the answer says of them stands in quotes.
    assert len(re.findall(": Limit of the test", sheet)) >= 2


def test_whatPassesTakesSixPagesAtMost(tmp_path):
    (tmp_path / "scan").mkdir()
    writePassingScan(tmp_path / "scan")
    more = ("--build-volume", "200", "200", "200", "--formats", "html,pdf")
    passed = validated(tmp_path / "scan", tmp_path / "out", *more)
    assert passed["verdict"] == "pass" and passed["exitStatus"] == 0
    assert not {"fail", "warning", "notAssessable"} & {finding["verdict"] for finding in passed["findings"]}
    pages = pagesOf((tmp_path / "out" / "report.pdf").read_bytes(), tmp_path)
    assert len(pages) <= 6
    assert "All limits set for the intended use" in " ".join(pages[0].split()) and "Page 1 of" in pages[0]
    assert numbersNotOfTheJson(*readReport(tmp_path / "out" / "report.json")) == []


@pytest.mark.parametrize("way", ["light", "dark", "phone"])
def test_axeHasNothingAgainstThePage(folder, tmp_path, way):
    with ChromiumPage(folder / "out" / "report.html", tmp_path / "profile") as page:
        page.media("", dark=way == "dark")
        if way == "phone":
            page.resize(390, 844, True)
        for one in range(page.evaluate("document.querySelectorAll('details').length")):
            page.evaluate(f"document.querySelectorAll('details')[{one}].open = true")
        assert violations(page) == {}


def test_passesAreFoldedAndALinkUnfoldsThem(folder, tmp_path):
    with ChromiumPage(folder / "out" / "report.html", tmp_path / "profile", width=1440, height=900) as page:
        assert page.evaluate("[...document.querySelectorAll('#findings ~ section details')].every(d => !d.open)")
        page.evaluate("document.querySelector('nav.bar a[href=\"#annex\"]').click()")
        page.waitFor("document.querySelector('nav.bar a[aria-current]').hash === '#annex'")
        bar = page.evaluate("document.querySelector('nav.bar').getBoundingClientRect().top")
        assert bar == 0
