"""Messages of the libraries in the language of the application."""

import subprocess
import sys

import pytest

from M3DLib.Errors import M3DError
from M3DTestSupport.Project import ROOT


@pytest.fixture
def german(application, monkeypatch):
    """The application in German, with translations of a few sentences."""
    import slicer

    known = {
        "Volume '{0}' holds no image.": "Das Volumen '{0}' enthält kein Bild.",
        "Line '{0}' has {1} of its two ends; place both, or leave the line out.": "Linie '{0}': {1} von zwei Enden.",
    }
    monkeypatch.setattr(slicer.app, "applicationLocaleName", "de_DE")
    monkeypatch.setattr(sys.modules["slicer.i18n"], "translate", lambda context, text: known.get(text, text))


def messageOf(application, name):
    from M3DLib.InSlicer.SlicerImage import voxelsOfVolumeNode

    with pytest.raises(M3DError) as caught:
        voxelsOfVolumeNode(application.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name))
    return str(caught.value)


def test_sentenceIsTranslatedWithItsValues(application, german):
    from M3DPanelLib.LibraryMessages import translatedMessage

    assert translatedMessage(messageOf(application, "Kopf")) == "Das Volumen 'Kopf' enthält kein Bild."
    # A value may look like a gap, or like the end of another one.
    assert translatedMessage(messageOf(application, "{0} ' {1}")) == "Das Volumen '{0} ' {1}' enthält kein Bild."
    text = "Line 'across' has 1 of its two ends; place both, or leave the line out."
    assert translatedMessage(text) == "Linie 'across': 1 von zwei Enden."


def test_sentenceWithoutTranslationStaysAsItIs(application, german):
    from M3DPanelLib.LibraryMessages import translatedMessage

    for text in ("The noise is 3 HU.", "something else", ""):
        assert translatedMessage(text) == text


def test_shownErrorsAndFindingsAreTranslated(application, german):
    from M3DPanelLib.PanelActions import errorsShown

    with errorsShown("Nichts."):
        raise M3DError("Volume 'Kopf' holds no image.")
    assert application.errors == ["Nichts.\n\nDas Volumen 'Kopf' enthält kein Bild."]


def test_nothingIsLookedUpInEnglish(application, monkeypatch):
    from M3DPanelLib import LibraryMessages

    monkeypatch.setattr(LibraryMessages, "_patterns", lambda: pytest.fail("looked up"))
    assert LibraryMessages.translatedMessage("Volume 'a' holds no image.") == "Volume 'a' holds no image."


def test_sentencesAreListedForTheTranslators(tmp_path):
    file = tmp_path / "messages.py"
    command = [sys.executable, str(ROOT / "Utilities" / "ListMessages.py"), str(file)]
    subprocess.run(command, check=True, capture_output=True)
    text = file.read_text(encoding="utf-8")
    assert "translate('M3DLib', \"Volume '{0}' holds no image.\")" in text
    assert text.count("translate(") > 300
    compile(text, str(file), "exec")


def test_whatSlicerHasNoTranslationOfIsTakenFromTheReports(application, german, monkeypatch):
    import slicer

    from M3DPanelLib.LibraryMessages import translatedMessage

    assert translatedMessage("The surface is closed.") == "Die Oberfläche ist geschlossen."
    monkeypatch.setattr(slicer.app, "applicationLocaleName", "zh_CN")
    assert translatedMessage("Slices are thin enough") == "切片足够薄"
    # A language that there are no reports in.
    monkeypatch.setattr(slicer.app, "applicationLocaleName", "tr_TR")
    assert translatedMessage("The surface is closed.") == "The surface is closed."


def test_limitsOfTheIntendedUseAreInTheLanguageOfTheApplication(panelApplication, monkeypatch):
    import slicer

    monkeypatch.setattr(slicer.app, "applicationLocaleName", "de_DE")
    from M3DTestSupport.ValidationPanel import openPanel

    ui = openPanel().ui
    titles = [ui.limitsTable.item(row, 0).text() for row in range(ui.limitsTable.rowCount)]
    assert "Schichten sind dünn genug" in titles and "Slices are thin enough" not in titles
    assert "Anatomisches Modell" in [ui.profileComboBox.itemText(0)]
