"""Results are those of what is chosen now, or they are marked: also when something was moved, or a scene loaded."""

import numpy as np
import pytest

from M3DTestSupport.SceneCases import moveBy
from M3DTestSupport.ValidationPanel import validateBall


@pytest.fixture
def validated(validationPanel):
    validateBall(validationPanel)
    assert "Outdated" not in validationPanel.ui.verdictLabel.text
    return validationPanel


def shown(widget):
    """The verdict, once the panel has looked again."""
    widget.form.show(widget._parameterNode)
    return widget.ui.verdictLabel.text


def test_modelThatWasMovedSinceIsAnother(validated, panelApplication, scannedBall):
    matrix = np.eye(4)
    matrix[0, 3] = 0.5
    transform = moveBy(panelApplication, scannedBall[1], matrix)
    assert "Outdated: the scan or the model was edited or moved since" in shown(validated)
    scannedBall[1].SetAndObserveTransformNodeID(None)
    assert "Outdated" not in shown(validated)
    # A transform that does nothing is no other place.
    transform.SetMatrixTransformToParent(None)
    scannedBall[1].SetAndObserveTransformNodeID(transform.GetID())
    assert "Outdated" not in shown(validated)


def test_scanWhoseSpacingWasChangedIsAnother(validated, scannedBall):
    spacing = scannedBall[0].GetSpacing()
    scannedBall[0].SetSpacing(spacing[0], spacing[1], 1.01 * spacing[2])
    assert "Outdated" in shown(validated)


def test_whatIsEditedAfterASceneWasLoadedIsOutdatedToo(validated, scannedBall, monkeypatch):
    from M3DValidationPanelLib.ResultSubject import ContentStamps

    # As in a new session: nothing is known of what the content was when the results were made.
    validated.form.results._stamps = ContentStamps()
    assert "Outdated" not in shown(validated)
    scannedBall[1].GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap").Modified()
    assert "Outdated" in shown(validated)


def test_renamedSegmentIsNamedAsItWasValidatedAndNotOutdated(validated, scannedBall):
    scannedBall[1].GetSegmentation().GetNthSegment(0).SetName("mandible")
    assert validated.ui.segmentComboBox.itemText(0) == "mandible"
    assert "ball on CT" in shown(validated)
    assert "Outdated" not in shown(validated)


def test_scanThatIsRemovedLeavesResultsOfThePast(validated, panelApplication, scannedBall):
    panelApplication.scene.RemoveNode(scannedBall[0])
    assert "Outdated: another scan is chosen now, or it is gone" in shown(validated)
    assert not validated.ui.exportButton.enabled
