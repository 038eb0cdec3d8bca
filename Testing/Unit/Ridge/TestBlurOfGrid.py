"""The blur along the grid's axes from the widths of edges, held against the blur that the widths were made of."""

import numpy as np
import pytest

from M3DLib.Phantom.PhantomShapes import rotationAbout
from M3DLib.Ridge.BlurOfGrid import blurOfGrid

AXES = rotationAbout((3, 1, 2), 25)
TRUE = (AXES * np.array([0.14, 0.14, 0.2])) @ AXES.T


def widthsOf(normals, noise=0.02):
    exact = np.sqrt(np.einsum("ni,ij,nj->n", normals, TRUE, normals))
    return exact * (1 + noise * np.random.default_rng(1).standard_normal(len(exact)))


def test_threeFacesTellHowTheBlurCorrelatesBetweenThem():
    normals = np.repeat(rotationAbout((1, 2, 3), 33), 500, axis=0)
    found = blurOfGrid(normals, widthsOf(normals), AXES)
    assert found == pytest.approx(TRUE, abs=0.006)


def test_edgesThatFitBadlyHaveLittleSay():
    normals = np.random.default_rng(2).standard_normal((2000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    widths = widthsOf(normals)
    widths[::10] *= 2
    assert blurOfGrid(normals, widths, AXES) == pytest.approx(TRUE, abs=0.006)


def test_onePlaneDoesNotTellTheAxesApart():
    normals = np.tile(AXES[:, :1].T, (500, 1))
    assert blurOfGrid(normals, widthsOf(normals), AXES) is None


def test_aFewEdgesAreTooFew():
    normals = np.eye(3)
    assert blurOfGrid(normals, widthsOf(normals), AXES) is None
