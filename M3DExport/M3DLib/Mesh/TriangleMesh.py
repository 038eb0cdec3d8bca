"""A triangle mesh in patient coordinates, and what can be said of it without any other input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

# Triangles looked at together, and points whose edges are sorted together, at least.
BLOCK, RANGE = 1 << 15, 1 << 18
# Points whose coordinates stand beside each other while their extent is looked for.
ROW = 256


@dataclass
class TriangleMesh:
    """Indexed triangles; points shared between triangles where the surface is connected.

    :ivar points: float32 (n, 3), LPS mm.
    :ivar triangles: int32 (m, 3), indices into ``points``, counter-clockwise seen from outside.
    :ivar color: sRGB, each 0 to 1, or None when unknown.
    :ivar opacity: 0 (transparent) to 1 (opaque), or None when unknown.
    :ivar precise: float64 (n, 3), the points before they were rounded to ``points``, where that loses something (a
        model far from the origin); None elsewhere.
    :ivar record: what was done to the surface since it was made of its segment ("refinement", "simplification"), plain
        JSON values each.
    """

    points: np.ndarray
    triangles: np.ndarray
    name: str = ""
    color: tuple[float, float, float] | None = None
    opacity: float | None = None
    precise: np.ndarray | None = None
    record: dict = field(default_factory=dict, compare=False)
    _cache: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self):
        self.points = np.ascontiguousarray(self.points, dtype=np.float32)
        self.triangles = np.ascontiguousarray(self.triangles, dtype=np.int32)
        if self.points.ndim != 2 or self.points.shape[1] != 3:
            raise M3DError(f"Mesh points must be an (n, 3) array, not {self.points.shape}.")
        if self.triangles.ndim != 2 or self.triangles.shape[1] != 3:
            raise M3DError(f"Mesh triangles must be an (m, 3) array, not {self.triangles.shape}.")
        if len(self.triangles) and (self.triangles.min() < 0 or self.triangles.max() >= len(self.points)):
            raise M3DError(f"Mesh '{self.name}' has triangles that name points it does not have.")

    @property
    def boundsLps(self) -> tuple[float, float, float, float, float, float]:
        """Extent of the points (xmin, xmax, ymin, ymax, zmin, zmax), LPS mm.

        :raises M3DError: there are no points.
        """
        if not len(self.points):
            raise M3DError(f"Mesh '{self.name}' has no points, so it has no bounds.")
        low, high = lowAndHigh(self.points)
        return tuple(float(value) for pair in zip(low, high, strict=True) for value in pair)

    def corners(self) -> np.ndarray:
        """Corner coordinates of every triangle, float64 (m, 3 corners, 3 axes), LPS mm."""
        return self.points.astype(np.float64)[self.triangles]

    @property
    def volumeMm3(self) -> float:
        """Signed enclosed volume in mm3 (divergence theorem); positive when the triangles face outward.

        Only the volume of a closed mesh means anything. Summed about the center of the points, so that a model far from
        the origin loses no digits.
        """
        return self.cached("volume", self._volumeMm3)

    def _volumeMm3(self) -> float:
        if self.precise is not None:
            return self.about(self.precise.mean(axis=0)).volumeMm3
        volume = 0.0
        if len(self.triangles):
            low, high = lowAndHigh(self.points)
            center = (low.astype(np.float64) + high) / 2
            for start in range(0, len(self.triangles), BLOCK):
                corners = self.points.take(self.triangles[start : start + BLOCK].T, axis=0) - center
                a, b, c = corners.transpose(0, 2, 1)
                volume += sum(float((x * y).sum()) for x, y in zip(a, cross(b, c), strict=True)) / 6
        return volume

    @property
    def areaMm2(self) -> float:
        """Sum of the triangles' areas, mm2."""
        return self.cached("area", self._areaMm2)

    def _areaMm2(self) -> float:
        points = self.points if self.precise is None else self.precise
        doubled = np.empty(len(self.triangles))
        for start in range(0, len(doubled), BLOCK):
            corners = points.take(self.triangles[start : start + BLOCK].T, axis=0).astype(np.float64)
            a, b, c = corners.transpose(0, 2, 1)
            x, y, z = cross(b - a, c - a)
            doubled[start : start + BLOCK] = np.sqrt(x * x + y * y + z * z)
        return float(doubled.sum() / 2)

    @property
    def isClosed(self) -> bool:
        """Whether every edge is crossed as often in one direction as in the other, so that nothing leaks out.

        True for surfaces that touch themselves along an edge (four triangles at it): they still bound a volume.
        """
        return self.cached("closed", lambda: len(self.triangles) > 0 and self._edgesCancelOut())

    def _edgesCancelOut(self) -> bool:
        """Whether every edge is crossed as often in one direction as in the other.

        Without sorting them: a number of 64 bits that stands for an edge is added where it is crossed in one direction,
        and subtracted in the other. A sum that is not 0 is certain; one of other edges than balanced ones is 0 by a
        chance of 1 in 2**64.
        """
        total, count = 0, np.uint64(len(self.points))
        for block in range(0, len(self.triangles), BLOCK):
            corners = np.ascontiguousarray(self.triangles[block : block + BLOCK].T)
            for start, end in zip(corners, corners[[1, 2, 0]], strict=True):
                key = np.minimum(start, end).astype(np.uint64)
                key *= count
                key += np.maximum(start, end).astype(np.uint64)
                # The finalizer of SplitMix64, begun at 1 so that no edge has the number 0.
                key += np.uint64(1)
                for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
                    key ^= key >> np.uint64(shift)
                    key *= np.uint64(factor)
                key ^= key >> np.uint64(31)
                total += int((key * (start < end)).sum()) - int((key * (start > end)).sum())
        return total % (1 << 64) == 0

    def cached(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` returned the first time; for results that several checks need of the same, unchanged mesh.

        Two threads that ask at once may both make it; both get the same.
        """
        if name not in self._cache:
            self._cache.setdefault(name, make())
        return self._cache[name]

    def drop(self, name: str) -> None:
        """Forget what :meth:`cached` keeps under a name."""
        self._cache.pop(name, None)

    def dropStructures(self) -> None:
        """Forget all that :meth:`cached` keeps but single figures: search trees, topology, normals."""
        for name in [name for name, value in self._cache.items() if not isinstance(value, int | float)]:
            self.drop(name)

    def openEdges(self) -> np.ndarray:
        """Edges without a balanced opposite: int64 (k, 2) pairs of point indices, smaller index first."""
        if not len(self.triangles):
            return np.empty((0, 2), dtype=np.int64)
        # A range of points at a time, so that what is sorted stays small however large the mesh.
        count = len(self.points)
        step = max(RANGE, count // 16 + 1)
        open_ = np.concatenate([self._openKeys(first, first + step) for first in range(0, count, step)])
        return np.stack([open_ // count, open_ % count], axis=1)

    def _openKeys(self, first: int, last: int) -> np.ndarray:
        """Open edges whose smaller point lies in a range, smaller * number of points + larger, int64 (k,), rising."""
        keys = []
        for block in range(0, len(self.triangles), BLOCK):
            corners = np.ascontiguousarray(self.triangles[block : block + BLOCK].T)
            for start, end in zip(corners, corners[[1, 2, 0]], strict=True):
                low, high = np.minimum(start, end), np.maximum(start, end)
                # The direction is the last bit, so that one sort without indices does.
                key = low.astype(np.uint64) * np.uint64(len(self.points))
                key += high.astype(np.uint64)
                key *= np.uint64(2)
                key += start < end
                chosen = low != high
                if first > 0 or last < len(self.points):
                    chosen &= (low >= first) & (low < last)
                keys.append(key if chosen.all() else key[chosen])
        keys = np.concatenate(keys)
        keys.sort()
        one, other = keys[: len(keys) & ~1 : 2], keys[1::2]
        if 2 * len(one) == len(keys) and (other - one == 1).all() and not (one & np.uint64(1)).any():
            # Every edge once in each direction: the rule, and quickly seen.
            return np.empty(0, dtype=np.int64)
        edges = (keys >> np.uint64(1)).astype(np.int64)
        begins = np.flatnonzero(np.r_[True, edges[1:] != edges[:-1]])[: len(edges)]
        rising = np.add.reduceat((keys & np.uint64(1)).astype(np.int32), begins) if len(begins) else begins
        return edges[begins[2 * rising != np.diff(np.r_[begins, len(edges)])]]

    def reversed(self) -> TriangleMesh:
        """The same mesh with every triangle facing the other way."""
        turned = self.triangles[:, ::-1]
        return TriangleMesh(self.points, turned, self.name, self.color, self.opacity, self.precise, self.record)

    @property
    def exactPoints(self) -> np.ndarray:
        """The points as exactly as they are known, float64 (n, 3), LPS mm."""
        return self.points.astype(np.float64) if self.precise is None else self.precise

    def about(self, origin: np.ndarray) -> TriangleMesh:
        """The same mesh in coordinates that begin at ``origin`` (LPS mm), with all the digits that are known."""
        near = self.exactPoints - np.asarray(origin, dtype=np.float64)
        return TriangleMesh(near, self.triangles, self.name, self.color, self.opacity, record=self.record)

    def toPolyData(self) -> vtkPolyData:
        """vtkPolyData in LPS mm that shares the points' memory (keep the mesh alive while it is used)."""
        # Not all of vtk, whose import takes half a second and 100 MB more.
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonCore import vtkPoints
        from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

        points = vtkPoints()
        points.SetData(numpy_to_vtk(self.points))
        offsets = np.arange(0, 3 * len(self.triangles) + 1, 3, dtype=np.int32)
        cells = vtkCellArray()
        cells.SetData(numpy_to_vtk(offsets, deep=True), numpy_to_vtk(self.triangles.reshape(-1), deep=True))
        polyData = vtkPolyData()
        polyData.SetPoints(points)
        polyData.SetPolys(cells)
        return polyData

    @classmethod
    def fromPolyData(cls, polyData: vtkPolyData, name: str = "") -> TriangleMesh:
        """Copy of the triangles of a vtkPolyData that is in LPS mm; polygons and strips are triangulated first."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkFiltersCore import vtkTriangleFilter

        polys = polyData.GetPolys()
        onlyTriangles = polys.IsHomogeneous() == 3 or not polys.GetNumberOfCells()
        if polyData.GetNumberOfStrips() or not onlyTriangles:
            triangulate = vtkTriangleFilter()
            triangulate.SetInputData(polyData)
            triangulate.PassLinesOff()
            triangulate.PassVertsOff()
            triangulate.Update()
            polyData = triangulate.GetOutput()
            polys = polyData.GetPolys()
        if not polys.GetNumberOfCells():
            return cls(np.empty((0, 3)), np.empty((0, 3)), name)
        points = vtk_to_numpy(polyData.GetPoints().GetData()).astype(np.float32, copy=True)
        triangles = vtk_to_numpy(polys.GetConnectivityArray()).reshape(-1, 3).astype(np.int32)
        return cls(points, triangles, name)


def lowAndHigh(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates of points (n, 3), n > 0, each (3,) of their type; not a number where one is.

    Rows of many points are several times quicker to go down than rows of three.
    """
    whole = len(points) // ROW * ROW
    rows, rest = points[:whole].reshape(-1, 3 * ROW), points[whole:]

    def most(which: np.ufunc) -> np.ndarray:
        ends = [which.reduce(rows, axis=0).reshape(ROW, 3)] if len(rows) else []
        return which.reduce(np.concatenate([*ends, rest]), axis=0)

    return most(np.minimum), most(np.maximum)


def cross(u: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
    """The three coordinates of the cross products of vectors (3, n)."""
    return [u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1))]
