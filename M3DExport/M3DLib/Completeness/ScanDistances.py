"""How far the model is from every place of the edge that the scan shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Distance.DeviationMap import DeviationMap, Quality
from ..Distance.SurfaceSign import surfaceSide
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import MeshEdges
from ..Mesh.TriangleMesh import TriangleMesh
from .BlockImage import grown
from .ModelSpace import Neighborhood
from .ScanSurface import ScanSurface

# Rounds in which points that were not measured take the value of their neighbors.
FILLINGS = 4
# Where the space outside an edge is looked up, in blocks from it.
OUTWARD = (1.0, 1.7)
SIGN_MEANING = "Positive: the edge in the image lies outside the mesh (the mesh is too small there, or lacks a part)."


def scanDistances(
    surface: ScanSurface,
    closest: ClosestSurface,
    scene: Neighborhood,
    tolerance: float,
    progress: Callable[[float], None],
) -> DeviationMap:
    """The scan's edge as a map of distances to the model, without bodies that are too far away to count.

    :param tolerance: mm; what is nearer to the model counts as the model's, also where it is another segment's too.
    """
    blocks, points = scene.blocks, surface.mesh.points
    distance, areas = _signedDistances(closest, surface, progress)
    quality = np.where(surface.clear | ~surface.measured, Quality.RELIABLE, Quality.NO_EDGE).astype(np.uint8)
    outward = [points + reach * blocks.spacing.min() * surface.normals for reach in OUTWARD]
    reached = blocks.at(scene.outside, outward[0], True) | blocks.at(scene.outside, outward[1], True)
    quality[~reached] = Quality.ENCLOSED
    if scene.others is not None:
        other = blocks.at(grown(scene.others, (1, 1, 1)), points, False)
        quality[other & (np.abs(distance) > tolerance)] = Quality.OTHER_SEGMENT
    result = DeviationMap(
        kind="scan",
        mesh=surface.mesh,
        distance=distance,
        quality=quality,
        areas=areas,
        normals=surface.normals,
        reference="the model, seen from the edge that the image shows of its material",
        signMeaning=SIGN_MEANING,
    )
    return _withoutFarBodies(result, surface.body, scene)


def _signedDistances(closest, surface: ScanSurface, progress) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance of every point, float32 (n,), and the area it stands for.

    Points that were not looked for take the mean of their neighbors, so that what is connected stays so in pictures and
    regions; their area goes to the measured ones around them.
    """
    chosen = np.flatnonzero(surface.measured)
    points = surface.mesh.points[chosen]
    found = closest.query(points, lambda done, text: progress(0.9 * done))
    side, _sure = surfaceSide(closest, points, found)
    if closest.mesh.isClosed and closest.mesh.volumeMm3 < 0:
        side = -side
    distance = np.zeros(len(surface.measured), dtype=np.float32)
    distance[chosen] = found.distance * np.where(side < 0, -1, 1)
    if surface.measured.all():
        return distance, surface.areas
    edges = MeshEdges(surface.mesh.triangles, len(distance))
    known, areas = surface.measured.copy(), surface.areas.copy()
    for _ in range(FILLINGS):
        total, count = edges.sumAround([np.where(known, distance, 0), known.astype(np.float32)])
        new = ~known & (count > 0)
        distance[new] = total[new] / count[new]
        # What stands for a new point's area from now on are the points that its value came from.
        (given,) = edges.sumAround([np.where(new, areas / np.maximum(count, 1), 0)])
        areas = np.where(known, areas + given, np.where(new, 0.0, areas))
        known |= new
    return distance, areas


def markBorder(deviation: DeviationMap, image: ImageVolume, notReconstructed: np.ndarray | None) -> None:
    """Mark points at the border of what the scan shows, where an edge is none of the anatomy.

    :param notReconstructed: voxels that the scan does not show, bool (k, j, i) or (1, j, i); None for none.
    """
    index = image.lpsToIndex(deviation.mesh.points)
    last = np.array(image.dimensions) - 1
    border = ((index < 0.5) | (index > last - 0.5)).any(axis=1)
    if notReconstructed is not None:
        for shift in ((0, 0, 0), (2, 0, 0), (-2, 0, 0), (0, 2, 0), (0, -2, 0)):
            i, j, k = np.clip(np.rint(index + np.array(shift)).astype(np.intp), 0, last).T
            border |= notReconstructed[np.minimum(k, len(notReconstructed) - 1), j, i]
    deviation.quality[border] = Quality.OUTSIDE_IMAGE


def _withoutFarBodies(deviation: DeviationMap, label: np.ndarray, scene: Neighborhood) -> DeviationMap:
    """Leave out bodies that do not touch the model and whose nearest point lies beyond the stated distance.

    :param label: (n,), the body of each point.
    """
    least = np.full(len(scene.near), np.inf)
    np.minimum.at(least, label, np.abs(deviation.distance))
    kept = scene.touching | (least <= scene.nearMm)
    scene.near &= kept
    keep = kept[label]
    if keep.all():
        return deviation
    triangles = deviation.mesh.triangles[keep[deviation.mesh.triangles].all(axis=1)]
    number = np.cumsum(keep) - 1
    deviation.mesh = TriangleMesh(deviation.mesh.points[keep], number[triangles], deviation.mesh.name)
    for name in ("distance", "quality", "areas", "normals"):
        setattr(deviation, name, getattr(deviation, name)[keep])
    return deviation
