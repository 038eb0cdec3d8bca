"""Sections through places that somebody asked for: three planes of the scan through each, with the model's outline.

They are made with the checks, from the scan and the surface that was measured, or later, when a report is made anew
from the scan and the 3D model beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Distance.TriangleDistance import closestOnTriangles
from M3DLib.Errors import M3DError

from ...CheckSupport import sidesText
from ...Deviation.DeviationStatistics import sliceNumber
from ..Content.PlaceViews import sectionTexts
from .DeviationModel import fileEnding, shownDeviation
from .PictureFile import Picture, pngBytes
from .SectionsOfScan import AXES, WIDTH, outlineOf
from .SlicePicture import Outline, SliceView, drawnSlice

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume

    from ...Check import Case

KIND = "sectionAt"


@dataclass
class SectionedModel:
    """A model as it is drawn into sections.

    :ivar outline: its surface in the voxels of the scan, with colors; None where there is no model.
    :ivar points: (n, 3) LPS mm, its points. :ivar triangles: (m, 3).
    :ivar distance: (n,) mm, signed, NaN where nothing was measured; None where
        no deviation is known.
    :ivar segment: its name where there are several; "" otherwise. :ivar ending: of the names of its files.
    :ivar fewer: what to say of a surface that is only a reduction of the model; "" for the model itself.
    """

    outline: Outline | None = None
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    triangles: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int64))
    distance: np.ndarray | None = None
    segment: str = ""
    ending: str = ""
    fewer: str = ""


def requireInside(image: ImageVolume, places: Sequence[Sequence[float]]) -> None:
    """Refuse places through which this scan has no section.

    :param places: LPS mm.
    :raises M3DError: a place lies outside the scan, or the scan is no regular grid; says where the scan lies.
    """
    if not places:
        return
    if image.geometryProblems:
        raise M3DError(
            "There is no section through a place of this scan, because it is no regular grid: "
            f"{image.geometryProblems[0]}"
        )
    size = np.array(image.dimensions, dtype=np.float64)
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in size], indexing="ij")).reshape(3, -1).T
    low, high = (function(image.indexToLps(corners), axis=0) for function in (np.min, np.max))
    problems = []
    for place, index in zip(places, image.lpsToIndex(np.array(places, dtype=np.float64)), strict=True):
        if not ((index >= -0.5) & (index <= size - 0.5)).all():
            problems.append(
                f"The place {sidesText(place)} mm of --section-at lies outside the scan, which goes from "
                f"{sidesText(low)} to {sidesText(high)} mm."
            )
    if problems:
        raise M3DError(problems)


def modelsOf(cases: Sequence[Case]) -> list[SectionedModel]:
    """The models of cases that were checked, one for each; one without a surface for a scan alone."""
    models = []
    for number, case in enumerate(cases, start=1):
        if case.mesh is None:
            continue
        shown = shownDeviation(case)
        distance = None
        mesh = case.mesh
        if shown is not None and shown[0] == "image":
            deviation = shown[1]
            mesh = deviation.mesh
            distance = np.where(deviation.reliable, deviation.distance, np.nan)
        models.append(
            SectionedModel(
                outlineOf(case),
                mesh.points,
                mesh.triangles,
                distance,
                case.name if len(cases) > 1 else "",
                fileEnding(case, number, len(cases)),
            )
        )
    return models or [SectionedModel()]


def askedSections(
    image: ImageVolume, models: Sequence[SectionedModel], places: Sequence[Sequence[float]], first: int = 1
) -> tuple[list[dict], list[Picture]]:
    """Three pictures for each place and model, and the entries of the report's ``sections``.

    :param places: LPS mm, inside the scan. :param first: number of the first section.
    """
    entries, pictures = [], []
    for number, place in enumerate(places, start=first):
        point = np.array(place, dtype=np.float64)
        entry = {
            "number": number,
            "pointLps": [round(float(value), 3) for value in point],
            "slice": sliceNumber(image, point),
            "models": [],
            "pictures": [],
        }
        levels = image.lpsToIndex(point[None])[0]
        for model in models:
            nearest = None
            if len(model.triangles):
                found = nearestOn(model.points, model.triangles, model.distance, point)
                nearest = {"segment": model.segment, **found}
                entry["models"].append(nearest)
            for axis in sorted(AXES, reverse=True):
                view = SliceView(axis, float(levels[axis]), tuple(point))
                picture = _picture(image, model, view, entry, nearest)
                entry["pictures"].append(picture.file)
                pictures.append(picture)
        entries.append(entry)
    return entries, pictures


def _picture(image, model: SectionedModel, view: SliceView, entry: Mapping, nearest: Mapping | None) -> Picture:
    name = f" of '{model.segment}'" if model.segment else ""
    where, slice_ = sidesText(entry["pointLps"]), entry["slice"]
    title = f"Section {entry['number']}{name} at {where} mm, slice {slice_}, cut {AXES[view.axis]}"
    text = f"Cut {AXES[view.axis]} through {where} mm, slice {slice_}, ringed, as asked for."
    nothing = Outline(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    array, isMet = drawnSlice(image, model.outline or nothing, view, WIDTH)
    if model.outline is None:
        text += " There is no model."
    elif not isMet:
        text += f" The model{name} has no surface in this picture."
    elif model.outline.colors is None:
        text += f" The outline is that of the model{name}."
    else:
        text += f" The outline is that of the model{name}, in the color of its deviation, dashed where not measured."
    text = " ".join(filter(None, (text, *sectionTexts([nearest] if nearest else []), model.fewer)))
    file = f"section-at-{entry['number']}-{'ijk'[view.axis]}{model.ending}.png"
    return Picture(file, KIND, title, text, pngBytes(array), segment=model.segment)


def nearestOn(points: np.ndarray, triangles: np.ndarray, distance: np.ndarray | None, point: np.ndarray) -> dict:
    """What is known of the surface nearest to a point: its exact distance, and the deviation at its corner.

    :param points: (n, 3) LPS mm. :param triangles: (m, 3), one at least. :param distance: see :class:`SectionedModel`.
    :param point: (3,) LPS mm.
    """
    away = np.linalg.norm(points.astype(np.float64) - point, axis=1)
    corners = points[triangles].astype(np.float64)
    longest = max(float(np.linalg.norm(corners[:, k] - corners[:, k - 1], axis=1).max()) for k in range(3))
    # A triangle that is nearer than the nearest corner has its own corners no farther off than its longest edge.
    near = (away <= away[triangles].min() + longest)[triangles].any(axis=1)
    a, b, c = (corners[near, k].T for k in range(3))
    closest, _feature = closestOnTriangles(np.repeat(point[:, None], near.sum(), axis=1), a, b, c)
    distances = np.linalg.norm(closest - point[:, None], axis=0)
    best = int(np.argmin(distances))
    corner = int(min(triangles[near][best], key=lambda vertex: away[vertex]))
    value = None if distance is None else float(distance[corner])
    return {
        "surfaceMm": round(float(distances[best]), 4),
        "surfacePointLps": [round(float(one), 3) for one in closest[:, best]],
        "deviationMm": None if value is None or not np.isfinite(value) else round(value, 4),
    }
