"""The pictures of a report: model, deviation from six sides, overview slices, worst places."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Mesh.Rendering import VIEW_DIRECTION, View, renderPictures

from ..Content.WorstPlaces import worstPlaces
from .ColorScale import deviationColors
from .CompletenessPictures import piecePictures, scanViews
from .DeviationModel import shownDeviation
from .SlicePicture import SliceView, slicePicture

if TYPE_CHECKING:
    from ...Check import Case

# Seen from this side of the patient: the LPS direction towards the eye.
SIDES = {
    "anterior": (0, -1, 0),
    "posterior": (0, 1, 0),
    "left": (1, 0, 0),
    "right": (-1, 0, 0),
    "superior": (0, 0, 1),
    "inferior": (0, 0, -1),
}
_AXES = {2: "across the slices", 1: "along the rows", 0: "along the columns"}


@dataclass
class Picture:
    """A picture and what it shows.

    :ivar file: its name beside the report.
    :ivar kind: "model", "deviation", "scan", "completeness", "overview", "worst", "fieldOfView" or "thinnestPlace".
    :ivar requirement: whose finding it shows; "" for none in particular.
    :ivar alternative: what it shows, for whoever cannot see it.
    :ivar segment: which segment it shows; "" where there is only one model.
    """

    file: str
    kind: str
    title: str
    alternative: str
    png: bytes
    requirement: str = ""
    segment: str = ""

    def asDict(self) -> dict:
        """The entry of the report's ``pictures``."""
        entry = {
            "file": self.file,
            "kind": self.kind,
            "title": self.title,
            "alternative": self.alternative,
            "sha256": hashlib.sha256(self.png).hexdigest(),
        }
        more = {"requirement": self.requirement, "segment": self.segment}
        return entry | {name: value for name, value in more.items() if value}


def pngBytes(array: np.ndarray) -> bytes:
    """uint8 (height, width, 3) as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="PNG", compress_level=4)
    return stream.getvalue()


def makePictures(cases: Sequence[Case], progress: Callable[[float, str], None] = noProgress) -> list[Picture]:
    """Everything that can be shown of the cases; what this machine cannot render is left out."""
    pictures = []
    for number, case in enumerate(cases, start=1):
        ending = "" if len(cases) == 1 else f"-{number}"
        name = "" if not case.name or len(cases) == 1 else f" of '{case.name}'"
        if case.mesh is None:
            continue

        def part(done: float, text: str, start=number - 1) -> None:
            progress((start + done) / len(cases), text)

        part(0.0, "Rendering the model")
        own = _modelPictures(case, ending, name, lambda done, text, part=part: part(0.4 * done, text))
        if case.image is not None and not case.image.geometryProblems:
            part(0.4, "Rendering the scan's edge")
            own += _scan(case, ending, name)
            part(0.5, "Cutting the scan")
            index = case.image.lpsToIndex(case.mesh.points)
            own += _overview(case, ending, name, index, lambda done, text, part=part: part(0.5 + 0.1 * done, text))
            own += _worstPlaces(case, ending, name, index, lambda done, text, part=part: part(0.6 + 0.4 * done, text))
        pictures += ofSegment(own, case, len(cases) > 1)
    progress(1.0, "Pictures made")
    return pictures


def ofSegment(pictures: list[Picture], case: Case, several: bool) -> list[Picture]:
    """The pictures, which then say what segment they show where there are several."""
    for picture in pictures:
        picture.segment = case.name if several else ""
    return pictures


def _modelPictures(case: Case, ending: str, name: str, progress: Callable[[float, str], None]) -> list[Picture]:
    measured = shownDeviation(case)
    views, colors = [View(VIEW_DIRECTION, (640, 480), colored=False)], None
    if measured is not None:
        kind, deviation, reach = measured
        colors = [deviationColors(deviation.distance, reach, deviation.reliable)]
        views += [View(direction, (400, 300)) for direction in SIDES.values()]
    shown = renderPictures([case.mesh], views, pointColors=colors, progress=progress)
    if not shown:
        return []
    text = f"The model{name}, seen from the patient's left front, slightly from above."
    pictures = [Picture(f"model{ending}.png", "model", f"Model{name}", text, pngBytes(shown[0]))]
    if measured is None:
        return pictures
    for side, view in zip(SIDES, shown[1:], strict=True):
        text = (
            f"Deviation from the {kind}{name}, {side} view; blue: mesh too large, orange: too small, full color at "
            f"{reach:g} mm; dark gray: not measured."
        )
        title = f"Deviation{name}, {side} view"
        pictures.append(Picture(f"deviation-{side}{ending}.png", "deviation", title, text, pngBytes(view)))
    return pictures


def _scan(case: Case, ending: str, name: str) -> list[Picture]:
    reach, views = scanViews(case, SIDES, (400, 300))
    pictures = []
    for side, shown in views.items():
        title = f"Edge in the scan{name}, {side} view"
        text = (
            f"The edge that the scan shows, {side} view, in the color of its distance to the model{name}; orange: the "
            f"model is too small or lacks it, blue: too large, full color at {reach:g} mm; dark gray: not measured."
        )
        pictures.append(Picture(f"scan-{side}{ending}.png", "scan", title, text, pngBytes(shown)))
    for number, (requirement, title, text, array) in enumerate(piecePictures(case), start=1):
        file = f"completeness-{number}{ending}.png"
        pictures.append(Picture(file, "completeness", title + name, text, pngBytes(array), requirement))
    return pictures


def _overview(
    case: Case, ending: str, name: str, index: np.ndarray, progress: Callable[[float, str], None]
) -> list[Picture]:
    if not len(index):
        return []
    middle = (index.min(axis=0) + index.max(axis=0)) / 2
    pictures = []
    for axis, way in _AXES.items():
        progress(len(pictures) / len(_AXES), "Cutting the scan")
        number = int(np.clip(np.rint(middle[axis]), 0, case.image.dimensions[axis] - 1)) + 1
        array = slicePicture(case.image, case.mesh, SliceView(axis, middle[axis]), 400, index)
        text = f"Cut {way} number {number} through the middle of the model{name}, with the model's outline in orange."
        title = f"Outline{name} on the scan, cut {way}, number {number}"
        pictures.append(Picture(f"overview-{'ijk'[axis]}{ending}.png", "overview", title, text, pngBytes(array)))
    return pictures


def _worstPlaces(
    case: Case, ending: str, name: str, index: np.ndarray, progress: Callable[[float, str], None]
) -> list[Picture]:
    report = case.measurements.get("deviation")
    facts = report.data["image"] if report is not None else None
    if not facts:
        return []
    pictures = []
    places = list(worstPlaces(facts))
    for number, (distance, point) in enumerate(places, start=1):
        progress((number - 1) / len(places), "Cutting the scan where the deviation is largest")
        axis = _axisAlongSurface(case, np.array(point))
        level = float(case.image.lpsToIndex(np.array([point]))[0, axis])
        array = slicePicture(case.image, case.mesh, SliceView(axis, level, tuple(point)), 400, index)
        where = ", ".join(f"{value:.1f}" for value in point)
        size = f"{distance:+.2f} mm, mesh too {'small' if distance > 0 else 'large'}"
        text = f"Cut {_AXES[axis]} through the place of a deviation of {size}, at LPS {where} mm; outline in orange."
        title = f"Deviation {number}{name}: {size}"
        pictures.append(Picture(f"worst-{number}{ending}.png", "worst", title, text, pngBytes(array)))
    return pictures


def _axisAlongSurface(case: Case, point: np.ndarray) -> int:
    """The index axis to cut across so that the cut meets the surface at a place most squarely; k where alike."""
    mesh = case.mesh
    vertex = int(np.argmin(((mesh.points - point) ** 2).sum(axis=1)))
    corners = mesh.points[mesh.triangles[(mesh.triangles == vertex).any(axis=1)]].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0)
    directions = case.image.ijkToLps[:3, :3] / case.image.spacing
    lean = np.abs(normal @ directions) / max(float(np.linalg.norm(normal)), 1e-30)
    return 2 if lean[2] < 0.7 else int(np.argmin(lean))
