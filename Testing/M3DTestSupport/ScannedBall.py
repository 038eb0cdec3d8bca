"""A ball in a CT that is in the database and in the scene, with its segmentation, as a user would have it."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from M3DLib.InSlicer.SlicerSegments import vtkSegmentOf
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DLib.Segmentation.SegmentFit import thresholdSegment

from .SceneCases import addSegmentation, addVolumeNode, importSeries

CENTER, RADIUS = (5.0, -10.0, 40.0), 10.0
SEGMENT_ID = "Ball"


def addScannedBall(application, folder, noise=10, **description):
    """The ball's CT, 1 mm voxels, 20 mm across, noise in HU: (volume node, segmentation node)."""
    image = replace(_rendered(noise))
    volume, files = importSeries(application, folder, image, patientId="P1", **description)
    node = addVolumeNode(application, volume, files)
    segmentation = addSegmentation(application, node, {})
    segment = thresholdSegment(image, 500)
    segment.name = "ball"
    segmentation.GetSegmentation().AddSegment(vtkSegmentOf(segment), SEGMENT_ID)
    return node, segmentation


@functools.cache
def _rendered(noise):
    """The image, which nobody changes, and which is the same in every test of a process."""
    ijkToLps = np.eye(4)
    ijkToLps[:3, 3] = (-12.0, -27.0, 23.0)
    ball = Sphere(CENTER, RADIUS)
    return renderPhantom([(ball, 1000.0)], 0.0, (34, 34, 34), ijkToLps, (0.8, 0.8, 0.8), noise=noise, name="ball")
