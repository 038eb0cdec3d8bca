"""Geometry of a stack of slices: their order, the affine that places them, and what is irregular about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .SliceHeader import SliceHeader

# Real scanners round positions: 0.00106 mm has been seen on a regular series. A distance is taken as equal to the
# typical one within 0.01 mm or 1 % of it, whichever is larger.
DISTANCE_TOLERANCE_MM = 0.01
DISTANCE_TOLERANCE_SHARE = 0.01
# Direction cosines are written with 4 to 6 decimals; 0.001 is 0.06 degrees, 0.25 mm at 250 mm.
COSINE_TOLERANCE = 1e-3
# No slice may lie further than this share of the slice distance from its place on the regular grid.
PLACE_TOLERANCE_SHARE = 0.1


def distanceTolerance(distance: float) -> float:
    """How much a slice distance may differ from the typical one, mm."""
    return max(DISTANCE_TOLERANCE_MM, DISTANCE_TOLERANCE_SHARE * abs(distance))


@dataclass
class SliceStack:
    """Slices as their headers place them, before or after sorting.

    :ivar positions: float64 (k, 3), Image Position (Patient), LPS mm; NaN rows where missing.
    :ivar orientations: float64 (k, 6), Image Orientation (Patient); NaN rows where missing.
    :ivar pixelSpacings: float64 (k, 2), distance between rows and between columns, mm; NaN rows where missing.
    :ivar thicknesses: float64 (k,), Slice Thickness, mm; NaN where missing.
    """

    positions: np.ndarray
    orientations: np.ndarray
    pixelSpacings: np.ndarray
    thicknesses: np.ndarray

    @classmethod
    def fromHeaders(cls, slices: list[SliceHeader]) -> SliceStack:
        """The stack as the headers of its slices describe it."""

        def column(keyword: str, count: int) -> np.ndarray:
            values = [header.numbers(keyword, count) or [np.nan] * count for header in slices]
            return np.array(values, dtype=np.float64).reshape(len(slices), count)

        return cls(
            column("ImagePositionPatient", 3),
            column("ImageOrientationPatient", 6),
            column("PixelSpacing", 2),
            column("SliceThickness", 1)[:, 0],
        )

    def reordered(self, order: np.ndarray) -> SliceStack:
        """The same slices in another order."""
        return SliceStack(
            self.positions[order], self.orientations[order], self.pixelSpacings[order], self.thicknesses[order]
        )

    def _reference(self) -> np.ndarray | None:
        """The orientation most slices have, (6,); None when no slice has one."""
        known = self.orientations[np.isfinite(self.orientations).all(axis=1)]
        if not len(known):
            return None
        _, inverse, counts = np.unique(known.round(3), axis=0, return_inverse=True, return_counts=True)
        return known[np.flatnonzero(inverse.ravel() == counts.argmax())].mean(axis=0)

    def axes(self) -> np.ndarray:
        """Unit vectors of increasing column, increasing row, and the normal (their cross product), float64 (3, 3).

        Rows and columns are as most slices say, not forced to be perpendicular. Axial when no slice says.
        """
        reference = self._reference()
        if reference is None:
            return np.eye(3)
        along, down = reference[:3], reference[3:]
        normal = np.cross(along, down)
        lengths = [np.linalg.norm(vector) for vector in (along, down, normal)]
        if min(lengths) < 1e-6:
            return np.eye(3)
        return np.stack([vector / length for vector, length in zip((along, down, normal), lengths, strict=True)])

    def heights(self) -> np.ndarray:
        """Position of each slice along the normal, float64 (k,), mm; NaN where unknown."""
        return self.positions @ self.axes()[2]

    def distances(self) -> np.ndarray:
        """Distance between neighboring slices along the normal, float64 (k - 1,), mm."""
        return np.diff(self.heights())

    def typicalDistance(self) -> float:
        """Median distance of neighbors that do not lie at the same place, mm; NaN when there is none."""
        distances = self.distances()
        apart = distances[~self.duplicates() & np.isfinite(distances)]
        return float(np.median(apart)) if len(apart) else float("nan")

    def duplicates(self) -> np.ndarray:
        """Whether slice k + 1 lies where slice k does, bool (k - 1,)."""
        distances = np.abs(self.distances())
        finite = distances[np.isfinite(distances)]
        if not len(finite):
            return np.zeros(len(distances), dtype=bool)
        # A tenth of the largest distance keeps micro-CT with slices of a few micrometers apart.
        threshold = min(DISTANCE_TOLERANCE_MM, 0.1 * finite.max()) if finite.max() > 0 else DISTANCE_TOLERANCE_MM
        return np.where(np.isfinite(distances), distances, np.inf) < threshold

    def otherOrientation(self) -> np.ndarray:
        """Whether a slice's orientation is known and differs from that of most slices, bool (k,)."""
        reference = self._reference()
        if reference is None:
            return np.zeros(len(self.orientations), dtype=bool)
        return np.nanmax(np.abs(np.nan_to_num(self.orientations - reference)), axis=1) > COSINE_TOLERANCE

    def pixelSpacing(self) -> np.ndarray:
        """Median distance between columns and between rows (along i, along j), float64 (2,), mm; 1 when unknown."""
        known = self.pixelSpacings[np.isfinite(self.pixelSpacings).all(axis=1)]
        return np.median(known, axis=0)[::-1] if len(known) else np.ones(2)

    def placed(self) -> np.ndarray:
        """Indices of the slices that have a position, int (m,)."""
        return np.flatnonzero(np.isfinite(self.positions).all(axis=1))

    def ijkToLps(self) -> np.ndarray:
        """Affine that places the stack best in the sense of least squares, float64 (4, 4).

        A tilted gantry shows as a third column that is not parallel to the normal.
        """
        axes = self.axes()
        matrix = np.eye(4)
        matrix[:3, :2] = axes[:2].T * self.pixelSpacing()
        placed = self.placed()
        step, origin = None, np.zeros(3)
        if len(placed) > 1:
            center, mean = placed.mean(), self.positions[placed].mean(axis=0)
            offsets = placed - center
            step = offsets @ (self.positions[placed] - mean) / (offsets @ offsets)
            origin = mean - center * step
        elif len(placed):
            origin = self.positions[placed[0]]
        if step is None or abs(step @ axes[2]) < 1e-6:
            known = self.thicknesses[np.isfinite(self.thicknesses) & (self.thicknesses > 0)]
            step = axes[2] * (float(np.median(known)) if len(known) else 1.0)
            origin = self.positions[placed[0]] if len(placed) else np.zeros(3)
        matrix[:3, 2], matrix[:3, 3] = step, origin
        return matrix

    def lateralOffsets(self) -> np.ndarray:
        """How far each slice is shifted within its plane from the straight line through all slices, mm, float64 (k, 3).

        The line may be tilted against the normal (gantry tilt); NaN rows where the position is unknown.
        """
        heights, placed = self.heights(), self.placed()
        lateral = self.positions - heights[:, None] * self.axes()[2]
        if len(placed) < 2 or np.ptp(heights[placed]) == 0:
            return np.where(np.isfinite(lateral), 0.0, np.nan)
        centered = heights - heights[placed].mean()
        mean = lateral[placed].mean(axis=0)
        slope = centered[placed] @ (lateral[placed] - mean) / (centered[placed] @ centered[placed])
        return lateral - mean - centered[:, None] * slope

    def gridErrors(self) -> np.ndarray:
        """How far each slice lies along the normal from its place on the affine, mm, float64 (k,)."""
        matrix = self.ijkToLps()
        wanted = matrix[:3, 3] + np.arange(len(self.positions))[:, None] * matrix[:3, 2]
        return (self.positions - wanted) @ self.axes()[2]
