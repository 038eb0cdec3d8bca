"""Pictures of the scan's edge with its distance to the model, and of what the model lacks or has too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Mesh.Rendering import View

from ...Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from ...Deviation.DeviationStatistics import sliceNumber
from ..Content.ReportText import number, place
from .DeviationModel import fewerTriangles
from .MapViews import MapView, mapViews
from .SlicePicture import SliceView, slicePicture

if TYPE_CHECKING:
    from ...Check import Case

MOST_PIECES = 3
# Of a cut, in pixels.
WIDTH = 560
# The edge of a scan has some two triangles to a voxel's face; so many are drawn sooner than made fewer.
MOST_TRIANGLES = 1_000_000
# What is listed of the scan, the words of its picture, and the requirement that it is about.
_PIECES = (
    ("bodiesLeftOut", "Missing in the model", "bodies-left-out", "volumeMm3", "mm³"),
    ("cutFaces", "Surface without an edge in the scan", "cut-faces", "areaMm2", "mm²"),
    ("bodiesAdded", "Not in the scan", "bodies-added", "volumeMm3", "mm³"),
)


def scanViews(
    case: Case, sides: dict, size: tuple[int, int], progress: Callable[[float, str], None] = noProgress
) -> tuple[float, dict[str, MapView]]:
    """The edge that the scan shows, colored by its distance to the model.

    :param sides: directions towards the eye, by name.
    :return: distance at which the colors reach the scale's end, mm, and a view by side; none where the scan was not
        compared or this machine cannot render.
    """
    report = case.measurements.get("deviation")
    if report is None or "scan" not in report.maps:
        return 0.0, {}
    deviation = report.maps["scan"]
    reach = RANGE_IN_TOLERANCES * report.data["scan"]["tolerance"]
    good = deviation.reliable & np.isfinite(deviation.distance)
    weights = np.where(good, np.abs(deviation.distance), 0).astype(np.float32)
    mesh, source = fewerTriangles(deviation.mesh, MOST_TRIANGLES, weights)
    views = {side: View(direction, size) for side, direction in sides.items()}
    return reach, mapViews(mesh, deviation.distance[source], good[source], reach=reach, views=views, progress=progress)


def piecePictures(case: Case, name: str = "") -> list[tuple[str, str, str, np.ndarray]]:
    """A cut through the largest body left out, cut face and body added: requirement, title, words, picture.

    :param name: " of '...'", where there are several models.
    """
    report = case.measurements.get("deviation")
    facts = report.data["scan"] if report is not None else None
    if not facts or case.image is None:
        return []
    pictures = []
    for key, what, requirement, measure, unit in _PIECES:
        for piece in facts[key][:MOST_PIECES]:
            center = piece["placeLps"]
            reach = float(np.clip(0.75 * max(piece.get("sizeMm", [20.0])), 20.0, 80.0))
            index = float(case.image.lpsToIndex(np.array([center]))[0, 2])
            array = slicePicture(case.image, case.mesh, SliceView(2, index, tuple(center), reach), WIDTH)
            size = f"{number(piece[measure])} {unit}"
            where, slice_ = place(center), sliceNumber(case.image, np.array(center))
            text = f"{what}: {size} around {where} mm, ringed, on the slice there; outline of the model in orange."
            pictures.append((requirement, f"{what}: {size}{name}, around {where} mm, slice {slice_}", text, array))
    return pictures
