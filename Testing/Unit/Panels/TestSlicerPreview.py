"""The preview of M3D Export: what it shows, hides and says when it is out of date."""

import pytest

from M3DTestSupport.ExportPanel import addBoneAndTooth, openExportPanel


@pytest.fixture
def case(application, tmp_path):
    return addBoneAndTooth(application, tmp_path / "series")


@pytest.fixture
def widget(panelApplication, case):
    return openExportPanel(panelApplication)


class TestPreview:
    def models(self, application):
        return application.scene.GetNumberOfNodesByClass("vtkMRMLModelNode")

    def test_modelsAndNumbersAreShownAndGoAwayWithTheExport(self, application, widget):
        widget._parameterNode.smoothing = 0.5
        widget.ui.previewButton.click()
        widget.ui.previewButton.click()
        assert self.models(application) == 2
        assert "before smoothing and decimation" in widget.ui.previewLabel.text
        widget.ui.exportButton.click()
        assert self.models(application) == 0

    def test_segmentationIsHiddenMeanwhileAndShownAgainAsItWas(self, application, widget, case):
        display = case[1].GetDisplayNode()
        display.SetVisibility2DFill(True)
        widget.ui.previewButton.click()
        assert not display.GetVisibility3D()
        assert not display.GetVisibility2DFill()
        assert widget.ui.removePreviewButton.visible
        widget.ui.removePreviewButton.click()
        assert self.models(application) == 0
        assert display.GetVisibility3D()
        assert display.GetVisibility2DFill()
        assert widget.ui.previewLabel.text == ""
        assert not widget.ui.removePreviewButton.visible

    def test_whatWasHiddenStaysHidden(self, widget, case):
        display = case[1].GetDisplayNode()
        display.SetVisibility2DFill(False)
        widget.ui.previewButton.click()
        widget.ui.removePreviewButton.click()
        assert not display.GetVisibility2DFill()

    def test_previewIsMarkedWhenASliderMoves(self, widget):
        widget.ui.previewButton.click()
        assert "Out of date" not in widget.ui.previewLabel.text
        before = widget._parameterNode.smoothing
        widget._parameterNode.smoothing = 0.8
        assert widget.ui.previewLabel.text.startswith("Out of date")
        widget._parameterNode.smoothing = before
        assert "Out of date" not in widget.ui.previewLabel.text
