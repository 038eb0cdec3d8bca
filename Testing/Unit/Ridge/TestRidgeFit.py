"""Ridges fitted to computed scans: how much is missing of them, held against the radius they were rounded with."""

import numpy as np
import pytest

from M3DLib.Edge.ProfileSampling import VolumeSampler
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Difference, Sphere, rotationAbout
from M3DLib.Ridge.RidgeFit import ImageOfRidges, RidgeGuess, fitRidges
from M3DLib.Ridge.SharpRidges import knownRidges
from M3DTestSupport.CurvedShapes import RoundedBox

SIZE, CONTRAST = np.array((12.0, 10.0, 9.0)), 1200
AXES = rotationAbout((1, 2, 3), 33)
GRID = rotationAbout((3, 1, 2), 25)
SPACING = np.array((0.5, 0.5, 1.0))
SIGMA2 = (0.8 / 2.3548) ** 2 + SPACING**2 / 12
COVARIANCE = (GRID * SIGMA2) @ GRID.T
BOX = Box((0, 0, 0), tuple(SIZE), tuple(map(tuple, AXES)))


def scanOf(shape, noise=30.0, polarity=1, noiseFwhm=0.0):
    dimensions = tuple(int(np.ceil(20 / size)) for size in SPACING)
    matrix = np.eye(4)
    matrix[:3, :3] = GRID * SPACING
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    image = renderPhantom(
        [(shape, polarity * CONTRAST)], 0, dimensions, matrix, 0.8, noise=noise, noiseFwhm=noiseFwhm, seed=3
    )
    return ImageOfRidges(VolumeSampler(image), COVARIANCE, polarity, max(noise, 1.0), CONTRAST)


def middles():
    """The twelve ridges of the box at their middles, guessed 0.2 mm and some degrees off."""
    centers, along, normals = [], [], []
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        for a in (-1, 1):
            for b in (-1, 1):
                place = np.zeros(3)
                place[one], place[two] = a * SIZE[one] / 2 - 0.1, b * SIZE[two] / 2 + 0.15
                first, second = a * AXES[one] + 0.05 * AXES[two], b * AXES[two]
                centers.append(place @ AXES)
                along.append(AXES[axis])
                normals.append([first / np.linalg.norm(first), second])
    return RidgeGuess(np.array(centers), np.array(along), np.array(normals), np.ones(12, dtype=bool))


def rightAngleMissing(radius):
    return (1 - np.pi / 4) * radius**2


@pytest.mark.parametrize("radius", [0.0, 0.3, 0.6, 0.9])
def test_whatIsMissingIsWhatTheRadiusTakesOff(radius):
    found = fitRidges(scanOf(RoundedBox(BOX.center, BOX.size, BOX.axes, radius) if radius else BOX), middles())
    assert found.fine.mean() > 0.8
    missing = found.missing[found.fine]
    assert missing.mean() == pytest.approx(rightAngleMissing(radius), abs=0.012 + 0.15 * rightAngleMissing(radius))
    # Single ones as stated, and by what the blur's own shape, a box in a normal distribution, leaves open.
    off = np.abs(missing - rightAngleMissing(radius))
    assert (off < 2.5 * np.hypot(found.missingDeviation[found.fine], 0.02)).mean() > 0.9


def test_theFacesMeetWhereTheyDoInTruth():
    found = fitRidges(scanOf(BOX), middles())
    local = np.sort(np.abs(np.abs(found.center[found.fine] @ AXES.T) - SIZE / 2), axis=1)
    assert np.median(np.linalg.norm(local[:, :2], axis=1)) < 0.04


def test_aDarkPartInBrightSurroundingsIsFittedAlike():
    bright, dark = (fitRidges(scanOf(BOX, polarity=polarity), middles()) for polarity in (1, -1))
    assert dark.fine.mean() > 0.8
    assert dark.missing[dark.fine].mean() == pytest.approx(bright.missing[bright.fine].mean(), abs=0.02)


def test_aGrooveLacksNothingWhereItIsSharp():
    slot = Box((0, 0, 0), (6, 6, 30), tuple(map(tuple, AXES)))
    image = scanOf(Difference(Sphere((0, 0, 0), 9.5), slot))
    centers = np.array([(3.1 * a * AXES[0] + 2.9 * b * AXES[1]) for a in (-1, 1) for b in (-1, 1)])
    normals = np.array([(-a * AXES[0], -b * AXES[1]) for a in (-1, 1) for b in (-1, 1)])
    found = fitRidges(image, RidgeGuess(centers, np.tile(AXES[2], (4, 1)), normals, np.zeros(4, dtype=bool)))
    assert found.fine.all()
    assert np.abs(found.missing).max() < 0.06


def test_whereAThirdFaceBeginsTheModelDoesNotFit():
    corner = np.array([(SIZE / 2) @ AXES])
    normals = np.array([[AXES[0], AXES[1]]])
    found = fitRidges(scanOf(BOX, noise=10.0), RidgeGuess(corner, AXES[2:], normals, np.ones(1, dtype=bool)))
    assert not found.fine.any()


def test_whatTooMuchNoiseLeavesOpenIsNotKnown():
    found = fitRidges(scanOf(BOX, noise=110.0), middles())
    blur = np.sqrt(SIGMA2.mean())
    assert not (found.fine & knownRidges(found, blur)).any()


def test_whatIsRoundedWiderThanTheBlurIsLeft():
    found = fitRidges(scanOf(RoundedBox(BOX.center, BOX.size, BOX.axes, 1.5)), middles())
    assert not (found.fine & knownRidges(found, np.sqrt(SIGMA2.mean()))).any()


def test_noPlacesAreNoRidges():
    empty = RidgeGuess(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 2, 3)), np.empty(0, dtype=bool))
    assert len(fitRidges(scanOf(BOX), empty).center) == 0


def test_grainMakesTheMissingAreaLessSure():
    image = scanOf(BOX)
    grainy = ImageOfRidges(image.sampler, image.covariance, 1, image.noise, CONTRAST, grain=(0.5, 0.5, 0.0))
    plain, rough = fitRidges(image, middles()), fitRidges(grainy, middles())
    # Neighbors that correlate by a half along two axes: 1 + 2 (0.5 + 0.5**4 + 0.5**9 + ...) each.
    assert rough.missingDeviation / plain.missingDeviation == pytest.approx(2.129, abs=0.01)
