"""Pictures of the thinnest wall and the narrowest gap that a validation has found fault with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...CheckSupport import sidesText
from ...Soundness.PlacePicture import cornersAcross, cornersNear, freestDirection, renderPlace
from ...Soundness.SectionPicture import sectionPicture
from .Pictures import Picture, pngBytes

if TYPE_CHECKING:
    from ...Check import Case
    from ...Requirement import Finding

_NAMES = {"wall-thickness": ("thinnest-wall", "Thinnest wall"), "gap-width": ("narrowest-gap", "Narrowest gap")}
_RADIUS_MM = 15.0


def thinPlacePictures(case: Case, findings: Sequence[Finding], ending: str = "") -> list[Picture]:
    """One picture for each finding on walls or gaps that names a place.

    The finding's evidence gets ``picture``, the name of the file, or, where none can be made, ``pictureNote``.

    :param ending: put behind the names of the files, before their ".png".
    """
    pictures = []
    for finding in findings:
        place = finding.evidence.get("thinnestPlace")
        if finding.requirement.id not in _NAMES or place is None or case.mesh is None:
            continue
        stem, title = _NAMES[finding.requirement.id]
        isGap = finding.requirement.id == "gap-width"
        normal = np.array(finding.evidence["thinnestNormal"], dtype=np.float64)
        array, rendered = _picture(case, np.array(place), normal, float(finding.measured), isGap)
        if not rendered:
            finding.evidence["pictureNote"] = "This machine cannot render, so the picture shows the cut only."
        file = f"{stem}{ending}.png"
        where = sidesText(place)
        name = f" of '{case.name}'" if case.name and ending else ""
        text = (
            f"A cut through the model{name} at {where} mm, material gray; a ring marks the place where the "
            f"{'gap' if isGap else 'wall'} is {finding.measured:.2f} mm."
        )
        if rendered:
            text += f" Beside it the surroundings, {2 * _RADIUS_MM:g} mm wide, seen from outside."
        finding.evidence["picture"] = file
        pictures.append(
            Picture(
                file,
                "thinnestPlace",
                title + name,
                text,
                pngBytes(_withoutPaper(array)),
                requirement=finding.requirement.id,
            )
        )
    return pictures


def _picture(case: Case, place: np.ndarray, normal: np.ndarray, value: float, isGap: bool) -> tuple[np.ndarray, bool]:
    """Cut and view from outside side by side, and whether this machine could render the view."""
    normal = normal / np.linalg.norm(normal)
    one = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    one /= np.linalg.norm(one)
    turns = np.radians(np.arange(0, 360, 30))[:, None]
    around = np.cos(turns) * one + np.sin(turns) * np.cross(normal, one)
    # A gap is seen from its end only; a wall from before it, or from the side where something stands before it.
    directions = around if isGap else np.concatenate([normal[None], (normal + around) / np.sqrt(2)])
    reach = 4 * _RADIUS_MM
    start = place + normal * (value / 2 if isGap else 0.01)
    direction = freestDirection(cornersNear(case.mesh, start, reach), start, directions, reach)
    middle = place + normal * (value / 2 if isGap else -value / 2)
    # Eight times as wide as what is thin, so that it is seen, and never so narrow that the place is not recognized.
    across = cornersAcross(case.mesh, middle, np.cross(one, normal))
    cut = sectionPicture(across, middle, normal, one, float(np.clip(8 * value, 3, _RADIUS_MM)))
    shown = renderPlace(case.mesh, middle, direction, _RADIUS_MM)
    return (cut, False) if shown is None else (np.concatenate([cut, shown], axis=1), True)


def _withoutPaper(array: np.ndarray) -> np.ndarray:
    """The picture with its white ground transparent, uint8 (height, width, 4): it lies on dark pages, too."""
    ground = (array == 255).all(axis=2)
    return np.concatenate([array, np.where(ground, 0, 255).astype(np.uint8)[:, :, None]], axis=2)
