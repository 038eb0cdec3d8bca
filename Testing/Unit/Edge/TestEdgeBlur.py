"""The blur of an image as the widths of its edges tell it, also where they tell little."""

import numpy as np
import pytest

from M3DLib.Edge.EdgeBlur import measureBlur


def normalsWithin(count, steepest, seed=1):
    """Directions no farther out of the slices than a share of their length."""
    generator = np.random.default_rng(seed)
    along, angle = generator.uniform(-steepest, steepest, count), generator.uniform(0, 2 * np.pi, count)
    across = np.sqrt(1 - along**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), along], axis=1)


def deviationsOf(covariance):
    return np.sqrt(np.linalg.eigvalsh(covariance))


@pytest.mark.parametrize("across", [0.3, 0.45, 0.9])
def test_theBlurOfEdgesInAllDirectionsComesOutWhole(across):
    normals = normalsWithin(4000, 1.0)
    widths = np.sqrt(normals**2 @ (0.45**2, 0.45**2, across**2))
    assert deviationsOf(measureBlur(normals, widths)[0]) == pytest.approx(sorted((0.45, 0.45, across)), abs=0.005)


def test_aDirectionThatNoEdgeLooksInIsNotTakenToBeSharperThanEverythingMeasured():
    # Slanted edges that are sharper than those of the slices by more than any blur across the slices explains.
    normals = normalsWithin(4000, 0.7)
    widths = np.sqrt(np.maximum(0.3**2 - 0.07 * normals[:, 2] ** 2, 0))
    measured = deviationsOf(measureBlur(normals, widths)[0])
    assert widths.min() > 0.22
    assert measured[0] >= 0.79 * widths.min()
    assert measured[1:] == pytest.approx([0.3, 0.3], abs=0.02)


def test_aBlurThatIsSharperAcrossTheSlicesIsBelievedWhereSlantedEdgesShowIt():
    normals = normalsWithin(4000, 0.7)
    widths = np.sqrt(normals**2 @ (0.4**2, 0.4**2, 0.3**2))
    assert deviationsOf(measureBlur(normals, widths)[0]) == pytest.approx([0.3, 0.4, 0.4], abs=0.01)


def test_tooFewEdgesTellNothing():
    assert measureBlur(normalsWithin(20, 1.0), np.full(20, 0.4)) == (None, None)
