"""Messages of the libraries in the panels name their fields, not options of the command line."""

import xml.etree.ElementTree as ET

import pytest

from M3DTestSupport.Project import ROOT


def labelsOf(module):
    """Texts of a panel."""
    root = ET.parse(ROOT / module / "Resources" / "UI" / f"{module}.ui").getroot()
    texts = [item.findtext("string") or "" for item in root.iter("property") if item.get("name") == "text"]
    return {text.rstrip(":") for text in texts}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            (
                "Whether 'a.dcm' shows a face is not known. Say who has looked with --no-face REASON, or with "
                "--face-is-needed REASON why it must be handed over."
            ),
            (
                "Whether 'a.dcm' shows a face is not known. Say who has looked with 'No face, says', or with "
                "'A face is needed because' why it must be handed over."
            ),
        ),
        ("images are packed with --keep-images only", "images are packed with 'Scans too' only"),
        ("Align them (--register), or check.", "Align them ('Align the model with the reference first'), or check."),
        (
            "Allow it with --max-file-size.",
            "Allow it with the option --max-file-size of the command m3d.",
        ),
        (
            "give the part's values with --threshold LOW[:HIGH].",
            "give the part's values with the option --threshold LOW[:HIGH] of the command m3d.",
        ),
        ("A dash -- and 3 - 4 stay, as --do.", "A dash -- and 3 - 4 stay, as the option --do of the command m3d."),
        ("Nothing to say.", "Nothing to say."),
    ],
)
def test_fieldsAreNamedInPlaceOfOptions(panelApplication, message, shown):
    from M3DPanelLib.LibraryMessages import translatedMessage

    assert translatedMessage(message) == shown


def test_fieldsAreThoseOfThePanels(panelApplication):
    from M3DExportPanelLib.FetchSection import NAMED_BY
    from M3DPanelLib.OptionWords import _fields

    known = labelsOf("M3DExport") | labelsOf("M3DValidation") | {label for _name, label in NAMED_BY}
    assert set(_fields().values()) <= known


def test_refusedFaceNamesTheField(panelApplication, tmp_path, monkeypatch):
    pytest.importorskip("dicomanonymizer")
    from M3DTestSupport.ExportPanel import openExportPanel
    from M3DTestSupport.HandOverCase import writeModel
    from M3DTestSupport.SlicerWidgets import emit

    monkeypatch.setattr("M3DLib.SlicerAdaptors.ensurePackages", lambda requirements, requester: None)
    (tmp_path / "case").mkdir()
    writeModel(tmp_path / "case" / "model.dcm", RecognizableVisualFeatures="YES")
    panel = openExportPanel(panelApplication)
    emit(panel.ui.handOverPathLineEdit, "currentPathChanged(QString)", str(tmp_path / "case"))
    emit(panel.ui.packagePathLineEdit, "currentPathChanged(QString)", str(tmp_path / "case.zip"))
    panel._parameterNode.pseudonym = "P-1"
    panel.ui.packageButton.click()
    assert "'A face is needed because'" in panel.ui.packageResultLabel.text
    assert "--" not in panel.ui.packageResultLabel.text
    panel.cleanup()
