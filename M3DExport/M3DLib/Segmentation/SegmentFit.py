"""Does a segmentation belong to an image? And segments made from the image itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..Dicom.OnePatient import differingAttributes
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from .Segment import Segment, SegmentSource
from .VoxelBodies import VoxelBodies

# Rounding in headers (Image Position with six digits, NIfTI's float32 matrices) stays below this share of a voxel; a
# segmentation of another scan does not.
_VOXEL_TOLERANCE = 0.05
_DIRECTION_TOLERANCE = 1e-3


def thresholdSegment(
    image: ImageVolume,
    low: float,
    high: float | None = None,
    largest: int | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> Segment:
    """Voxels whose value lies in a range, of which the largest connected bodies may be kept.

    :param low, high: limits in the image's values (HU where ``image.isHounsfield``), both included; no upper limit when
        ``high`` is None.
    :param largest: number of bodies to keep, counted by voxels; voxels are connected by faces. All when None.
    :return: segment on the image's grid, named after the range ("above 300 HU").
    :raises M3DError: limits in the wrong order, or no voxel in the range.
    """
    if high is not None and high < low:
        raise M3DError(f"The threshold's lower limit {low:g} is above its upper limit {high:g}.")
    if largest is not None and largest < 1:
        raise M3DError(f"The number of largest bodies to keep must be at least 1, not {largest}.")
    progress(0.0, "Thresholding")
    array = image.array >= low
    if high is not None:
        array &= image.array <= high
    unit = " HU" if image.isHounsfield else ""
    words = f"above {low:g}{unit}" if high is None else f"{low:g} to {high:g}{unit}"
    if not array.any():
        raise M3DError(
            f"No voxel of the image is in the range {words}; its values go from {image.array.min():g} to "
            f"{image.array.max():g}{unit}.",
        )
    name = words
    if largest is not None:
        progress(0.4, "Finding the largest bodies")
        array = _largestBodies(array, largest)
        words += f"; {largest} largest {'body' if largest == 1 else 'bodies'} connected by faces"
    return Segment(
        array.view(np.uint8),
        image.ijkToLps,
        name,
        source=SegmentSource("threshold", words),
        frameOfReferenceUid=frameOfReferenceUid(image),
    )


def _largestBodies(array: np.ndarray, count: int) -> np.ndarray:
    bodies = VoxelBodies.of(array)
    if bodies.count <= count:
        return array
    kept = np.zeros(bodies.count + 1, dtype=bool)
    kept[np.argsort(bodies.sizes, kind="stable")[-count:]] = True
    return bodies.spread(kept)


def bodyAt(segment: Segment, point: tuple[float, float, float], name: str) -> Segment:
    """The connected body of a segment that holds a point (LPS mm), as a segment of its own.

    :raises M3DError: the point lies outside the segment.
    """
    inverse = np.linalg.inv(segment.ijkToLps)
    i, j, k = np.rint(inverse[:3, :3] @ point + inverse[:3, 3]).astype(int)
    inGrid = all(0 <= index < size for index, size in zip((k, j, i), segment.array.shape, strict=True))
    if not inGrid or not segment.array[k, j, i]:
        place = ", ".join(f"{value:.1f}" for value in point)
        raise M3DError(f"Segment '{segment.name}' has no voxel at ({place}) mm, so no body can be taken from there.")
    bodies = VoxelBodies.of(segment.array)
    place = int(np.ravel_multi_index((k, j, i), segment.array.shape))
    body = bodies.spread((np.arange(bodies.count + 1) == bodies.at(place)).view(np.uint8))
    return replace(segment, array=body, name=name)


def frameOfReferenceUid(image: ImageVolume) -> str:
    """Frame of Reference UID of the image's first header, "" when unknown."""
    return str(image.headers[0].get("FrameOfReferenceUID", "") or "") if image.headers else ""


def requireFit(segment: Segment, image: ImageVolume) -> None:
    """Refuse a segment that was not drawn on this image.

    Its grid may be cropped, and finer or coarser by the same factor along all axes or with cubic voxels (the ways in
    which Slicer and segmentation networks resample), but must have the image's axes in any order and direction; where
    the spacing is the same, the voxels must coincide; and no voxel of the segment may lie outside the image. Other
    spacings are those of another reconstruction of the same study, which must not be named as the source.

    :raises M3DError: names both geometries, both frames of reference, or both patients.
    """
    if image.headers and segment.source.header is not None:
        differing = differingAttributes([image.headers[0], segment.source.header])
        for keyword, (ofImage, ofSegment) in differing.items():
            raise M3DError(
                f"Segment '{segment.name}' is of another patient ({keyword} is '{ofSegment}') than the image "
                f"('{ofImage}'); choose the segmentation that was made on this image.",
            )
    imageFrame = frameOfReferenceUid(image)
    if segment.frameOfReferenceUid and imageFrame and segment.frameOfReferenceUid != imageFrame:
        raise M3DError(
            f"Segment '{segment.name}' belongs to another frame of reference ({segment.frameOfReferenceUid}) than the "
            f"image ({imageFrame}); choose the segmentation that was made on this image.",
        )
    reason = _misfit(segment, image)
    if reason:
        raise M3DError(
            f"Segment '{segment.name}' does not fit the image: {reason}. Segmentation: "
            f"{describeGrid(segment.array.shape, segment.ijkToLps)}. Image: "
            f"{describeGrid(image.array.shape, image.ijkToLps)}. Choose the segmentation that was made on this image.",
        )


def _misfit(segment: Segment, image: ImageVolume) -> str:
    """What does not fit, as a clause; "" when everything does."""
    segmentAxes = segment.ijkToLps[:3, :3] / segment.spacing
    imageAxes = image.ijkToLps[:3, :3] / image.spacing
    alignment = np.abs(segmentAxes.T @ np.linalg.inv(imageAxes).T)
    order = alignment.argmax(axis=1)
    aligned = len(set(order.tolist())) == 3
    if aligned:
        for axis in range(3):
            other = imageAxes[:, order[axis]]
            deviation = min(
                np.linalg.norm(segmentAxes[:, axis] - other),
                np.linalg.norm(segmentAxes[:, axis] + other),
            )
            aligned &= bool(deviation <= _DIRECTION_TOLERANCE)
    if not aligned:
        return "its axes point in other directions"

    box = segment.occupiedBox()
    if box is None:
        return ""
    low = np.array([axis.start for axis in box[::-1]])
    high = np.array([axis.stop - 1 for axis in box[::-1]])
    corners = np.array([low - 0.5, high + 0.5])
    inImage = image.lpsToIndex(corners @ segment.ijkToLps[:3, :3].T + segment.ijkToLps[:3, 3])
    below, above = inImage.min(axis=0), inImage.max(axis=0)
    margin = 0.5 + _VOXEL_TOLERANCE
    if (below < -margin).any() or (above > np.array(image.dimensions) - 1 + margin).any():
        return "voxels of the segment lie outside the image"

    ratios = segment.spacing / image.spacing[order]
    if not np.allclose(ratios, ratios.mean(), rtol=0.01) and np.ptp(segment.spacing) > 0.01 * segment.spacing.mean():
        return "its voxels are of another size"
    if np.allclose(ratios, 1.0, rtol=1e-3):
        offset = image.lpsToIndex(segment.ijkToLps[:3, 3][np.newaxis])[0]
        if (np.abs(offset - np.rint(offset)) > _VOXEL_TOLERANCE).any():
            return "its voxels lie between those of the image"
        sameShape = tuple(np.array(segment.array.shape[::-1])[np.argsort(order)]) == image.dimensions
        corner = np.array([offset, image.lpsToIndex(_farCorner(segment))[0]])
        if sameShape and (np.abs(corner.min(axis=0)) > _VOXEL_TOLERANCE).any():
            return "it has as many voxels as the image but lies elsewhere"
    return ""


def _farCorner(segment: Segment) -> np.ndarray:
    last = np.array(segment.array.shape[::-1], dtype=np.float64) - 1
    return (segment.ijkToLps[:3, :3] @ last + segment.ijkToLps[:3, 3])[np.newaxis]


def describeGrid(shape: tuple[int, int, int], ijkToLps: np.ndarray) -> str:
    """A grid in words: voxels, spacing, first voxel and axes (LPS mm)."""
    spacing = np.linalg.norm(ijkToLps[:3, :3], axis=0)
    axes = ijkToLps[:3, :3] / spacing
    voxels = " x ".join(str(n) for n in shape[::-1])
    size = " x ".join(f"{value:.4g}" for value in spacing)
    origin = ", ".join(f"{value:.2f}" for value in ijkToLps[:3, 3])
    directions = "; ".join(" ".join(f"{value:.3f}" for value in axes[:, axis]) for axis in range(3))
    return f"{voxels} voxels of {size} mm from ({origin}) along ({directions})"
