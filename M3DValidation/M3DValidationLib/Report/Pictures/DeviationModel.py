"""The deviation map as a 3D model that a browser can turn: fewer triangles where the mesh has very many."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Identifying import namesPatient
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from ...Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from ..Content.WorstPlaces import worstPlaces
from .ColorScale import deviationColors
from .FewerTriangles import fewerTriangles as joinedPairs
from .GlbFile import glbBytes

if TYPE_CHECKING:
    from M3DLib.Distance.DeviationMap import DeviationMap

    from ...Check import Case

# Together in one report: 4.8 MB, which leaves room for the pictures in a page of 15 MB.
MOST_TRIANGLES = 200_000

# More than so many times the triangles that are wanted are too many to be shown.
_COARSE_FACTOR = 1.5
_MOST_BOXES = 1e8
_LONGEST_NAME = 40


@dataclass
class DeviationModel:
    """A 3D model beside the report, and what it shows.

    :ivar file: its name beside the report.
    :ivar kind: which deviation it shows: "image", "segmentation" or "surface".
    :ivar segment: of which segment; "" where there is only one model.
    :ivar triangles: how many it has.
    :ivar ofTriangles: how many the mesh has that was measured.
    :ivar rangeMm: from this deviation on, the color is that of the scale's end.
    :ivar glb: the file's content.
    """

    file: str
    title: str
    kind: str
    segment: str
    triangles: int
    ofTriangles: int
    rangeMm: float
    glb: bytes

    def asDict(self) -> dict:
        """The entry of the report's ``models3d``."""
        names = ("file", "title", "kind", "segment", "triangles", "ofTriangles", "rangeMm")
        return {**{name: getattr(self, name) for name in names}, "sha256": hashlib.sha256(self.glb).hexdigest()}


def shownDeviation(case: Case) -> tuple[str, DeviationMap, float] | None:
    """The deviation that is shown of a case: kind, map, and the distance at which colors reach the scale's end, mm."""
    report = case.measurements.get("deviation")
    kind = next((kind for kind in ("image", "surface", "segmentation") if report and kind in report.maps), None)
    return kind and (kind, report.maps[kind], RANGE_IN_TOLERANCES * report.data[kind]["tolerance"])


@dataclass(frozen=True)
class ShownSurface:
    """A surface with its deviations, with so few triangles that it can be turned in a browser.

    :ivar kind: "image", "segmentation" or "surface". :ivar reach: mm, from here on the color is that of the scale's
        end.
    :ivar distance: (n,) mm at its points, signed. :ivar measured: bool (n,).
    :ivar ofTriangles: how many the surface has that was measured.
    """

    kind: str
    mesh: TriangleMesh
    distance: np.ndarray
    measured: np.ndarray
    reach: float
    ofTriangles: int


def shownSurface(case: Case, mostTriangles: int = MOST_TRIANGLES) -> ShownSurface | None:
    """The surface that is shown of a case, in pictures and in 3D alike; None where nothing was measured.

    Its points are points of the surface that was measured, with their own values; those of the worst places are among
    them. It is made once and kept with the case.
    """
    shown = shownDeviation(case)
    if shown is None:
        return None
    kind, deviation, reach = shown
    mesh = deviation.mesh
    if not len(mesh.triangles) or not np.isfinite(mesh.points).all():
        return None
    key = (id(deviation), mostTriangles)
    known = case.measurements.get("shownSurface")
    if known is None or known[0] != key:
        good = deviation.reliable & np.isfinite(deviation.distance)
        weights = np.where(good, np.abs(deviation.distance), 0).astype(np.float32)
        facts = case.measurements["deviation"].data[kind]
        for _distance, place in worstPlaces(facts) if facts.get("regions") else []:
            weights[np.argmin(((mesh.points - np.array(place, dtype=mesh.points.dtype)) ** 2).sum(axis=1))] = np.inf
        fewer, source = fewerTriangles(mesh, mostTriangles, weights)
        surface = ShownSurface(kind, fewer, deviation.distance[source], good[source], reach, len(mesh.triangles))
        known = case.measurements["shownSurface"] = (key, surface)
    return known[1]


def makeShownSurfaces(cases: Sequence[Case], progress: Callable[[float, str], None] = noProgress) -> None:
    """Make the surfaces that are shown of the cases, which they keep for pictures and 3D models; renders nothing."""
    for number, case in enumerate(cases):
        progress(number / len(cases), "Making the 3D view")
        shownSurface(case, MOST_TRIANGLES // len(cases))


def deviationModels(
    cases: Sequence[Case],
    progress: Callable[[float, str], None] = noProgress,
    mostTriangles: int = MOST_TRIANGLES,
) -> list[DeviationModel]:
    """One model for each case with a deviation.

    :param progress: may raise :class:`~M3DLib.Errors.Cancelled`.
    :param mostTriangles: of all models together; meshes with more are shown with fewer.
    """
    models = []
    several = len(cases) > 1
    for number, case in enumerate(cases, start=1):
        progress((number - 1) / len(cases), "Making the 3D view")
        shown = shownSurface(case, mostTriangles // len(cases))
        if shown is None:
            continue
        colors = deviationColors(shown.distance, shown.reach, shown.measured)
        segment = case.name if several else ""
        models.append(
            DeviationModel(
                file=f"deviation{fileEnding(case, number, len(cases))}.glb",
                title=f"Deviation from the {shown.kind}" + (f" of '{segment}'" if segment else ""),
                kind=shown.kind,
                segment=segment,
                triangles=len(shown.mesh.triangles),
                ofTriangles=shown.ofTriangles,
                rangeMm=shown.reach,
                glb=glbBytes(shown.mesh.points, shown.mesh.triangles, shown.distance, shown.measured, colors),
            )
        )
    return models


def fileEnding(case: Case, number: int, count: int) -> str:
    """What the names of a case's files end with: by its title where it was given one, else by its number of several.

    Names of files go where reports go: a title that names the patient does not get into them.
    """
    headers = case.image.headers[:1] if case.image is not None else []
    title = "" if namesPatient(case.title, headers) else case.title
    words = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:_LONGEST_NAME].strip("-")
    ending = f"-{words}" if words else ""
    return ending if count == 1 else f"{ending}-{number}"


def fewerTriangles(mesh: TriangleMesh, most: int, weights: np.ndarray | None = None) -> tuple[TriangleMesh, np.ndarray]:
    """The mesh with about so many triangles at most, and for each of its points the nearest one of the mesh itself.

    What is closed stays closed. A mesh of loose triangles, of which none hang together, has the points of small boxes
    joined instead: what is open in it is open then, too.

    :param weights: (n,), as in :func:`~.FewerTriangles.fewerTriangles`.
    """
    fewer, source = joinedPairs(mesh, most, weights)
    if len(fewer.triangles) <= _COARSE_FACTOR * most:
        return fewer, source
    from scipy.spatial import cKDTree

    fewer = _joined(mesh, most)
    tree = cKDTree(mesh.points, balanced_tree=False, compact_nodes=False)
    return fewer, tree.query(fewer.points)[1]


def _joined(mesh: TriangleMesh, most: float) -> TriangleMesh:
    """The mesh with one point for each box that holds any; boxes so large that about so many triangles are left."""
    from vtkmodules.vtkFiltersCore import vtkBinnedDecimation

    sides = np.maximum(np.ptp(mesh.points, axis=0).astype(np.float64), 1e-6)
    # A surface in boxes of side a keeps about one triangle for each 0.43 a2 of its area.
    side = max(np.sqrt(mesh.areaMm2 / (0.43 * most)), np.cbrt(sides.prod() / _MOST_BOXES), 1e-9)
    while True:
        binned = vtkBinnedDecimation()
        binned.SetPointGenerationModeToUseInputPoints()
        binned.AutoAdjustNumberOfDivisionsOff()
        binned.SetNumberOfDivisions(*(int(np.clip(np.ceil(length / side), 1, 2**20)) for length in sides))
        binned.SetInputData(mesh.toPolyData())
        binned.Update()
        left = TriangleMesh.fromPolyData(binned.GetOutput())
        if len(left.triangles) <= most:
            return _renumbered(left, np.unique(left.triangles))
        side *= 1.15


def _renumbered(mesh: TriangleMesh, used: np.ndarray) -> TriangleMesh:
    """The mesh without the points that no triangle has."""
    place = np.zeros(len(mesh.points), dtype=np.int32)
    place[used] = np.arange(len(used))
    return TriangleMesh(mesh.points[used], place[mesh.triangles], mesh.name, mesh.color, mesh.opacity)
