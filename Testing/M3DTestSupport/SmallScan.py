"""A CT series of a few bodies of known place and size, small enough for every test."""

import functools
from dataclasses import replace

import numpy as np

from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DLib.Phantom.PhantomShapes import Box, Sphere

BALL = Sphere((2.3, -4.1, 51.7), 8.0)
BOX = Box((-14.2, 6.4, 49.3), (6.0, 10.0, 12.0))
BONE_HU, TISSUE_HU = 1000.0, 0.0


def smallImage(spacing=(0.7, 0.7, 1.0)):
    """CT-like image of a ball (r = 8 mm) and a box (6 x 10 x 12 mm), 1000 HU in tissue of 0 HU; no noise."""
    image = _rendered(tuple(spacing))
    return replace(image, array=image.array.copy(), ijkToLps=image.ijkToLps.copy())


@functools.cache
def _rendered(spacing):
    """The image, which is the same in every test of a process: rendering it takes longer than writing its files."""
    size = np.array([56.0, 44.0, 30.0])
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = (-30.1, -20.2, 35.3)
    dimensions = tuple(int(n) for n in size / spacing)
    return renderPhantom([(BALL, BONE_HU), (BOX, BONE_HU)], TISSUE_HU, dimensions, matrix, 0.7)


def writeSmallScan(folder, **more):
    """The image as a CT series in a folder; returns the files along the normal."""
    return writeSeries(smallImage(), folder, **more)
