"""English sentences said in another language: whole, with their own numbers, or not at all."""

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Language.Languages import LANGUAGES, dateText, languageOf
from M3DLib.Language.Translator import Translator, Verbatim

MESSAGES = {
    "{0} of the surface lies within {1} mm; on {2} it is too small.": "Auf {2} zu klein; {0} liegen in {1} mm.",
    "The surface is closed.": "Die Oberfläche ist geschlossen.",
    "{0} holes": "{0} Löcher",
    "{0}, first at {1}.": "{0}, zuerst bei {1}.",
    "Model '{0}'": "Modell '{0}'",
    "Scan": "Bild",
    "the scan shows {measured}{side}": "das Bild zeigt {side}: {measured}",
    "at the left": "links",
    "too small": "zu klein",
}


@pytest.fixture
def german():
    return Translator("de", MESSAGES, names={"Scan A", "too small"})


def test_aSentenceKeepsItsNumbersWhereverTheyGo(german):
    text = german.text("54.3 % of the surface lies within 1 mm; on 0.02 % it is too small.")
    assert text == "Auf 0,02\u00a0% zu klein; 54,3\u00a0% liegen in 1 mm."


def test_severalSentencesAreSaidOneAfterTheOther(german):
    assert german.text("The surface is closed. 3 holes, first at (R 1.5, P 2.0, S 3.0 mm).") == (
        "Die Oberfläche ist geschlossen. 3 Löcher, zuerst bei (R 1,5; P 2,0; S 3,0 mm)."
    )


def test_whatIsNotKnownAsAWholeStaysEnglish(german):
    for text in (
        "The surface is open.",
        "The surface is closed. It is blue.",
        "3 bodies, first at (R 1.5, P 2.0, S 3.0 mm).",
        "",
    ):
        assert german.text(text) == text


def test_namesStayAsTheyAre(german):
    assert german.text("Model 'Scan'") == "Modell 'Scan'"
    # Of two equal words, one is the report's and the other somebody's.
    assert german.text("Scan") == "Bild" and german.text(Verbatim("Scan")) == "Scan"
    assert german.text("Scan A") == "Scan A" and german.text("too small") == "too small"


def test_whatMayBeSaidBesidesIsSaidOrNot(german):
    assert german.text("the scan shows 3 mm³ at the left") == "das Bild zeigt  links: 3 mm³"
    assert german.text("the scan shows 3 mm³") == "das Bild zeigt : 3 mm³"
    assert german.text("the scan shows 3 mm³ at the nose") == "the scan shows 3 mm³ at the nose"


def test_whatFitsTwoMessagesWithDifferentOutcomesStaysEnglish():
    twice = Translator("de", {"{0} is not {1}.": "A {0} {1}", "{x} is not {y}.": "B {x} {y}"})
    assert twice.text("1 is not 2.") == "1 is not 2."


def test_aGapSwallowsNoSentence():
    messages = {
        "{0} of the surface could be measured.": "Messbar: {0}.",
        "{0} lies within {1}.": "{0} in {1}.",
        "It is not known. {0}": "Unbekannt. {0}",
        "The largest is {0}, {1}; {2}.": "Die größte: {0} / {1} / {2}.",
        "{0} at {1}": "{0} bei {1}",
        "within the tolerance": "in der Toleranz",
    }
    german = Translator("de", messages)
    assert german.text("95 % lies within 2 mm. 94.8 % of the surface could be measured.") == (
        "95\u00a0% in 2 mm. Messbar: 94,8\u00a0%."
    )
    assert german.text("Nobody knows. 94.8 % of the surface could be measured.") == (
        "Nobody knows. 94.8 % of the surface could be measured."
    )
    assert german.text("It is not known. 95 % lies within 2 mm.") == "Unbekannt. 95\u00a0% in 2 mm."
    # Nor does it swallow the items of a list.
    sides = Translator("de", {"Cut off: {0}.": "Ab: {0}.", "{0} left": "links {0}", "{0} top": "oben {0}"})
    assert sides.text("Cut off: 3 mm² left, 4 mm² top, 5 mm² left.") == "Ab: links 3 mm², oben 4 mm², links 5 mm²."
    # Nor is what stands in brackets torn apart.
    assert german.text("The largest is 2 mm at (L 1.0, A 8.5, S 60.1 mm), within the tolerance; 3 mm.") == (
        "Die größte: 2 mm bei (L 1,0; A 8,5; S 60,1 mm) / in der Toleranz / 3 mm."
    )


def test_codesAreNoNumbers(german):
    for text in ("1.2.840.10008.5.1", "0.1.0", "(0018,0050)", "UB"):
        assert german.text(text) == text
    assert german.text("0.451 x 0.451 mm") == "0,451 x 0,451 mm"
    assert Translator("zh", MESSAGES).text("54.3 %") == "54.3%"


def test_datesAreThoseOfTheLanguage(german):
    assert german.text("2015-02-06") == "06.02.2015" and german.text("2015-02-31") == "2015-02-31"
    assert dateText("2015-02-06", "zh") == "2015/2/6" and dateText("2015-02-06", "en") == "2015-02-06"


@pytest.mark.parametrize(
    ("text", "code"), [("zh", "zh"), ("zh_CN", "zh"), ("ZH-Hans", "zh"), (" de ", "de"), ("en", "en")]
)
def test_languagesAreNamedInAnyWay(text, code):
    assert languageOf(text) == code


def test_anUnknownLanguageIsRefusedWithThoseThatThereAre():
    with pytest.raises(M3DError, match=r"no report in 'tlh'.*zh \(简体中文\)"):
        languageOf("tlh")


def test_englishNeedsNothing(monkeypatch):
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert Translator().text("The surface is closed.") == "The surface is closed."
    with pytest.raises(M3DError, match=r"pip install SlicerM3D\[report\]"):
        Translator("de")
    assert set(LANGUAGES) == {"en", "de", "fr", "es", "ja", "zh"}
