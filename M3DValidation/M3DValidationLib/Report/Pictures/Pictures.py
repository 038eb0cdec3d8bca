"""The pictures of a report: model, deviation from six sides, overview slices, worst places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Mesh.Rendering import VIEW_DIRECTION, View
from M3DLib.TwoThreads import besideEachOther

from ...Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from .CompletenessPictures import piecePictures, scanViews
from .DeviationModel import MOST_TRIANGLES, fileEnding, shownSurface
from .MapViews import mapViews, ownColor
from .PictureFile import Picture, pngBytes
from .SectionsOfScan import sectionsOf

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
# Width and height in pixels: of the maps, of the scan's edge, of the model.
SIZE, SCAN_SIZE, MODEL_SIZE = (640, 480), (480, 360), (640, 480)


def makePictures(cases: Sequence[Case], progress: Callable[[float, str], None] = noProgress) -> list[Picture]:
    """Everything that can be shown of the cases; what this machine cannot render is left out.

    Views are rendered in this thread, cuts are drawn beside it.
    """
    shown = [(case, fileEnding(case, number, len(cases))) for number, case in enumerate(cases, start=1)]
    shown = [(case, ending) for case, ending in shown if case.mesh is not None]
    several = len(cases) > 1
    seen, cut = besideEachOther(
        lambda said: _ofEach(shown, lambda *which: _views(*which, most=MOST_TRIANGLES // len(cases)), several, said),
        lambda said: _ofEach(shown, _cuts, several, said),
        progress,
    )
    pictures = []
    for (case, _ending), views, cuts in zip(shown, seen, cut, strict=True):
        pictures += ofSegment(views + cuts, case, several)
    progress(1.0, "Pictures made")
    return pictures


def _ofEach(shown, make: Callable, several: bool, progress: Callable[[float, str], None]) -> list[list[Picture]]:
    """What is made of each case, by the case, the ending and the name of its pictures, and progress."""
    made = []
    for number, (case, ending) in enumerate(shown):

        def part(done: float, text: str, start=number) -> None:
            progress((start + done) / len(shown), text)

        made.append(make(case, ending, f" of '{case.name}'" if case.name and several else "", part))
    return made


def _views(
    case: Case, ending: str, name: str, progress: Callable[[float, str], None], most: int = MOST_TRIANGLES
) -> list[Picture]:
    """What is rendered of a case."""
    progress(0.0, "Rendering the model")
    pictures = _modelPictures(case, ending, name, most, lambda done, text: progress(0.5 * done, text))
    if _isCut(case):
        progress(0.5, "Rendering the scan's edge")
        pictures += _scan(case, ending, name, lambda done, text: progress(0.5 + 0.5 * done, text))
    return pictures


def _cuts(case: Case, ending: str, name: str, progress: Callable[[float, str], None]) -> list[Picture]:
    """What is cut of the scan of a case."""
    if not _isCut(case):
        return []
    progress(0.0, "Cutting the scan")
    pictures = []
    for number, (requirement, title, text, array) in enumerate(piecePictures(case, name), start=1):
        file = f"completeness-{number}{ending}.png"
        pictures.append(Picture(file, "completeness", title, text, pngBytes(array), requirement))
    return pictures + sectionsOf(case, ending, name, progress)


def _isCut(case: Case) -> bool:
    """Whether cuts of the case's scan are shown, and its edge."""
    return case.image is not None and not case.image.geometryProblems


def ofSegment(pictures: list[Picture], case: Case, several: bool) -> list[Picture]:
    """The pictures, which then say what segment they show where there are several."""
    for picture in pictures:
        picture.segment = case.name if several else ""
    return pictures


def _modelPictures(
    case: Case, ending: str, name: str, most: int, progress: Callable[[float, str], None]
) -> list[Picture]:
    surface = shownSurface(case, most)
    views = {"model": View(VIEW_DIRECTION, MODEL_SIZE)}
    if surface is not None:
        views |= {side: View(direction, SIZE) for side, direction in SIDES.items()}
        mesh, distance, measured, reach = surface.mesh, surface.distance, surface.measured, surface.reach
    else:
        mesh, reach = case.mesh, 1.0
        distance, measured = np.zeros(len(mesh.points)), np.zeros(len(mesh.points), dtype=bool)
    shown = mapViews(mesh, distance, measured, reach=reach, views=views, progress=progress)
    if not shown:
        return []
    text = f"The model{name}, seen from the patient's left front, slightly from above."
    png = pngBytes(shown.pop("model").plain(ownColor(case.mesh)))
    pictures = [Picture(f"model{ending}.png", "model", f"Model{name}", text, png)]
    if surface is None:
        return pictures
    tolerance = reach / RANGE_IN_TOLERANCES
    # The side that is shown first: where most lies beyond the tolerance, else where most of all deviation is seen.
    best = max(shown, key=lambda side: shown[side].beyond(tolerance))
    for side in sorted(shown, key=lambda side: side != best):
        title = f"Deviation{name}, {side} view"
        text = f"Deviation from the {surface.kind}{name}, {side} view. {_words(reach)}"
        file = f"deviation-{side}{ending}.png"
        pictures.append(Picture(file, "deviation", title, text, pngBytes(shown[side].picture())))
    text = f"Deviation from the {surface.kind}{name} in bands, {best} view. {_words(reach)}"
    title = f"Deviation{name} in bands, {best} view"
    png = pngBytes(shown[best].picture(banded=True))
    pictures.append(Picture(f"deviation-banded{ending}.png", "deviation", title, text, png))
    return pictures


def _words(reach: float) -> str:
    return f"Blue: mesh too large, orange: too small, full color at {reach:g} mm; hatched: not measured."


def _scan(case: Case, ending: str, name: str, progress: Callable[[float, str], None]) -> list[Picture]:
    reach, views = scanViews(case, SIDES, SCAN_SIZE, progress)
    pictures = []
    tolerance = reach / RANGE_IN_TOLERANCES
    best = max(views, key=lambda side: views[side].beyond(tolerance)) if views else ""
    for side in sorted(views, key=lambda side: side != best):
        title = f"Edge in the scan{name}, {side} view"
        text = (
            f"The edge that the scan shows, {side} view, in the color of its distance to the model{name}; orange: the "
            f"model is too small or lacks it, blue: too large, full color at {reach:g} mm; hatched: not measured."
        )
        pictures.append(Picture(f"scan-{side}{ending}.png", "scan", title, text, pngBytes(views[side].picture())))
    return pictures
