"""Where a mesh deviates: connected regions above a tolerance, and the largest deviation that is more than a point."""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import exactNumber, millimeters, squareMillimeters

from ..CheckSupport import placeText
from .DeviationStatistics import sliceNumber

MOST_REGIONS = 20


def meshEdges(mesh: TriangleMesh) -> tuple[np.ndarray, np.ndarray]:
    """Start and end vertices of the edges that tell what hangs together: all of the triangles' sides of an open mesh.

    Every edge of a closed mesh is crossed both ways, so that the sides along which the numbers rise are enough.
    """
    start, end = mesh.triangles.ravel(), mesh.triangles[:, [1, 2, 0]].ravel()
    if not mesh.isClosed:
        return start, end
    rising = np.flatnonzero(start < end)
    return start.take(rising), end.take(rising)


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
        ``rms``, ``worst`` (mm, signed), ``worstPointLps``, ``worstSlice``. The region of the largest deviation is
        always among them, as the last one where its area is not among the largest.
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
        # Sorted by region and then by size, the first of each region is its worst point.
        order = np.lexsort((-np.abs(distance[vertices]), labels))
        first = np.flatnonzero(np.r_[True, labels[order][1:] != labels[order][:-1]])
        worst = vertices[order[first]]
        whole = np.maximum(areas, 1e-30)
        regions += list(zip(areas, sums / whole, squares / whole, worst, strict=True))
    regions.sort(key=lambda region: -region[0])
    listed = regions[:MOST_REGIONS]
    vertex = int(np.abs(distance).argmax()) if regions else -1
    if regions and all(region[3] != vertex for region in listed):
        listed[-1] = next(region for region in regions if region[3] == vertex)
    return {"count": len(regions), "largest": [_asDict(region, deviation, image) for region in listed]}


def largestDeviation(
    deviation: DeviationMap, regions: dict, leastArea: float, image: ImageVolume | None = None
) -> dict:
    """The largest deviation and the largest one that counts: the one story of the report about them, as JSON values.

    :param regions: of :func:`deviationRegions`, of the same map.
    :param leastArea: mm2; less of the surface than this is a point, not a part.
    :return: ``deviation`` (mm, signed), ``pointLps``, ``slice`` and ``areaMm2`` (of its region beyond the tolerance, 0
        where it lies within) of the farthest point; whether it ``counts`` (that region is no smaller than
        ``leastAreaMm2``); ``counted``: ``deviation`` (size that a region so large reaches everywhere, mm) and
        ``pointLps``, or null where nothing so large was measured; ``text``: the same in words.
    """
    good = deviation.reliable & np.isfinite(deviation.distance)
    size = np.where(good, np.abs(deviation.distance), -1.0)
    vertex = int(size.argmax()) if len(size) else 0
    if not good.any():
        text = "Nothing could be measured."
        nothing = dict.fromkeys(("deviation", "pointLps", "slice", "areaMm2", "counted"))
        return {**nothing, "counts": False, "leastAreaMm2": float(leastArea), "text": text}
    point = _rounded(deviation.mesh.points[vertex])
    area = next((entry["areaMm2"] for entry in regions["largest"] if entry["worstPointLps"] == point), 0.0)
    found = largestRegionalDeviation(deviation, leastArea)
    story = {
        "deviation": float(deviation.distance[vertex]),
        "pointLps": point,
        "slice": None if image is None else sliceNumber(image, deviation.mesh.points[vertex]),
        "areaMm2": float(area),
        "counts": bool(area >= leastArea),
        "leastAreaMm2": float(leastArea),
        "counted": None,
    }
    if found is not None:
        level, members = found
        # The farthest point says where only if it counts; else any point does that deviates by so much.
        isWorst = story["counts"] or not story["areaMm2"]
        place = members[size[members].argmax() if isWorst else size[members].argmin()]
        story["counted"] = {"deviation": float(level), "pointLps": _rounded(deviation.mesh.points[place])}
    return {**story, "text": _story(story)}


def _story(story: dict) -> str:
    least = f"{exactNumber(story['leastAreaMm2'])} mm²"
    farthest = f"{millimeters(story['deviation'], True)} at {placeText(story['pointLps'])}"
    if story["areaMm2"]:
        where = f"in a region of {squareMillimeters(story['areaMm2'])} beyond the tolerance"
    else:
        where = "within the tolerance"
    if story["counted"] is None:
        return (
            f"The largest deviation is {farthest}, {where}; the measured surface is nowhere as large as {least} in one "
            "piece, and less is a point, not a part."
        )
    counted = f"a region of at least {least} deviates by {millimeters(story['counted']['deviation'])} or more"
    if story["counts"] or not story["areaMm2"]:
        return f"The largest deviation is {farthest}, {where}; {counted}."
    return (
        f"The largest deviation is {farthest}, {where}, which is less than {least} and does not count as a part. What "
        f"counts: {counted}, at {placeText(story['counted']['pointLps'])}."
    )


def _rounded(point) -> list[float]:
    return [round(float(value), 3) for value in point]


def _asDict(region, deviation, image) -> dict:
    area, mean, meanSquare, worst = region
    point = deviation.mesh.points[worst]
    return {
        "areaMm2": float(area),
        "meanSigned": float(mean),
        "sd": float(np.sqrt(max(meanSquare - mean**2, 0))),
        "rms": float(np.sqrt(meanSquare)),
        "worst": float(deviation.distance[worst]),
        "worstPointLps": _rounded(point),
        "worstSlice": None if image is None else sliceNumber(image, point),
    }


def largestRegionalDeviation(deviation: DeviationMap, leastArea: float) -> tuple[float, np.ndarray] | None:
    """Largest size of deviation that a connected region of at least ``leastArea`` (mm2) reaches everywhere.

    Single vertices say little; a region does. Found by halving between 0 and the largest deviation, to 0.001 mm.

    :return: that size in mm and the vertices of the regions that reach it; None when the measured surface is nowhere
        that large.
    """
    good = deviation.reliable & np.isfinite(deviation.distance)
    size = np.where(good, np.abs(deviation.distance), -1.0)
    edges = meshEdges(deviation.mesh)

    def widest(level: float) -> np.ndarray | None:
        """Vertices of the regions at or above a level that are large enough, None when there is none."""
        chosen = size >= level
        if deviation.areas[chosen].sum() < leastArea:
            return None
        vertices = np.flatnonzero(chosen)
        count, labels = connectedRegions(edges, chosen)
        areas = np.bincount(labels, deviation.areas[vertices], count)
        if areas.max() < leastArea:
            return None
        return vertices[np.isin(labels, np.flatnonzero(areas >= leastArea))]

    low, members = 0.0, None
    high = float(size.max()) + 1e-6
    while high - low > 1e-3:
        middle = (low + high) / 2
        found = widest(middle)
        if found is None:
            high = middle
        else:
            low, members = middle, found
            # No higher level is reached along any other edge.
            held = np.flatnonzero((size.take(edges[0]) >= low) & (size.take(edges[1]) >= low))
            edges = tuple(ends.take(held) for ends in edges)
    if members is None:
        # Regions shrink with the level, so what is nowhere large enough at any other may still be at the lowest.
        members = widest(0.0)
    return None if members is None else (low, members)
