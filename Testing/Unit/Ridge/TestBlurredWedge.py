"""Blurred wedges held against integrals that are known in closed form or done by other means."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal

from M3DLib.Ridge.BlurredWedge import bothBelow, fillet, slopes


@pytest.mark.parametrize("correlation", [-0.7, 0.0, 0.4, 0.9])
def test_twoHalfSpacesAtOnceAreTheBivariateNormalDistribution(correlation):
    h = np.array([-2.1, -0.3, 0.0, 0.4, 1.7])
    k = np.array([0.2, -0.3, 0.9, -1.6, 2.2])
    expected = [
        multivariate_normal.cdf([a, b], cov=[[1, correlation], [correlation, 1]]) for a, b in zip(h, k, strict=True)
    ]
    assert bothBelow(h, k, np.full(5, correlation)) == pytest.approx(expected, abs=1e-6)


def test_onTheRidgeItselfTheShareIsThatOfTheAngle():
    # A quarter of the plane, and Sheppard's formula elsewhere.
    at = np.zeros(3)
    correlation = np.array([0.0, 0.5, -0.5])
    assert bothBelow(at, at, correlation) == pytest.approx(0.25 + np.arcsin(correlation) / (2 * np.pi), abs=1e-7)


def test_slopesAreThoseOfTheShare():
    h, k, correlation = np.array([0.3, -1.2]), np.array([-0.4, 0.8]), np.array([0.3, -0.6])
    byH, byK = slopes(h, k, correlation)
    step = 1e-5
    numericH = (bothBelow(h + step, k, correlation) - bothBelow(h - step, k, correlation)) / (2 * step)
    numericK = (bothBelow(h, k + step, correlation) - bothBelow(h, k - step, correlation)) / (2 * step)
    assert byH == pytest.approx(numericH, abs=1e-6)
    assert byK == pytest.approx(numericK, abs=1e-6)


@pytest.mark.parametrize("degrees", [40.0, 90.0, 130.0])
def test_whatAnArcLeavesMissingHasItsKnownArea(degrees):
    turn = np.radians(degrees)
    assert float(fillet(turn).area) == pytest.approx(np.tan(turn / 2) - turn / 2, rel=1e-9)


def test_theMomentsOfARightAnglesFilletAreThoseOfTheSquareLessTheQuarterCircle():
    found = fillet(np.pi / 2)
    # Corner of the unit square at (1, 1), arc of radius 1 around the origin.
    area = 1 - np.pi / 4

    def mean(function):
        return dblquad(lambda y, x: function(x, y), 0, 1, lambda x: np.sqrt(1 - x * x), 1)[0] / area

    middle = mean(lambda x, y: (x + y) / np.sqrt(2))
    assert float(found.depth) == pytest.approx(np.sqrt(2) - middle, rel=1e-5)
    along = mean(lambda x, y: (x + y) ** 2 / 2) - middle**2
    assert float(found.alongBisector) == pytest.approx(along, rel=1e-4)
    assert float(found.across) == pytest.approx(mean(lambda x, y: (x - y) ** 2 / 2), rel=1e-4)
