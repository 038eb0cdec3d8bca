"""The deviation map as a 3D model that a browser can turn: fewer triangles where the mesh has very many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from ...Deviation.DeviationHistogram import RANGE_IN_TOLERANCES
from .ColorScale import deviationColors
from .GlbFile import glbBytes

if TYPE_CHECKING:
    from M3DLib.Distance.DeviationMap import DeviationMap

    from ...Check import Case

# Together in one report: 4.8 MB, which leaves room for the pictures in a page of 15 MB.
MOST_TRIANGLES = 200_000

# Joining the points of small boxes is a hundred times quicker than choosing edges with care, which then has the rest.
_COARSE_FACTOR = 2.5
_MOST_BOXES = 1e8


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
        shown = shownDeviation(case)
        if shown is None:
            continue
        progress((number - 1) / len(cases), "Making the 3D view")
        kind, deviation, reach = shown
        mesh = deviation.mesh
        if not len(mesh.triangles) or not np.isfinite(mesh.points).all():
            continue
        fewer, source = fewerTriangles(mesh, mostTriangles // len(cases))
        distance, measured = deviation.distance[source], deviation.reliable[source]
        measured &= np.isfinite(distance)
        colors = deviationColors(distance, reach, measured)
        segment = case.name if several else ""
        models.append(
            DeviationModel(
                file=f"deviation-{number}.glb" if several else "deviation.glb",
                title=f"Deviation from the {kind}" + (f" of '{segment}'" if segment else ""),
                kind=kind,
                segment=segment,
                triangles=len(fewer.triangles),
                ofTriangles=len(mesh.triangles),
                rangeMm=reach,
                glb=glbBytes(fewer.points, fewer.triangles, distance, measured, colors),
            )
        )
    return models


def fewerTriangles(mesh: TriangleMesh, most: int) -> tuple[TriangleMesh, np.ndarray]:
    """The mesh with about so many triangles at most, and for each of its points the nearest one of the mesh itself.

    Quadric error metrics (Garland and Heckbert 1997) on what joining the points of small boxes has left.
    """
    import vtk
    from scipy.spatial import cKDTree

    if len(mesh.triangles) <= most:
        used = np.unique(mesh.triangles)
        return _renumbered(mesh, used), used
    fewer = mesh
    if len(fewer.triangles) > _COARSE_FACTOR * most:
        fewer = _joined(fewer, _COARSE_FACTOR * most)
    if len(fewer.triangles) > most:
        decimation = vtk.vtkQuadricDecimation()
        decimation.SetTargetReduction(1 - most / len(fewer.triangles))
        decimation.SetInputData(fewer.toPolyData())
        decimation.Update()
        fewer = TriangleMesh.fromPolyData(decimation.GetOutput())
    fewer = _renumbered(fewer, np.unique(fewer.triangles))
    tree = cKDTree(mesh.points, balanced_tree=False, compact_nodes=False)
    return fewer, tree.query(fewer.points)[1]


def _joined(mesh: TriangleMesh, most: float) -> TriangleMesh:
    """The mesh with one point for each box that holds any; boxes so large that about so many triangles are left."""
    import vtk

    sides = np.maximum(np.ptp(mesh.points, axis=0).astype(np.float64), 1e-6)
    # A surface in boxes of side a keeps about one triangle for each 0.43 a2 of its area.
    side = max(np.sqrt(mesh.areaMm2 / (0.43 * most)), np.cbrt(sides.prod() / _MOST_BOXES), 1e-9)
    while True:
        binned = vtk.vtkBinnedDecimation()
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
