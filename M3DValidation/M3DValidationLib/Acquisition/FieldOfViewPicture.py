"""A picture of how the anatomy lies in the field of view: three projections, cut faces and the field's edge marked."""

from __future__ import annotations

import numpy as np

from ..Check import Case
from .FieldOfViewChecks import cutByFaces, faceNames
from .ImageRegions import looksLikeCt, outsideField, segmentMask

PICTURE_WIDTH = 1500
_BORDER = 34
_BACKGROUND = (24, 24, 27)
# Orange for the anatomy, blue for the field's edge, and a hatched bar, not color alone, for a cut.
_ANATOMY = np.array((230, 159, 0), dtype=np.float64)
_FIELD = (86, 180, 233)
_CUT = (255, 80, 60)
_WINDOW_HU = (-700, 1300)


def fieldOfViewPicture(case: Case) -> np.ndarray | None:
    """Projections along k, j and i side by side, in true proportions; None without image or segment.

    Gray: the brightest value along the line of sight. Tinted: the segment. Hatched red bars: faces at which the segment
    is cut. Blue circle: edge of the reconstructed field. Letters of the sides are those of the patient.

    :return: uint8 (height, width, 3), sRGB.
    """
    mask = segmentMask(case) if case.image is not None and case.segment is not None else None
    if mask is None or not mask.any():
        return None
    image = case.image
    extent = image.spacing * image.dimensions
    faces = faceNames(image)
    cut, _ = cutByFaces(image, mask)
    # (axis looked along, axis to the right, axis downward, whether downward is reversed so that high k is on top)
    views = ((2, 0, 1, False), (1, 0, 2, True), (0, 1, 2, True))
    usable = PICTURE_WIDTH - 2 * _BORDER * len(views)
    scale = usable / sum(extent[right] for _, right, _, _ in views)
    # A long scan must not make a picture taller than wide.
    scale = min(scale, (PICTURE_WIDTH - 2 * _BORDER) / max(extent[down] for *_, down, _ in views))
    panels = []
    for along, right, down, reverse in views:
        size = max(1, round(extent[right] * scale)), max(1, round(extent[down] * scale))
        picture = _projection(image.array, mask, 2 - along, looksLikeCt(image))
        if reverse:
            picture = picture[::-1]
        sides = [
            (2 * right, "left"),
            (2 * right + 1, "right"),
            (2 * down + reverse, "top"),
            (2 * down + 1 - reverse, "bottom"),
        ]
        labels = {side: faces[index] for index, side in sides}
        cuts = {side for index, side in sides if cut[index] > 0}
        circle = outsideField(case).circleRadiusPixels if along == 2 else None
        radius = None if circle is None else circle * float(image.spacing[0]) * scale
        panels.append(_panel(picture, size, labels, cuts, radius))
    height = max(panel.shape[0] for panel in panels)
    canvas = np.full((height, sum(panel.shape[1] for panel in panels), 3), _BACKGROUND, dtype=np.uint8)
    start = 0
    for panel in panels:
        top = (height - panel.shape[0]) // 2
        canvas[top : top + panel.shape[0], start : start + panel.shape[1]] = panel
        start += panel.shape[1]
    return canvas


def describePicture(case: Case) -> str:
    """The picture in words, for whoever cannot see it."""
    cut, _ = cutByFaces(case.image, segmentMask(case))
    sides = [face for face, area in zip(faceNames(case.image), cut, strict=True) if area > 0]
    text = "Projections of scan and segment along the three axes of the image. "
    if not sides:
        return text + "The segment reaches no face of the image."
    return text + f"The segment is cut at the border of the image: {', '.join(sides)}."


def _projection(array: np.ndarray, mask: np.ndarray, arrayAxis: int, isCt: bool) -> np.ndarray:
    """Brightest values along an axis, tinted where the mask is, float64 (rows, columns, 3), 0 to 255."""
    brightest = array.max(axis=arrayAxis).astype(np.float64)
    low, high = _WINDOW_HU if isCt else np.percentile(brightest, (1, 99))
    gray = np.clip((brightest - low) / max(high - low, 1e-9), 0, 1)[..., None] * 235
    tint = mask.any(axis=arrayAxis)[..., None] * 0.45
    return gray * (1 - tint) + _ANATOMY * tint


def _panel(picture: np.ndarray, size: tuple[int, int], labels: dict[str, str], cuts: set[str], radius: float | None):
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (size[0] + 2 * _BORDER, size[1] + 2 * _BORDER), _BACKGROUND)
    canvas.paste(drawn, (_BORDER, _BORDER))
    draw = ImageDraw.Draw(canvas)
    left, top, right, bottom = _BORDER, _BORDER, _BORDER + size[0] - 1, _BORDER + size[1] - 1
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=(120, 120, 125))
    if radius is not None:
        x, y = (left + right) / 2, (top + bottom) / 2
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=_FIELD, width=2)
    bars = {
        "left": (left - 9, top, left - 3, bottom),
        "right": (right + 3, top, right + 9, bottom),
        "top": (left, top - 9, right, top - 3),
        "bottom": (left, bottom + 3, right, bottom + 9),
    }
    for side in cuts:
        _hatched(draw, bars[side])
    centers = {
        "left": (left - 22, (top + bottom) / 2),
        "right": (right + 22, (top + bottom) / 2),
        "top": ((left + right) / 2, top - 22),
        "bottom": ((left + right) / 2, bottom + 22),
    }
    for side, name in labels.items():
        draw.text(centers[side], name[0].upper(), fill=(225, 225, 230), anchor="mm", font_size=18)
    return np.asarray(canvas)


def _hatched(draw, box: tuple[int, int, int, int]) -> None:
    """A bar of dashes, so that it is seen without color too."""
    x0, y0, x1, y1 = box
    horizontal = x1 - x0 > y1 - y0
    start, stop = (x0, x1) if horizontal else (y0, y1)
    for position in range(start, stop, 10):
        end = min(position + 6, stop)
        draw.rectangle((position, y0, end, y1) if horizontal else (x0, position, x1, end), fill=_CUT)
