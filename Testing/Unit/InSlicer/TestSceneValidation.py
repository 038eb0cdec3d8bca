"""Validation of nodes: what the checks are given, what comes back into the scene, and what is left after saving it."""

import itertools
import shutil
import threading

import numpy as np
import pytest

from M3DLib.Errors import Cancelled, M3DError
from M3DTestSupport.ScannedBall import CENTER, RADIUS, SEGMENT_ID
from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode, casesInScene, moveBy
from M3DTestSupport.SlicerModules import registerNodeClasses
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.InSlicer.DeviationDisplay import addLegend, showDeviation
from M3DValidationLib.InSlicer.ResultNodes import (
    CHART,
    FINDINGS,
    FOUND,
    QUALITY,
    RELIABLE,
    addResults,
    isReport,
    mapsOf,
    readResults,
    removeResults,
    verdictOf,
)
from M3DValidationLib.InSlicer.SceneCase import casesOfNodes
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Report import validateCases


def modelOf(application, points, triangles, name="model"):
    from M3DLib.InSlicer.SlicerModelNodes import addMeshAsModel
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    return addMeshAsModel(TriangleMesh(points, triangles), application.scene, name)


def ballModel(application, radius):
    from M3DLib.Phantom.PhantomShapes import Sphere
    from M3DTestSupport.ShapeMeshes import surfaceMesh

    mesh = surfaceMesh(Sphere(CENTER, radius), *(np.array(CENTER) + side * 13 for side in (-1, 1)), 0.8)
    return modelOf(application, mesh.points, mesh.triangles, "ball model")


class TestInput:
    def test_segmentComesWithItsScanItsHeadersAndItsSurface(self, application, scannedBall):
        (case,) = casesInScene(application, *scannedBall, [SEGMENT_ID])
        assert str(case.image.headers[0].PatientID) == "P1"
        assert case.segment.name == "ball"
        assert case.mesh.volumeMm3 == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.03)
        assert case.surfaceParameters is not None

    def test_modelIsMeasuredWhereItLies(self, application, scannedBall):
        model = ballModel(application, RADIUS - 0.5)
        report = validateCases(casesInScene(application, scannedBall[0], model), showing=False)
        assert report.data["deviation"]["image"]["meanSigned"] == pytest.approx(0.5, abs=0.03)

    def test_modelThatIsMovedInTheSceneIsMeasuredWhereItIsMovedTo(self, application, scannedBall):
        model = ballModel(application, RADIUS)
        moveBy(application, model, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.0], [0, 0, 0, 1]])
        report = validateCases(casesInScene(application, scannedBall[0], model), showing=False)
        facts = report.data["deviation"]["image"]
        assert (
            facts["directions"]["superior"]["meanSigned"] < -0.3 < 0.3 < facts["directions"]["inferior"]["meanSigned"]
        )

    def test_surfaceIsTheOneThatIsExported(self, application, scannedBall):
        from M3DExport import M3DExportLogic

        volume, segmentation = scannedBall
        moveBy(application, segmentation, [[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        (case,) = casesInScene(application, volume, segmentation)
        (model,) = M3DExportLogic().makeModels(segmentation, [], volume)
        assert np.array_equal(case.mesh.points, model.mesh.points)

    def test_turnedSegmentHasNoVoxelsOnTheScan(self, application, scannedBall):
        cosine, sine = np.cos(0.2), np.sin(0.2)
        moveBy(application, scannedBall[1], [[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        (case,) = casesInScene(application, *scannedBall)
        assert case.segment is None
        assert "under a transform" in case.missing["segment"]
        assert case.mesh is not None

    def test_everySegmentIsACaseAndTheOthersAreItsNeighbors(self, application, scannedBall):
        other = addSegmentation(application, scannedBall[0], {"cube": np.s_[2:6, 2:6, 2:6]}, "other")
        scannedBall[1].GetSegmentation().AddSegment(other.GetSegmentation().GetNthSegment(0), "Cube")
        found = casesInScene(application, *scannedBall)
        assert [case.segment.name for case in found] == ["ball", "cube"]
        assert [one.name for one in found[0].otherSegments] == ["cube"]
        (only,) = casesInScene(application, *scannedBall, ["Cube"])
        assert [one.name for one in only.otherSegments] == ["ball"]

    def test_volumeThatIsNotInTheDatabaseIsCheckedWithoutHeaders(self, application):
        volume = makeVolume(shape=(16, 18, 20), spacing=(0.8, 0.8, 1.5))
        node = addVolumeNode(application, volume, [])
        found = casesOfNodes(loadProfile(), node, database=application.database)
        assert found.cases[0].image.headers == []
        assert "not known" in found.warnings[0]
        report = validateCases(found.cases, showing=False)
        verdicts = {finding.requirement.id: finding.verdict.value for finding in report.findings}
        assert verdicts["slice-thickness"] == "notAssessable"

    @pytest.mark.parametrize(
        ("chosen", "message"),
        [((), "nothing to validate"), (("segmentation",), "only with the scan"), (("volume", "empty"), "no surface")],
    )
    def test_whatCannotBeValidatedIsNamed(self, application, scannedBall, chosen, message):
        empty = application.scene.AddNewNodeByClass("vtkMRMLModelNode", "nothing")
        known = {"volume": scannedBall[0], "segmentation": scannedBall[1], "empty": empty}
        volume = known["volume"] if "volume" in chosen else None
        node = next((known[name] for name in chosen if name != "volume"), None)
        with pytest.raises(M3DError, match=message):
            casesInScene(application, volume, node)

    def test_unknownSegmentIsNamed(self, application, scannedBall):
        with pytest.raises(M3DError, match="no segment with the ID 'Bone'"):
            casesInScene(application, *scannedBall, ["Bone"])


class TestLines:
    def line(self, application, start, end, **known):
        node = application.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "across")
        for point in (start, end):
            node.AddControlPoint(-point[0], -point[1], point[2])
        from M3DValidationLib.InSlicer import MarkupReferences

        for name, text in known.items():
            MarkupReferences.keepWithLine(node, getattr(MarkupReferences, name), text)
        return node

    def test_lineIsMeasuredInScanAndModel(self, application, scannedBall):
        x, y, z = CENTER
        line = self.line(application, (x - 9.5, y, z), (x + 9.5, y, z), NOMINAL="20", PRINTED="19,9; 20.1")
        report = validateCases(casesInScene(application, *scannedBall, lineNodes=[line]), showing=False)
        found = {finding.requirement.id: finding for finding in report.findings}
        assert found["reference-image"].measured < 0.25
        (row,) = found["reference-printed"].evidence["distances"]
        assert row["readingsMm"] == [19.9, 20.1]
        assert row["nominalMm"] == 20

    @pytest.mark.parametrize(("name", "text"), [("NOMINAL", "twenty"), ("TOLERANCE", "-1"), ("PRINTED", "20; x")])
    def test_whatIsNoLengthIsNotKept(self, application, name, text):
        from M3DValidationLib.InSlicer import MarkupReferences

        node = self.line(application, (0, 0, 0), (1, 0, 0))
        with pytest.raises(M3DError, match="above 0"):
            MarkupReferences.keepWithLine(node, getattr(MarkupReferences, name), text)
        assert node.GetAttribute(getattr(MarkupReferences, name)) is None

    def test_lineWithOneEndIsNamed(self, application, scannedBall):
        line = self.line(application, (0, 0, 0), (1, 0, 0))
        line.RemoveNthControlPoint(1)
        with pytest.raises(M3DError, match="'across' has 1 of its two ends"):
            casesInScene(application, *scannedBall, lineNodes=[line])


class TestResults:
    def test_reportComesBackFromTheSceneAsItWas(self, application, scannedBall, ballReport):
        node = addResults(ballReport, application.scene, *scannedBall, SEGMENT_ID)
        results = readResults(node)
        assert results.data == ballReport.data
        assert results.files == ballReport.attachments
        assert isReport(node)
        assert verdictOf(node) == ballReport.verdict.value
        table = node.GetNodeReference(FINDINGS).GetTable()
        assert table.GetNumberOfRows() == len(ballReport.findings)
        assert table.GetValue(0, 5).ToString() == ballReport.data["findings"][0]["message"]

    def test_placesLieWhereTheFindingsSay(self, application, scannedBall, ballReport):
        results = readResults(addResults(ballReport, application.scene, *scannedBall))
        places = {f["requirement"]: p for f, p in zip(results.data["findings"], results.places, strict=True)}
        (worst, *_) = places["deviation-max-region"]
        assert np.linalg.norm(np.subtract(worst, CENTER)) == pytest.approx(RADIUS, abs=1.5)
        assert places["slice-thickness"] == []

    def test_mapHoldsTheDistancesAtItsPoints(self, application, scannedBall, ballReport):
        from vtk.util.numpy_support import vtk_to_numpy

        (model,) = mapsOf(addResults(ballReport, application.scene, *scannedBall))
        deviation = ballReport.cases[0].measurements["deviation"].maps["image"]
        arrays = model.GetPolyData().GetPointData()
        reliable, found, quality = (vtk_to_numpy(arrays.GetArray(name)) for name in (RELIABLE, FOUND, QUALITY))
        assert np.array_equal(np.isfinite(reliable), deviation.reliable)
        assert np.array_equal(found, deviation.distance, equal_nan=True)
        assert np.array_equal(quality, deviation.quality)

    def test_histogramIsAChart(self, application, scannedBall, ballReport):
        chart = addResults(ballReport, application.scene, *scannedBall).GetNodeReference(CHART)
        table = chart.GetNthPlotSeriesNode(0).GetTableNode().GetTable()
        shares = np.array([table.GetValue(row, 1).ToDouble() for row in range(table.GetNumberOfRows())])
        assert shares[np.isfinite(shares)].sum() == pytest.approx(100, abs=0.1)

    def test_resultsLieInOneFolderOfTheStudyNamedAfterSegmentAndProfile(self, application, scannedBall, ballReport):
        import slicer

        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(scannedBall[0]), study)
        node = addResults(ballReport, application.scene, *scannedBall, SEGMENT_ID)
        folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
        assert hierarchy.GetItemName(folder) == "Validation of ball (Anatomical model)"
        assert hierarchy.GetItemParent(folder) == study
        for other in (mapsOf(node)[0], node.GetNodeReference(CHART), node.GetNodeReference(FINDINGS)):
            assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(other)) == folder
        items = hierarchy.GetNumberOfItems()
        removeResults(node, application.scene)
        assert hierarchy.GetItemName(study) == "study"
        assert hierarchy.GetNumberOfItems() < items
        assert not hierarchy.GetItemByDataNode(scannedBall[0]) == 0
        assert hierarchy.GetItemName(folder) != "Validation of ball (Anatomical model)"

    def test_modelIsRemovedBeforeItsDisplay(self, application, scannedBall, ballReport):
        import vtk

        node = addResults(ballReport, application.scene, *scannedBall)
        model = mapsOf(node)[0]
        addLegend(model)
        order = []

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def removed(scene, event, gone):
            order.append(gone.GetClassName())

        application.scene.AddObserver(application.scene.NodeRemovedEvent, removed)
        removeResults(node, application.scene)
        place = order.index("vtkMRMLModelNode")
        assert order[place + 1 : place + 3] == ["vtkMRMLColorLegendDisplayNode", "vtkMRMLModelDisplayNode"]

    def test_resultsSurviveSavingTheScene(self, application, scannedBall, ballReport, tmp_path):
        import slicer

        addResults(ballReport, application.scene, *scannedBall, SEGMENT_ID)
        file = tmp_path / "scene.mrb"
        assert application.scene.WriteToMRB(str(file))
        shutil.unpack_archive(file, tmp_path / "opened", "zip")
        (description,) = (tmp_path / "opened").rglob("*.mrml")
        again = slicer.vtkMRMLScene()
        logics = registerNodeClasses(again)
        again.SetURL(str(description))
        assert again.Connect()
        assert logics
        texts = again.GetNodesByClass("vtkMRMLTextNode")
        (node,) = filter(isReport, (texts.GetItemAsObject(number) for number in range(texts.GetNumberOfItems())))
        results = readResults(node)
        assert results.data == ballReport.data
        assert results.files == ballReport.attachments
        assert mapsOf(node)[0].GetPolyData().GetPointData().GetArray(FOUND) is not None
        assert node.GetNodeReference(CHART).GetNthPlotSeriesNode(0).GetTableNode() is not None

    def test_nothingIsLeftWhenTheyAreRemoved(self, application, scannedBall, ballReport):
        before = application.scene.GetNumberOfNodes()
        node = addResults(ballReport, application.scene, *scannedBall)
        showDeviation(mapsOf(node)[0], 2.0, 1.0)
        addLegend(mapsOf(node)[0])
        removeResults(node, application.scene)
        assert application.scene.GetNumberOfNodes() == before

    def test_failureLeavesNothing(self, application, scannedBall, ballReport, monkeypatch):
        from M3DValidationLib.InSlicer import ResultNodes

        def broken(*arguments):
            raise OSError("no memory")

        monkeypatch.setattr(ResultNodes, "addHistogram", broken)
        before = application.scene.GetNumberOfNodes()
        with pytest.raises(OSError, match="no memory"):
            addResults(ballReport, application.scene, *scannedBall)
        assert application.scene.GetNumberOfNodes() == before

    def test_textThatIsNoReportIsNamed(self, application):
        node = application.scene.AddNewNodeByClass("vtkMRMLTextNode", "notes")
        for text in ("hello", '{"verdict": "pass"}'):
            node.SetText(text)
            with pytest.raises(M3DError, match="holds no report"):
                readResults(node)
        assert not isReport(node)


def test_checkingInTheBackgroundFindsTheSameAndCanBeStopped(application, scannedBall, ballReport):
    again = validateCases(casesInScene(application, *scannedBall), showing=False, background=True)
    assert [finding.asDict() for finding in again.findings] == [finding.asDict() for finding in ballReport.findings]

    def cancel(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        validateCases(casesInScene(application, *scannedBall), showing=False, background=True, progress=cancel)


def test_onlyRenderingIsDoneInTheThreadOfTheInterfaceAndItIsCalledBetweenAnyTwoViews(
    application, scannedBall, monkeypatch
):
    from M3DLib.Mesh import Rendering, RenderWindow
    from M3DValidationLib.Report import Report as reporting
    from M3DValidationLib.Report.Pictures import Pictures, SectionsOfScan

    interface, events, threads = threading.main_thread(), [], {}

    def noting(module, name):
        function = getattr(module, name)

        def noted(*arguments, **more):
            threads.setdefault(name, set()).add(threading.current_thread())
            events.append(name)
            return function(*arguments, **more)

        monkeypatch.setattr(module, name, noted)

    beside = (
        (reporting, "checkCases"),
        (reporting, "deviationModels"),
        (reporting, "makeReport"),
        (reporting, "fieldOfViewPicture"),
        (reporting, "thinPlacePictures"),
        (Pictures, "pngBytes"),
        (SectionsOfScan, "slicePicture"),
    )
    for module, name in (*beside, (RenderWindow.MeshWindow, "draw")):
        noting(module, name)

    def progress(fraction, text):
        events.append("events")

    validateCases(casesInScene(application, *scannedBall), background=True, progress=progress)
    assert not any(interface in threads[name] for _module, name in beside)
    if Rendering.canRender():
        shown = [name for name in events if name in ("draw", "events")]
        assert threads["draw"] == {interface}
        assert shown.count("draw") > 6
        assert ("draw", "draw") not in itertools.pairwise(shown)


def test_surfacesAreMadeBesideTheInterface(application, scannedBall, monkeypatch):
    from M3DLib.Surface import SurfaceMaking

    interface, threads, calls = threading.current_thread(), [], []
    makeSurface = SurfaceMaking.makeSurface
    monkeypatch.setattr(
        SurfaceMaking,
        "makeSurface",
        lambda *arguments: threads.append(threading.current_thread()) or makeSurface(*arguments),
    )
    casesInScene(application, *scannedBall, progress=lambda *said: calls.append(threading.current_thread()))
    assert threads
    assert interface not in threads
    assert set(calls) == {interface}
