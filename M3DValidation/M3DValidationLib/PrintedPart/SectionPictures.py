"""Sections through a part and its model: both outlines in one picture, as a person would hold them over each other.

The part's outline has the color of its deviation, by the scale of the maps; the model's is gray. The ground is
transparent, so that a picture lies on paper and on a dark page. Made with numpy and Pillow alone, so that it needs no
machine that can render.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import exactNumber, millimeters

from ..CheckSupport import sidesText
from ..Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from ..Report.Content.WorstPlaces import worstPlaces
from ..Report.Pictures.ColorScale import deviationColors
from ..Report.Pictures.PictureFile import Picture, pngBytes
from ..Report.Pictures.PictureMarks import scaleBar, sideLetters
from ..Report.Pictures.SlicePicture import MARK, RIM, meshOutline

GRID, MODEL = (128, 128, 128, 70), (128, 128, 128, 255)
WIDTH, MARGIN = 560, 0.06
# Drawn so many times as large, for smooth lines.
_FINER = 2
# Half the width of the picture of one place, mm, and the distances that grid lines may have.
AROUND, STEPS = 8.0, (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
PART_AND_MODEL, TWO_VERSIONS = ("part", "model"), ("new version", "old version")
# By the axis that a plane lies across: its name, and the sides at its left, right, bottom and top.
PLANES = {2: "axial", 1: "coronal", 0: "sagittal"}
_SIDES = {2: "RLPA", 1: "RLIS", 0: "APIS"}


def sectionPictures(
    part: DeviationMap, model: TriangleMesh, facts: dict, names: tuple[str, str] = PART_AND_MODEL
) -> list[Picture]:
    """Three sections through the middle of the model and through each of the worst places, the clearest plane first.

    :param part: the deviations at the points of the part, aligned, LPS mm.
    :param facts: of the deviation between the two, as the report has them. :param names: what the two are called.
    """
    one, _other = names
    drawn = ComparedSurfaces(part, model, facts)
    low, high = model.points.min(axis=0).astype(np.float64), model.points.max(axis=0).astype(np.float64)
    words = inWords(names)
    pictures = []
    for axis, plane in PLANES.items():
        middle = (low + high) / 2
        array, step = drawn.picture(axis, float(middle[axis]))
        where = sidesText(middle).split(", ")[axis]
        text = f"Section in the {plane} plane at {where} mm: {words}, grid {exactNumber(step)} mm."
        title = f"Section in the {plane} plane at {where} mm, grid {exactNumber(step)} mm"
        pictures.append(Picture(f"section-{'xyz'[axis]}.png", "section", title, text, pngBytes(array)))
    for number, (distance, point) in enumerate(worstPlaces(facts), start=1):
        best = _axisAlongSurface(part.mesh, np.array(point))
        side = f"{one} too small" if distance > 0 else f"{one} too large"
        if names == TWO_VERSIONS:
            side = "removed" if distance > 0 else "added"
        size, where = millimeters(distance, True), sidesText(point)
        for axis in sorted(PLANES, key=lambda axis, best=best: (axis != best, -axis)):
            plane = PLANES[axis]
            array, step = drawn.picture(axis, point[axis], point)
            title = f"Deviation {number}: {size}, {side}, at {where} mm, {plane} plane"
            text = (
                f"Section in the {plane} plane through the place at {where} mm, ringed ({side}): {words}, grid "
                f"{exactNumber(step)} mm."
            )
            file = f"section-worst-{number}{'' if axis == best else '-' + 'xyz'[axis]}.png"
            pictures.append(Picture(file, "worst", title, text, pngBytes(array)))
    return pictures


def inWords(names: tuple[str, str]) -> str:
    """What is to be seen in a section of two surfaces of these names."""
    one, other = names
    return f"the {one} in the color of its deviation, the {other} gray"


class ComparedSurfaces:
    """A part in the colors of its deviation, and its model, to be cut where one likes."""

    def __init__(self, part: DeviationMap, model: TriangleMesh, facts: dict):
        """See :func:`sectionPictures`."""
        self.part, self.model = part.mesh, model
        self.colors = deviationColors(part.distance, RANGE_IN_TOLERANCES * facts["tolerance"], part.reliable)

    def picture(self, axis: int, level: float, center=None) -> tuple[np.ndarray, float]:
        """Outlines in the plane where coordinate ``axis`` is ``level``, uint8 (height, width, 4), and the grid's step.

        :param center: LPS mm, the middle of what is shown, ringed; None for all of both.
        """
        from PIL import Image, ImageDraw

        across, up = (one for one in range(3) if one != axis)
        cuts = [
            meshOutline(mesh.points.astype(np.float64), mesh.triangles, axis, level) for mesh in (self.model, self.part)
        ]
        outlines = [lines[..., [across, up]] for lines, _triangles in cuts]
        # Anterior is on top, as in the slices of a scan.
        turned = np.array([1.0, -1.0 if up == 1 else 1.0])
        outlines = [lines * turned for lines in outlines]
        low, high = _window(outlines, None if center is None else np.array([center[across], center[up]]) * turned)
        scale = _FINER * WIDTH / (high[0] - low[0])
        width, height = _FINER * WIDTH, int(np.clip(round(scale * (high[1] - low[1])), 160, 4 * WIDTH))
        picture = Image.new("RGBA", (width, height), (128, 128, 128, 0))
        draw = ImageDraw.Draw(picture)
        step = next((one for one in STEPS if one * scale >= width / 9), STEPS[-1])
        _drawGrid(draw, low, high, scale=scale, size=(width, height), step=step)
        shown = self.colors[self.part.triangles[cuts[1][1]]].mean(axis=1).astype(int)
        models = [MODEL] * len(outlines[0])
        parts = [(*color, 255) for color in shown.tolist()]
        for lines, colors, isPart in zip(outlines, (models, parts), (False, True), strict=True):
            pixels = (lines - low) * scale
            pixels[..., 1] = height - pixels[..., 1]
            seen = np.flatnonzero(((pixels.max(axis=1) >= 0) & (pixels.min(axis=1) <= [width, height])).all(axis=1))
            if isPart:
                for line in seen:
                    draw.line([tuple(point) for point in pixels[line]], fill=(*RIM, 255), width=5 * _FINER)
            for line in seen:
                draw.line([tuple(point) for point in pixels[line]], fill=colors[line], width=3 * _FINER)
        if center is not None:
            _ring(draw, width / 2, height / 2)
        small = np.asarray(picture.resize((WIDTH, round(height / _FINER)), Image.Resampling.BOX))
        left, right, lower, upper = _SIDES[axis]
        return scaleBar(sideLetters(small, left, right, upper, lower), _FINER / scale), step


def _window(outlines: list[np.ndarray], middle: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of what is shown, mm."""
    if middle is not None:
        return middle - AROUND, middle + AROUND
    ends = np.concatenate([lines.reshape(-1, 2) for lines in outlines])
    if not len(ends):
        ends = np.array([[-1.0, -1], [1, 1]])
    low, high = ends.min(axis=0), ends.max(axis=0)
    margin = MARGIN * float((high - low).max()) + 1e-6
    return low - margin, high + margin


def _ring(draw, x: float, y: float) -> None:
    for radius, color, width in ((14, (*RIM, 255), 5), (13, (*MARK, 255), 3)):
        size = radius * _FINER
        draw.ellipse((x - size, y - size, x + size, y + size), outline=color, width=width * _FINER)


def _drawGrid(draw, low, high, *, scale, size, step) -> None:
    width, height = size
    for k in range(2):
        for value in np.arange(np.ceil(low[k] / step), np.floor(high[k] / step) + 1) * step:
            place = (value - low[k]) * scale
            line = (place, 0, place, height) if k == 0 else (0, height - place, width, height - place)
            draw.line(line, fill=GRID, width=_FINER)


def _axisAlongSurface(mesh: TriangleMesh, point: np.ndarray) -> int:
    """The axis to cut across so that the plane meets the surface at a place most squarely."""
    vertex = int(np.argmin(((mesh.points - point) ** 2).sum(axis=1)))
    corners = mesh.points[mesh.triangles[(mesh.triangles == vertex).any(axis=1)]].astype(np.float64)
    normal = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0))
    return 2 if normal[2] < 0.7 * np.linalg.norm(normal) else int(np.argmin(normal))
