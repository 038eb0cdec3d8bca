"""Two models compared in the panel of M3D Validation."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DTestSupport.SceneCases import moveBy

STEP = 0.25


@pytest.fixture
def models(panelApplication):
    """A 20 x 14 x 8 mm box, and one whose faces lie 0.25 mm farther out."""
    return [box(panelApplication, name, grown) for name, grown in (("box", 0.0), ("grown", STEP))]


def box(application, name, grown, shift=(0.0, 0.0, 0.0)):
    import vtk

    cube = vtk.vtkCubeSource()
    cube.SetXLength(20 + 2 * grown)
    cube.SetYLength(14 + 2 * grown)
    cube.SetZLength(8 + 2 * grown)
    cube.SetCenter(*shift)
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputConnection(cube.GetOutputPort())
    fine = vtk.vtkLinearSubdivisionFilter()
    fine.SetInputConnection(triangles.GetOutputPort())
    fine.SetNumberOfSubdivisions(4)
    clean = vtk.vtkCleanPolyData()
    clean.SetInputConnection(fine.GetOutputPort())
    clean.Update()
    node = application.scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    node.SetAndObservePolyData(clean.GetOutput())
    node.CreateDefaultDisplayNodes()
    return node


def maps(application):
    nodes = application.scene.GetNodesByClass("vtkMRMLModelNode")
    found = [nodes.GetItemAsObject(number) for number in range(nodes.GetNumberOfItems())]
    return [node for node in found if node.GetAttribute("M3DValidation.Comparison")]


class TestSection:
    @pytest.fixture
    def widget(self, validationPanel, models):
        parameters = validationPanel._parameterNode
        parameters.comparedModel, parameters.comparisonReference = models
        return validationPanel

    def test_figuresAndMapAreThoseOfTheStep(self, widget, panelApplication):
        from vtk.util.numpy_support import vtk_to_numpy

        from M3DValidationLib.InSlicer.ResultNodes import FOUND

        assert widget.ui.compareButton.enabled
        widget.ui.compareButton.click()
        text = widget.ui.comparisonBrowser.plainText
        assert "box against grown" in text
        assert f"largest +{STEP:.3f} mm" in text
        assert "100.00 % of the area within 0.5 mm" in text
        (node,) = maps(panelApplication)
        values = vtk_to_numpy(node.GetPolyData().GetPointData().GetArray(FOUND))
        assert np.nanmedian(values) == pytest.approx(STEP, abs=1e-4)
        widget.ui.compareButton.click()
        assert len(maps(panelApplication)) == 1

    def test_figuresGoWhenAnotherModelIsChosen(self, widget, models):
        widget.ui.compareButton.click()
        widget._parameterNode.comparedModel = models[1]
        assert widget.ui.comparisonBrowser.plainText == ""
        assert not widget.ui.compareButton.enabled

    def test_modelsThatLieApartAreNotCompared(self, widget, panelApplication, models):
        widget._parameterNode.comparedModel = box(panelApplication, "far", 0.0, (500.0, 0.0, 0.0))
        before = len(panelApplication.errors)
        widget.ui.compareButton.click()
        assert len(panelApplication.errors) == before + 1
        assert "Not compared" in widget.ui.comparisonLabel.text
        assert maps(panelApplication) == []

    def test_doubtfulAlignmentIsNoResult(self, widget, panelApplication, monkeypatch):
        from types import SimpleNamespace

        from M3DValidationLib.InSlicer import SceneComparison

        doubtful = SimpleNamespace(doubtful=True, doubts=["Two positions fit alike."])
        monkeypatch.setattr(SceneComparison, "alignFromAnywhere", lambda *arguments, **more: doubtful)
        widget._parameterNode.alignFirst = True
        widget.ui.compareButton.click()
        assert "doubtful" in widget.ui.comparisonBrowser.plainText
        assert "Two positions fit alike." in widget.ui.comparisonBrowser.plainText
        assert maps(panelApplication) == []


def test_modelsAreComparedWhereTransformsBringThem(panelApplication, models):
    from M3DValidationLib.InSlicer.SceneComparison import compareModels

    for node in models:
        moveBy(panelApplication, node, [[1, 0, 0, 30], [0, 0, -1, 0], [0, 1, 0, 7], [0, 0, 0, 1]])
    facts = compareModels(*models, 0.5).facts
    assert facts["maxSigned"] == pytest.approx(STEP, abs=1e-3)
    with pytest.raises(M3DError, match="choose two"):
        compareModels(models[0], models[0], 0.5)
