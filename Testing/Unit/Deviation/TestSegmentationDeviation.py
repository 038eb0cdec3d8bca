"""What smoothing and loss of parts do to a mesh, found against the segment it was made from."""

import numpy as np
import pytest
from scipy import ndimage

from M3DLib.Alignment.RigidRegistration import fitPoints, registerRigid
from M3DLib.Errors import M3DError
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomShapes import Box, Difference, Sphere, Torus, Union, rotationAbout
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Deviation.SegmentationDeviation import (
    SLAB,
    beyond,
    eulerNumber,
    segmentationDeviation,
    voxelized,
)


def segmentOf(shape, columns=None, size=40, spacing=0.8):
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([spacing] * 3) if columns is None else columns
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, (size - 1) / 2)
    k, j, i = np.meshgrid(*[np.arange(size)] * 3, indexing="ij")
    points = np.stack([i, j, k], -1).reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return Segment((shape.signedDistance(points) < 0).reshape(size, size, size).astype(np.uint8), matrix, "part")


BALL = Sphere((0.1, 0.2, 0.3), 10)


def test_unsmoothedMeshKeepsTheSegment():
    segment = segmentOf(BALL)
    _, facts = segmentationDeviation(makeSurface(segment, SurfaceParameters(smoothing=0.0)), segment, 0.5)
    assert facts["p99Absolute"] < 1e-3
    assert facts["dice"] > 0.99
    assert facts["parts"] == {"segment": 1, "mesh": 1, "lost": 0, "made": 0, "leastVolumeMm3": 10.0}


def test_strongSmoothingShowsAsDisplacementAndLostVolume():
    segment = segmentOf(Sphere((0, 0, 0), 4))
    mild, strong = (
        segmentationDeviation(makeSurface(segment, SurfaceParameters(smoothing=amount)), segment, 0.5)[1]
        for amount in (0.2, 0.9)
    )
    assert strong["p95Absolute"] > mild["p95Absolute"]
    assert strong["volumeChange"] < mild["volumeChange"] < 0
    assert strong["meanSigned"] > 0


def test_lostPartIsFoundAndPlaced():
    both = Union((BALL, Sphere((13, -12, 12), 2.5)))
    segment = segmentOf(both)
    _, facts = segmentationDeviation(makeSurface(segmentOf(BALL)), segment, 0.5)
    assert (facts["parts"]["segment"], facts["parts"]["lost"], facts["parts"]["made"]) == (2, 1, 0)
    assert facts["thinPartsLost"]["largestLps"] == pytest.approx([13, -12, 12], abs=0.6)
    assert facts["largestDisplacement"]["on"] == "segment"
    assert facts["largestDisplacement"]["distance"] > 8


def test_vanishedThinPlateIsFoundAndMadeOneToo():
    plate = Box((0, 0, 13), (20, 20, 1.0))
    whole, without = segmentOf(Union((BALL, plate))), segmentOf(BALL)
    _, facts = segmentationDeviation(makeSurface(without), whole, 0.5)
    assert facts["thinPartsLost"]["volumeMm3"] > 100
    _, facts = segmentationDeviation(makeSurface(whole), without, 0.5)
    assert facts["thinPartsMade"]["volumeMm3"] > 100


def test_filledCavityIsCounted():
    segment = segmentOf(Difference(BALL, Sphere((0, 0, 0), 4)))
    _, facts = segmentationDeviation(makeSurface(segmentOf(BALL)), segment, 0.5)
    assert facts["cavities"] == {"segment": 1, "mesh": 0, "lost": 1, "made": 0}
    _, facts = segmentationDeviation(makeSurface(segment), segmentOf(BALL), 0.5)
    assert facts["cavities"] == {"segment": 0, "mesh": 1, "lost": 0, "made": 1}


def test_closedHoleThroughThePartIsCounted():
    ring, plug = Torus((0.1, 0.2, 0.3), (0, 0.2, 1), 8, 3), Sphere((0.1, 0.2, 0.3), 7)
    _, facts = segmentationDeviation(makeSurface(segmentOf(Union((ring, plug)))), segmentOf(ring), 0.5)
    assert facts["tunnels"] == {"segment": 1, "mesh": 0}


def test_eulerNumberTellsPiecesHollowsAndHoles():
    block = np.zeros((9, 9, 9), bool)
    block[2:7, 2:7, 2:7] = True
    assert eulerNumber(block) == 1
    hollow = block.copy()
    hollow[4, 4, 4] = False
    assert eulerNumber(hollow) == 2
    hollow[2:5, 4, 4] = False
    assert eulerNumber(hollow) == 1
    hollow[2:7, 4, 4] = False
    assert eulerNumber(hollow) == 0


@pytest.mark.parametrize("depth", [1, SLAB - 1, SLAB, SLAB + 1, 2 * SLAB, 2 * SLAB + 5])
def test_slabsOfSlicesAreJoinedWithoutASeam(depth):
    rng = np.random.default_rng(depth)
    one, other = (rng.random((depth, 7, 6)) < share for share in (0.4, 0.05))
    everywhere = np.ones((3, 3, 3), bool)
    assert np.array_equal(list(beyond(one, other)), one & ~ndimage.binary_dilation(other, everywhere))
    # Corners less edges plus faces less voxels, each counted by its own place on a grid of half steps.
    cells = np.zeros(np.array(one.shape) * 2 + 1, bool)
    cells[1::2, 1::2, 1::2] = one
    cells = ndimage.binary_dilation(cells, everywhere)
    dimension = sum(np.ix_(*(np.arange(size) % 2 for size in cells.shape)))
    assert eulerNumber(one) == sum((-1) ** count * int(cells[dimension == count].sum()) for count in range(4))


@pytest.mark.parametrize(
    "columns",
    [
        rotationAbout((1, 2, 3), 30) * 0.9,
        np.diag([-0.8, 0.8, 0.8]),
        np.array([[0.8, 0, 0.2], [0, 0.8, 0], [0, 0, 0.9]]),
    ],
    ids=["oblique", "left-handed", "sheared"],
)
def test_voxelsInsideTheMeshAreFoundOnEveryGrid(columns):
    segment = segmentOf(BALL, columns)
    mesh = surfaceMesh(BALL, [-12] * 3, [12] * 3, 0.4)
    inside, own, _ = voxelized(mesh, segment)
    assert (inside != own).sum() < 0.01 * own.sum()
    assert own.sum() == segment.array.sum()


def test_emptySegmentIsRefused():
    segment = segmentOf(Sphere((100, 0, 0), 1))
    with pytest.raises(M3DError, match="has no voxels"):
        segmentationDeviation(makeSurface(segmentOf(BALL)), segment, 0.5)


LUMP = Union((Sphere((0, 0, 0), 8), Box((7, 3, 1), (12, 6, 5))))


def test_rigidRegistrationRecoversAMotion():
    reference = surfaceMesh(LUMP, [-10] * 3, [15] * 3, 0.6)
    motion = np.eye(4)
    motion[:3, :3] = rotationAbout((1, 2, 3), 6)
    motion[:3, 3] = (1.5, -2, 1)
    mesh = surfaceMesh(LUMP, [-10.1] * 3, [15.1] * 3, 0.7)
    moved = type(mesh)((mesh.points - motion[:3, 3]) @ motion[:3, :3], mesh.triangles)
    result = registerRigid(moved, reference)
    assert result.converged
    assert result.matrix == pytest.approx(motion, abs=0.02)
    assert result.residual < 0.05
    assert "degrees" in result.text()


def test_partThatTheReferenceLacksIsTrimmed():
    reference = surfaceMesh(LUMP, [-10] * 3, [15] * 3, 0.6)
    mesh = surfaceMesh(Union((LUMP, Sphere((-7, 4, 4), 3.5))), [-13] * 3, [15] * 3, 0.7)
    moved = type(mesh)(mesh.points + np.float32([0.8, 0.5, -0.6]), mesh.triangles)
    result = registerRigid(moved, reference, trim=0.2)
    assert result.matrix[:3, 3] == pytest.approx([-0.8, -0.5, 0.6], abs=0.05)


def test_pairsOfPointsGiveTheMotion():
    points = np.random.default_rng(1).normal(size=(5, 3)) * 20
    rotation = rotationAbout((0, 1, 1), 100)
    matrix = fitPoints(points, points @ rotation.T + [5, 6, 7])
    assert matrix[:3, :3] == pytest.approx(rotation)
    assert matrix[:3, 3] == pytest.approx([5, 6, 7])
    with pytest.raises(M3DError, match="three pairs"):
        fitPoints(points[:2], points[:2])
    with pytest.raises(M3DError, match="one line"):
        fitPoints(np.outer(np.arange(4), [1, 2, 3]), np.outer(np.arange(4), [1, 2, 3]))
