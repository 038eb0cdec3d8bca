"""Rendered phantoms against the closed formulas of their blur, noise and volume."""

import numpy as np
import pytest
from scipy.special import erf

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.Phantom import PhantomDistance
from M3DLib.Phantom.HeadPhantom import headInserts
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, HalfSpace, Sphere, rotationAbout


def gridAround(center, dimensions, columns):
    """Affine whose middle voxel lies at a position."""
    matrix = np.eye(4)
    matrix[:3, :3] = columns
    matrix[:3, 3] = np.asarray(center) - matrix[:3, :3] @ ((np.asarray(dimensions) - 1) / 2)
    return matrix


SHEAR = np.array([[1, 0, 0], [0, 1, 0.25], [0, 0, 1]])
GRIDS = {
    "straight": np.diag([0.5, 0.5, 1.0]),
    "oblique": rotationAbout((1, 2, 3), 40) @ np.diag([0.6, 0.6, 1.2]),
    "left-handed": np.diag([0.7, -0.7, -1.0]) @ np.diag([1, 1, -1]),
    "sheared": SHEAR @ np.diag([0.6, 0.6, 1.0]),
}


@pytest.mark.parametrize("name", GRIDS)
def test_sumOfARenderedBallIsItsVolume(name):
    columns, dimensions = GRIDS[name], (52, 54, 30)
    ball = Sphere((10.3, -20.1, 30.7), 9)
    image = renderPhantom(
        [(ball, 1000)], 0, dimensions, gridAround((10, -20, 31), dimensions, columns), 0.8, dtype=np.float32
    )
    volume = image.array.sum(dtype=np.float64) / 1000 * abs(np.linalg.det(columns))
    assert volume == pytest.approx(ball.volumeMm3, rel=2e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("voxelIntegration", [True, False])
def test_flatEdgeHasTheProfileOfTheStatedBlur(axis, voxelIntegration):
    fwhm, dimensions = np.array([0.8, 1.1, 1.6]), (24, 24, 24)
    spacing = np.array([0.5, 0.4, 0.7])
    normal = np.eye(3)[axis]
    edge = HalfSpace(tuple(0.13 * normal), tuple(normal))
    image = renderPhantom(
        [(edge, 1200)],
        -100,
        dimensions,
        gridAround((0, 0, 0), dimensions, np.diag(spacing)),
        fwhm,
        voxelIntegration=voxelIntegration,
        dtype=np.float32,
    )
    line = np.moveaxis(image.array, 2 - axis, 0)[4:-4, 12, 12]
    position = (np.arange(24) - 11.5)[4:-4] * spacing[axis] - 0.13
    sigma = fwhm[axis] / 2.354820045
    steps = (np.arange(200) + 0.5) / 200 - 0.5 if voxelIntegration else np.zeros(1)
    argument = (position[:, None] + spacing[axis] * steps) / (sigma * np.sqrt(2))
    expected = -100 + 1300 * (0.5 - 0.5 * erf(argument)).mean(axis=1)
    assert np.abs(line - expected).max() < 4


def test_obliqueEdgeCrossesHalfHeightWhereTheSurfaceIs():
    dimensions, normal = (40, 40, 24), np.array([0.5, 0.6, 0.62])
    normal /= np.linalg.norm(normal)
    edge = HalfSpace((0.2, -0.1, 0.3), tuple(normal))
    image = renderPhantom(
        [(edge, 1000)], 0, dimensions, gridAround((0, 0, 0), dimensions, np.diag([0.5, 0.5, 1])), 1.0, dtype=np.float32
    )
    k, j, i = np.meshgrid(*(np.arange(6, n - 6) for n in dimensions[::-1]), indexing="ij")
    distance = edge.signedDistance(image.indexToLps(np.stack([i, j, k], -1).reshape(-1, 3)))
    values = image.array[6:-6, 6:-6, 6:-6].ravel()
    near = np.abs(distance) < 0.15
    slope = np.polyfit(distance[near], values[near], 1)
    assert slope[1] == pytest.approx(500, abs=2)


def test_laterShapesPaintOverEarlierOnes():
    paint = [(Sphere((0, 0, 0), 9), 1000), (Box((0, 0, 0), (6, 6, 6)), -200)]
    image = renderPhantom(paint, 50, (30, 30, 30), gridAround((0, 0, 0), (30, 30, 30), np.eye(3)), 1.0)
    assert image.array.dtype == np.int16
    assert (image.array[15, 15, 15], image.array[15, 15, 21], image.array[0, 0, 0]) == (-200, 1000, 50)


@pytest.mark.parametrize("noiseFwhm", [0.0, (1.5, 1.5, 2.0)])
def test_noiseHasTheStatedDeviationAndIsRepeatable(noiseFwhm):
    settings = {"fwhm": 1, "noise": 40, "noiseFwhm": noiseFwhm, "dtype": np.float32}
    grid = gridAround((0, 0, 0), (48, 48, 48), np.eye(3))
    first, again, other = (renderPhantom([], 0, (48, 48, 48), grid, seed=seed, **settings).array for seed in (3, 3, 4))
    assert first.std() == pytest.approx(40, rel=0.02)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    neighbors = np.corrcoef(first[:, :, 1:].ravel(), first[:, :, :-1].ravel())[0, 1]
    expected = np.exp(-1 / (4 * (1.5 / 2.3548) ** 2)) if noiseFwhm else 0
    assert neighbors == pytest.approx(expected, abs=0.045)


def test_integerImagesAreRoundedAndHeldInRange():
    grid = gridAround((0, 0, 0), (20, 20, 20), np.eye(3))
    image = renderPhantom([(Sphere((0, 0, 0), 6), 50_000)], 10.6, (20, 20, 20), grid, 1.0)
    assert (image.array.max(), image.array[0, 0, 0]) == (32767, 11)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimensions": (0, 4, 4)}, "at least one voxel"),
        ({"ijkToLps": np.zeros((4, 4))}, "independent directions"),
        ({"fwhm": -1}, "cannot be negative"),
        ({"superSampling": 1}, "at least two fine cells"),
    ],
)
def test_impossibleGridsAndBlursAreRefused(change, message):
    arguments = {"dimensions": (4, 4, 4), "ijkToLps": np.eye(4), "fwhm": 1.0} | change
    with pytest.raises(M3DError, match=message):
        renderPhantom([], 0, **arguments)


def test_renderingCanBeCancelled():
    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        renderPhantom([(Sphere((0, 0, 0), 5), 1)], 0, (20, 20, 20), np.eye(4), 1.0, progress=stop)


def test_whatIsDrawnFromNeighborsIsWhatIsMeasuredCellByCell(monkeypatch):
    # Balls, a rod, a bar and the rim of a shell; small, and beside each other.
    shapes = [insert.shape for insert in headInserts()]
    matrix = np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = (-8.0, -30.0, -24.5)

    def rendered():
        paint = [(shape, 1040.0) for shape in shapes]
        return renderPhantom(
            paint, 40.0, (100, 140, 32), matrix, (0.6, 0.6, 0.8), superSampling=(2, 2, 4), dtype=np.float32
        ).array

    quick = rendered()
    monkeypatch.setattr(PhantomDistance, "MOST_BEND_MM", -1.0)
    exact = rendered()
    difference = (quick - exact).astype(np.float64)
    crossed = (exact > 41) & (exact < 1039)
    assert crossed.sum() > 20000
    assert 0 < np.sqrt((difference[crossed] ** 2).mean()) < 0.5
    assert abs(difference[crossed].mean()) < 0.02
