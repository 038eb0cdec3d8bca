"""What is lacking or too much is found by place and size under noise of 100 HU and on slices of 3 mm as well."""

import numpy as np
import pytest

from M3DLib.Phantom.PhantomShapes import Cylinder
from M3DTestSupport.IncompleteModels import (
    BALL,
    BALL_CENTER,
    BOWL,
    BOWL_VOLUME,
    INNER,
    OUTER,
    Scan,
    measured,
    model,
    shareWithin,
    within,
)

# The disc that erases ends at this height.
DISC_Z = 5.0
SCANS = {
    "plain": Scan(ball=True),
    "noise": Scan(noise=100.0, ball=True),
    "thick": Scan(spacing=(0.5, 0.5, 3.0), fwhm=(0.8, 0.8, 3.0), noise=40.0, ball=True),
}


@pytest.fixture(params=SCANS)
def scan(request):
    return SCANS[request.param]


def erasedDisc(radius, scan):
    """What is found where a disc about the top of the bowl is erased: (body left out, mesh of the model)."""
    disc = Cylinder((0, 0, DISC_Z + 12.5), (0, 0, 1), radius, 25)
    mesh = model((within(BOWL, scan) | within(BALL, scan)) & ~within(disc, scan), scan)
    found = measured(mesh, scan)
    assert not found.added and found.cuts
    (left,) = found.leftOut
    assert left.alike and left.body.touchesModel
    assert np.linalg.norm(left.body.center[:2]) < 0.3
    return left.body, mesh


def discVolume(radius):
    """Volume of the wall that a disc erases, summed over thin rings about its axis."""
    step = radius / 1000
    across = np.arange(step / 2, radius, step)
    inner, outer = (np.sqrt(np.maximum(sphere**2 - across**2, 0)) for sphere in (INNER, OUTER))
    return float((2 * np.pi * across * (outer - np.maximum(inner, DISC_Z)) * step).sum())


@pytest.mark.parametrize("radius", [5.0, 15.0])
@pytest.mark.parametrize("name", ["plain", "noise"])
def test_discsOfTenAndThirtyMillimetersAreFoundUnderNoise(radius, name):
    body, _mesh = erasedDisc(radius, SCANS[name])
    assert body.volumeMm3 == pytest.approx(discVolume(radius), rel=0.1)


# The smallest disc ends in a wall of less than two slices.
@pytest.mark.parametrize(("radius", "within_"), [(5.0, 0.15), (8.0, 0.1), (15.0, 0.1)])
def test_discsAreFoundOnThickSlices(radius, within_):
    body, mesh = erasedDisc(radius, SCANS["thick"])
    # Slices of 3 mm step around the disc: what the model lacks is what its surface leaves of the bowl.
    assert body.volumeMm3 == pytest.approx(BOWL_VOLUME + BALL.volumeMm3 - mesh.volumeMm3, rel=within_)


def test_separateBodyIsFound(scan):
    found = measured(model(within(BOWL, scan), scan), scan)
    (left,) = found.leftOut
    assert left.body.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=0.1)
    assert left.body.center == pytest.approx(BALL_CENTER, abs=0.3)
    assert not found.cuts and not found.added


def test_bridgeIsFound(scan):
    whole = within(BOWL, scan) | within(BALL, scan)
    found = measured(model(whole | within(Cylinder((0, 0, 0), (1, 0, 0), 3.0, 2 * INNER + 2), scan), scan), scan)
    (body,) = found.added
    # The bowl's wall is round: the middle of the bridge is longer than its rim by this much at either end.
    bulge = INNER - np.sqrt(INNER**2 - 9)
    assert body.volumeMm3 == pytest.approx(np.pi * 9 * (2 * INNER - bulge), rel=0.1)
    assert body.center == pytest.approx((0, 0, 0), abs=1.0)
    assert not found.leftOut and not found.cuts
    assert shareWithin(found) > 0.95
