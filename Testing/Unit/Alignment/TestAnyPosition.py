"""Alignment from any position: right to the hundredth of a millimeter, or doubtful; never wrong and sure."""

import numpy as np
import pytest

from M3DLib.Alignment.AnyPosition import alignFromAnywhere, settleFrom
from M3DLib.Alignment.Search.Rotations import angleDegrees, evenRotations, motionDistance
from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box
from M3DTestSupport.MeshShapes import box, cylinder
from M3DTestSupport.PartShapes import partMesh, posed, randomPose, seenFrom, withTable
from M3DTestSupport.ShapeMeshes import surfaceMesh


@pytest.fixture(scope="module")
def vertebra():
    return partMesh("vertebra", 1.4)


def errorOf(result, pose, mesh):
    """How far the farthest vertex ends from the truth, mm, and by which angle, degrees."""
    left = result.matrix @ pose
    points = mesh.points.astype(np.float64)
    away = np.linalg.norm(points @ left[:3, :3].T + left[:3, 3] - points, axis=1).max()
    return away, angleDegrees(left)


def test_wholeScanFromAnyPositionComesHome(vertebra):
    pose = randomPose(11)
    result = alignFromAnywhere(posed(vertebra, pose, 0.05, 1), vertebra)
    away, angle = errorOf(result, pose, vertebra)
    assert not result.doubtful, result.doubts
    assert away < 0.02 and angle < 0.05
    assert result.usedShare > 0.95 and result.usedShareReference > 0.95
    assert result.uncertaintyMm < 0.03 and not result.alternatives


def test_oneSideOnAScanTableComesHome(vertebra):
    pose = randomPose(12)
    side = seenFrom(vertebra, (0.3, 0.5, 1.0), 0.6)
    result = alignFromAnywhere(posed(withTable(side, 2.0), pose, 0.05, 1), vertebra)
    away, angle = errorOf(result, pose, vertebra)
    assert not result.doubtful, result.doubts
    assert away < 0.05 and angle < 0.05
    assert result.setAsideShare > 0.5


def test_mirrorImageIsSaidNotAccepted(vertebra):
    flipped = TriangleMesh(vertebra.points * [-1, 1, 1], vertebra.triangles[:, ::-1])
    result = alignFromAnywhere(posed(flipped, randomPose(14)), vertebra)
    assert result.doubtful and result.mirrored
    assert "mirror image" in result.doubts[0]


def test_otherUnitIsSaidNotAccepted(vertebra):
    inches = TriangleMesh(vertebra.points / 25.4, vertebra.triangles)
    result = alignFromAnywhere(posed(inches, randomPose(15)), vertebra)
    assert result.doubtful
    assert result.unitFactor == pytest.approx(1 / 25.4)
    assert "unit" in result.doubts[0]


def test_allPositionsOfASymmetricPartAreNamed():
    brick = TriangleMesh(*box((50, 30, 10), level=4))
    result = alignFromAnywhere(posed(brick, randomPose(16)), brick)
    assert result.doubtful
    assert sorted(round(one.turnedDegrees) for one in result.alternatives) == [180, 180, 180]
    for one in result.alternatives:
        turned = one.matrix[:3, :3] @ randomPose(16)[:3, :3]
        assert np.abs(np.abs(turned) - np.eye(3)).max() < 0.02


def test_aRodMayTurnAboutItselfAndIsDoubtful():
    rod = TriangleMesh(*cylinder(12, 40, 96))
    assert alignFromAnywhere(posed(rod, randomPose(17), 0.02), rod).doubtful


def test_anotherPartIsDoubtful(vertebra):
    other = partMesh("mandible", 1.6)
    result = alignFromAnywhere(posed(other, randomPose(18)), vertebra)
    assert result.doubtful and result.doubts


def test_datumSurfacesAreFittedWhateverTheRestDoes():
    plate = partMesh("plate", 1.5)
    bent = plate.points.astype(np.float64)
    # One end is bent up, by 1.5 mm at the tip.
    bent[:, 2] += 1.5 * np.clip((bent[:, 0] - 5) / 35, 0, None) ** 2
    mesh = TriangleMesh(bent, plate.triangles)
    whole = settleFrom(mesh, plate, np.eye(4), method="here", tolerance=0.5)
    flat = settleFrom(mesh, plate, np.eye(4), method="here", tolerance=0.5, datum=lambda points: points[:, 0] < 0)
    assert errorOf(flat, np.eye(4), plate)[0] < 0.02
    assert errorOf(whole, np.eye(4), plate)[0] > 2 * errorOf(flat, np.eye(4), plate)[0]
    with pytest.raises(M3DError, match="datum region"):
        settleFrom(mesh, plate, np.eye(4), method="here", datum=lambda points: points[:, 0] > 1000)


def test_rotationsAreSpreadEvenly():
    turns = evenRotations(3000)
    assert np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max() < 1e-9
    assert np.allclose(np.linalg.det(turns), 1)
    truths = [randomPose(seed)[:3, :3] for seed in range(200)]
    worst = max(angleDegrees(max(turns.transpose(0, 2, 1) @ truth, key=np.trace)) for truth in truths)
    assert worst < 15


def test_distanceOfMotionsIsThatOfThePointsTheyMove():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)) * 30
    first, second = randomPose(1), randomPose(2)
    moved = [points @ pose[:3, :3].T + pose[:3, 3] for pose in (first, second)]
    truth = np.sqrt(((moved[0] - moved[1]) ** 2).sum(axis=1).mean())
    assert motionDistance(first, second, points) == pytest.approx(truth)


def test_oneSmallNotchTellsHowACubeLies():
    cube = partMesh("notched cube", 1.3)
    pose = randomPose(21)
    result = alignFromAnywhere(posed(cube, pose, 0.05, 1), cube)
    away, angle = errorOf(result, pose, cube)
    assert not result.doubtful, result.doubts
    assert away < 0.03 and angle < 0.05


def test_howABrickIsCutIntoTrianglesDoesNotTellHowItLies():
    brick = surfaceMesh(Box((0.2, 0.3, 0.1), (50, 30, 10)), [-28, -18, -8], [28, 18, 8], 0.65)
    result = alignFromAnywhere(posed(brick, randomPose(22), 0.05, 2), brick)
    assert sorted(round(one.turnedDegrees) for one in result.alternatives) == [180, 180, 180]


def test_coarseTrianglesOfABallWithShallowBumpsAreDoubtful():
    ball, coarse = partMesh("nearly round"), partMesh("nearly round", 2.2)
    result = settleFrom(coarse, ball, np.eye(4), method="here")
    assert result.uncertaintyDegrees > angleDegrees(result.matrix)
    assert result.doubtful and "sizes of the triangles" in result.doubts[0]


def test_aBentPlateIsNoMirrorImage():
    plate = partMesh("plate", 1.5)
    x, y, z = plate.points.astype(np.float64).T
    # About an axis 1000 mm below: the ends come down by 0.8 mm.
    bent = np.stack([(1000 + z) * np.sin(x / 1000), y, (1000 + z) * np.cos(x / 1000) - 1000], axis=1)
    pose = randomPose(23)
    result = alignFromAnywhere(posed(TriangleMesh(bent, plate.triangles), pose, 0.05, 1), plate)
    left = result.matrix @ pose
    assert not result.mirrored and not result.alternatives
    assert angleDegrees(left) < 0.15
    # The best fit lies between the middle and the ends.
    assert 0 < left[2, 3] < 0.8 and np.abs(left[:2, 3]).max() < 0.03
