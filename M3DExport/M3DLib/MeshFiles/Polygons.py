"""Polygons cut into triangles that lie inside them, also where they are not convex."""

from __future__ import annotations

import numpy as np

from ..Errors import M3DError
from ..NumberText import plural
from .MeshParts import requireIndices

# How far, in parts of its size, a polygon may be from flat before it matters how it is cut: rounding in text files.
_FLAT_SHARE = 1e-3
_AREA_SHARE = 1e-6
# The plain way below looks at every corner for every ear; nobody draws so many corners with bridges.
_MOST_CORNERS = 2000


def facesAsTriangles(
    points: np.ndarray, corners: np.ndarray, counts: np.ndarray, kind: str, warnings: list[str]
) -> np.ndarray:
    """Triangles of a file's faces, which may have any number of corners.

    :param points: float64 (n, 3).
    :param corners: int64, indices of the points of all faces one after the other.
    :param counts: int64 (k,), number of corners of each face.
    :param kind: name of the file's format, for the sentences.
    :param warnings: gets a sentence on faces that were left out or are not flat.
    :return: int64 (m, 3).
    :raises M3DError: a face names a point that is not there, or none has three corners.
    """
    requireIndices(corners, len(points), kind)
    few = counts < 3
    if few.any():
        corners, counts = corners[np.repeat(~few, counts)], counts[~few]
        warnings.append(
            f"{plural(np.count_nonzero(few), 'face')} of the {kind} file with less than three corners left out."
        )
    if not len(counts):
        raise M3DError(f"This {kind} file holds no triangles.")
    return triangulate(points, corners, counts, warnings)[0]


def triangulate(
    points: np.ndarray, corners: np.ndarray, counts: np.ndarray, warnings: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut polygons into triangles without adding points; the order of the polygons is kept.

    VTK clips the ears of what has more than three corners. Where the triangles do not fill the polygon (a hole joined
    to the outline by a bridge, corners at one place), a plainer way that knows such polygons is tried.

    :param points: float64 (n, 3).
    :param corners: int64, indices of the points of all polygons one after the other.
    :param counts: int64 (k,), number of corners of each polygon, at least 3.
    :param warnings: gets a sentence when polygons are not flat, cross themselves or could not be cut.
    :return: triangles int64 (m, 3), and for each the polygon it belongs to int64 (m,).
    """
    if (counts == 3).all():
        return corners.reshape(-1, 3), np.arange(len(counts))
    polygons = _Polygons(points, corners, counts)
    many = np.flatnonzero(counts > 3)
    cut, owner = _earsByVtk(points, polygons.cornersOf(many), counts[many])
    owner = many[owner]
    unfilled = polygons.unfilled(cut, owner, many)
    kept = ~np.isin(owner, unfilled)
    parts, crossing, lost = [(cut[kept], owner[kept])], 0, 0
    for polygon in unfilled:
        ring = polygons.cornersOf(np.array([polygon]))
        ears = _ears(points, ring) if len(ring) <= _MOST_CORNERS else None
        if ears is None:
            ears = cut[owner == polygon]
            crossing, lost = crossing + (len(ears) > 0), lost + (len(ears) == 0)
        parts.append((ears, np.full(len(ears), polygon)))
    threes = np.flatnonzero(counts == 3)
    parts.append((polygons.cornersOf(threes).reshape(-1, 3), threes))
    triangles, owner = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(owner, kind="stable")
    warnings += polygons.bent(many)
    if crossing:
        warnings.append(f"{crossing} of {len(counts)} faces cross themselves; their triangles overlap.")
    if lost:
        warnings.append(
            f"{lost} of {len(counts)} faces could not be cut into triangles and were left out; export the model with "
            "triangles."
        )
    return triangles[order], owner[order]


class _Polygons:
    """Polygons whose corners lie one after the other."""

    def __init__(self, points: np.ndarray, corners: np.ndarray, counts: np.ndarray):
        self.points, self.corners, self.counts = points, corners, counts
        self.starts = np.cumsum(counts) - counts

    def cornersOf(self, chosen: np.ndarray) -> np.ndarray:
        """Indices of the points of some polygons, one after the other."""
        return self.corners[_ranges(self.starts[chosen], self.counts[chosen])]

    def _outlines(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners about the first of their polygon (n, 3), and the number among the chosen of each one's polygon."""
        owner = np.repeat(np.arange(len(chosen)), self.counts[chosen])
        first = self.points[self.corners[self.starts[chosen]]]
        return self.points[self.cornersOf(chosen)] - first[owner], owner

    def vectorAreas(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vector area (k, 3) of polygons by their outline, and the longest way from the first corner to another."""
        here, owner = self._outlines(chosen)
        after = np.arange(1, len(here) + 1)
        ends = np.cumsum(self.counts[chosen])
        after[ends - 1] = ends - self.counts[chosen]
        cross = np.cross(here, here[after]) / 2
        area = np.stack([np.bincount(owner, cross[:, axis], len(chosen)) for axis in range(3)], axis=1)
        reach = np.zeros(len(chosen))
        np.maximum.at(reach, owner, np.linalg.norm(here, axis=1))
        return area, reach

    def bulges(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far corners lie from the plane of their polygon (through its middle, across its area), and its size."""
        area, reach = self.vectorAreas(chosen)
        normal = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-300)
        here, owner = self._outlines(chosen)
        middle = np.stack([np.bincount(owner, here[:, axis], len(chosen)) for axis in range(3)], axis=1)
        middle /= self.counts[chosen][:, None]
        bulge = np.zeros(len(chosen))
        np.maximum.at(bulge, owner, np.abs(np.einsum("ij,ij->i", here - middle[owner], normal[owner])))
        return bulge, reach

    def unfilled(self, triangles: np.ndarray, owner: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Those of the chosen polygons that their triangles do not fill exactly."""
        area, reach = self.vectorAreas(chosen)
        sides = self.points[triangles]
        parts = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]) / 2
        total = len(self.counts)
        whole = np.stack([np.bincount(owner, parts[:, axis], total) for axis in range(3)], axis=1)[chosen]
        covered = np.bincount(owner, np.linalg.norm(parts, axis=1), total)[chosen]
        few = np.bincount(owner, minlength=total)[chosen] < self.counts[chosen] - 2
        tolerance = _AREA_SHARE * np.maximum(reach**2, 1e-300)
        lacking = np.linalg.norm(whole - area, axis=1) > tolerance
        # The triangles of a flat polygon that does not cross itself cover its area and no more.
        flat = self.bulges(chosen)[0] <= _AREA_SHARE * reach
        folded = flat & (covered > np.linalg.norm(area, axis=1) + 10 * tolerance)
        return chosen[lacking | few | folded]

    def bent(self, chosen: np.ndarray) -> list[str]:
        """A sentence when some of the polygons do not lie in one plane."""
        bulge, reach = self.bulges(chosen)
        bent = bulge > _FLAT_SHARE * reach
        if not bent.any():
            return []
        text = (
            f"{np.count_nonzero(bent)} of {len(self.counts)} faces have more than three corners that do not lie in one "
            f"plane (by up to {bulge[bent].max():.3g} in the file's unit): how they are cut into triangles is not said "
            "by the file, and others may cut them otherwise."
        )
        return [text]


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Numbers from start to start + count of every pair, one after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)


def _earsByVtk(points: np.ndarray, corners: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of polygons and the polygon of each, by VTK's triangle filter."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkObject, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkTriangleFilter

    used, local = np.unique(corners, return_inverse=True)
    # About their own middle, so that a model far from the origin keeps its digits in VTK's products.
    near = points[used] - points[used].mean(axis=0)
    places = vtkPoints()
    places.SetDataTypeToDouble()
    places.SetData(numpy_to_vtk(np.ascontiguousarray(near), deep=True))
    cells = vtkCellArray()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(local.astype(np.int64), deep=True)
    )
    polyData = vtkPolyData()
    polyData.SetPoints(places)
    polyData.SetPolys(cells)
    number = numpy_to_vtk(np.arange(len(counts), dtype=np.int64), deep=True)
    number.SetName("polygon")
    polyData.GetCellData().AddArray(number)
    cut = vtkTriangleFilter()
    cut.SetInputData(polyData)
    cut.PassLinesOff()
    cut.PassVertsOff()
    shown = vtkObject.GetGlobalWarningDisplay()
    try:
        # What could not be cut is found by its area below, and said once instead of for every polygon.
        vtkObject.GlobalWarningDisplayOff()
        cut.Update()
    finally:
        vtkObject.SetGlobalWarningDisplay(shown)
    output = cut.GetOutput()
    if not output.GetNumberOfPolys():
        return np.empty((0, 3), np.int64), np.empty(0, np.int64)
    triangles = vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return used[triangles], vtk_to_numpy(output.GetCellData().GetArray("polygon")).astype(np.int64)


def _ears(points: np.ndarray, ring: np.ndarray) -> np.ndarray | None:
    """Triangles (k - 2, 3) of one polygon that may touch itself (holes joined by bridges); None when it crosses itself.

    Ears are clipped in the plane of the polygon; corners at the place of an ear's own corners do not count as inside.
    """
    flat = _inPlane(points[ring])
    total = _area2(flat, np.roll(flat, -1, axis=0)).sum()
    left = list(range(len(ring)))
    ears = []
    while len(left) > 3:
        ear = next((position for position in range(len(left)) if _isEar(flat, left, position)), None)
        if ear is None:
            return None
        ears.append([left[ear - 1], left[ear], left[(ear + 1) % len(left)]])
        del left[ear]
    ears.append(left)
    indices = np.array(ears)
    corners = flat[indices]
    covered = np.abs(_area2(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).sum()
    return ring[indices] if covered <= abs(total) * (1 + 1e-6) + 1e-12 * np.ptp(flat) ** 2 else None


def _inPlane(corners: np.ndarray) -> np.ndarray:
    """Corners in their own plane, counter-clockwise, float64 (k, 2)."""
    here = corners - corners[0]
    normal = np.cross(here, np.roll(here, -1, axis=0)).sum(axis=0)
    length = np.linalg.norm(normal)
    normal = normal / length if length else np.array([0.0, 0.0, 1.0])
    along = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    along /= np.linalg.norm(along)
    return np.stack([here @ along, here @ np.cross(normal, along)], axis=1)


def _area2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _isEar(flat: np.ndarray, left: list[int], position: int) -> bool:
    """Whether the corner can be cut off: it turns left, or lies on the line, and no other corner lies in the way."""
    a, b, c = flat[left[position - 1]], flat[left[position]], flat[left[(position + 1) % len(left)]]
    turn = _area2(b - a, c - b)
    size = max(np.abs(b - a).max(), np.abs(c - b).max())
    if turn < -1e-12 * size**2:
        return False
    others = flat[left]
    same = np.zeros(len(left), dtype=bool)
    for corner in (a, b, c):
        same |= (np.abs(others - corner) <= 1e-12 * max(size, 1e-300)).all(axis=1)
    others = others[~same]
    if not len(others):
        return True
    inside = np.ones(len(others), dtype=bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= _area2(end - start, others - start) >= -1e-12 * size**2
    return not inside.any()
