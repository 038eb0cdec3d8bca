"""How the map of deviations looks: colors, bands, legend, histogram, camera."""

import numpy as np
import pytest

from M3DValidationLib.InSlicer.DeviationDisplay import DeviationProbe, addLegend, banded, legendViews, showDeviation
from M3DValidationLib.InSlicer.ResultNodes import (
    FOUND,
    RELIABLE,
    addResults,
    mapsOf,
)


class TestDisplay:
    @pytest.fixture
    def model(self, application, scannedBall, ballReport):
        return mapsOf(addResults(ballReport, application.scene, *scannedBall))[0]

    def test_colorsAreThoseOfTheReport(self, model):
        from M3DValidationLib.Report.Pictures.ColorScale import deviationColors

        table = showDeviation(model, 2.0, 1.0).GetLookupTable()
        color = np.zeros(3)
        for value in (-1.9, -0.5, 0.01, 0.7, 1.95):
            table.GetColor(value, color)
            assert np.allclose(color, deviationColors(np.array([value]), 2.0)[0] / 255, atol=0.02)
        table.GetColor(np.nan, color)
        assert np.allclose(color, 75 / 255)
        assert model.GetDisplayNode().GetScalarRange() == (-2.0, 2.0)

    def test_bandsAreFiveEvenColors(self, model):
        node = showDeviation(model, 3.0, 1.0, bands=True)
        colors = set()
        for number in range(node.GetNumberOfColors()):
            color = [0.0] * 4
            node.GetColor(number, color)
            colors.add(tuple(np.round(color, 3)))
        assert len(colors) == 5
        assert banded(np.array([-2.5, -1.5, 0.9, 1.1, 2.1]), 1.0, 3.0).tolist() == [-3.0, -1.5, 0.0, 1.5, 3.0]

    def test_allFiveBandsAreWithinTheRangeWhateverRangeIsChosen(self, model):
        for reach in (0.1, 10.0):
            node = showDeviation(model, reach, 1.0, bands=True)
            values = np.linspace(*model.GetDisplayNode().GetScalarRange(), 600)[1:-1]
            color, seen = np.zeros(3), set()
            for value in values:
                node.GetLookupTable().GetColor(value, color)
                seen.add(tuple(np.round(color, 3)))
            assert len(seen) == 5

    def test_viewsHearOfNewColorsOnceAndOfTheSameNotAtAll(self, model):
        node = showDeviation(model, 2.0, 1.0)
        events = []
        node.AddObserver("ModifiedEvent", lambda *arguments: events.append("colors"))
        model.GetDisplayNode().AddObserver("ModifiedEvent", lambda *arguments: events.append("display"))
        showDeviation(model, 1.0, 1.0)
        # What the display node hears of its color node comes on top of its own change.
        assert events.count("colors") == 1
        assert events.count("display") <= 2
        events.clear()
        showDeviation(model, 1.0, 1.0)
        assert events == []

    def test_legendIsSmallAndInOneSliceOnly(self, model, application):
        views = [application.scene.AddNewNodeByClass("vtkMRMLViewNode")]
        for name in ("Red", "Green"):
            node = application.scene.CreateNodeByClass("vtkMRMLSliceNode")
            node.UnRegister(None)
            node.SetLayoutName(name)
            views.append(application.scene.AddNode(node))
        assert legendViews(application.scene) == [view.GetID() for view in views[:2]]
        legend = addLegend(model, viewIds=legendViews(application.scene))
        assert [legend.IsDisplayableInView(view.GetID()) for view in views] == [True, True, False]
        assert legend.GetSize()[0] < 0.15

    def test_histogramHasTheColorsOfTheBandsAndMarksTheTolerance(self, application):
        from M3DValidationLib.InSlicer.HistogramChart import addHistogram
        from M3DValidationLib.Report.Pictures.ColorScale import deviationColors

        block = {
            "tolerance": 1.0,
            "histogram": {"edges": [-3, -2, -1, 0, 1, 2, 3], "shares": [0.0, 0.1, 0.3, 0.4, 0.1, 0.1]},
        }
        table, series, chart = addHistogram(block, application.scene, "ball")
        names = [one.GetName() for one in series]
        assert names == [
            "mesh too large",
            "within the tolerance",
            "mesh too small",
            "mesh far too small",
            "tolerance 1 mm",
        ]
        assert chart.GetNumberOfPlotSeriesNodes() == len(series)
        for one, place in ((series[0], -0.5), (series[2], 0.5), (series[3], 1.0)):
            assert np.allclose(one.GetColor(), deviationColors(np.array([place]), 1.0)[0] / 255, atol=1e-6)

        def points(one):
            columns = (table.GetTable().GetColumnByName(name) for name in (one.GetXColumnName(), one.GetYColumnName()))
            return {
                tuple(pair)
                for pair in zip(*([c.GetValue(n) for n in range(c.GetNumberOfTuples())] for c in columns), strict=True)
            }

        assert points(series[1]) >= {(-1.0, 30.0), (0.0, 30.0), (0.0, 40.0), (1.0, 40.0)}
        assert {x for x, _y in points(series[-1])} == {-1.0, 1.0}

    def test_onlyReliablePlacesOrAllThatWereFound(self, model):
        showDeviation(model, 2.0, 1.0, reliableOnly=True)
        assert model.GetDisplayNode().GetActiveScalarName() == RELIABLE
        showDeviation(model, 2.0, 1.0, reliableOnly=False)
        assert model.GetDisplayNode().GetActiveScalarName() == FOUND

    def test_probeTellsTheNearestPoint(self, model, ballReport):
        deviation = ballReport.cases[0].measurements["deviation"].maps["image"]
        vertex = int(np.flatnonzero(deviation.reliable)[7])
        x, y, z = deviation.mesh.points[vertex].tolist()
        probe = DeviationProbe(model)
        probed = probe.at((-x, -y, z))
        assert probed.distance == pytest.approx(float(deviation.distance[vertex]), abs=1e-6)
        assert probed.uncertainty == pytest.approx(float(deviation.uncertainty[vertex]), abs=1e-6)
        assert probed.reason == ""
        assert probe.at((200.0, 0.0, 0.0)) is None


@pytest.mark.parametrize(
    ("position", "focus", "seen"),
    [
        ((0, 500, 0), (0, 0, 0), False),
        ((0, 500, 700), (0, 0, 700), True),
        ((0, -500, 700), (0, -1000, 700), False),
        ((0, 60000, 700), (0, 0, 700), False),
    ],
    ids=["beside", "in the middle", "behind", "a speck"],
)
def test_cameraThatSeesTheMapIsLeftAlone(application, position, focus, seen):
    from M3DValidationLib.InSlicer.CameraSight import isInSight

    camera = application.scene.AddNewNodeByClass("vtkMRMLCameraNode")
    camera.SetPosition(*position)
    camera.SetFocalPoint(*focus)
    assert isInSight(camera, (-70, 70, -90, 90, 630, 770)) is seen
    assert not isInSight(None, (-70, 70, -90, 90, 630, 770))
