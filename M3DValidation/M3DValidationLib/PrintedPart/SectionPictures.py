"""Sections through a part and its model: both outlines in one picture, as a person would hold them over each other.

Made with numpy and Pillow alone, so that it needs no machine that can render.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import exactNumber, millimeters

from ..CheckSupport import sidesText
from ..Report.Content.WorstPlaces import worstPlaces
from ..Report.Pictures.PictureFile import Picture, pngBytes
from ..Report.Pictures.SlicePicture import meshOutline

PAPER, GRID, PART, MODEL, MARK = (255, 255, 255), (226, 226, 226), (213, 94, 0), (0, 90, 160), (120, 120, 120)
WIDTH, MARGIN = 480, 0.06
# Half the width of the picture of one place, mm, and the distances that grid lines may have.
AROUND, STEPS = 8.0, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_PLANES = {2: "across z", 1: "across y", 0: "across x"}


def sectionPictures(part: TriangleMesh, model: TriangleMesh, facts: dict) -> list[Picture]:
    """Three sections through the middle of the model and one through each of the worst places.

    :param part: aligned, LPS mm. :param facts: of the deviation between the two, as the report has them.
    """
    low, high = model.points.min(axis=0).astype(np.float64), model.points.max(axis=0).astype(np.float64)
    pictures = []
    for axis, words in _PLANES.items():
        level = float((low[axis] + high[axis]) / 2)
        array = sectionPicture(part, model, axis, level)
        text = f"Section {words} at {millimeters(level)} through the part (orange) and the model (blue)."
        title = f"Section {words} at {millimeters(level)}"
        pictures.append(Picture(f"section-{'xyz'[axis]}.png", "section", title, text, pngBytes(array)))
    for number, (distance, point) in enumerate(worstPlaces(facts), start=1):
        axis = _axisAlongSurface(part, np.array(point))
        array = sectionPicture(part, model, axis, point[axis], point)
        side = "small" if distance > 0 else "large"
        title = f"Deviation {number}: {millimeters(distance, True)}, part too {side}"
        where = sidesText(point)
        text = f"Section {_PLANES[axis]} through the place at {where} mm; the part in orange, the model in blue."
        pictures.append(Picture(f"section-worst-{number}.png", "section", title, text, pngBytes(array)))
    return pictures


def sectionPicture(part: TriangleMesh, model: TriangleMesh, axis: int, level: float, center=None) -> np.ndarray:
    """Outlines of two meshes in the plane where coordinate ``axis`` is ``level``, uint8 (height, width, 3).

    :param center: LPS mm, the middle of what is shown, ringed; None for all of both.
    """
    from PIL import Image, ImageDraw

    across, up = (one for one in range(3) if one != axis)
    outlines = [
        meshOutline(mesh.points.astype(np.float64), mesh.triangles, axis, level)[0][..., [across, up]]
        for mesh in (model, part)
    ]
    if center is None:
        ends = np.concatenate([lines.reshape(-1, 2) for lines in outlines])
        if not len(ends):
            ends = np.array([[-1.0, -1], [1, 1]])
        low, high = ends.min(axis=0), ends.max(axis=0)
        margin = MARGIN * float((high - low).max()) + 1e-6
        low, high = low - margin, high + margin
    else:
        middle = np.array([center[across], center[up]], dtype=np.float64)
        low, high = middle - AROUND, middle + AROUND
    scale = WIDTH / (high[0] - low[0])
    height = int(np.clip(round(scale * (high[1] - low[1])), 80, 2 * WIDTH))
    picture = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(picture)
    step = next((one for one in STEPS if one * scale >= WIDTH / 9), STEPS[-1])
    _drawGrid(draw, low, high, scale=scale, height=height, step=step)
    for lines, color in zip(outlines, (MODEL, PART), strict=True):
        pixels = (lines - low) * scale
        pixels[..., 1] = height - pixels[..., 1]
        shown = ((pixels.max(axis=1) >= 0) & (pixels.min(axis=1) <= [WIDTH, height])).all(axis=1)
        for line in pixels[shown]:
            draw.line([tuple(point) for point in line], fill=color, width=2)
    if center is not None:
        x, y = WIDTH / 2, height / 2
        draw.ellipse((x - 16, y - 16, x + 16, y + 16), outline=MARK, width=2)
    draw.text((6, 4), f"part orange, model blue, grid {exactNumber(step)} mm", fill=(60, 60, 60))
    return np.asarray(picture)


def _drawGrid(draw, low, high, *, scale, height, step) -> None:
    for k in range(2):
        for value in np.arange(np.ceil(low[k] / step), np.floor(high[k] / step) + 1) * step:
            place = (value - low[k]) * scale
            line = (place, 0, place, height) if k == 0 else (0, height - place, WIDTH, height - place)
            draw.line(line, fill=GRID)


def _axisAlongSurface(mesh: TriangleMesh, point: np.ndarray) -> int:
    """The axis to cut across so that the plane meets the surface at a place most squarely."""
    vertex = int(np.argmin(((mesh.points - point) ** 2).sum(axis=1)))
    corners = mesh.points[mesh.triangles[(mesh.triangles == vertex).any(axis=1)]].astype(np.float64)
    normal = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0))
    return 2 if normal[2] < 0.7 * np.linalg.norm(normal) else int(np.argmin(normal))
