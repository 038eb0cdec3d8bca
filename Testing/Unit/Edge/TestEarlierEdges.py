"""A surface measured again after it has moved: what is taken from before is as true as what is measured anew."""

import numpy as np
import pytest

from M3DLib.Edge import MeasuredEdges as module
from M3DLib.Edge.ImageDeviation import deviationAndEdges
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DTestSupport.ShapeMeshes import surfaceMesh

BALL = Sphere((0.21, -0.34, 0.11), 9)


@pytest.fixture(scope="module")
def image():
    spacing = np.array([0.5, 0.5, 1.0])
    dimensions = tuple(int(size) for size in np.ceil(26 / spacing))
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -spacing * (np.array(dimensions) - 1) / 2
    return renderPhantom([(BALL, 1000)], 0, dimensions, matrix, 0.9, noise=30, seed=2)


@pytest.fixture(scope="module")
def mesh():
    return surfaceMesh(BALL, [-12] * 3, [12] * 3, 0.8)


@pytest.fixture
def lookedAt(monkeypatch):
    """The numbers of vertices that were measured in the image, look by look."""
    counts, measure = [], module.measureEdges

    def counting(reader, surface, *arguments, **options):
        counts.append(len(surface.points))
        return measure(reader, surface, *arguments, **options)

    monkeypatch.setattr(module, "measureEdges", counting)
    return counts


def movedBy(mesh, way):
    """The ball's mesh with every vertex farther out by so many mm, (n,) or one for all."""
    away = mesh.points - np.array(BALL.center, dtype=np.float32)
    return TriangleMesh(
        mesh.points + away / np.linalg.norm(away, axis=1, keepdims=True) * np.reshape(way, (-1, 1)), mesh.triangles
    )


def test_ofASurfaceThatHardlyMovedTheEdgesAreWhereTheyWere(mesh, image, lookedAt):
    _, found = deviationAndEdges(mesh, image)
    near = movedBy(mesh, 0.02)
    deviation, _ = deviationAndEdges(near, image, earlier=found)
    good = deviation.reliable
    assert sum(lookedAt) < 0.05 * len(mesh.points) and good.mean() > 0.95
    error = deviation.distance[good] + 0.02
    assert abs(error.mean()) < 0.005
    assert (np.abs(error) <= deviation.uncertainty[good]).mean() > 0.9


def test_whereItMovedItIsMeasuredAnew(mesh, image, lookedAt):
    _, found = deviationAndEdges(mesh, image)
    cap = mesh.points[:, 2] > 5
    far = movedBy(mesh, np.where(cap, 0.3, 0.0))
    deviation, _ = deviationAndEdges(far, image, earlier=found)
    fresh, _ = deviationAndEdges(far, image)
    assert cap.sum() <= sum(lookedAt) < 0.5 * len(mesh.points)
    inner = (mesh.points[:, 2] > 6) & fresh.reliable & deviation.reliable
    assert inner.sum() > 50
    # How wide edges usually are is taken from the first look; a fit that hardly settles begins there.
    difference = np.abs(deviation.distance[inner] - fresh.distance[inner])
    assert np.percentile(difference, 98) < 0.005 and difference.mean() < 0.002
    assert abs(np.mean(deviation.distance[inner]) + 0.3) < 0.02


def test_whatWasNotReliableIsLookedAtAgain(mesh, image, lookedAt):
    far = movedBy(mesh, np.where(mesh.points[:, 0] > 4, 3.5, 0.0))
    first, found = deviationAndEdges(far, image)
    assert not first.reliable.all()
    again, _ = deviationAndEdges(far, image, earlier=found)
    assert sum(lookedAt) == (found.edges.quality != 0).sum()
    assert np.array_equal(again.quality, first.quality)


def test_whatWasFoundBeforeIsNotChanged(mesh, image):
    _, found = deviationAndEdges(mesh, image)
    before = found.edges.distance.copy(), found.edges.quality.copy()
    deviationAndEdges(movedBy(mesh, 0.3), image, earlier=found)
    assert np.array_equal(found.edges.distance, before[0], equal_nan=True)
    assert np.array_equal(found.edges.quality, before[1])
