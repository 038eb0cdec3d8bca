"""Where a mesh deviates: connected regions above a tolerance, and the largest deviation that is more than a point."""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from .DeviationStatistics import sliceNumber

MOST_REGIONS = 20


def meshEdges(mesh: TriangleMesh) -> tuple[np.ndarray, np.ndarray]:
    """Start and end vertices of the triangles' edges; shared edges appear once for each triangle."""
    return mesh.triangles.ravel(), mesh.triangles[:, [1, 2, 0]].ravel()


def connectedRegions(edges: tuple[np.ndarray, np.ndarray], chosen: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of connected regions of the chosen vertices (bool (n,)), and the region of each chosen vertex in order."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    start, end = edges
    inside = chosen[start] & chosen[end]
    number = np.cumsum(chosen) - 1
    count = int(chosen.sum())
    links = coo_matrix(
        (np.ones(int(inside.sum()), dtype=np.int8), (number[start[inside]], number[end[inside]])), shape=(count, count)
    )
    regions, labels = connected_components(links, directed=False)
    return int(regions), labels


def deviationRegions(deviation: DeviationMap, tolerance: float, image: ImageVolume | None = None) -> dict:
    """Connected regions whose deviation is above the tolerance on one side, largest area first, as JSON values.

    :return: ``count`` of all regions and ``largest``, up to twenty of them: ``areaMm2``, ``meanSigned``, ``sd``,
        ``rms``, ``worst`` (mm, signed), ``worstPointLps``, ``worstSlice``.
    """
    edges = meshEdges(deviation.mesh)
    distance = np.where(deviation.reliable & np.isfinite(deviation.distance), deviation.distance, 0)
    regions = []
    for chosen in (distance > tolerance, distance < -tolerance):
        vertices = np.flatnonzero(chosen)
        if not len(vertices):
            continue
        count, labels = connectedRegions(edges, chosen)
        areas = np.bincount(labels, deviation.areas[vertices], count)
        sums, squares = (
            np.bincount(labels, deviation.areas[vertices] * distance[vertices].astype(np.float64) ** power, count)
            for power in (1, 2)
        )
        # Sorted by region and then by size, the last of each region is its worst point.
        order = np.lexsort((np.abs(distance[vertices]), labels))
        last = np.flatnonzero(np.r_[labels[order][1:] != labels[order][:-1], True])
        worst = vertices[order[last]]
        whole = np.maximum(areas, 1e-30)
        regions += list(zip(areas, sums / whole, squares / whole, worst, strict=True))
    regions.sort(key=lambda region: -region[0])
    return {"count": len(regions), "largest": [_asDict(region, deviation, image) for region in regions[:MOST_REGIONS]]}


def _asDict(region, deviation, image) -> dict:
    area, mean, meanSquare, worst = region
    point = deviation.mesh.points[worst]
    return {
        "areaMm2": float(area),
        "meanSigned": float(mean),
        "sd": float(np.sqrt(max(meanSquare - mean**2, 0))),
        "rms": float(np.sqrt(meanSquare)),
        "worst": float(deviation.distance[worst]),
        "worstPointLps": [round(float(value), 3) for value in point],
        "worstSlice": None if image is None else sliceNumber(image, point),
    }


def largestRegionalDeviation(deviation: DeviationMap, leastArea: float) -> tuple[float, int] | None:
    """Largest size of deviation that a connected region of at least ``leastArea`` (mm2) reaches everywhere.

    Single vertices say little; a region does. Found by halving between 0 and the largest deviation, to 0.001 mm.

    :return: that size in mm and the vertex of the largest deviation within the region; None when the measured surface
        is nowhere that large.
    """
    edges = meshEdges(deviation.mesh)
    good = deviation.reliable & np.isfinite(deviation.distance)
    size = np.where(good, np.abs(deviation.distance), -1.0)

    def widest(level: float) -> int | None:
        """Worst vertex of the widest region at or above a level, None when that is too small."""
        chosen = size >= level
        if deviation.areas[chosen].sum() < leastArea:
            return None
        vertices = np.flatnonzero(chosen)
        count, labels = connectedRegions(edges, chosen)
        areas = np.bincount(labels, deviation.areas[vertices], count)
        if areas.max() < leastArea:
            return None
        members = vertices[np.isin(labels, np.flatnonzero(areas >= leastArea))]
        return int(members[np.argmax(size[members])])

    low, worst = 0.0, widest(0.0)
    if worst is None:
        return None
    high = float(size.max()) + 1e-6
    while high - low > 1e-3:
        middle = (low + high) / 2
        found = widest(middle)
        if found is None:
            high = middle
        else:
            low, worst = middle, found
    return low, worst
