"""Surfaces that touch have the same border when they get fewer triangles: no gap, no overlap, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Simplification.CommonBorders import commonVertices, simplifySurfaces
from M3DLib.Surface.SurfaceMaking import makeSegmentSurfaces
from M3DTestSupport.ShapeMeshes import surfaceMesh

BALL = Sphere((0.13, -0.21, 0.37), 9)
PLAIN = SurfaceParameters(smoothing=0.0)


@pytest.fixture(scope="module")
def scan():
    dimensions, matrix = (42, 42, 22), np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = -(matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2))
    return renderPhantom([(BALL, 1200)], 0, dimensions, matrix, 0.8, noise=30.0, seed=4)


def partsOf(scan, count):
    """Sectors of the ball, which meet in a line where they are three."""
    whole = thresholdSegment(scan, 600.0)
    _, j, i = np.indices(whole.array.shape)
    angle = np.arctan2(j - 20.3, i - 20.2) + 0.3
    sector = ((angle % (2 * np.pi)) / (2 * np.pi) * count).astype(int)
    arrays = ((whole.array > 0) & (sector == number) for number in range(count))
    return [replace(whole, array=array.astype(np.uint8), name=f"part {n}") for n, array in enumerate(arrays)]


def trianglesBetween(mesh, common):
    """Triangles whose corners are all common, each as the bytes of its corners, from the least one on."""
    found = set()
    for triangle in mesh.triangles[common[mesh.triangles].all(axis=1)]:
        corners = [mesh.points[corner].tobytes() for corner in triangle]
        first = corners.index(min(corners))
        found.add(tuple(corners[first:] + corners[:first]))
    return found


def turned(triangles):
    return {(first, third, second) for first, second, third in triangles}


def assertBordersAreKept(before, after):
    """Whatever triangles lay between common vertices are there as before, in every mesh, and no others."""
    for old, new, was, is_ in zip(before, after, commonVertices(before), commonVertices(after), strict=True):
        assert {p.tobytes() for p in old.points[was]} == {p.tobytes() for p in new.points[is_]}
        assert trianglesBetween(old, was) == trianglesBetween(new, is_)
        assert len(new.triangles) < 0.8 * len(old.triangles)
        assert new.isClosed
        assert new.record["simplification"]["commonVertices"] == was.sum() > 100


@pytest.mark.parametrize("count", [2, 3])
def test_refinedPartsThatTouchHaveTheSameBorderBeforeAndAfter(scan, count):
    parts = partsOf(scan, count)
    parameters = replace(PLAIN, refine=True)
    before = makeSegmentSurfaces(parts, parameters, scan)
    after = makeSegmentSurfaces(parts, replace(parameters, maxError=0.05), scan)
    assertBordersAreKept(before, after)


def test_withNoneOfTheBorderTwiceNothingIsMissingOrDoubled(scan):
    # Two surfaces facing each other in the very same triangles: without these, both together are one closed surface.
    before = [makeSurface(part, PLAIN) for part in partsOf(scan, 2)]
    common = commonVertices(before)
    borders = [trianglesBetween(mesh, own) for mesh, own in zip(before, common, strict=True)]
    assert len(borders[0] & turned(borders[1])) > 0.9 * len(borders[0]) > 500
    after = simplifySurfaces(before, 0.05)
    assertBordersAreKept(before, after)
    assert len(outline(after)) < 0.8 * len(outline(before))
    assert openSides(outline(before)) == openSides(outline(after)) == set()


def outline(meshes):
    """Triangles of all meshes, but those that two of them have back to back."""
    triangles = [trianglesBetween(mesh, np.ones(len(mesh.points), dtype=bool)) for mesh in meshes]
    together = set.union(*triangles)
    return together - turned(together)


def openSides(triangles):
    """Sides of triangles without as many of the other direction."""
    sides = {}
    for a, b, c in triangles:
        for start, end in ((a, b), (b, c), (c, a)):
            sides[min(start, end), max(start, end)] = sides.get((min(start, end), max(start, end)), 0) + (
                1 if start < end else -1
            )
    return {side for side, count in sides.items() if count}


def test_surfacesThatDoNotTouchAreSimplifiedAsIfAlone():
    ball, other = (surfaceMesh(Sphere((x, 0, 0), 5), [x - 6, -6, -6], [x + 6, 6, 6], 0.6) for x in (0, 20))
    small = simplifySurfaces([ball, other], 0.05)
    alone = simplifySurfaces([ball], 0.05)[0]
    np.testing.assert_array_equal(small[0].points, alone.points)
    np.testing.assert_array_equal(small[0].triangles, alone.triangles)
    assert [mesh.record["simplification"]["commonVertices"] for mesh in small] == [0, 0]


def test_zeroIsZeroWhateverItsSignAndPlacesOfOneMeshAreNoBorder():
    triangle = np.array([[0, 1, 2]])
    one = TriangleMesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]]), triangle)
    other = TriangleMesh(np.array([[-0.0, 0, -0.0], [-1, 0, 0], [0, -1, 0], [0, -1, 0], [5, 5, 5]]), triangle)
    assert [common.tolist() for common in commonVertices([one, other])] == [
        [True, False, False, False],
        [True, False, False, False, False],
    ]
    doubled = TriangleMesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]] * 2), np.array([[0, 1, 2], [3, 5, 4]]))
    assert not commonVertices([doubled])[0].any()
    assert not any(common.any() for common in commonVertices([doubled, TriangleMesh(doubled.points + 9, triangle)]))
