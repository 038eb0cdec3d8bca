"""Small volumes with known content for tests of reading and of geometry."""

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume


def makeVolume(shape=(8, 12, 10), spacing=(0.5, 0.5, 1.0), origin=(-3.0, 5.0, 100.0), axes=None, modality="CT"):
    """A volume whose every voxel has a value of its own.

    :param shape: (k, j, i).
    :param spacing: along i, j, k, mm.
    :param axes: (3, 3), columns are the directions of i, j and k; the patient axes when None.
    """
    rng = np.random.default_rng(7)
    array = rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.int16) - 900
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) if axes is None else np.asarray(axes, dtype=float)) * spacing
    matrix[:3, 3] = origin
    return ImageVolume(array, matrix, modality=modality)


def rotation(degreesX, degreesY, degreesZ):
    """Rotation about x, then y, then z, (3, 3)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", [degreesX, degreesY, degreesZ], degrees=True).as_matrix()
