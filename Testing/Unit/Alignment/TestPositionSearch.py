"""Which positions are followed to the end: all that may be the best, or as good; a hopeless one speaks for nothing."""

import numpy as np
import pytest

from M3DLib.Alignment.Search.PoseComparison import PoseFit
from M3DLib.Alignment.Search.PositionSearch import SurfacePair, contenders, findPositions
from M3DLib.Alignment.Search.Rotations import motionDistance
from M3DLib.Alignment.Search.SurfaceSample import sampleSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box

POINTS = 1000


@pytest.fixture(scope="module")
def pair() -> SurfacePair:
    """A square plate on itself, which fits in eight positions."""
    plate = TriangleMesh(*box((30.0, 30.0, 8.0), level=3))
    return SurfacePair.of(sampleSurface(plate, 20_000, 0), sampleSurface(plate, 20_000, 1))


def fitShifted(along: float, farther: float, nearer: float = 0.0) -> PoseFit:
    """A fit shifted by so many mm, in which shares of the points lie 1 mm farther and nearer than in the best one."""
    pose = np.eye(4)
    pose[0, 3] = along
    distances = np.full(POINTS, 1.0)
    distances[: round(POINTS * farther)] = 2.0
    distances[POINTS - round(POINTS * nearer) :] = 0.0
    return PoseFit(pose, distances, 0.9 - farther, 0.9 - farther, 0.02)


def placesOf(fits: list[PoseFit]) -> list[float]:
    return [float(fit.pose[0, 3]) for fit in fits]


def test_whatLiesFartherOnAQuarterOfTheSurfaceAndNearerNowhereIsLeft(pair):
    fits = [fitShifted(0, 0), fitShifted(10, 0.26), fitShifted(20, 0.24), fitShifted(30, 0.6)]
    assert placesOf(contenders(fits, pair)) == [0, 20]


def test_whatLiesNearerOnSomeOfTheSurfaceStaysHoweverMuchLiesFarther(pair):
    fits = [fitShifted(0, 0), fitShifted(10, 0.6, 0.2), fitShifted(20, 0.6, 0.1)]
    assert placesOf(contenders(fits, pair)) == [0, 10]


def test_onePlaceIsFollowedOnce(pair):
    assert placesOf(contenders([fitShifted(0.1, 0.01), fitShifted(0, 0), fitShifted(12, 0.1)], pair)) == [0, 12]


def test_allEightPositionsOfASquarePlateAreFollowedToTheEnd(pair):
    best, others = findPositions(pair, 0.5)
    turns = [np.diag([*signs, 1.0]) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    quarter = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    expected = [turn @ more for turn in turns for more in (np.eye(4), quarter)]
    found = [fit.pose for fit in (best, *others)]
    assert len(found) == len(expected)
    for pose in expected:
        assert min(motionDistance(np.array(found), pose, pair.left.points)) < 0.1
