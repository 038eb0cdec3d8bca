"""The report in other languages: the same numbers and names, made again from the English JSON."""

import copy
import json
import re

import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Language.Languages import ENGLISH, LANGUAGES
from M3DLib.Language.Translator import Translator
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DValidationLib.Report.Content.ReportLanguage import (
    drawnIn,
    namesIn,
    translatedTemplate,
    translatedView,
    translatorOf,
)
from M3DValidationLib.Report.Content.ReportView import WORDS, reportView
from M3DValidationLib.Report.FirstPage.AnswerText import REASONS, VERDICTS
from M3DValidationLib.Report.Html.HtmlReport import htmlReport
from M3DValidationLib.Report.Pictures.HistogramDrawing import histogramSvg
from M3DValidationLib.Report.Pictures.ScaleDrawing import SCALE_WORDS, scaleSvg

OTHERS = [language for language in LANGUAGES if language != "en"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a report in Chinese, and its JSON."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "scan").mkdir()
    writeNamedScan(folder / "scan")
    report = validated(folder / "scan", folder / "out", "--formats", "html", "--language", "zh_CN", "--person", "Roe")
    return folder / "out", report


def numbers(text):
    """The numbers of a text, whatever their decimal sign."""
    return sorted(re.findall(r"\d+", text))


def leaves(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in leaves(item)]
    return [value] if isinstance(value, str) else []


def test_theJsonIsEnglishAndThePageIsNot(made):
    folder, report = made
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh">' in page
    translator = translatorOf(report, "zh")
    assert translator.text(WORDS[report["verdict"]]) in page and "按 ISO/IEC 3532-1 条款列出的结果" in page
    assert report["findings"][0]["title"].isascii() and translator.text(report["findings"][0]["title"]) in page
    assert re.search("[\u4e00-\u9fff]", json.dumps(report, ensure_ascii=False)) is None


@pytest.mark.parametrize("language", OTHERS)
def test_everyTextHasTheNumbersOfItsEnglishOne(made, language):
    _folder, report = made
    view = reportView(report)
    translated = translatedView(view, translatorOf(report, language))
    before, after = leaves(view), leaves(translated)
    assert len(before) == len(after)
    changed = 0
    for english, other in zip(before, after, strict=True):
        # Three dimensions are written in characters, too.
        shown = re.sub("三次元|三维", "3D", other)
        assert sorted(map(int, numbers(shown))) == sorted(map(int, numbers(english))), (english, other)
        changed += english != other
    assert changed > 100


@pytest.mark.parametrize("language", OTHERS)
def test_namesAreWhatTheyWere(made, language):
    _folder, report = made
    changed = copy.deepcopy(report)
    # Names that are words of the report, too.
    changed["case"]["patient"]["name"] = "Warning^Pass"
    changed["case"]["study"]["description"] = "Mean"
    english = reportView(changed)
    view = translatedView(english, translatorOf(changed, language))
    assert view["patient"] == english["patient"]
    assert "Mean" in [pair["value"] for pair in view["case"]]
    assert reportView(report)["patient"] in leaves(translatedView(reportView(report), translatorOf(report, language)))


def test_isMadeAgainInAnyLanguageFromTheJson(made, tmp_path):
    folder, _report = made
    arguments = ["report", str(folder), "--formats", "html", "--language", "de", "--output", str(tmp_path)]
    assert main(arguments) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Befunde nach Abschnitten der ISO/IEC 3532-1" in page and '<html lang="de">' in page
    assert (tmp_path / "report.json").read_bytes() == (folder / "report.json").read_bytes()


def test_anUnknownLanguageIsRefusedBeforeAnythingIsMade(made, tmp_path, capsys):
    folder, _report = made
    assert main(["report", str(folder), "--language", "tlh", "--output", str(tmp_path / "x")]) == 2
    assert "zh (简体中文)" in capsys.readouterr().err and not (tmp_path / "x").exists()
    scan = str(folder.parent / "scan")
    assert main(["validate", "--image", scan, "--language", "tlh", "--output", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


def test_withoutBabelEnglishIsMadeAndOthersAreRefused(made, tmp_path, monkeypatch, capsys):
    from importlib import util

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "babel" else found(name, *more))
    folder, _report = made
    assert main(["report", str(folder), "--output", str(tmp_path / "en")]) == 0
    capsys.readouterr()
    assert main(["report", str(folder), "--language", "fr", "--output", str(tmp_path / "fr")]) == 2
    assert "pip install SlicerM3D[report]" in capsys.readouterr().err and not (tmp_path / "fr").exists()


def test_layoutsInEnglishAreAsTheyAre(made):
    _folder, report = made
    source = "<p>What needs attention</p>"
    assert translatedTemplate(source, "html", translatorOf(report, "en")) == source
    assert translatedTemplate(source, "html", translatorOf(report, "de")) == "<p>Was Aufmerksamkeit braucht</p>"
    assert htmlReport(report) == htmlReport(report, language="en")


VALUES = {"measured": "1901 mm²", "limit": "at most 180 days", "side": " at the left", "direction": "small"}


@pytest.mark.parametrize("language", OTHERS)
def test_reasonsOfTheAnswerStayApartWhateverTheirOrder(language):
    """A gap of one reason must not swallow the next: in some languages words follow its value."""
    translator = Translator(language)
    reasons = [reason.format(**VALUES) for reason in REASONS.values()]
    rest = "The model covers 99.98 % of the edge that the scan shows."
    for first, second in zip(reasons, [*reasons[1:], reasons[0]], strict=True):
        verdict = VERDICTS["fail"].format(use="Anatomical model", reasons=f"{first}; {second}")
        said = translator.text(f"{verdict} {rest}")
        assert "Do not use" not in said
        for part in (first, second):
            assert translator.text(part) != part
            assert translator.text(part) in said


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != ENGLISH])
@pytest.mark.parametrize(
    "caption",
    [
        "Model{}",
        "Deviation{}, inferior view",
        "Edge in the scan{}, left view",
        "Deviation 1{}: +2.63 mm, mesh too small, at R 31.0, P 144.0, S 705.9 mm, slice 13, cut along the rows",
        "Missing in the model: 167963 mm³{}, around R 3.4, P 119.3, S 737.2 mm, slice 44",
        "Section 1{} at L 0.0, P 120.0, S 760.0 mm, slice 67, cut across the slices",
    ],
)
def test_captionsOfOneAndOfSeveralModelsAreTranslatedAsAWhole(language, caption):
    translator = Translator(language, names={"left part"})
    for name in ("", " of 'left part'"):
        english = caption.format(name)
        said = translator.text(english)
        assert said != english and not re.search("Deviation|Missing|Section \\d+ at|slice|view|around|cut a", said)
        assert ("'left part'" in said) == bool(name)


# Names of attributes of the scan and of methods, and the standard that is quoted.
KEPT = re.compile(r"\([0-9a-f]{4},[0-9a-f]{4}\)|flying-edges|'[^']*'|doi |SlicerM3D|pydicom|anatomical-model")


def test_nothingOfTheReportStaysEnglish(made):
    """Every text of the view is in the language, sources of limits and alternative texts of pictures too."""
    _folder, report = made
    translator = translatorOf(report, "zh")
    texts = {text for text in leaves(reportView(report)) if re.search("[a-z]{3}", text)}
    english = {
        text
        for text in texts
        if translator.text(text) == text and text not in namesIn(report) and not KEPT.search(text) and " " in text
    }
    assert english == set()


@pytest.mark.parametrize(("language", "number"), [("de", "0,35"), ("fr", "0,35"), ("es", "0,35"), ("ja", "0.35")])
def test_drawingsSpeakTheLanguageAndWriteItsNumbers(language, number):
    say = drawnIn(Translator(language))
    histogram = {"edges": [-0.5, 0.0, 0.5], "shares": [0.7, 0.25], "below": 0.05, "above": 0.0}
    drawing = histogramSvg(histogram, 0.35, say) + scaleSvg(0.5, 0.35, SCALE_WORDS, say)
    assert f"+{number}<" in drawing and ("0.35" in drawing) == ("." in number)
    for english in ("deviation", "mesh too", "not measured", "of the area", "Scale of"):
        assert english not in re.sub("<[^ ]+ |class=[^ ]+", "", drawing)
