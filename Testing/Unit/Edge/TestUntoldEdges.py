"""Edges whose place the voxels do not tell: what is said of them must not hang on rounding.

Two slices, one full and one empty, look the same wherever between them a sharp edge lies. A fit to them goes by the
last digit of the plateaus; which way is neither right nor wrong, but the answer may not be sure.
"""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge.EdgeMeasurement import edgeMeasurement
from M3DLib.Edge.EdgeNoise import positionNoise
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DTestSupport.ShapeMeshes import surfaceMesh

SHARP, SOFT = 0.16, 0.45


def layer(height: float, count: int = 16) -> TriangleMesh:
    """A level sheet of triangles, mm apart, that looks up."""
    x, y = np.meshgrid(np.arange(count) - count / 2, np.arange(count) - count / 2, indexing="ij")
    points = np.stack([x, y, np.full_like(x, height)], axis=-1).reshape(-1, 3)
    number = np.arange(count**2).reshape(count, count)
    corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    triangles = [np.stack([corners[0], corners[a], corners[a + 1]], axis=-1).reshape(-1, 3) for a in (1, 2)]
    return TriangleMesh(points.astype(np.float32), np.concatenate(triangles))


def slices(place: float, blur: float, gain: float = 1.0) -> ImageVolume:
    """Slices 1 mm apart, the middle two 0.5 mm below and above 0, of what is full below a place."""
    from scipy.special import ndtr

    matrix = np.eye(4)
    matrix[:3, 3] = (-15, -15, -10.5)
    profile = 1000 * gain * ndtr((place - (np.arange(22) - 10.5)) / blur)
    return ImageVolume(np.tile(profile.astype(np.float32)[:, None, None], (1, 31, 31)), matrix, modality="CT")


@pytest.mark.parametrize("height", [-0.6, 0.0, 0.2])
@pytest.mark.parametrize("place", [-0.1, -0.03, 0.0, 0.06, 0.1])
def test_anEdgeThatNoSliceShowsIsPoorlyFittedOrItsIntervalIsWideAndHoldsIt(place, height):
    deviation = imageDeviation(layer(height), slices(place, SHARP))
    good = deviation.reliable
    assert set(np.unique(deviation.quality)) <= {Quality.RELIABLE, Quality.POOR_FIT}
    error = np.abs(deviation.distance - (place - height))
    assert error.max() < 0.5
    assert (error[good] <= deviation.uncertainty[good]).all()
    assert (deviation.uncertainty[good] > 0.2).all()


@pytest.mark.parametrize("blur", [SHARP, SOFT])
@pytest.mark.parametrize("place", [-0.31, 0.02, 0.24])
def test_theLastDigitOfTheVoxelsMovesNoReliableEdgeBeyondItsInterval(place, blur):
    mesh = layer(0.1)
    one, other = (imageDeviation(mesh, slices(place, blur, gain)) for gain in (1.0, 1 + 3e-7))
    good = one.reliable & other.reliable
    moved = np.abs(one.distance - other.distance)[good]
    assert (moved <= one.uncertainty[good]).all()
    if blur == SOFT:
        assert good.all() and moved.max() < 1e-4


def test_oneReliableEdgeMoreOrLessIsNoOtherNoise():
    ball, matrix = Sphere((0.2, -0.3, 0.1), 9), np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = (-11.75, -11.75, -11.5)
    image = renderPhantom([(ball, 1000)], 0, (48, 48, 24), matrix, 0.9, noise=50, seed=1)
    mesh = surfaceMesh(ball, [-11] * 3, [11] * 3, 0.8)
    measured = edgeMeasurement(mesh, vertexGeometry(mesh).normals, image)

    def noise(lost: int | None) -> np.ndarray:
        quality = measured.edges.quality.copy()
        if lost is not None:
            quality[lost] = Quality.POOR_FIT
        edges = replace(measured.edges, quality=quality)
        said = positionNoise(measured.reader, measured.surface, edges, measured.blur)
        return said.deviation(measured.surface, measured.edges, measured.blur)

    reliable = np.flatnonzero(measured.edges.quality == Quality.RELIABLE)
    assert len(reliable) > 1000
    whole = noise(None)
    for lost in reliable[[3, len(reliable) // 2]]:
        np.testing.assert_allclose(noise(int(lost)), whole, rtol=0.02)
