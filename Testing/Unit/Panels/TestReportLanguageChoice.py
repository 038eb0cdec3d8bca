"""The language of the report, chosen in the panel of M3D Validation."""

import pytest

from M3DTestSupport.ValidationPanel import validateBall

pytest.importorskip("babel", reason="a report in another language than English needs Babel, which is not installed")
pytest.importorskip("jinja2", reason="the report in HTML needs Jinja2, which is not installed")


def test_languagesAreThoseOfTheLibraryByTheirOwnNames(application):
    from M3DLib.Language.Languages import LANGUAGES
    from M3DValidationPanelLib.ReportChoices import ReportLanguage

    assert {one.value: one.label() for one in ReportLanguage} == {code: name for code, (name, _) in LANGUAGES.items()}


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en_US", "en"), ("de_DE", "de"), ("fr", "fr"), ("zh-CN", "zh"), ("tr_TR", "en"), ("C", "en"), ("", "en")],
)
def test_atFirstItIsThatOfTheApplicationWhereThereAreReportsInIt(application, monkeypatch, locale, expected):
    import slicer

    monkeypatch.setattr(slicer.app, "applicationLocaleName", locale)
    from M3DValidation import M3DValidationLogic

    assert M3DValidationLogic().getParameterNode().language.value == expected


class TestSaving:
    @pytest.fixture
    def validated(self, validationPanel, tmp_path):
        from M3DValidationPanelLib.ReportChoices import ReportLanguage

        validateBall(validationPanel)
        parameters = validationPanel._parameterNode
        parameters.reportFolder = str(tmp_path / "report")
        parameters.pdf, parameters.language = False, ReportLanguage.GERMAN
        return validationPanel

    def test_pageIsInTheChosenLanguageAndTheJsonInEnglish(self, validated, tmp_path):
        validated.ui.saveButton.click()
        page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
        assert '<html lang="de">' in page and "Befunde nach Abschnitten der ISO/IEC 3532-1" in page
        data = (tmp_path / "report" / "report.json").read_text(encoding="utf-8")
        assert data.strip() and "Befunde" not in data

    def test_withoutBabelItIsRefusedAndNothingIsLeft(self, validated, panelApplication, tmp_path, monkeypatch):
        from importlib import util

        from M3DValidationPanelLib.ReportChoices import ReportLanguage

        found = util.find_spec
        monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "babel" else found(name, *more))
        with panelApplication.showing("A report in another language than English needs the Python package Babel"):
            validated.ui.saveButton.click()
        assert not (tmp_path / "report").exists() and validated.ui.outputLabel.text == ""
        # The JSON alone is English, whatever is chosen.
        assert validated.ui.languageComboBox.enabled
        validated._parameterNode.html = False
        assert not validated.ui.languageComboBox.enabled
        validated.ui.saveButton.click()
        assert (tmp_path / "report" / "report.json").exists()
        validated._parameterNode.html, validated._parameterNode.language = True, ReportLanguage.ENGLISH
        validated.ui.saveButton.click()
        assert '<html lang="en">' in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")

    def test_babelIsAskedForWithTheOthersAndOnlyWhereItIsNeeded(self, validated, panelApplication, monkeypatch):
        import sys

        from M3DValidationPanelLib.ReportChoices import ReportLanguage

        asked = []

        def decline(requirements, **more):
            asked.append(requirements)
            raise RuntimeError("declined by the user")

        monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_check", lambda requirement: False)
        monkeypatch.setattr(sys.modules["slicer.packaging"], "pip_ensure", decline)
        with panelApplication.showing("babel>=2.14 cannot be had"):
            validated.ui.saveButton.click()
        validated._parameterNode.language = ReportLanguage.ENGLISH
        with panelApplication.showing("declined by the user"):
            validated.ui.saveButton.click()
        assert asked == [["jinja2>=3.1", "babel>=2.14"], ["jinja2>=3.1"]]

    def test_storedPdfIsInItToo(self, validated, monkeypatch):
        from M3DValidationLib.InSlicer import StoredReport

        languages = []

        def pdf(data, files, language):
            languages.append(language)
            return b"%PDF-1.7\n%%EOF\n"

        monkeypatch.setattr(StoredReport, "pdfReport", pdf)
        validated._parameterNode.pdf = True
        validated.ui.storeButton.click()
        assert languages == ["de"]
        assert len(validated.ui.outputLabel.text.splitlines()) == 3
