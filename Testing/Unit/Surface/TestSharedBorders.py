"""Segments that touch, moved to the image's edge: their border is one surface, at the same place for both."""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomShapes import Difference, HalfSpace, Intersection, Sphere
from M3DLib.Surface.SharedBorders import SharedBorders
from M3DLib.Surface.SurfaceMaking import makeSegmentSurfaces
from M3DLib.Surface.SurfaceRefinement import refineSurfaces
from M3DTestSupport.TouchingSegments import heightOver, scanOf, segmentsOf

BALL = Sphere((0.13, -0.21, 0.37), 9)
NORMAL = tuple(np.array([1.0, 2.0, 3.0]) / np.sqrt(14))
HALF = Intersection((BALL, HalfSpace((0, 0, 0), NORMAL)))
TUMOR = Sphere((1.0, 1.0, 0.5), 5)
REFINED = SurfaceParameters(refine=True)


@pytest.fixture(scope="module")
def halves():
    """Two halves of a ball, 1200 and 500 HU, segmented too large and with the border 0.3 mm off."""
    image = scanOf([(BALL, 500), (HALF, 1200)])
    body, below = image.array > 200, heightOver(image, NORMAL) <= 0.3
    segments = segmentsOf(image, body & below, body & ~below)
    return image, segments, makeSegmentSurfaces(segments, REFINED, image)


def commonVertices(segments, image):
    """Vertices of the first surface and those of the second one that are the same voxels' edges."""
    plain = [makeSurface(segment, SurfaceParameters(smoothing=0.0)) for segment in segments]
    net = SharedBorders.of(plain, image, plain)
    _, first, second = np.intersect1d(*net.vertices, return_indices=True)
    return first, second


def test_theBorderOfTwoHalvesIsOneSurfaceInTheirPlane(halves):
    image, segments, refined = halves
    first, second = commonVertices(segments, image)
    assert len(first) > 1000
    assert (refined[0].points[first] == refined[1].points[second]).all()
    height = refined[0].points[first].astype(np.float64) @ NORMAL
    assert abs(np.median(height)) < 0.015
    assert np.percentile(np.abs(height), 90) < 0.15


def test_bothHalvesTogetherAreTheBall(halves):
    _, segments, refined = halves
    before = [makeSurface(segment, SurfaceParameters()) for segment in segments]
    assert sum(mesh.volumeMm3 for mesh in before) > 1.07 * BALL.volumeMm3
    # What they lack or have in common would be missing or twice in the sum.
    assert sum(mesh.volumeMm3 for mesh in refined) == pytest.approx(BALL.volumeMm3, rel=0.01)
    # 0.3 mm of the border's place would be 3.7 % of a half.
    half = BALL.volumeMm3 / 2 - np.pi * 81 * float(np.array(BALL.center) @ NORMAL)
    assert refined[0].volumeMm3 == pytest.approx(half, rel=0.02)


def test_noneOfTheTwoPassesThroughItself(halves):
    for mesh in halves[2]:
        assert mesh.isClosed
        assert not len(selfIntersections(mesh.points.astype(np.float64), mesh.triangles.astype(np.int64)).pairs)


def test_theRecordSaysHowMuchOfTheSurfaceIsShared(halves):
    for mesh in halves[2]:
        record = mesh.record["refinement"]
        assert record["applied"]
        assert record["sharedShare"] == pytest.approx(1 / 3, abs=0.05)
        assert record["movedShare"] + record["heldShare"] + record["leftShare"] == pytest.approx(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_aTumorInAnOrganHasTheFormThatTheScanShowsAndTheOrganItsHollow(smoothing):
    organ = Sphere(BALL.center, 9.5)
    image = scanOf([(organ, 600), (TUMOR, 1200)])
    tumor = image.array > 800
    segments = segmentsOf(image, tumor, (image.array > 200) & ~tumor)
    parameters = replace(REFINED, smoothing=smoothing)
    inner, outer = makeSegmentSurfaces(segments, parameters, image)
    distance = TUMOR.signedDistance(inner.points.astype(np.float64))
    before = makeSurface(segments[0], SurfaceParameters(smoothing=smoothing))
    assert np.abs(TUMOR.signedDistance(before.points.astype(np.float64)).mean()) > 0.1
    assert abs(np.average(distance, weights=vertexAreas(inner))) < 0.01
    assert inner.volumeMm3 == pytest.approx(TUMOR.volumeMm3, rel=0.015)
    assert outer.volumeMm3 == pytest.approx(
        Difference(organ, TUMOR).volumeMm3 or organ.volumeMm3 - TUMOR.volumeMm3, rel=0.01
    )
    assert inner.record["refinement"]["sharedShare"] > 0.99
    first, second = commonVertices(segments, image)
    assert len(first) == len(inner.points)
    assert (inner.points[first] == outer.points[second]).all()


def test_aBorderThatTheScanDoesNotShowStaysAndItsRimFollowsTheBall():
    image = scanOf([(BALL, 1200)])
    body, below = image.array > 300, heightOver(image, NORMAL) <= 0.0
    segments = segmentsOf(image, body & below, body & ~below)
    refined = makeSegmentSurfaces(segments, REFINED, image)
    first, second = commonVertices(segments, image)
    assert (refined[0].points[first] == refined[1].points[second]).all()
    assert np.percentile(np.abs(refined[0].points[first].astype(np.float64) @ NORMAL), 90) < 0.35
    assert BALL.signedDistance(refined[0].points[first].astype(np.float64)).max() < 0.25
    assert sum(mesh.volumeMm3 for mesh in refined) == pytest.approx(BALL.volumeMm3, rel=0.005)


def test_surfacesWithOtherTrianglesOnTheirBorderAreHeldThere():
    image = scanOf([(BALL, 500), (HALF, 1200)])
    body, below = image.array > 200, heightOver(image, NORMAL) <= 0.3
    segments = segmentsOf(image, body & below, body & ~below)
    meshes = [makeSurface(segment, SurfaceParameters(decimation=0.8)) for segment in segments]
    net = SharedBorders.of(meshes, image)
    refined = refineSurfaces(meshes, image)
    assert any(held.any() for held in net.held)
    for before, after, held in zip(meshes, refined, net.held, strict=True):
        assert (after.points[held] == before.points[held]).all()
        assert after.record["refinement"]["sharedShare"] == 0
