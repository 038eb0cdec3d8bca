"""What the scan shows and the model lacks, or has too much, by place and size, against what was erased or added."""

import numpy as np
import pytest

from M3DLib.Completeness.Completeness import measureCompleteness
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Errors import M3DError
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Cylinder, HalfSpace, Sphere
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.IncompleteModels import (
    BALL,
    BALL_CENTER,
    BOWL,
    BOWL_AREA,
    BOWL_VOLUME,
    CUT_Z,
    INNER,
    OUTER,
    RIM_AREA,
    Scan,
    capArea,
    capVolume,
    centers,
    measured,
    model,
    shareWithin,
    within,
)

PLAIN, BOTH = Scan(), Scan(ball=True)


def erased(shape, scan=PLAIN):
    """The bowl less a shape."""
    return measured(model(within(BOWL, scan) & ~within(shape, scan), scan), scan)


def onlyOne(pieces):
    """The single piece of a list."""
    assert len(pieces) == 1
    return pieces[0]


def test_wholeModelLacksNothing():
    found = measured(model(within(BOWL)))
    assert not found.leftOut and not found.added and not found.filled and not found.cuts and not found.bare
    assert shareWithin(found, 0.5) > 0.999
    assert found.deviation.areas.sum() == pytest.approx(BOWL_AREA, rel=0.02)


def test_halfOfAShellIsMissing():
    found = erased(HalfSpace((0, 0, 0), (1, 0, 0)))
    body = onlyOne(found.leftOut).body
    assert body.volumeMm3 == pytest.approx(BOWL_VOLUME / 2, rel=0.05)
    assert body.center[0] < -8 and abs(body.center[1]) < 0.5
    assert body.touchesModel
    assert shareWithin(found) == pytest.approx(0.5, abs=0.03)
    sections = [np.pi * r**2 / 2 + 2 * _halfSegment(r) for r in (OUTER, INNER)]
    assert sum(face.areaMm2 for face in found.cuts) == pytest.approx(sections[0] - sections[1], rel=0.1)
    assert found.cuts[0].normal[0] < -0.9


def _halfSegment(radius):
    """Area between a circle, its horizontal axis, its vertical axis and the line of the cut below."""
    depth = -CUT_Z
    return (depth * np.sqrt(radius**2 - depth**2) + radius**2 * np.arcsin(depth / radius)) / 2


@pytest.mark.parametrize("radius", [5.0, 8.0])
def test_erasedDiscIsFound(radius):
    found = erased(Cylinder((0, 0, 17.5), (0, 0, 1), radius, 15))
    body = onlyOne(found.leftOut).body
    heights = [np.sqrt(r**2 - radius**2) for r in (OUTER, INNER)]
    caps = [np.pi * (r - h) ** 2 * (2 * r + h) / 3 for r, h in zip((OUTER, INNER), heights, strict=True)]
    volume = caps[0] + np.pi * radius**2 * (heights[0] - heights[1]) - caps[1]
    assert body.volumeMm3 == pytest.approx(volume, rel=0.1)
    assert np.linalg.norm(body.center[:2]) < 0.5 and INNER < body.center[2] < OUTER
    wall = 2 * np.pi * radius * (heights[0] - heights[1])
    assert sum(face.areaMm2 for face in found.cuts) == pytest.approx(wall, rel=0.1)
    # From the middle of the disc the rim is as far as the chord; the tolerance takes no part of that away.
    assert found.deviation.distance.max() == pytest.approx(np.hypot(radius, OUTER - heights[0]), rel=0.1)


def test_lowerThirdIsCutOff():
    height = CUT_Z + 9.0
    found = erased(HalfSpace((0, 0, height), (0, 0, 1)))
    body = onlyOne(found.leftOut).body
    zones = [np.pi * (r**2 * 9 - (height**3 - CUT_Z**3) / 3) for r in (OUTER, INNER)]
    assert body.volumeMm3 == pytest.approx(zones[0] - zones[1], rel=0.05)
    assert CUT_Z < body.center[2] < height
    cut = onlyOne(found.cuts)
    assert cut.areaMm2 == pytest.approx(np.pi * (OUTER**2 - INNER**2), rel=0.1)
    assert cut.normal[2] < -0.9 and cut.center[2] == pytest.approx(height, abs=0.6)


def test_separateBodyIsLeftOutWithItsDistance():
    found = measured(model(within(BOWL, BOTH), BOTH), BOTH)
    left = onlyOne(found.leftOut)
    assert left.body.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=0.05)
    assert left.body.center == pytest.approx(BALL_CENTER, abs=0.3)
    assert left.distanceMm == pytest.approx(CUT_Z - BALL_CENTER[2] - BALL.radius, rel=0.1)
    assert left.edgeMm2 == pytest.approx(4 * np.pi * BALL.radius**2, rel=0.1)
    assert left.alike and not left.body.touchesModel and not found.cuts


def test_bodyBeyondTheStatedDistanceDoesNotCount():
    found = measured(model(within(BOWL, BOTH), BOTH), BOTH, nearMm=4.0)
    assert not found.leftOut and shareWithin(found) > 0.999


def test_bodyOfAnotherSegmentIsNotMissing():
    other = Segment(within(BALL, BOTH).astype(np.uint8), BOTH.ijkToLps, "ball")
    found = measured(model(within(BOWL, BOTH), BOTH), BOTH, others=[other])
    assert not found.leftOut and shareWithin(found) > 0.999


def test_bridgeThatIsNotInTheScanIsFound():
    bridge = Cylinder((0, 0, 0), (1, 0, 0), 3.0, 2 * INNER + 2)
    found = measured(model(within(BOWL) | within(bridge)))
    body = onlyOne(found.added)
    heights = INNER - np.sqrt(INNER**2 - 9)
    assert body.volumeMm3 == pytest.approx(np.pi * 9 * (2 * INNER - heights), rel=0.1)
    assert body.center == pytest.approx((0, 0, 0), abs=0.5)
    assert onlyOne(found.bare).areaMm2 == pytest.approx(2 * np.pi * 3 * (2 * INNER - 2 * heights), rel=0.1)
    assert found.deviation.distance.min() == pytest.approx(-3.0, abs=0.5)


def test_filledOpeningIsFoundAndNotTakenForMarrow():
    lid = within(HalfSpace((0, 0, CUT_Z), (0, 0, -1))) & (np.linalg.norm(centers(), axis=-1) < OUTER)
    found = measured(model(lid))
    body = onlyOne(found.added)
    assert body.volumeMm3 == pytest.approx(capVolume(INNER), rel=0.1)
    assert not found.filled and shareWithin(found) == pytest.approx((capArea(OUTER) + RIM_AREA) / BOWL_AREA, abs=0.03)


def test_shellErodedByOneVoxelIsTooSmallEverywhereByWhatWasTakenOff():
    from scipy.ndimage import binary_erosion

    found = measured(model(binary_erosion(within(BOWL))))
    points = found.deviation.mesh.points
    # A voxel is lost wherever one of its six neighbors is outside: a wall moves by the widest step across it.
    across = np.abs(points) / np.linalg.norm(points, axis=1, keepdims=True)
    truth = (across * PLAIN.spacing).max(axis=1)
    for sheet in (np.abs(np.linalg.norm(points, axis=1) - radius) < 1 for radius in (OUTER, INNER)):
        chosen = sheet & (points[:, 2] > CUT_Z + 3)
        moved, expected = (
            np.average(values[chosen], weights=found.deviation.areas[chosen])
            for values in (found.deviation.distance, truth)
        )
        assert moved == pytest.approx(expected, rel=0.1)
    assert not found.leftOut and not found.cuts and not found.added
    assert shareWithin(found, 0.25) < 0.05


def test_modelOfTheWrongSideLeavesOutItsOwnSideAndHasABallWhereThereIsNone():
    whole, x = within(BOWL, BOTH) | within(BALL, BOTH), centers(BOTH)[..., 0]
    # The first voxel lies at -26 mm and the last at 25.5 mm, so that a mirrored row starts one voxel later.
    mirrored = np.roll((whole & (x > 4))[:, :, ::-1], 1, axis=2)
    found = measured(model(mirrored, BOTH), BOTH)
    missing = within(BOWL, BOTH) & (x > -4)
    body = onlyOne(found.leftOut).body
    assert body.volumeMm3 == pytest.approx(np.count_nonzero(missing) * np.prod(BOTH.spacing), rel=0.1)
    assert body.center == pytest.approx(centers(BOTH)[missing].mean(axis=0), abs=0.5)
    assert body.center[0] > 5
    added = onlyOne(found.added)
    assert added.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=0.1)
    assert added.center == pytest.approx(BALL_CENTER * np.array([-1, 1, 1]), abs=0.3)
    assert found.cuts[0].normal[0] > 0.9


@pytest.mark.parametrize(
    "scan", [Scan(noise=100.0), Scan(spacing=(0.5, 0.5, 3.0), fwhm=(0.8, 0.8, 3.0), noise=40.0)], ids=["noise", "thick"]
)
def test_noiseAndThickSlicesDoNotHideOrMakeUpAnything(scan):
    whole = measured(model(within(BOWL, scan), scan), scan)
    assert not whole.leftOut and not whole.added and not whole.cuts
    # A hundredth of the edge in thick slices is farther off, by noise of 40 HU as by the seed of it (0.988 to 0.992).
    assert shareWithin(whole) > 0.985
    half = erased(HalfSpace((0, 0, 0), (1, 0, 0)), scan)
    assert onlyOne(half.leftOut).body.volumeMm3 == pytest.approx(BOWL_VOLUME / 2, rel=0.1)
    assert shareWithin(half) == pytest.approx(0.5, abs=0.05)
    assert half.cuts and half.cuts[0].normal[0] < -0.8


def test_modelWithoutEdgesInTheImageIsNotAssessable():
    empty = Cylinder((0, 0, 5), (0, 0, 1), 3.0, 6.0)
    with pytest.raises(M3DError, match="clear edge"):
        measured(model(within(empty)))


def test_darkModelIsNotAssessable():
    with pytest.raises(M3DError, match="darker"):
        measured(model(within(BOWL)), Scan(bone=-900.0))


def test_openMeshIsMeasuredButItsBodiesAreNot():
    mesh = model(within(BOWL))
    mesh = type(mesh)(mesh.points, mesh.triangles[10:])
    found = measured(mesh)
    assert "not closed" in found.problems["bodies"]
    assert shareWithin(found) > 0.99


def filledScan():
    """A ball of cortical bone with marrow of 250 HU in it, its image and the voxels inside."""
    scan = Scan()
    image = renderPhantom(
        [(Sphere((0, 0, 0), OUTER), 1100.0), (Sphere((0, 0, 0), INNER), 250.0)],
        40.0,
        scan.dimensions,
        scan.ijkToLps,
        scan.fwhm,
        noise=30.0,
        superSampling=2,
    )
    return image, within(Sphere((0, 0, 0), OUTER)), within(Sphere((0, 0, 0), INNER))


def against(image, mask):
    mesh = model(mask)
    return measureCompleteness(mesh, image, imageDeviation(mesh, image), 1.0)


def test_marrowMayBeFilledOrLeftOpen():
    image, whole, marrow = filledScan()
    filled, open_ = against(image, whole), against(image, whole & ~marrow)
    for found in (filled, open_):
        assert not found.leftOut and not found.added and not found.cuts
        assert shareWithin(found, 0.5) > 0.999
    assert onlyOne(filled.filled).volumeMm3 == pytest.approx(Sphere((0, 0, 0), INNER).volumeMm3, rel=0.1)
    assert not open_.filled


def test_cutThroughFilledMarrowIsOneFace():
    image, whole, _marrow = filledScan()
    found = against(image, whole & (centers()[..., 0] < 5))
    assert onlyOne(found.cuts).areaMm2 == pytest.approx(np.pi * (OUTER**2 - 25), rel=0.1)
    assert onlyOne(found.leftOut).body.center[0] > 5


def test_toothIsMissedAndMetalIsListedOnly():
    scan = Scan()
    tooth, metal = Sphere((0, 0, 21.5), 4.0), Sphere((0, 24.0, 0), 2.0)
    paint = [(BOWL, 1040.0), (tooth, 2200.0), (metal, 8000.0)]
    image = renderPhantom(paint, 40.0, scan.dimensions, scan.ijkToLps, scan.fwhm, noise=20.0, superSampling=2)
    found = against(image, within(BOWL) & ~within(tooth))
    alike = [left for left in found.leftOut if left.alike]
    assert onlyOne(alike).body.volumeMm3 == pytest.approx(tooth.volumeMm3, rel=0.1)
    other = onlyOne([left for left in found.leftOut if not left.alike])
    assert other.body.center == pytest.approx(metal.center, abs=0.5)


def test_lessDenseNeighborIsMissed():
    # A dense shaft with marrow beside it: values between the two are no gap that a neighbor could hide in.
    scan = Scan()
    neighbor = Sphere((0, 0, 21.5), 4.0)
    paint = [(Sphere((0, 0, 0), OUTER), 1100.0), (Sphere((0, 0, 0), INNER), 250.0), (neighbor, 950.0)]
    image = renderPhantom(paint, 40.0, scan.dimensions, scan.ijkToLps, scan.fwhm, noise=30.0, superSampling=2)
    found = against(image, within(Sphere((0, 0, 0), OUTER)) & ~within(Sphere((0, 0, 0), INNER)) & ~within(neighbor))
    left = onlyOne(found.leftOut)
    assert left.alike
    assert left.body.volumeMm3 == pytest.approx(neighbor.volumeMm3, rel=0.1)
    assert left.body.center == pytest.approx(neighbor.center, abs=0.5)


def test_boneInPlasticInAirIsNotCutWhereItMeetsThePlastic():
    # Half way between air and bone lies the plastic: a level there would take both for one material.
    scan = Scan()
    plastic = Sphere((0, 0, 0), OUTER + 3.0)
    paint = [(plastic, 130.0), (Sphere((0, 0, 0), OUTER), 800.0), (Sphere((0, 0, 0), INNER), -1000.0)]
    image = renderPhantom(paint, -1000.0, scan.dimensions, scan.ijkToLps, scan.fwhm, noise=30.0, superSampling=2)
    found = against(image, within(Sphere((0, 0, 0), OUTER)) & ~within(Sphere((0, 0, 0), INNER)))
    assert not found.cuts and not found.leftOut
    assert shareWithin(found, 0.5) > 0.99


def test_anotherVersionOfTheSegmentIsNoNeighbor():
    whole = within(BOWL)
    copy = Segment(whole.astype(np.uint8), PLAIN.ijkToLps, "copy")
    half = measured(model(whole & (centers()[..., 0] > 0)), others=[copy])
    assert onlyOne(half.leftOut).body.volumeMm3 == pytest.approx(BOWL_VOLUME / 2, rel=0.05)
