"""What is said of refining is true when one then refines, and is not said where it cannot help."""

import re

import numpy as np
import pytest

from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Sphere, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict
from M3DValidationLib.Validation import runChecks

HU = 1200.0
BALL = Sphere((0.2, -0.1, 0.3), 7.0)


def scanOf(*shapes, spacing=(0.5, 0.5, 1.0), blur=0.8, noise=30.0):
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(spacing)
    dimensions = tuple(int(np.ceil(22 / size)) for size in spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, HU) for shape in shapes], 0, dimensions, matrix, blur, noise=noise, seed=3)


def checked(image, threshold, **surface):
    parameters = SurfaceParameters(**surface)
    segment = thresholdSegment(image, threshold, None, 1)
    mesh = makeSurface(segment, parameters)
    if parameters.refine:
        mesh = refineSurface(mesh, image)
    case = Case(loadProfile(), image=image, segment=segment, mesh=mesh, surfaceParameters=parameters)
    return {finding.requirement.id: finding for finding in runChecks(case)}, mesh


def saidOf(message):
    """Least and most of the area, %, and how far, mm, as the sentence has them."""
    ((low, high, far),) = re.findall(r"on about (?:(\d+) to )?(\d+) % of its area, by about ([\d.]+) mm", message)
    return float(low or high), float(high), float(far)


@pytest.mark.parametrize(
    ("shape", "share", "requirement"),
    [
        (BALL, 0.2, "deviation-bias"),
        (BALL, 0.2, "threshold-plausibility"),
        (Box((0.1, 0.2, 0.3), (9.0, 11.0, 12.0)), 0.8, "deviation-bias"),
    ],
)
def test_theFindingSaysHowFarRefiningMovesTheSurfaceAndItDoes(shape, share, requirement):
    image = scanOf(shape)
    plain, _ = checked(image, share * HU)
    assert plain[requirement].verdict in (Verdict.WARNING, Verdict.FAIL)
    low, high, far = saidOf(plain[requirement].message)
    after, mesh = checked(image, share * HU, refine=True)
    record = mesh.record["refinement"]
    assert low - 3 <= 100 * record["movedShare"] <= high + 3
    assert far == pytest.approx(record["meanDisplacement"], rel=0.2)
    assert "--refine" not in "".join(finding.message for finding in after.values())


def test_whereThinWallsHideTheEdgeRefiningIsNotRecommended():
    plate = Box((0.1, 0.2, 0.3), (14.0, 14.0, 4.0))
    image = scanOf(plate, spacing=(0.5, 0.5, 3.0), blur=(0.8, 0.8, 3.0), noise=20.0)
    found, _ = checked(image, 0.5 * HU)
    stairs = found["stair-steps"]
    assert stairs.verdict is Verdict.WARNING
    assert "Whether refining (--refine) would help is not known" in stairs.message
    _, mesh = checked(image, 0.5 * HU, refine=True)
    assert not mesh.record["refinement"]["applied"]


def test_whereMostOfTheSurfaceStaysThatIsWhatTheFindingSays():
    ballOnThinPlate = [Box((0.1, 0.2, 0.3), (15.0, 15.0, 1.2)), Sphere((0.1, 0.2, 0.3), 3.5)]
    image = scanOf(*ballOnThinPlate)
    found, _ = checked(image, 0.2 * HU)
    threshold = found["threshold-plausibility"]
    assert threshold.verdict in (Verdict.WARNING, Verdict.FAIL)
    low, high, _ = saidOf(threshold.message)
    record = checked(image, 0.2 * HU, refine=True)[1].record["refinement"]
    assert low - 3 <= 100 * record["movedShare"] <= high + 3
    assert low < 40


def test_goodSurfacesAndThoseFromElsewhereAreToldNothingOfRefining():
    image = scanOf(BALL)
    found, _ = checked(image, 0.5 * HU)
    assert "--refine" not in "".join(finding.message for finding in found.values())
    elsewhere = Case(loadProfile(), image=image, mesh=checked(image, 0.2 * HU)[1])
    assert "--refine" not in "".join(finding.message for finding in runChecks(elsewhere))


def test_aThresholdThatTheSurfaceWasMovedAwayFromIsNotHeldAgainstIt():
    image = scanOf(BALL)
    plain, _ = checked(image, 0.2 * HU)
    after, _ = checked(image, 0.2 * HU, refine=True)
    assert plain["threshold-plausibility"].verdict is Verdict.WARNING
    assert after["threshold-plausibility"].verdict is Verdict.INFORMATION
    assert "moved from the segment's to the edge" in after["threshold-plausibility"].message
    assert after["threshold-plausibility"].measured == plain["threshold-plausibility"].measured
