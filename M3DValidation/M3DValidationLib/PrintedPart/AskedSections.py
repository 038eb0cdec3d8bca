"""Sections of two compared surfaces through places that somebody asked for: both outlines, in three planes each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from M3DLib.NumberText import exactNumber

from ..CheckSupport import sidesText
from ..Report.Content.PlaceViews import sectionTexts
from ..Report.Pictures.AskedSections import KIND, nearestOn
from ..Report.Pictures.PictureFile import Picture, pngBytes
from .SectionPictures import AROUND, PLANES, ComparedSurfaces, inWords


def requireNear(part: TriangleMesh, model: TriangleMesh, places: Sequence[Sequence[float]]) -> None:
    """Refuse places around which neither surface would be seen.

    :param part: aligned, as it is compared. :param places: LPS mm, in the coordinates of the model.
    :raises M3DError: a place lies outside the box around both; says where that lies.
    """
    if not places:
        return
    ends = [lowAndHigh(mesh.points) for mesh in (part, model)]
    low, high = np.minimum(*(low for low, _ in ends)), np.maximum(*(high for _, high in ends))
    problems = [
        f"The place {sidesText(place)} mm of --section-at lies outside both surfaces, which go from {sidesText(low)} "
        f"to {sidesText(high)} mm in B's coordinates."
        for place in places
        if (np.array(place) < low - AROUND).any() or (np.array(place) > high + AROUND).any()
    ]
    if problems:
        raise M3DError(problems)


def sectionsOfBoth(
    part: DeviationMap, model: TriangleMesh, facts: dict, names: tuple[str, str], places: Sequence[Sequence[float]]
) -> tuple[list[dict], list[Picture]]:
    """The entries of the report's ``sections``, and three pictures for each place.

    :param part: the deviations at the points of the part, aligned, LPS mm.
    :param facts: of the deviation between the two, as the report has them. :param names: what the two are called.
    :param places: LPS mm, near the surfaces.
    """
    drawn = ComparedSurfaces(part, model, facts)
    distance = np.where(part.reliable, part.distance, np.nan)
    entries, pictures = [], []
    for number, place in enumerate(places, start=1):
        point = np.array(place, dtype=np.float64)
        nearest = nearestOn(part.mesh.points, part.mesh.triangles, distance, point)
        entry = {
            "number": number,
            "pointLps": [round(float(value), 3) for value in point],
            "slice": None,
            "models": [{"segment": "", "of": names[0], **nearest}],
            "pictures": [],
        }
        where = sidesText(entry["pointLps"])
        for axis, plane in PLANES.items():
            array, step = drawn.picture(axis, float(point[axis]), point)
            title = f"Section {number} at {where} mm, {plane} plane"
            text = (
                f"Section in the {plane} plane through {where} mm, ringed, as asked for: {inWords(names)}, grid "
                f"{exactNumber(step)} mm."
            )
            file = f"section-at-{number}-{'xyz'[axis]}.png"
            entry["pictures"].append(file)
            said = " ".join([text, *sectionTexts(entry["models"])])
            pictures.append(Picture(file, KIND, title, said, pngBytes(array)))
        entries.append(entry)
    return entries, pictures
