"""The steps of thick slices slanted before the image is asked, held against the exact shapes that were sliced."""

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomShapes import rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SliceSteps import slantedSteps

SPACING = np.array([0.5, 0.5, 4.0])


def staircase(inside, axis=2, turn=0.0, smoothing=0.0, half=20.0):
    """Image of 0 and 1, and the surface of what is inside by a function of positions (n, 3), mm from the center.

    :param axis: along which the slices are stacked.
    """
    spacing = np.roll(SPACING, axis - 2)
    dimensions = np.ceil(2 * half / spacing).astype(int)
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), turn) @ np.diag(spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((dimensions - 1) / 2)
    index = np.stack(np.meshgrid(*(np.arange(count) for count in dimensions), indexing="ij"), axis=-1)
    centers = index @ matrix[:3, :3].T + matrix[:3, 3]
    image = ImageVolume(np.ascontiguousarray(inside(centers).astype(np.int16).transpose(2, 1, 0)), matrix)
    return image, makeSurface(thresholdSegment(image, 0.5, None), SurfaceParameters(smoothing=smoothing))


@pytest.mark.parametrize("turn", [0.0, 25.0])
@pytest.mark.parametrize("axis", [0, 2])
def test_aSlopeThatSlicesMadeAStaircaseIsASlopeAgain(axis, turn):
    up = rotationAbout((3, 1, 2), turn) @ np.eye(3)[axis]
    along = rotationAbout((3, 1, 2), turn) @ np.eye(3)[(axis + 1) % 3]
    # A wedge that rises by 2 in 5, and by 2 in 5 on its other side.
    image, mesh = staircase(lambda places: places @ up < 6 - 0.4 * np.abs(places @ along), axis, turn)
    before = mesh.points.astype(np.float64)
    after = slantedSteps(before, mesh.triangles, image)

    def above(points):
        """Distance from the slope, of what is not near its ridge nor the border of the scan, mm."""
        within = (
            np.abs(image.lpsToIndex(points) - (np.array(image.dimensions) - 1) / 2) < 0.35 * np.array(image.dimensions)
        ).all(axis=1)
        far = within & (np.abs(points @ along) > 6) & (np.abs(points @ along) < 14)
        return ((points @ up - 6 + 0.4 * np.abs(points @ along)) / np.sqrt(1.16))[far]

    assert np.sqrt(np.mean(above(before) ** 2)) > 0.9
    # What is left: outlines are known to within a voxel of 0.5 mm.
    assert np.sqrt(np.mean(above(after) ** 2)) < 0.2


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_verticesStayBetweenTheirSlicesAndNothingFolds(smoothing):
    image, mesh = staircase(lambda places: np.linalg.norm(places - 0.3, axis=-1) < 14, smoothing=smoothing)
    before = mesh.points.astype(np.float64)
    after = slantedSteps(before, mesh.triangles, image)
    old, new = image.lpsToIndex(before), image.lpsToIndex(after)
    assert np.abs(new - old)[:, :2].max() < 1e-6
    assert (new[:, 2] >= np.floor(old[:, 2]) - 1e-3).all()
    assert (new[:, 2] <= np.ceil(old[:, 2]) + 1e-3).all()
    assert np.abs(new - old)[:, 2].max() > 0.3
    folds = len(selfIntersections(after.astype(np.float32).astype(np.float64), mesh.triangles.astype(np.int64)).pairs)
    assert folds <= len(selfIntersections(before, mesh.triangles.astype(np.int64)).pairs)


def test_thePolesOfABallBecomeDomes():
    image, mesh = staircase(lambda places: np.linalg.norm(places, axis=-1) < 15)
    before = mesh.points.astype(np.float64)
    after = slantedSteps(before, mesh.triangles, image)
    errors = [np.sqrt(np.mean((np.linalg.norm(points, axis=1) - 15) ** 2)) for points in (before, after)]
    assert errors[1] < 0.6 * errors[0]
    # As high as the last tread was, neither flat nor a spike.
    assert after[:, 2].max() == pytest.approx(before[:, 2].max(), abs=0.01)


def test_aCutAtTheEndOfTheScanStays():
    image, mesh = staircase(lambda places: np.linalg.norm(places[..., :2], axis=-1) < 10)
    before = mesh.points.astype(np.float64)
    after = slantedSteps(before, mesh.triangles, image)
    ends = np.abs(before[:, 2]) > np.abs(before[:, 2]).max() - 1e-3
    assert ends.sum() > 1000
    assert (after[ends] == before[ends]).all()
