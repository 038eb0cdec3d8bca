"""A slice of the image with the outline of the mesh on it: the overlay by which a person judges a model.

Made with numpy and Pillow alone, so that it needs no machine that can render.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from ...Acquisition.FieldOfViewChecks import faceNames
from .PictureMarks import scaleBar, sideLetters

OUTLINE, RIM, MARK = (255, 176, 0), (30, 20, 0), (86, 200, 255)
_CT_WINDOW = (-450.0, 1050.0)
# Pixels; the pen makes each dash two longer at both ends, and each gap shorter.
_DASH = 10


@dataclass(frozen=True)
class SliceView:
    """Which part of which slice is shown.

    :ivar axis: index axis (0 i, 1 j, 2 k) across which the image is cut.
    :ivar index: where, in voxels along that axis; may be fractional.
    :ivar center: LPS mm, the middle of what is shown, and the cut is exactly there; None for the whole of the slice
        that is nearest.
    :ivar halfWidthMm: from the middle to the edge of the picture.
    """

    axis: int
    index: float
    center: tuple[float, float, float] | None = None
    halfWidthMm: float = 20.0


def displayWindow(image: ImageVolume) -> tuple[float, float]:
    """Values shown as black and as white: a fixed window for bone in CT, else the 1st to 99th percentile."""
    if image.isHounsfield:
        return _CT_WINDOW
    low, high = np.percentile(image.array[::4, ::4, ::4], [1, 99])
    return float(low), float(max(high, low + 1e-6))


@dataclass(frozen=True)
class Outline:
    """A mesh to be drawn where slices cut it.

    :ivar points: as voxel indices i, j, k, float64 (n, 3). :ivar triangles: int (m, 3).
    :ivar colors: uint8 (n, 3), sRGB of the outline at every point; orange everywhere when None.
    :ivar known: bool (n,); where it is False the outline is dashed.
    """

    points: np.ndarray
    triangles: np.ndarray
    colors: np.ndarray | None = None
    known: np.ndarray | None = None


def slicePicture(image: ImageVolume, mesh: TriangleMesh | Outline, view: SliceView, width: int = 480) -> np.ndarray:
    """The slice in gray, the mesh's outline, a ring around ``view.center`` if there is one, sides and a scale bar.

    :param mesh: LPS mm, outlined in orange; or an outline with its own colors.
    :param width: pixels.
    :return: uint8 (height, width, 3) sRGB. Columns run along the first of the other two index axes; slices across i and
        j are shown with the last slice on top.
    """
    return drawnSlice(image, mesh, view, width)[0]


def drawnSlice(
    image: ImageVolume, mesh: TriangleMesh | Outline, view: SliceView, width: int = 480
) -> tuple[np.ndarray, bool]:
    """As :func:`slicePicture`, and whether any of the outline is in the picture."""
    from PIL import Image, ImageDraw

    across, down = (axis for axis in range(3) if axis != view.axis)
    spacing = image.spacing
    count = image.dimensions
    # A whole slice is shown as the scanner made it. Around a place, image and outline are those of the place itself:
    # beside thick slices, the outline would lie where the image of the nearest one has no edge.
    level = float(np.clip(view.index, 0, count[view.axis] - 1))
    if view.center is None:
        level = float(np.rint(level))
    plane = _planeAt(image.array, 2 - view.axis, level)
    low, high = -0.5, np.array([count[across], count[down]]) - 0.5
    middle = None
    if view.center is not None:
        middle = image.lpsToIndex(np.array([view.center]))[0][[across, down]]
        reach = view.halfWidthMm / spacing[[across, down]]
        start, end = middle - reach, middle + reach
    else:
        start, end = np.array([low, low]), high
    size = (end - start) * spacing[[across, down]]
    height = max(1, min(4 * width, round(width * size[1] / size[0])))
    flip = down == 2
    columns = start[0] + (np.arange(width) + 0.5) / width * (end[0] - start[0])
    rows = start[1] + (np.arange(height) + 0.5) / height * (end[1] - start[1])
    gray = _sampled(plane, rows[::-1] if flip else rows, columns, displayWindow(image))
    picture = np.repeat(gray[:, :, None], 3, axis=2)
    scale = np.array([width, height]) / (end - start)

    def toPixels(places: np.ndarray) -> np.ndarray:
        pixels = (places - start) * scale
        if flip:
            pixels[..., 1] = height - pixels[..., 1]
        return pixels

    outline = mesh if isinstance(mesh, Outline) else Outline(image.lpsToIndex(mesh.points), mesh.triangles)
    ends, cut = meshOutline(outline.points, outline.triangles, view.axis, view.index if view.center else level)
    lines = toPixels(ends[..., [across, down]])
    (x0, y0), (x1, y1) = lines.transpose(1, 2, 0)
    inside = np.maximum(x0, x1) >= 0
    for beyond in (np.minimum(x0, x1) > width, np.maximum(y0, y1) < 0, np.minimum(y0, y1) > height):
        inside &= ~beyond
    _drawOutline(picture, outline, lines[inside], outline.triangles[cut[inside]])
    picture = Image.fromarray(picture)
    if middle is not None:
        draw = ImageDraw.Draw(picture)
        x, y = toPixels(middle[None])[0]
        draw.ellipse((x - 14, y - 14, x + 14, y + 14), outline=RIM, width=5)
        draw.ellipse((x - 13, y - 13, x + 13, y + 13), outline=MARK, width=3)
    sides = [face[0].upper() for face in faceNames(image)]
    upper, lower = (2 * down + 1, 2 * down) if flip else (2 * down, 2 * down + 1)
    lettered = sideLetters(np.asarray(picture), sides[2 * across], sides[2 * across + 1], sides[upper], sides[lower])
    return scaleBar(lettered, float(size[0]) / width), bool(inside.any())


def _planeAt(array: np.ndarray, axis: int, level: float) -> np.ndarray:
    """Values across an axis of the array, between two slices in proportion, float32 (2-D)."""
    below = int(level)
    plane = np.take(array, below, axis=axis).astype(np.float32)
    share = np.float32(level - below)
    if share:
        plane += share * (np.take(array, below + 1, axis=axis).astype(np.float32) - plane)
    return plane


def _drawOutline(picture: np.ndarray, outline: Outline, lines: np.ndarray, triangles: np.ndarray) -> None:
    """Lines (k, 2, 2) in pixels, each from one triangle (k, 3), on a dark rim."""
    if outline.known is not None:
        # Dashes of some pixels, whatever the size of the triangles.
        even = (lines.mean(axis=1).sum(axis=1) // _DASH % 2).astype(bool)
        drawn = outline.known[triangles].all(axis=1) | even
        lines, triangles = lines[drawn], triangles[drawn]
    colors = np.broadcast_to(np.array(OUTLINE, dtype=np.uint8), (len(lines), 3))
    if outline.colors is not None:
        colors = outline.colors[triangles].mean(axis=1).astype(np.uint8)
    _stroke(picture, lines, np.broadcast_to(np.array(RIM, dtype=np.uint8), (len(lines), 3)), 5)
    _stroke(picture, lines, colors, 3)


def _stroke(picture: np.ndarray, lines: np.ndarray, colors: np.ndarray, width: int) -> None:
    """Draw lines (k, 2, 2), each in its color, uint8 (k, 3), and so many pixels wide.

    All at once, for there are thousands, most of them shorter than a pixel: a round pen goes along them.
    """
    steps = np.ceil(np.abs(lines[:, 1] - lines[:, 0]).max(axis=1, initial=0)).astype(np.int64) + 1
    line = np.repeat(np.arange(len(lines)), steps)
    step = np.arange(len(line)) - np.repeat(np.cumsum(steps) - steps, steps)
    share = (step / np.maximum(steps[line] - 1, 1))[:, None]
    x, y = np.floor(lines[line, 0] + share * (lines[line, 1] - lines[line, 0])).astype(np.int64).T
    colors = colors[line]
    pen = np.mgrid[-(width // 2) : width // 2 + 1, -(width // 2) : width // 2 + 1].reshape(2, -1).T
    away = (pen**2).sum(axis=1)
    # The middle last, so that lines side by side do not hide each other.
    for down, right in pen[np.argsort(-away)][np.sort(-away) >= -((width / 2) ** 2)]:
        column, row = x + right, y + down
        isThere = (column >= 0) & (row >= 0) & (column < picture.shape[1]) & (row < picture.shape[0])
        picture[row[isThere], column[isThere]] = colors[isThere]


def _sampled(plane: np.ndarray, rows: np.ndarray, columns: np.ndarray, window) -> np.ndarray:
    """Gray values at places of the plane, linear between voxels, black outside the image; uint8."""
    from scipy import ndimage

    grid = np.meshgrid(rows, columns, indexing="ij")
    values = ndimage.map_coordinates(plane, grid, order=1, mode="nearest")
    gray = np.clip((values - window[0]) / (window[1] - window[0]), 0, 1) * 255
    outside = [(place < -0.5) | (place > size - 0.5) for place, size in zip((rows, columns), plane.shape, strict=True)]
    gray[outside[0][:, None] | outside[1][None]] = 0
    return np.round(np.nan_to_num(gray)).astype(np.uint8)


def meshOutline(points: np.ndarray, triangles: np.ndarray, axis: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a mesh meets a plane: line segments, float64 (n, 2 ends, 3), and the numbers of their triangles, (n,).

    :param points: (n, 3).
    :param level: the plane is where coordinate ``axis`` has this value; a corner exactly on it counts as above.
    """
    height = points[:, axis] - level
    isAbove = height >= 0
    first, second, third = (isAbove[triangles[:, corner]] for corner in range(3))
    crossing = np.flatnonzero((first != second) | (second != third))
    corners = triangles[crossing]
    above = isAbove[corners]
    # The corner that is alone on its side, first; the plane crosses the two edges that leave it.
    alone = np.argmax(above != (above.sum(axis=1) >= 2)[:, None], axis=1)
    order = (alone[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(corners, order, axis=1)
    first = corners[:, 0]
    ends = []
    for other in (corners[:, 1], corners[:, 2]):
        share = height[first] / (height[first] - height[other])
        ends.append(points[first] + share[:, None] * (points[other] - points[first]))
    return (np.stack(ends, axis=1) if len(crossing) else np.empty((0, 2, 3))), crossing
