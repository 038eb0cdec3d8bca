"""Analytic shapes with signed distances: known truth for rendered images and for measuring methods.

All lengths in mm, all positions in LPS mm. The signed distance is negative inside. Unless a class says otherwise it is
the exact Euclidean distance; combinations made from exact shapes have the right sign and zero set everywhere, and a
magnitude that never exceeds the true distance, which is what the renderer needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..Errors import M3DError

Vector = tuple[float, float, float]
IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class Shape(Protocol):
    """A closed region of space."""

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        """Distance to the surface in mm, negative inside, float64 (n,), of points (n, 3) in LPS mm."""
        ...

    @property
    def volumeMm3(self) -> float | None:
        """Exact volume in mm3, None where no closed formula is at hand."""
        ...


def rotationAbout(axis: Vector, degrees: float) -> np.ndarray:
    """Rotation matrix (3, 3) about an axis through the origin, right-handed (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    angle = np.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _local(points: np.ndarray, center: Vector) -> np.ndarray:
    return np.asarray(points, dtype=np.float64) - np.asarray(center, dtype=np.float64)


def _length(*components: np.ndarray) -> np.ndarray:
    return np.sqrt(sum(component * component for component in components))


def _alongAndAcross(points: np.ndarray, center: Vector, axis: Vector) -> tuple[np.ndarray, np.ndarray]:
    """Coordinate along an axis through the center, and distance from that axis."""
    direction = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    local = _local(points, center)
    along = local @ direction
    across = _length(*(local - along[:, None] * direction).T)
    return along, across


def _boxDistance(*excess: np.ndarray) -> np.ndarray:
    """Signed distance to a box from the excess of each coordinate's magnitude over the half size."""
    outside = _length(*(np.maximum(component, 0) for component in excess))
    inside = excess[0]
    for component in excess[1:]:
        inside = np.maximum(inside, component)
    return outside + np.minimum(inside, 0)


@dataclass(frozen=True)
class Sphere:
    """Ball of a radius about a center."""

    center: Vector
    radius: float

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return _length(*_local(points, self.center).T) - self.radius

    @property
    def volumeMm3(self) -> float:
        return 4 / 3 * np.pi * self.radius**3


@dataclass(frozen=True)
class HalfSpace:
    """Everything behind a plane: a single flat edge. The normal points out of it."""

    point: Vector
    normal: Vector

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return _local(points, self.point) @ (np.asarray(self.normal, dtype=np.float64) / np.linalg.norm(self.normal))

    @property
    def volumeMm3(self) -> None:
        return None


@dataclass(frozen=True)
class Cylinder:
    """Solid cylinder with flat ends: center of the whole, direction of its axis, radius, full height."""

    center: Vector
    axis: Vector
    radius: float
    height: float

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        along, across = _alongAndAcross(points, self.center, self.axis)
        return _boxDistance(across - self.radius, np.abs(along) - self.height / 2)

    @property
    def volumeMm3(self) -> float:
        return np.pi * self.radius**2 * self.height


@dataclass(frozen=True)
class Box:
    """Cuboid: bars and plates.

    :ivar size: full edge lengths along its own axes.
    :ivar axes: rows are the unit directions of its edges in LPS (orthonormal).
    """

    center: Vector
    size: Vector
    axes: tuple[Vector, Vector, Vector] = IDENTITY

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        local = np.abs(_local(points, self.center) @ np.asarray(self.axes, dtype=np.float64).T)
        return _boxDistance(*(local - np.asarray(self.size, dtype=np.float64) / 2).T)

    @property
    def volumeMm3(self) -> float:
        return float(np.prod(self.size))


@dataclass(frozen=True)
class Torus:
    """Ring: center, direction of its axis, radius of the ring's center line, radius of the tube."""

    center: Vector
    axis: Vector
    majorRadius: float
    minorRadius: float

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        along, across = _alongAndAcross(points, self.center, self.axis)
        return _length(across - self.majorRadius, along) - self.minorRadius

    @property
    def volumeMm3(self) -> float:
        return 2 * np.pi**2 * self.majorRadius * self.minorRadius**2


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid with semi-axes along the rows of ``axes``.

    The distance is that of the foot point, found from the one-dimensional equation for its Lagrange multiplier (Eberly,
    "Distance from a point to an ellipse, an ellipsoid, or a hyperellipsoid") by Newton on the reciprocal length
    (More and Sorensen's form, which is nearly straight); exact to about 1e-6 mm.
    """

    center: Vector
    semiAxes: Vector
    axes: tuple[Vector, Vector, Vector] = IDENTITY

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        radii = np.asarray(self.semiAxes, dtype=np.float64)
        local = _local(points, self.center)
        if self.axes != IDENTITY:
            local = local @ np.asarray(self.axes, dtype=np.float64).T
        # On a plane of symmetry the equation degenerates; a nudge far below the stated accuracy avoids that.
        local = [np.maximum(np.abs(coordinate), 1e-7 * radii.min()) for coordinate in local.T]
        squares = radii**2
        weighted = [radius * coordinate for radius, coordinate in zip(radii, local, strict=True)]
        # Left of the root, from where Newton's steps on the reciprocal length never overshoot.
        least = np.maximum.reduce([part - square for square, part in zip(squares, weighted, strict=True)])
        scaled = [coordinate / radius for coordinate, radius in zip(local, radii, strict=True)]
        level = _length(*scaled)
        slope2 = sum((part / radius) ** 2 for part, radius in zip(scaled, radii, strict=True))
        # To first order, which near the surface is nearly all of it.
        multiplier = np.maximum((level - 1) * level / slope2, least)
        for _ in range(30):
            length2, slope = 0.0, 0.0
            for square, part in zip(squares, weighted, strict=True):
                inverse = 1 / (multiplier + square)
                term = part * inverse
                term *= term
                length2 += term
                term *= inverse
                slope -= term
            step = length2 * (1 - np.sqrt(length2)) / slope
            before, multiplier = multiplier, np.maximum(multiplier + step, least)
            if not len(step) or np.abs(multiplier - before).max() <= 1e-5 * squares.min():
                break
        # The way to the foot point is the multiplier times the normal there.
        way = [part / (multiplier + square) for square, part in zip(squares, weighted, strict=True)]
        distance = np.abs(multiplier) * _length(*(part / radius for part, radius in zip(way, radii, strict=True)))
        return np.where(level < 1, -distance, distance)

    @property
    def volumeMm3(self) -> float:
        return 4 / 3 * np.pi * float(np.prod(self.semiAxes))


@dataclass(frozen=True)
class Gyroid:
    """Space on one side of a level of the gyroid: sin x cos y + sin y cos z + sin z cos x < level.

    Unbounded: intersect it with a box or a ball. The distance is the value over its gradient: exact to first order at
    the surface, right in sign everywhere, only a rough magnitude away from it.

    :ivar period: length of one cell, mm.
    """

    center: Vector
    period: float
    level: float = 0.0

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        wave = 2 * np.pi / self.period
        sines, cosines = (function(wave * _local(points, self.center)) for function in (np.sin, np.cos))
        following, leading = [1, 2, 0], [2, 0, 1]
        value = (sines * cosines[:, following]).sum(axis=1) - self.level
        gradient = cosines * cosines[:, following] - sines * sines[:, leading]
        # The gradient vanishes between two sheets; without this floor, points there would seem infinitely far away.
        return value / (wave * np.maximum(_length(*gradient.T), 1.0))

    @property
    def volumeMm3(self) -> None:
        return None


@dataclass(frozen=True)
class Union:
    """What is inside at least one of the shapes; the volume is exact where ``disjoint`` says that none overlap."""

    shapes: tuple[Shape, ...]
    disjoint: bool = False

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return np.minimum.reduce([shape.signedDistance(points) for shape in self.shapes])

    @property
    def volumeMm3(self) -> float | None:
        volumes = [shape.volumeMm3 for shape in self.shapes]
        return sum(volumes) if self.disjoint and None not in volumes else None


@dataclass(frozen=True)
class Intersection:
    """What is inside all of the shapes."""

    shapes: tuple[Shape, ...]

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return np.maximum.reduce([shape.signedDistance(points) for shape in self.shapes])

    @property
    def volumeMm3(self) -> None:
        return None


@dataclass(frozen=True)
class Difference:
    """A shape less another; the volume is exact where ``contained`` says that all of the other lay inside."""

    shape: Shape
    removed: Shape
    contained: bool = False

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return np.maximum(self.shape.signedDistance(points), -self.removed.signedDistance(points))

    @property
    def volumeMm3(self) -> float | None:
        volumes = (self.shape.volumeMm3, self.removed.volumeMm3)
        return volumes[0] - volumes[1] if self.contained and None not in volumes else None


@dataclass(frozen=True)
class HollowShell:
    """The outermost layer of a shape, of even thickness measured inward; outer and inner surface are both edges."""

    shape: Shape
    thickness: float

    def __post_init__(self):
        if self.thickness <= 0:
            raise M3DError(f"A shell needs a thickness above 0 mm, not {self.thickness}.")

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        outer = self.shape.signedDistance(points)
        return np.maximum(outer, -outer - self.thickness)

    @property
    def volumeMm3(self) -> float | None:
        if isinstance(self.shape, Sphere):
            return self.shape.volumeMm3 - Sphere(self.shape.center, self.shape.radius - self.thickness).volumeMm3
        return None


@dataclass(frozen=True)
class Moved:
    """A shape rotated about the origin and then shifted.

    :ivar rotation: (3, 3) rotation matrix; new position = rotation @ old position + translation.
    """

    shape: Shape
    rotation: tuple[Vector, Vector, Vector] = IDENTITY
    translation: Vector = (0.0, 0.0, 0.0)

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        return self.shape.signedDistance(_local(points, self.translation) @ np.asarray(self.rotation, dtype=np.float64))

    @property
    def volumeMm3(self) -> float | None:
        return self.shape.volumeMm3
