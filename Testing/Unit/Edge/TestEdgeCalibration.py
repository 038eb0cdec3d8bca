"""Where the stated uncertainty of the image deviation holds, and what is said and judged elsewhere."""

import json

import numpy as np
import pytest

from M3DLib.Edge.EdgeCalibration import calibration
from M3DLib.Edge.ImageDeviation import GRADIENT, imageDeviation
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import HollowShell, Sphere
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Check import Case
from M3DValidationLib.Deviation.DeviationChecks import ImageDeviationCheck
from M3DValidationLib.Deviation.DeviationStatistics import deviationStatistics
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict

BALL = Sphere((0.1, 0.2, 0.3), 14)


@pytest.fixture(scope="module")
def thickScan():
    matrix = np.diag([0.6, 0.6, 5.0, 1.0])
    matrix[:3, 3] = (-23.7, -23.7, -25.0)
    return renderPhantom([(BALL, 1200)], 0, (80, 80, 11), matrix, (0.9, 0.9, 5.0), noise=30)


@pytest.fixture(scope="module")
def mesh():
    return surfaceMesh(BALL, [-17] * 3, [17] * 3, 1.0)


def settings(**changes):
    blur = changes.pop("blur", (0.9, 0.9, 1.0))
    known = {"method": "half-height", "noise": 30.0, "contrast": 1200.0, "voxelSpacing": [0.5, 0.5, 1.0]}
    return {**known, "blurCovariance": np.diag((np.array(blur) / 2.35482) ** 2).tolist(), **changes}


def test_withinTheFittedRangeTheModelStands():
    said = calibration(settings(), 0.06)
    assert said["withinFittedRange"] is True
    assert said["estimate95"] == 0.06
    assert said["outside"] == []


@pytest.mark.parametrize(
    ("changes", "outside", "guessed"),
    [
        ({"voxelSpacing": [0.5, 0.5, 2.0]}, ["largestVoxelEdge"], True),
        ({"voxelSpacing": [0.5, 0.5, 7.0]}, ["largestVoxelEdge"], False),
        ({"voxelSpacing": [0.05, 0.05, 0.05], "blur": (0.1,) * 3}, 3, False),
        ({"blur": (4.0, 4.0, 4.0)}, ["smallestBlurFwhm", "largestBlurFwhm"], False),
        ({"blur": (0.9, 0.9, 2.2)}, ["blurRatio"], True),
        ({"blur": (1.5, 1.5, 2.7)}, ["largestBlurFwhm"], True),
        ({"noise": 240.0}, ["contrastToNoise"], False),
        ({"noise": 0.0}, [], True),
    ],
)
def test_everyQuantityOutOfRangeIsNamed(changes, outside, guessed):
    said = calibration(settings(**changes), 0.06)
    if outside == 3:
        assert set(said["outside"]) == {"largestVoxelEdge", "smallestBlurFwhm", "largestBlurFwhm"}
    else:
        assert said["outside"] == outside
    assert said["withinFittedRange"] is not bool(outside)
    assert (said["estimate95"] is not None) is guessed
    assert all(said["quantities"][name]["within"] is False for name in said["outside"])
    json.dumps(said, allow_nan=False)


@pytest.mark.parametrize("changes", [{}, {"voxelSpacing": [0.5, 0.5, 2.0]}])
def test_whereNoEdgeWasMeasuredReliablyNothingIsKnownOfHowSureItIs(changes):
    # Not that it is sure to 0 mm.
    said = calibration(settings(**changes), float("nan"))
    assert said["estimate95"] is None
    assert said["statement"].startswith("No uncertainty is stated: no edge of this surface was measured reliably")
    assert "nan" not in said["statement"] and "0.000" not in said["statement"]


@pytest.mark.parametrize("thickness", [0.6, 0.9, 1.2])
def test_aShellOnWhichNoEdgeIsSureStaysAndSaysSo(thickness):
    shell, matrix = HollowShell(Sphere((0.1, 0.2, 0.3), 8), thickness), np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = -10
    image = renderPhantom([(shell, 1200)], 0, (41, 41, 21), matrix, 0.8, noise=30, seed=5)
    surface = makeSurface(thresholdSegment(image, 300, None, 1))
    result = refineSurface(surface, image)
    record = result.record["refinement"]
    assert record["applied"] is False and record["edgeInterval95"] is None
    assert record["reason"].startswith("Nowhere on it does the image show an edge")
    assert np.array_equal(result.points, surface.points)


def test_thickSlicesGetNoUncertaintyButAReason(thickScan, mesh):
    deviation = imageDeviation(mesh, thickScan)
    facts = deviationStatistics(deviation, 0.5, thickScan)
    assert deviation.uncertainty is None and facts["uncertainty95"] is None
    assert "largestVoxelEdge" in facts["calibration"]["outside"]
    assert "5 mm" in facts["calibration"]["statement"] and facts["calibration"]["statement"].startswith("No ")
    good = deviation.reliable
    assert (np.abs(deviation.distance[good]) <= facts["calibration"]["estimate95"]).mean() >= 0.95


def test_toleranceOutOfRangeIsJudgedOnlyWhereTheGuessCannotMatter(thickScan, mesh):
    verdicts = {}
    for tolerance in (0.3, 2.5):
        case = Case(loadProfile(), image=thickScan, mesh=mesh, options={"tolerance": tolerance})
        found = {finding.requirement.id: finding for finding in ImageDeviationCheck().run(case)}
        verdicts[tolerance] = found["deviation-tolerance"]
    assert verdicts[0.3].verdict is Verdict.NOT_ASSESSABLE
    assert "largest voxel edge" in verdicts[0.3].message
    assert verdicts[2.5].verdict is Verdict.PASS


def test_gradientMethodSaysThatItHasNoModel(thickScan, mesh):
    said = imageDeviation(mesh, thickScan, method=GRADIENT).calibration
    assert said["withinFittedRange"] is None and "no model" in said["statement"]
