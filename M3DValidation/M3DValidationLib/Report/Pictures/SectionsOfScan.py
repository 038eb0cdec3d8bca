"""Sections through the scan with the model's outline on it: through its middle, and three through each worst place.

The outline has the color of the deviation there, by the scale of the maps; where nothing was measured it is dashed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...CheckSupport import sidesText
from ...Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from ...Deviation.DeviationStatistics import sliceNumber
from ..Content.WorstPlaces import worstPlaces
from .ColorScale import deviationColors
from .PictureFile import Picture, pngBytes
from .SlicePicture import Outline, SliceView, slicePicture

if TYPE_CHECKING:
    from ...Check import Case

AXES = {2: "across the slices", 1: "along the rows", 0: "along the columns"}
WIDTH = 560


def sectionsOf(case: Case, ending: str, name: str, progress: Callable[[float, str], None]) -> list[Picture]:
    """All sections of a case that has a scan and a mesh."""
    outline = outlineOf(case)
    pictures = _overview(case, outline, ending, name, lambda done, text: progress(0.3 * done, text))
    return pictures + _worstPlaces(case, outline, ending, name, lambda done, text: progress(0.3 + 0.7 * done, text))


def outlineOf(case: Case) -> Outline:
    """The mesh as its deviations were measured on it, in voxel indices, with a color for every point."""
    report = case.measurements.get("deviation")
    deviation = report.maps.get("image") if report is not None else None
    if deviation is None:
        return Outline(case.image.lpsToIndex(case.mesh.points), case.mesh.triangles)
    mesh, reach = deviation.mesh, RANGE_IN_TOLERANCES * report.data["image"]["tolerance"]
    colors = deviationColors(deviation.distance, reach, deviation.reliable)
    known = deviation.reliable & np.isfinite(deviation.distance)
    return Outline(case.image.lpsToIndex(mesh.points), mesh.triangles, colors, known)


def _overview(
    case: Case, outline: Outline, ending: str, name: str, progress: Callable[[float, str], None]
) -> list[Picture]:
    index = outline.points
    if not len(index):
        return []
    middle = (index.min(axis=0) + index.max(axis=0)) / 2
    pictures = []
    for axis, way in AXES.items():
        progress(len(pictures) / len(AXES), "Cutting the scan")
        number = int(np.clip(np.rint(middle[axis]), 0, case.image.dimensions[axis] - 1)) + 1
        array = slicePicture(case.image, outline, SliceView(axis, middle[axis]), WIDTH)
        text = f"Cut {way} number {number} through the middle of the model{name}, with the model's outline."
        title = f"Outline{name} on the scan, cut {way}, number {number}"
        pictures.append(Picture(f"overview-{'ijk'[axis]}{ending}.png", "overview", title, text, pngBytes(array)))
    return pictures


def _worstPlaces(
    case: Case, outline: Outline, ending: str, name: str, progress: Callable[[float, str], None]
) -> list[Picture]:
    report = case.measurements.get("deviation")
    facts = report.data["image"] if report is not None else None
    if not facts:
        return []
    pictures = []
    places = list(worstPlaces(facts))
    for number, (distance, point) in enumerate(places, start=1):
        where, slice_ = sidesText(point), sliceNumber(case.image, np.array(point))
        best = _axisAlongSurface(outline, case, np.array(point))
        levels = case.image.lpsToIndex(np.array([point]))[0]
        size = f"{distance:+.2f} mm, mesh too {'small' if distance > 0 else 'large'}".replace("-", "\u2212")
        for step, axis in enumerate(sorted(AXES, key=lambda axis, best=best: (axis != best, -axis))):
            done = (number - 1 + step / len(AXES)) / len(places)
            progress(done, "Cutting the scan where the deviation is largest")
            view = SliceView(axis, float(levels[axis]), tuple(point))
            array = slicePicture(case.image, outline, view, WIDTH)
            text = (
                f"Cut {AXES[axis]} through the place of a deviation of {size}, at {where} mm, ringed; the "
                "model's outline in the color of its deviation, dashed where it was not measured."
            )
            plane = "" if axis == best else f"-{'ijk'[axis]}"
            title = f"Deviation {number}{name}: {size}, at {where} mm, slice {slice_}, cut {AXES[axis]}"
            pictures.append(Picture(f"worst-{number}{plane}{ending}.png", "worst", title, text, pngBytes(array)))
    return pictures


def _axisAlongSurface(outline: Outline, case: Case, point: np.ndarray) -> int:
    """The index axis to cut across so that the cut meets the surface at a place most squarely; k where alike."""
    index = case.image.lpsToIndex(point[None])[0]
    x, y, z = outline.points.T
    vertex = int(np.argmin((x - index[0]) ** 2 + (y - index[1]) ** 2 + (z - index[2]) ** 2))
    a, b, c = outline.triangles.T
    corners = outline.points[outline.triangles[(a == vertex) | (b == vertex) | (c == vertex)]] * case.image.spacing
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0)
    lean = np.abs(normal) / max(float(np.linalg.norm(normal)), 1e-30)
    return 2 if lean[2] < 0.7 else int(np.argmin(lean))
