"""The map of deviations in the panel of M3D Validation: shown, probed, hidden, and gone with its report."""

import pytest

from M3DTestSupport.ScannedBall import CENTER
from M3DTestSupport.ValidationPanel import rowOf, validateBall


@pytest.fixture
def nodes(scannedBall):
    return scannedBall


@pytest.fixture
def widget(validationPanel):
    return validationPanel


class TestDeviation:
    @pytest.fixture
    def crosshair(self, application):
        return application.scene.AddNewNodeByClass("vtkMRMLCrosshairNode")

    def test_mapIsColoredAndTheValueUnderTheCursorShown(self, widget, crosshair, application):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        validateBall(widget)
        (node,) = mapsOf(widget._parameterNode.report)
        assert node.GetDisplayNode().GetScalarVisibility()
        assert "Full color at 2 mm, tolerance 1 mm" in widget.ui.deviationLabel.text
        widget.ui.showMapButton.click()
        crosshair.SetCursorPositionRAS((-CENTER[0] - 9.6, -CENTER[1], CENTER[2]))
        assert "mm (mesh too small), reliable" in widget.ui.probeLabel.text
        crosshair.SetCursorPositionRAS((-CENTER[0], -CENTER[1], CENTER[2]))
        assert widget.ui.probeLabel.text == "No surface here."
        widget.exit()
        crosshair.SetCursorPositionRAS((-CENTER[0] - 9.6, -CENTER[1], CENTER[2]))
        assert widget.ui.probeLabel.text == ""

    def test_findingOnTheDeviationBringsTheMapIntoView(self, widget, crosshair):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        validateBall(widget)
        display = mapsOf(widget._parameterNode.report)[0].GetDisplayNode()
        display.SetVisibility(False)
        widget.ui.findingsTable.selectRow(rowOf(widget, "thin enough"))
        assert not display.GetVisibility()
        widget.ui.findingsTable.selectRow(rowOf(widget, "No part of the surface lies far"))
        assert display.GetVisibility()
        crosshair.SetCursorPositionRAS((-CENTER[0] - 9.6, -CENTER[1], CENTER[2]))
        assert "reliable" in widget.ui.probeLabel.text
        display.SetVisibility(False)
        widget.ui.findingsTable.selectRow(rowOf(widget, "neither too large nor too small"))
        assert not display.GetVisibility()

    def test_newResultsAreProbedInPlaceOfTheOld(self, widget, crosshair):
        place = (-CENTER[0] - 9.6, -CENTER[1], CENTER[2])
        # A map that was shown is so again when it is validated anew.
        for before in ("", "No surface here."):
            widget.ui.validateButton.click()
            crosshair.SetCursorPositionRAS((0.0, 0.0, 0.0))
            assert widget.ui.probeLabel.text == before
            widget.ui.findingsTable.selectRow(rowOf(widget, "No part of the surface lies far"))
            crosshair.SetCursorPositionRAS(place)
            assert "reliable" in widget.ui.probeLabel.text

    def test_buttonHidesTheMapAgainAndShowsTheSegmentAsItWas(self, widget, nodes):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        segments = nodes[1].GetDisplayNode()
        segments.SetVisibility2DFill(True)
        segments.SetVisibility3D(True)
        validateBall(widget)
        widget.ui.showMapButton.click()
        display = mapsOf(widget._parameterNode.report)[0].GetDisplayNode()
        assert display.GetVisibility()
        assert not segments.GetVisibility2DFill()
        assert not segments.GetVisibility3D()
        assert segments.GetVisibility2DOutline()
        widget.ui.showMapButton.click()
        assert not widget.ui.showMapButton.checked
        assert not display.GetVisibility()
        assert segments.GetVisibility2DFill()
        assert segments.GetVisibility3D()
        assert widget.ui.probeLabel.text == ""

    def test_bandsSetTheRangeOfTheColors(self, widget):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        validateBall(widget)
        widget._parameterNode.bands = True
        assert mapsOf(widget._parameterNode.report)[0].GetDisplayNode().GetScalarRange() == (-3.0, 3.0)
        assert not widget.ui.rangeSlider.enabled
        assert "Full color at 3 mm" in widget.ui.deviationLabel.text

    def test_draggingTheRangeChangesNothingBeforeItIsLetGo(self, widget):
        assert widget.ui.rangeSlider.tracking is False

    def test_deletingTheReportDeletesWhatBelongsToIt(self, widget, application):
        count = application.scene.GetNumberOfNodes()
        validateBall(widget)
        assert application.scene.GetNumberOfNodes() > count
        application.scene.RemoveNode(widget._parameterNode.report)
        assert application.scene.GetNumberOfNodes() == count
        assert not widget.ui.resultsCollapsibleButton.enabled
        assert not widget.ui.deviationCollapsibleButton.enabled
        assert not widget.ui.saveButton.enabled

    def test_deletingTheMapAloneDisablesItsSection(self, widget, application):
        from M3DValidationLib.InSlicer.ResultNodes import mapsOf

        validateBall(widget)
        application.scene.RemoveNode(mapsOf(widget._parameterNode.report)[0])
        assert not widget.ui.deviationCollapsibleButton.enabled
        assert widget.ui.resultsCollapsibleButton.enabled

    def test_rangeAndBandsChangeTheColors(self, widget):
        from M3DValidationLib.InSlicer.ResultNodes import FOUND, mapsOf

        validateBall(widget)
        display = mapsOf(widget._parameterNode.report)[0].GetDisplayNode()
        widget._parameterNode.displayRange = 0.5
        assert display.GetScalarRange() == (-0.5, 0.5)
        widget._parameterNode.reliableOnly = False
        assert display.GetActiveScalarName() == FOUND
