"""What changed from one version of a model to another: material added and removed, in how many places, where, how much.

A place is what hangs together of the difference: points of a grid that lie in one version only, and the vertices of
either that lie off the other. Volumes are counted on the grid; the change of the whole volume is exact.
"""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Distance.MeshVoxels import windingGrid
from M3DLib.Distance.SurfaceDeviation import SurfaceComparison
from M3DLib.Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from M3DLib.TwoThreads import besideEachOther

# Vertices farther off than this, or than so many times the rounding of coordinates, have moved, mm.
MOVED_MM, ROUNDINGS = 0.01, 4.0
# Where more than half of the surface has moved, places are what has moved so many times as far as the middle.
EVERYWHERE, TIMES = 0.5, 3.0
# Cells of the grid: so many in all, none smaller than this, mm; smaller than this share of the diagonal none need be.
CELLS, LEAST_CELL, SHARE = 4_000_000, 0.1, 0.004
LISTED = 20
# The grid lies askew: whole faces of a part would else lie just before or just behind its points.
ASKEW_DEGREES = (17, 31, 53)


def versionChanges(surfaces: SurfaceComparison) -> dict:
    """The changes from the reference (the old version) to the measured mesh (the new one), plain JSON values.

    :return: ``volumeMm3`` and ``volumeChangeMm3`` of the new version (null where a mesh is open), ``addedMm3`` and
        ``removedMm3`` as counted on a grid of ``gridMm``; ``movedMm``, from where on a vertex has moved, and
        ``movedShare`` of the new version's surface that has; ``medianMm`` of how far the surface has moved;
        ``placesBeyondMm`` and ``places``, the largest first: ``kind`` (added or removed), ``volumeMm3``, ``areaMm2``,
        ``largestMm``, ``pointLps``, ``boxLps`` (low, high); ``placeCount`` of all of them.
    """
    new, old = surfaces.forward, surfaces.reverse
    rounding = max(float(one.uncertainty.max()) for one in (new, old))
    moved = max(MOVED_MM, ROUNDINGS * rounding)
    shares = [_share(one, moved) for one in (new, old)]
    median = max(_median(one) for one in (new, old))
    beyond = moved if max(shares) <= EVERYWHERE else max(moved, TIMES * median)
    closed = new.mesh.isClosed and old.mesh.isClosed
    grid = _Grid.around(new.mesh, old.mesh)
    inside = besideEachOther(*(lambda _, one=one: grid.inside(one.mesh) if closed else None for one in (new, old)))
    places, volumes, count = [], {}, 0
    for kind, sign in (("added", -1), ("removed", 1)):
        cells = None
        if closed:
            cells = inside[0] & ~inside[1] if kind == "added" else inside[1] & ~inside[0]
            volumes[kind] = float(cells.sum()) * grid.cell**3
        listed, number = _places(kind, sign, cells, grid, maps=(new, old), beyond=beyond)
        places, count = places + listed, count + number
    places.sort(key=lambda place: (-(place["volumeMm3"] or 0), -place["areaMm2"]))
    change = abs(new.mesh.volumeMm3) - abs(old.mesh.volumeMm3)
    return {
        "volumeMm3": abs(new.mesh.volumeMm3) if closed else None,
        "volumeChangeMm3": change if closed else None,
        "addedMm3": volumes.get("added"),
        "removedMm3": volumes.get("removed"),
        "gridMm": grid.cell,
        "movedMm": moved,
        "movedShare": shares[0],
        "medianMm": median,
        "placesBeyondMm": beyond,
        "placeCount": count,
        "places": places[:LISTED],
    }


def _turn() -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", ASKEW_DEGREES, degrees=True).as_matrix()


class _Grid:
    """Cells around two meshes."""

    def __init__(self, low: np.ndarray, cell: float, size: tuple[int, int, int]):
        self.low, self.cell, self.size = low, cell, size

    @classmethod
    def around(cls, *meshes: TriangleMesh) -> _Grid:
        lows, highs = zip(*(lowAndHigh(one.points @ _turn().T) for one in meshes), strict=True)
        low, high = np.min(lows, axis=0), np.max(highs, axis=0)
        extent = np.maximum(high - low, LEAST_CELL)
        cell = max(float((extent.prod() / CELLS) ** (1 / 3)), LEAST_CELL, SHARE * float(np.linalg.norm(extent)))
        size = tuple(int(count) for count in np.ceil(extent / cell).astype(int) + 3)
        return cls(low - cell, cell, size)

    def inside(self, mesh: TriangleMesh) -> np.ndarray:
        """Which points lie inside a closed mesh, bool (k, j, i)."""
        turned = -1 if mesh.volumeMm3 < 0 else 1
        return turned * windingGrid((mesh.points @ _turn().T - self.low) / self.cell, mesh.triangles, self.size) > 0

    def cellsOf(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        """Indices (k, j, i) of the points nearest to points (n, 3)."""
        index = np.rint((points @ _turn().T - self.low) / self.cell).astype(np.int64)
        return tuple(np.clip(index[:, axis], 0, self.size[axis] - 1) for axis in (2, 1, 0))


def _places(
    kind: str, sign: int, cells, grid: _Grid, *, maps: tuple[DeviationMap, DeviationMap], beyond: float
) -> tuple[list[dict], int]:
    """The largest places of one kind, and how many there are."""
    from scipy import ndimage

    marked = np.zeros(grid.size[::-1], dtype=bool) if cells is None else cells.copy()
    chosen = []
    for number, one in enumerate(maps):
        distance = np.where(one.reliable & np.isfinite(one.distance), one.distance, 0)
        vertices = np.flatnonzero(sign * distance > beyond)
        at = grid.cellsOf(one.mesh.points[vertices])
        marked[at] = True
        # The surface of what was added is the new version's, and of what was removed the old one's.
        outer = number == (0 if kind == "added" else 1)
        chosen.append((one.mesh.points[vertices], np.abs(distance[vertices]), one.areas[vertices] * outer, at))
    labels, count = ndimage.label(marked, structure=np.ones((3, 3, 3), dtype=bool))
    points, depth, areas = (np.concatenate([entry[k] for entry in chosen]) for k in range(3))
    label = np.concatenate([labels[entry[3]] for entry in chosen])
    counted = np.zeros(count + 1) if cells is None else np.bincount(labels[cells], minlength=count + 1)
    summed = np.bincount(label, areas, count + 1)
    # What no vertex has moved for is a rim of the grid.
    found = np.unique(label)
    places = []
    for number in found[np.lexsort((-summed[found], -counted[found]))[:LISTED]]:
        mine = np.flatnonzero(label == number)
        worst = mine[depth[mine].argmax()]
        places.append(
            {
                "kind": kind,
                "volumeMm3": None if cells is None else float(counted[number]) * grid.cell**3,
                "areaMm2": float(summed[number]),
                "largestMm": float(depth[worst]),
                "pointLps": _rounded(points[worst]),
                "boxLps": [_rounded(points[mine].min(axis=0)), _rounded(points[mine].max(axis=0))],
            }
        )
    return places, len(found)


def _rounded(point) -> list[float]:
    return [round(float(value), 3) for value in point]


def _good(deviation: DeviationMap) -> tuple[np.ndarray, np.ndarray]:
    good = deviation.reliable & np.isfinite(deviation.distance)
    return np.abs(deviation.distance[good]), deviation.areas[good]


def _share(deviation: DeviationMap, moved: float) -> float:
    size, areas = _good(deviation)
    return float(areas[size > moved].sum() / max(float(areas.sum()), 1e-12))


def _median(deviation: DeviationMap) -> float:
    from M3DLib.WeightedPercentiles import weightedPercentiles

    size, areas = _good(deviation)
    return float(weightedPercentiles(size, areas, [50])[0]) if len(size) and areas.sum() > 0 else 0.0
