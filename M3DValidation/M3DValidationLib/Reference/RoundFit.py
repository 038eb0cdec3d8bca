"""Balls and straight cylinders fitted to surface points."""

from __future__ import annotations

import numpy as np

from M3DLib.Errors import M3DError

from .CalibrationFaces import FittedSize, betweenFaces, independentCount, noOutliers, requirePoints, rootMeanSquare
from .CalibrationObjects import ObjectSurface
from .ReferenceReader import CalibrationObject


def fitSphere(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A ball stretched along the image's axes, linear in center and the three radii.

    :param surface: points of the body, LPS mm. :param target: what it is and which sizes it should have, mm.
    :param axes: float64 (3, 3), unit vectors of the image's axes as columns, LPS.
    :return: sizes (:class:`FittedSize`), center float64 (3,), LPS mm, and scatter about the shape, mm.
    :raises M3DError: too little of it is seen.
    """
    radius = target.sizes[0] / 2
    center = np.median(surface.points - radius * surface.normals, axis=0)
    distance = np.linalg.norm(surface.points - center, axis=1)
    near = np.abs(distance - radius) < max(1.5, 0.2 * radius)
    points, weights = surface.points[near], surface.weights[near]
    requirePoints(len(points), target)
    keep = np.ones(len(points), dtype=bool)
    for _ in range(12):
        offset = points - center
        distance = np.linalg.norm(offset, axis=1)
        normal = offset / distance[:, None]
        # The images of the axes are square to each other in all but sheared grids, where this is the first order.
        design = np.concatenate([normal, (normal @ axes) ** 2], axis=1)
        solution = np.linalg.lstsq(design[keep], distance[keep], rcond=None)[0]
        center = center + solution[:3]
        residual = distance - design @ solution
        keep = noOutliers(residual)
    spread = rootMeanSquare(residual[keep])
    # About a third of the points says something about each axis.
    error = 2 * spread / np.sqrt(independentCount(weights[keep]) / 3)
    sizes = [FittedSize(axes[:, axis], float(2 * solution[3 + axis]), target.sizes[0], error) for axis in range(3)]
    return sizes, center, spread


def fitCylinder(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A straight cylinder: an axis square to most normals, an ellipse across it, planes at its ends.

    :param surface: points of the body, LPS mm. :param target: what it is and which sizes it should have, mm.
    :param axes: float64 (3, 3), unit vectors of the image's axes as columns, LPS.
    :return: sizes (:class:`FittedSize`; two diameters, and the length where both ends are seen and it is known),
         center float64 (3,), LPS mm, and scatter about the shape, mm.
    :raises M3DError: its diameter is not given, or too little of it is seen.
    """
    diameter, length = target.sizes
    if diameter is None:
        raise M3DError(f"The diameter of the cylinder '{target.name}' must be given.")
    radius = diameter / 2
    axis = _cylinderAxis(surface)
    center = None
    for _ in range(6):
        side = np.abs(surface.normals @ axis) < 0.25
        centers = surface.points - radius * surface.normals
        if center is None:
            center = np.median(centers[side], axis=0)
        offset = surface.points - center
        away = np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1)
        side &= np.abs(away - radius) < max(1.5, 0.1 * radius)
        requirePoints(int(side.sum()), target)
        along = surface.points[side] @ axis
        # Blunt edges at the ends are no side.
        low, high = np.quantile(along, (0.02, 0.98))
        margin = min(3.0, (high - low) / 5)
        middle = np.flatnonzero(side)[(along > low + margin) & (along < high - margin)]
        requirePoints(len(middle), target)
        axis, center = _straightened(surface.points[middle], axis, radius)
    points = surface.points[middle]
    first = axes[:, np.abs(axes.T @ axis).argmin()]
    first = first - (first @ axis) * axis
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    flat = np.stack([points @ first, points @ second], axis=1)
    middleFlat = np.array([center @ first, center @ second])
    keep = np.ones(len(flat), dtype=bool)
    for _ in range(12):
        offset = flat - middleFlat
        distance = np.linalg.norm(offset, axis=1)
        c, s = (offset / distance[:, None]).T
        design = np.stack([c, s, np.ones(len(c)), c * c - s * s, 2 * c * s], axis=1)
        solution = np.linalg.lstsq(design[keep], distance[keep], rcond=None)[0]
        middleFlat = middleFlat + solution[:2]
        residual = distance - design @ solution
        keep = noOutliers(residual)
    spread = rootMeanSquare(residual[keep])
    error = 2 * spread / np.sqrt(independentCount(surface.weights[middle][keep]) / 2)
    sizes = [
        FittedSize(first, float(2 * (solution[2] + solution[3])), diameter, error),
        FittedSize(second, float(2 * (solution[2] - solution[3])), diameter, error),
    ]
    center = middleFlat[0] * first + middleFlat[1] * second + axis * float(points.mean(axis=0) @ axis)
    ends = betweenFaces(surface, axis, center, np.full(2, 0.6 * radius), (first, second))
    if ends is not None and length is not None:
        sizes.append(FittedSize(axis, ends.distance, length, ends.uncertainty))
    return sizes, center, spread


def _cylinderAxis(surface: ObjectSurface) -> np.ndarray:
    """The direction most of the surface runs along: cross products of pairs of normals, the best one refined."""
    generator = np.random.default_rng(0)
    share = surface.weights / surface.weights.sum()
    pairs = surface.normals[generator.choice(len(share), (400, 2), p=share)]
    candidates = np.cross(pairs[:, 0], pairs[:, 1])
    size = np.linalg.norm(candidates, axis=1)
    candidates = candidates[size > 0.3] / size[size > 0.3, None]
    some = surface.normals[generator.choice(len(share), 3000, p=share)]
    square = np.abs(some @ candidates.T) < 0.08
    # A flat face is square to many directions too, so the normals must also point all around.
    around = np.array([np.linalg.eigvalsh(some[each].T @ some[each] / max(each.sum(), 1))[1] for each in square.T])
    best = candidates[(square.mean(axis=0) * np.minimum(around, 0.3)).argmax()]
    for _ in range(5):
        normals = surface.normals[np.abs(surface.normals @ best) < 0.15]
        best = np.linalg.eigh(normals.T @ normals)[1][:, 0]
    return best


def _straightened(points: np.ndarray, axis: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Axis and center of a cylinder of about this radius, by least squares over its tilt and place."""
    basis = np.linalg.svd(np.eye(3) - np.outer(axis, axis))[0][:, :2]
    middle = points.mean(axis=0)
    local = points - middle
    height = local @ axis
    x, y = (local @ basis).T
    center, tilt = np.zeros(2), np.zeros(2)
    for _ in range(10):
        dx, dy = x - center[0] - tilt[0] * height, y - center[1] - tilt[1] * height
        distance = np.hypot(dx, dy)
        c, s = dx / distance, dy / distance
        design = np.stack([c, s, c * height, s * height, np.ones(len(c))], axis=1)
        keep = noOutliers(distance - np.median(distance))
        change = np.linalg.lstsq(design[keep], distance[keep] - radius, rcond=None)[0]
        center, tilt = center + change[:2], tilt + change[2:4]
    straight = axis + basis @ tilt
    return straight / np.linalg.norm(straight), middle + basis @ center
