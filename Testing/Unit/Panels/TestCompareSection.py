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


def transforms(application):
    return list(application.scene.GetNodesByClass("vtkMRMLLinearTransformNode"))


# As a person marks corners of the box, RAS mm: three faces meet there.
CORNERS = np.array([[-10, -7, -4], [10, -7, -4], [10, 7, -4], [-10, 7, 4], [10, 7, 4]], float)
MOTION = np.array([[0, -1, 0, 12], [1, 0, 0, -30], [0, 0, 1, 5], [0, 0, 0, 1]], float)


def points(application, name, places):
    node = application.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for place in places:
        node.AddControlPoint(*map(float, place))
    return node


class TestMovedModel:
    """The box lies elsewhere, turned by 90 degrees about z; being symmetric, it needs points to say how."""

    @pytest.fixture
    def widget(self, validationPanel, panelApplication, models):
        self.transform = moveBy(panelApplication, models[0], MOTION)
        parameters = validationPanel._parameterNode
        parameters.comparedModel = models[0]
        parameters.comparisonReference = box(panelApplication, "other", 0.0)
        parameters.comparedPoints = points(
            panelApplication, "on it", CORNERS @ MOTION[:3, :3].T + MOTION[:3, 3] + [0.2, -0.1, 0.1]
        )
        parameters.referencePoints = points(panelApplication, "on the other", CORNERS)
        return validationPanel

    def test_pointsAndClosestPointsBringItThere_theTransformIsNotApplied(self, widget, panelApplication, models):
        widget._parameterNode.alignFirst = True
        widget.ui.compareButton.click()
        text = widget.ui.comparisonBrowser.plainText
        assert "closest points from the pairs of points" in text and "the model was not moved" in text
        (found,) = [node for node in transforms(panelApplication) if node.GetName() == "box to other"]
        assert models[0].GetParentTransformNode() is self.transform
        # It stands in for what the model is under: all together the model lies where it was drawn.
        assert np.abs(matrixOf(found) - np.eye(4)).max() < 0.03
        table = panelApplication.scene.GetFirstNodeByClass("vtkMRMLTableNode")
        assert table.GetName() == "box against other"
        assert abs(float(table.GetCellText(0, 1))) < 0.02 and table.GetCellText(6, 2) == "100.000"
        widget.ui.compareButton.click()
        assert panelApplication.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1

    def test_theModelIsMovedWhenThatIsAsked(self, widget, models):
        widget._parameterNode.moveCompared = True
        widget.ui.compareButton.click()
        assert "5 pairs of points" in widget.ui.comparisonBrowser.plainText
        assert models[0].GetParentTransformNode() is not self.transform
        # Points alone, marked with errors of 0.2 mm.
        assert np.abs(matrixOf(models[0].GetParentTransformNode()) - np.eye(4)).max() < 0.4

    def test_pointsOnOneModelOnlyAreRefused(self, widget, panelApplication):
        widget._parameterNode.comparedPoints = None
        widget.ui.compareButton.click()
        assert "choose both lists" in widget.ui.comparisonLabel.text
        widget._parameterNode.comparedPoints = points(panelApplication, "few", CORNERS[:3])
        widget.ui.compareButton.click()
        assert "has 3 points" in widget.ui.comparisonLabel.text

    def test_theReportIsThatOfAPart(self, widget, tmp_path):
        import json

        widget._parameterNode.alignFirst = True
        widget._parameterNode.html = widget._parameterNode.pdf = False
        assert not widget.ui.comparisonReportButton.enabled
        widget.ui.compareButton.click()
        assert widget.ui.comparisonReportButton.enabled
        widget._parameterNode.reportFolder = str(tmp_path)
        widget.ui.comparisonReportButton.click()
        data = json.loads((tmp_path / "comparison" / "report.json").read_text(encoding="utf-8"))
        assert data["registration"]["doubtful"] is False and data["A"]["name"] == "box"
        verdicts = {finding["requirement"]: finding["verdict"] for finding in data["findings"]}
        assert verdicts["part-tolerance"] == "pass" and verdicts["part-bias"] == "pass"
        assert "report.json" in widget.ui.comparisonLabel.text

    def test_theReportIsInTheChosenLanguage(self, widget, tmp_path):
        pytest.importorskip("babel", reason="a report in another language than English needs Babel")
        pytest.importorskip("jinja2", reason="the report in HTML needs Jinja2")
        from M3DValidationPanelLib.ReportChoices import ReportLanguage

        parameters = widget._parameterNode
        parameters.alignFirst, parameters.pdf, parameters.language = True, False, ReportLanguage.FRENCH
        parameters.reportFolder = str(tmp_path)
        widget.ui.compareButton.click()
        widget.ui.comparisonReportButton.click()
        page = (tmp_path / "comparison" / "report.html").read_text(encoding="utf-8")
        assert '<html lang="fr">' in page


def matrixOf(node):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetMatrixTransformToWorld(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def test_aRegionIsTheBoxOfItsNode(panelApplication):
    from M3DValidationLib.InSlicer.SceneComparison import insideOf

    region = panelApplication.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "region")
    with pytest.raises(M3DError, match="no box"):
        insideOf(region)
    region.SetCenter(10, 20, 30)
    region.SetSize(4, 6, 8)
    # RAS (10, 20, 30) is LPS (-10, -20, 30).
    inside = insideOf(region)(np.array([[-10, -20, 30], [-11.9, -20, 30], [-12.1, -20, 30], [10, 20, 30.0]]))
    assert inside.tolist() == [True, True, False, False]
    moveBy(panelApplication, region, [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    # Turned by 90 degrees about z: RAS (-20, 10, 30).
    assert insideOf(region)(np.array([[20, -10, 30], [-10, -20, 30.0]])).tolist() == [True, False]


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
        from M3DLib.Alignment.SurfaceAlignment import SurfaceAlignment
        from M3DValidationLib.InSlicer import SceneComparison

        doubtful = SurfaceAlignment(np.eye(4), "from any position", doubts=["Two positions fit alike."])
        monkeypatch.setattr(SceneComparison, "alignFromAnywhere", lambda *arguments, **more: doubtful)
        widget._parameterNode.alignFirst = True
        widget.ui.compareButton.click()
        assert "doubtful" in widget.ui.comparisonBrowser.plainText
        assert "Two positions fit alike." in widget.ui.comparisonBrowser.plainText
        assert maps(panelApplication) == []
        assert transforms(panelApplication) == []


def test_modelsAreComparedWhereTransformsBringThem(panelApplication, models):
    from M3DValidationLib.InSlicer.SceneComparison import compareModels

    for node in models:
        moveBy(panelApplication, node, [[1, 0, 0, 30], [0, 0, -1, 0], [0, 1, 0, 7], [0, 0, 0, 1]])
    facts = compareModels(*models, 0.5).facts
    assert facts["maxSigned"] == pytest.approx(STEP, abs=1e-3)
    with pytest.raises(M3DError, match="choose two"):
        compareModels(models[0], models[0], 0.5)


def test_theApplicationHandlesItsEventsWhileModelsAreCompared(panelApplication, models):
    import threading

    from M3DLib.Errors import Cancelled
    from M3DValidationLib.InSlicer.SceneComparison import compareModels

    threads, said = set(), []

    def progress(fraction, text):
        threads.add(threading.current_thread())
        said.append(fraction)

    comparison = compareModels(*models, 0.5, progress=progress)
    assert threads == {threading.main_thread()} and said == sorted(said)
    assert comparison.facts["meanSigned"] == pytest.approx(STEP, abs=0.05)

    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        compareModels(*models, 0.5, progress=stop)
