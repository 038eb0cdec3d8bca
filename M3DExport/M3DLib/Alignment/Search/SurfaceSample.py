"""Points spread evenly over a surface: what an alignment looks at instead of a mesh's vertices.

Vertices crowd where a mesh is fine and are missing where it is coarse; an alignment that used them would fit the fine
places only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...Errors import M3DError
from ...Mesh.TriangleMesh import TriangleMesh, cross, lowAndHigh

# Neighbors whose normals are averaged: as many as make a flat patch without reaching around a corner.
NEIGHBORS = 8
# The area vectors around a vertex add up to this share of their lengths, but where noise is as large as the triangles.
SMOOTH, LOOKED_AT = 0.85, 5000
# Edge of the patches whose normals are taken then, in distances of the sample's points, and how far a patch's own area
# may cancel out (the two sides of a thin wall) before its normal says nothing.
PATCH, CANCELED = 2.0, 0.15
# Triangles measured together.
BLOCK = 1 << 14
# Cells with less than this share of the usual number of points are slivers.
SLIVER = 0.3


@dataclass
class SurfaceSample:
    """Points on a surface, each standing for the same area.

    :ivar points: float64 (n, 3), LPS mm.
    :ivar normals: float64 (n, 3), unit length, outward.
    :ivar border: bool (n,), whether the point lies in a triangle at the border of an open surface.
    :ivar areaMm2: area of the whole surface.
    """

    points: np.ndarray
    normals: np.ndarray
    border: np.ndarray
    areaMm2: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def size(self) -> float:
        """Diameter of the surface: twice the root mean square distance from its center of area, mm."""
        return 2 * float(np.sqrt(((self.points - self.points.mean(axis=0)) ** 2).sum(axis=1).mean()))

    @property
    def reach(self) -> float:
        """Largest distance from the middle of the points, mm."""
        return float(np.linalg.norm(self.points - self.points.mean(axis=0), axis=1).max())

    def moved(self, matrix: np.ndarray) -> SurfaceSample:
        """The sample after a motion (4, 4)."""
        turn = matrix[:3, :3]
        return SurfaceSample(self.points @ turn.T + matrix[:3, 3], self.normals @ turn.T, self.border, self.areaMm2)

    def mirrored(self) -> SurfaceSample:
        """The mirror image (x negated), facing outward as before."""
        flip = np.array([-1.0, 1.0, 1.0])
        return SurfaceSample(self.points * flip, self.normals * flip, self.border, self.areaMm2)

    def scaled(self, factor: float) -> SurfaceSample:
        """The sample in another unit."""
        return SurfaceSample(self.points * factor, self.normals, self.border, self.areaMm2 * factor**2)

    def some(self, count: int, seed: int = 0) -> SurfaceSample:
        """A part of the points, chosen by chance, at most ``count``."""
        if count >= len(self):
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        return SurfaceSample(self.points[chosen], self.normals[chosen], self.border[chosen], self.areaMm2)

    def thinned(self, count: int) -> SurfaceSample:
        """About ``count`` points, the means of what lies in one cell of a grid and faces the same way.

        The means have far less noise than the points; both sides of a thin wall stay apart.
        """
        if count >= len(self):
            return self
        edge = np.sqrt(self.areaMm2 / count)
        cells = np.floor((self.points - self.points.min(axis=0)) / edge).astype(np.int64)
        axis = np.abs(self.normals).argmax(axis=1)
        side = 2 * axis + (self.normals[np.arange(len(self)), axis] < 0)
        across = cells.max(axis=0) + 1
        key = ((cells[:, 0] * across[1] + cells[:, 1]) * across[2] + cells[:, 2]) * 6 + side
        _, number, counts = np.unique(key, return_inverse=True, return_counts=True)
        points, normals = (
            np.stack([np.bincount(number, values[:, k], len(counts)) for k in range(3)], axis=1) / counts[:, None]
            for values in (self.points, self.normals)
        )
        border = np.bincount(number, self.border, len(counts)) > 0
        length = np.linalg.norm(normals, axis=1)
        kept = (counts > SLIVER * np.median(counts)) & (length > 0.3)
        return SurfaceSample(points[kept], normals[kept] / length[kept, None], border[kept], self.areaMm2)

    def smoothed(self, tree) -> SurfaceSample:
        """The same points with normals averaged over their neighbors that face the same way.

        :param tree: ``scipy.spatial.cKDTree`` of the points.
        """
        neighbors = tree.query(self.points, min(NEIGHBORS, len(self)), workers=2)[1]
        around = self.normals[neighbors]
        alike = np.einsum("nkj,nj->nk", around, self.normals) > 0.5
        total = (around * alike[:, :, None]).sum(axis=1)
        normals = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
        return SurfaceSample(self.points, normals, self.border, self.areaMm2)


def sampleSurface(mesh: TriangleMesh, count: int, seed: int = 0) -> SurfaceSample:
    """Points spread by chance over a mesh's triangles, as many in each as its share of the area.

    A closed mesh that faces inward as a whole is turned.

    :raises M3DError: the mesh has no triangle with an area, or points that are not finite.
    """
    if not len(mesh.triangles):
        raise M3DError(f"Mesh '{mesh.name}' has no triangles, so it cannot be aligned.")
    low, high = lowAndHigh(mesh.points)
    if not np.isfinite([low, high]).all():
        raise M3DError(f"Mesh '{mesh.name}' has points that are not finite numbers; repair it first.")
    center = (low.astype(np.float64) + high) / 2
    # Columns are several times quicker to pick from than rows.
    columns = np.subtract(mesh.points.T, center.astype(np.float32)[:, None], order="C")
    areas = np.empty(len(mesh.triangles))
    for start in range(0, len(areas), BLOCK):
        x, y, z = _areaVectors(columns, mesh.triangles[start : start + BLOCK])
        areas[start : start + BLOCK] = np.sqrt(x * x + y * y + z * z) / 2
    ends = np.cumsum(areas)
    if not ends[-1] > 0:
        raise M3DError(f"Mesh '{mesh.name}' has no triangle with an area, so it cannot be aligned.")
    rng = np.random.default_rng(seed)
    # One point in each of equal shares of the area: more even than by chance alone.
    at = (np.arange(count) + rng.random(count)) / count * ends[-1]
    triangle = np.minimum(np.searchsorted(ends, at, side="right"), len(areas) - 1)
    corners = mesh.exactPoints[mesh.triangles[triangle]].astype(np.float64)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v = rng.random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    if _isRough(mesh, columns):
        normals = _patchNormals(mesh, columns, triangle, normals, PATCH * np.sqrt(ends[-1] / count))
    if mesh.isClosed and mesh.volumeMm3 < 0:
        normals = -normals
    atBorder = np.zeros(len(mesh.points), dtype=bool)
    atBorder[mesh.openEdges().ravel() if not mesh.isClosed else []] = True
    border = atBorder[mesh.triangles[triangle]].any(axis=1)
    return SurfaceSample(a + u * (b - a) + v * (c - a), normals, border, float(ends[-1]))


def medianEdge(mesh: TriangleMesh) -> float:
    """Median length of a mesh's edges, of up to about ``LOOKED_AT`` triangles, mm."""
    some = mesh.triangles[:: max(1, len(mesh.triangles) // LOOKED_AT)]
    corners = mesh.exactPoints[some]
    return float(np.median(np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=2)))


def _areaVectors(columns: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals of triangles, as long as twice their areas, (3, m), of points (3, n)."""
    a, b, c = (columns.take(corner, axis=1) for corner in triangles.T)
    return np.stack(cross(b - a, c - a))


def _isRough(mesh: TriangleMesh, columns: np.ndarray) -> bool:
    """Whether single triangles tell nothing of how the surface faces."""
    count = columns.shape[1]
    looked = np.zeros(count, dtype=bool)
    looked[:: max(1, count // LOOKED_AT)] = True
    at, corner = np.nonzero(looked[mesh.triangles])
    vectors = _areaVectors(columns, mesh.triangles[at])
    vertex = mesh.triangles[at, corner]
    total = [np.bincount(vertex, values, count) for values in vectors]
    size = np.bincount(vertex, np.sqrt((vectors * vectors).sum(axis=0)), count)
    around = size > 0
    evenness = np.sqrt(sum(values[around] ** 2 for values in total)) / size[around]
    return len(evenness) > 0 and float(np.median(evenness)) < SMOOTH


def _patchNormals(mesh, columns, chosen, normals, edge) -> np.ndarray:
    """Normals of the patches that triangles lie in: the area vectors of a patch add up to what its border alone says.

    However rough a surface, noise within a patch cancels out.

    :param chosen: (k,) triangles. :param normals: (k, 3), their own, kept where a patch says nothing.
    """
    middle = columns.take(mesh.triangles[:, 0], axis=1)
    x, y, z = np.floor((middle - columns.min(axis=1)[:, None]) / np.float32(edge)).astype(np.int64)
    _, number = np.unique((x * (y.max() + 1) + y) * (z.max() + 1) + z, return_inverse=True)
    vectors = _areaVectors(columns, mesh.triangles)
    total = np.stack([np.bincount(number, values) for values in vectors], axis=1)
    size = np.bincount(number, np.sqrt((vectors * vectors).sum(axis=0)))
    length = np.linalg.norm(total, axis=1)
    says = (length > CANCELED * size)[number[chosen]]
    unit = total / np.maximum(length, 1e-30)[:, None]
    return np.where(says[:, None], unit[number[chosen]], normals)
