"""Moving the surface to the image's edge, asked for in the panels."""

import json

import numpy as np
import pytest

from M3DTestSupport.ScannedBall import CENTER, RADIUS, SEGMENT_ID, addScannedBall


def offsets(mesh):
    """Distance of a mesh's points from the ball's surface, mm; its scan shows the edge there."""
    return np.linalg.norm(mesh.points.astype(float) - CENTER, axis=1) - RADIUS


class TestValidation:
    def test_surfaceIsMovedAndRecordedAndResultsOfTheOtherAreOutdated(self, validationPanel):
        widget = validationPanel
        assert not widget.ui.refineRangeSpinBox.enabled
        widget._parameterNode.refine = True
        assert widget.ui.refineRangeSpinBox.enabled
        widget._parameterNode.refineRange = 0.7
        widget.ui.validateButton.click()
        data = json.loads(widget._parameterNode.report.GetText())
        assert data["input"]["surface"]["refine"] is True
        assert data["input"]["surface"]["refineRange"] == 0.7
        assert "Outdated" not in widget.ui.verdictLabel.text
        widget._parameterNode.refine = False
        assert "Outdated" in widget.ui.verdictLabel.text

    def test_rangeIsTheLibrarysUnlessSaid(self, validationPanel):
        from M3DPanelLib.SurfaceChoices import surfaceOf

        parameters = validationPanel._parameterNode
        parameters.refineRange = 0.7
        assert surfaceOf(parameters).refineRange is None
        parameters.refine = True
        assert surfaceOf(parameters).refineRange == 0.7
        parameters.refineRange = 0.0
        assert surfaceOf(parameters).refineRange is None
        assert validationPanel.ui.refineRangeSpinBox.property("specialValueText") == "largest voxel edge"

    def test_validatedSurfaceIsTheOneThatIsExported(self, validationPanel, panelApplication):
        import slicer

        from M3DExport import M3DExportLogic

        slicer.util.selectModule = lambda name: None
        widget = validationPanel
        widget._parameterNode.refine = True
        widget.ui.validateButton.click()
        widget.ui.reasonLineEdit.text = "Teaching"
        widget.ui.exportButton.click()
        logic = M3DExportLogic()
        parameters = logic.getParameterNode()
        assert parameters.refine
        # The export refuses a surface that is not the one that was validated.
        assert len(logic.exportParameters(parameters)) == 1


class TestExport:
    def test_previewShowsTheMovedSurface(self, panelApplication, scannedBall):
        from M3DExport import M3DExportLogic
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

        volume, segmentation = scannedBall
        logic = M3DExportLogic()
        ((before, _),) = logic.preview(segmentation, [SEGMENT_ID], volume, SurfaceParameters())
        ((after, comparison),) = logic.preview(segmentation, [SEGMENT_ID], volume, SurfaceParameters(refine=True))
        assert np.abs(offsets(after)).mean() < 0.7 * np.abs(offsets(before)).mean()
        assert comparison.largestDisplacement > 0
        (model,) = logic.makeModels(segmentation, [SEGMENT_ID], volume, None, SurfaceParameters(refine=True))
        assert np.array_equal(model.mesh.points, after.points)

    def test_withoutTheScanTheSurfaceIsNotShownUnmoved(self, panelApplication, scannedBall):
        from M3DExport import M3DExportLogic
        from M3DLib.Errors import M3DError
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

        with pytest.raises(M3DError, match="Choose the source volume"):
            M3DExportLogic().preview(scannedBall[1], [SEGMENT_ID], None, SurfaceParameters(refine=True))

    def test_previewShowsTheSimplifiedSurfaceThatIsExported(self, panelApplication, scannedBall):
        from M3DExport import M3DExportLogic
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

        volume, segmentation = scannedBall
        logic = M3DExportLogic()
        ((whole, _),) = logic.preview(segmentation, [SEGMENT_ID], volume, SurfaceParameters())
        ((few, _),) = logic.preview(segmentation, [SEGMENT_ID], volume, SurfaceParameters(maxError=0.05))
        (model,) = logic.makeModels(segmentation, [SEGMENT_ID], volume, None, SurfaceParameters(maxError=0.05))
        assert len(few.triangles) < len(whole.triangles) / 2
        assert np.array_equal(model.mesh.points, few.points)


class TestFewerTriangles:
    def test_distanceIsRecordedAndResultsOfTheOtherSurfaceAreOutdated(self, validationPanel):
        widget = validationPanel
        assert widget.ui.maxErrorSpinBox.property("specialValueText") == "all triangles"
        widget._parameterNode.maxError = 0.05
        widget.ui.validateButton.click()
        data = json.loads(widget._parameterNode.report.GetText())
        assert data["input"]["surface"]["maxError"] == 0.05
        widget._parameterNode.maxError = 0.0
        assert "Outdated" in widget.ui.verdictLabel.text


class TestControlSeries:
    def frame(self, application, widget):
        import pydicom

        uid = widget._parameterNode.volume.GetAttribute("DICOM.instanceUIDs").split()[0]
        return str(pydicom.dcmread(application.database.fileForInstance(uid)).FrameOfReferenceUID)

    def test_modelIsMeasuredAgainstItToo(self, validationPanel, panelApplication, tmp_path):
        widget = validationPanel
        frame = {"FrameOfReferenceUID": self.frame(panelApplication, widget)}
        control = tmp_path / "control"
        volume, _ = addScannedBall(panelApplication, control, noise=12, attributes=frame, kernel="BONE")
        widget._parameterNode.refine = True
        widget._parameterNode.controlVolume = volume
        widget.ui.validateButton.click()
        data = json.loads(widget._parameterNode.report.GetText())
        assert abs(data["deviation"]["control"]["meanSigned"]) < 0.05
        widget._parameterNode.controlVolume = None
        assert "Outdated" in widget.ui.verdictLabel.text

    def test_scanItselfSaysNothingNew(self, validationPanel):
        from M3DLib.Errors import M3DError

        widget = validationPanel
        widget._parameterNode.controlVolume = widget._parameterNode.volume
        with pytest.raises(M3DError, match="is the scan itself"):
            widget.logic.validateParameters(widget._parameterNode)
