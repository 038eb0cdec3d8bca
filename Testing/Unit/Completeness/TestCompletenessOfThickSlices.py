"""The model of a real scan's thick slices on the thin slices of the same head."""

import numpy as np
import pytest

from M3DLib.Completeness.Completeness import measureCompleteness
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DTestSupport.RealData import FIVE_MM_SCAN, ONE_MM_SCAN, needsRealData
from M3DValidationLib.Deviation.DeviationStatistics import deviationStatistics

LOW_Z, HIGH_Z = 705.0, 725.0
# So much more of the thick slices, that the model of them does not end within the thin ones.
BEYOND = 12.0


def slab(scan, low, high):
    """The slices of a scan whose middle lies between two heights, mm."""
    image = readImage(scan)
    heights = image.ijkToLps[2, 3] + image.ijkToLps[2, 2] * np.arange(image.dimensions[2])
    kept = np.flatnonzero((heights >= low) & (heights <= high))
    matrix = image.ijkToLps.copy()
    matrix[:3, 3] += kept[0] * matrix[:3, 2]
    return ImageVolume(image.array[kept[0] : kept[-1] + 1], matrix, modality=image.modality)


@needsRealData
def test_modelOfThickSlicesIsFarFromWhatTheThinSlicesShow():
    from scipy.spatial import cKDTree

    thin = slab(ONE_MM_SCAN, LOW_Z, HIGH_Z)
    mesh, own = (
        makeSurface(thresholdSegment(image, 300, None, 1))
        for image in (slab(FIVE_MM_SCAN, LOW_Z - BEYOND, HIGH_Z + BEYOND), thin)
    )
    deviation = imageDeviation(mesh, thin)
    found = measureCompleteness(mesh, thin, deviation, 1.0)
    fromScan, fromModel = (deviationStatistics(one, 1.0, thin) for one in (found.deviation, deviation))
    # What the same threshold finds in the thin slices, from corner to corner, without looking for an edge.
    inner = own.points[np.abs(own.points[:, 2] - (LOW_Z + HIGH_Z) / 2) < (HIGH_Z - LOW_Z) / 2 - 1.5]
    truth = np.percentile(cKDTree(mesh.points).query(inner)[0], 95)
    assert fromScan["p95Absolute"] == pytest.approx(truth, rel=0.25)
    assert fromScan["p95Absolute"] > max(4.0, 2 * fromModel["p95Absolute"])
    assert fromScan["withinTolerance"] < 0.75
    assert fromScan["withinTolerance"] < fromModel["withinTolerance"] - 0.05
    assert sum(left.body.volumeMm3 for left in found.leftOut if left.alike) > 1000


@needsRealData
def test_modelOfThinSlicesIsCutNowhereAndLacksNothing():
    # Bone in plastic in air, with faces that meet the plastic at half of its height (735 to 760 mm).
    image = slab(ONE_MM_SCAN, 735, 760)
    mesh = makeSurface(thresholdSegment(image, 300, None, 1))
    found = measureCompleteness(mesh, image, imageDeviation(mesh, image), 1.0)
    assert sum(face.areaMm2 for face in found.cuts) < 10
    assert deviationStatistics(found.deviation, 1.0, image)["withinTolerance"] > 0.98
