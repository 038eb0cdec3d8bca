"""Computed scans of exact shapes, turned against their grid, and segments of them that touch."""

from dataclasses import replace

import numpy as np

from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment


def scanOf(paint, half=11.5):
    spacing = (0.5, 0.5, 1.0)
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom(paint, 0, dimensions, matrix, 0.8, noise=30.0, seed=4)


def segmentsOf(image, *arrays):
    whole = thresholdSegment(image, -1e5)
    return [replace(whole, array=array.astype(np.uint8), name=f"part {n}") for n, array in enumerate(arrays)]


def heightOver(image, normal):
    """Height of every voxel over the plane through the origin, mm (k, j, i)."""
    i, j, k = np.meshgrid(*(np.arange(count) for count in image.dimensions), indexing="ij")
    points = np.stack([i, j, k], axis=-1) @ image.ijkToLps[:3, :3].T + image.ijkToLps[:3, 3]
    return (points @ np.array(normal)).transpose(2, 1, 0)
