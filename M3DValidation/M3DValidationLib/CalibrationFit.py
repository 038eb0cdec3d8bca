"""Sizes of a calibration object fitted to its surface, and the scale of the image's axes that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.ImageVolume import ImageVolume

from .CalibrationObjects import ObjectSurface, objectSurface
from .ReferenceReader import CalibrationObject

# Surface points closer together than this share their error: blur and noise reach so far.
_CORRELATION_MM = 2.0
# How well the local 50 % level marks an edge, in voxels: blur that is not the same on both sides, beam hardening.
_EDGE_IN_VOXELS = 0.05


@dataclass
class FittedSize:
    """One size of the object.

    :ivar direction: float64 (3,), unit vector it runs along, LPS.
    :ivar measuredMm: size found.
    :ivar nominalMm: size it should have, None where not known.
    :ivar uncertaintyMm: standard uncertainty: scatter about the fitted shape, and a twentieth of a voxel for the edges.
    """

    direction: np.ndarray
    measuredMm: float
    nominalMm: float | None
    uncertaintyMm: float


@dataclass
class CalibrationResult:
    """An object found and fitted.

    :ivar center: float64 (3,), LPS mm.
    :ivar scale: float64 (3,), measured over nominal length along the image's i, j and k axes; NaN where the object says
        nothing about that axis.
    :ivar scaleUncertainty: float64 (3,), standard uncertainty.
    :ivar residualMm: root mean square distance of the surface points from the fitted shape.
    """

    sizes: list[FittedSize]
    center: np.ndarray
    scale: np.ndarray
    scaleUncertainty: np.ndarray
    residualMm: float


def fitCalibrationObject(image: ImageVolume, target: CalibrationObject) -> CalibrationResult:
    """Find the object near its point, fit its shape and compare its sizes with the nominal ones.

    :raises M3DError: nothing like it is found there.
    """
    known = [size for size in target.sizes if size is not None]
    surface = objectSurface(image, target.near, max(known))
    fit = {"sphere": _fitSphere, "cylinder": _fitCylinder, "box": _fitBox}[target.kind]
    axes = image.ijkToLps[:3, :3] / image.spacing
    sizes, center, residual = fit(surface, target, axes)
    for size in sizes:
        # Scatter says nothing about what all edges have in common; the half level is good to about so much.
        voxel = float(np.abs(np.linalg.solve(axes, size.direction)) @ image.spacing)
        size.uncertaintyMm = float(np.hypot(size.uncertaintyMm, _EDGE_IN_VOXELS * voxel))
    wrong = [size for size in sizes if size.nominalMm and not 0.7 < size.measuredMm / size.nominalMm < 1.4]
    if wrong:
        raise M3DError(
            f"What is found near the point of '{target.name}' measures {wrong[0].measuredMm:.1f} mm where "
            f"{wrong[0].nominalMm:g} mm are expected; it is another object or hangs together with one."
        )
    scale, uncertainty = _axisScales(sizes, axes)
    return CalibrationResult(sizes, center, scale, uncertainty, residual)


def _independent(weights: np.ndarray) -> float:
    """Number of independent measurements in points that stand for so much area."""
    return max(1.0, min(len(weights), float(weights.sum()) / _CORRELATION_MM**2))


def _fitSphere(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A ball stretched along the image's axes, linear in center and the three radii."""
    radius = target.sizes[0] / 2
    center = np.median(surface.points - radius * surface.normals, axis=0)
    distance = np.linalg.norm(surface.points - center, axis=1)
    near = np.abs(distance - radius) < max(1.5, 0.2 * radius)
    points, weights = surface.points[near], surface.weights[near]
    _require(len(points), target)
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
        keep = _within(residual)
    spread = _rms(residual[keep])
    # About a third of the points says something about each axis.
    error = 2 * spread / np.sqrt(_independent(weights[keep]) / 3)
    sizes = [FittedSize(axes[:, axis], float(2 * solution[3 + axis]), target.sizes[0], error) for axis in range(3)]
    return sizes, center, spread


def _fitCylinder(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A straight cylinder: an axis square to most normals, an ellipse across it, planes at its ends."""
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
        _require(int(side.sum()), target)
        along = surface.points[side] @ axis
        # Blunt edges at the ends are no side.
        low, high = np.quantile(along, (0.02, 0.98))
        margin = min(3.0, (high - low) / 5)
        middle = np.flatnonzero(side)[(along > low + margin) & (along < high - margin)]
        _require(len(middle), target)
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
        keep = _within(residual)
    spread = _rms(residual[keep])
    error = 2 * spread / np.sqrt(_independent(surface.weights[middle][keep]) / 2)
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
        keep = _within(distance - np.median(distance))
        change = np.linalg.lstsq(design[keep], distance[keep] - radius, rcond=None)[0]
        center, tilt = center + change[:2], tilt + change[2:4]
    straight = axis + basis @ tilt
    return straight / np.linalg.norm(straight), middle + basis @ center


def _fitBox(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A box of any direction: three axes square to each other that the normals cluster at, then pairs of planes."""
    frame = _boxFrame(surface, axes)
    center, half = np.zeros(3), np.full(3, np.nan)
    for axis in range(3):
        places = [_facePlace(surface, sign * frame[:, axis]) for sign in (1, -1)]
        if None not in places:
            half[axis] = (places[0] + places[1]) / 2
            center += frame[:, axis] * (places[0] - places[1]) / 2
        else:
            center += frame[:, axis] * float(np.median(surface.points @ frame[:, axis]))
    found = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        # Away from the edges, which blur rounds off.
        zone = np.array([max(0.4 * half[other], half[other] - 2.5) for other in others])
        zone = np.where(np.isnan(zone), np.inf, zone)
        sides = tuple(frame[:, other] for other in others)
        found.append(betweenFaces(surface, frame[:, axis], center, zone, sides))
    if not any(found):
        raise M3DError(f"No two opposite faces of '{target.name}' are seen.")
    nominal = _assigned([face.distance if face else None for face in found], target.sizes)
    sizes = [
        FittedSize(frame[:, axis], face.distance, nominal[axis], face.uncertainty)
        for axis, face in enumerate(found)
        if face is not None
    ]
    return sizes, center, float(np.sqrt(np.mean([face.spread**2 for face in found if face is not None])))


def _boxFrame(surface: ObjectSurface, axes: np.ndarray) -> np.ndarray:
    """Columns are the directions the normals cluster at: those with the largest sum of fourth powers of components."""
    left, _, right = np.linalg.svd(axes)
    start = left @ right
    generator = np.random.default_rng(0)
    # Enough to find the directions; all of them then only make these precise.
    some = generator.choice(len(surface.weights), 2000, p=surface.weights / surface.weights.sum())
    best = None
    # From several directions, so that a box standing on its edge does not end in a saddle point.
    for about in range(3):
        for degrees in (0, 15, 30, 45, 60, 75):
            frame = _turned(start, about, np.radians(degrees))
            frame = _sharpened(frame, surface.normals[some], np.ones(len(some)), 30)
            score = float(((surface.normals[some] @ frame) ** 4).sum())
            if best is None or score > best[0]:
                best = (score, frame)
    return _sharpened(best[1], surface.normals, surface.weights, 20)


def _sharpened(frame: np.ndarray, normals: np.ndarray, weights: np.ndarray, steps: int) -> np.ndarray:
    """The frame moved uphill in the sum of fourth powers, by fixed point steps."""
    for _ in range(steps):
        along = normals @ frame
        # Multiplied out: numpy's power is twenty times slower.
        moment = (normals * weights[:, None]).T @ (along * along * along)
        left, _, right = np.linalg.svd(moment)
        frame = left @ right
    return frame


def _turned(frame: np.ndarray, about: int, angle: float) -> np.ndarray:
    one, two = (about + 1) % 3, (about + 2) % 3
    turn = np.eye(3)
    turn[one, one] = turn[two, two] = np.cos(angle)
    turn[one, two], turn[two, one] = -np.sin(angle), np.sin(angle)
    return frame @ turn


def _facePlace(surface: ObjectSurface, direction: np.ndarray, use: np.ndarray | None = None) -> float | None:
    """Place along a direction of the plane facing it that holds most of the area; None where hardly any does."""
    facing = surface.normals @ direction > 0.9
    if use is not None:
        facing &= use
    if facing.sum() < 30:
        return None
    height = surface.points[facing] @ direction
    histogram, edges = np.histogram(
        height, bins=np.arange(height.min() - 0.5, height.max() + 1, 0.5), weights=surface.weights[facing]
    )
    fullest = int(histogram.argmax())
    near = np.abs(height - (edges[fullest] + edges[fullest + 1]) / 2) < 1.0
    return float(np.median(height[near]))


@dataclass
class FaceDistance:
    """Distance between two parallel faces, its standard uncertainty, and the scatter about both planes, mm."""

    distance: float
    uncertainty: float
    spread: float


def betweenFaces(surface: ObjectSurface, axis, center, zone, sides) -> FaceDistance | None:
    """Distance between the two faces square to an axis; None when one of them is not seen.

    Only the middle zone of the faces counts, and both planes are fitted with one tilt, since the axis is never found
    perfectly square to them.

    :param zone: half widths of the zone along the two ``sides``, mm.
    """
    offset = surface.points - center
    across = np.stack([offset @ side for side in sides], axis=1)
    middle = (np.abs(across) <= zone).all(axis=1)
    height = surface.points @ axis
    groups = []
    for sign in (1, -1):
        place = _facePlace(surface, sign * axis, middle)
        if place is None:
            return None
        facing = middle & (sign * (surface.normals @ axis) > 0.9)
        groups.append(np.flatnonzero(facing & (np.abs(height - sign * place) < 1.0)))
    number = np.concatenate(groups)
    upper = np.r_[np.ones(len(groups[0])), np.zeros(len(groups[1]))]
    design = np.stack([upper, 1 - upper, across[number, 0], across[number, 1]], axis=1)
    keep = np.ones(len(number), dtype=bool)
    for _ in range(5):
        solution = np.linalg.lstsq(design[keep], height[number][keep], rcond=None)[0]
        residual = height[number] - design @ solution
        keep = _within(residual)
    distance = float(abs(solution[0] - solution[1]) / np.sqrt(1 + solution[2] ** 2 + solution[3] ** 2))
    spread = _rms(residual[keep])
    variance = sum(spread**2 / _independent(surface.weights[group]) for group in groups)
    return FaceDistance(distance, float(np.sqrt(variance)), spread)


def _require(count: int, target: CalibrationObject) -> None:
    if count < 100:
        raise M3DError(f"The surface of '{target.name}' cannot be made out near the point given for it.")


def _assigned(found: list[float | None], nominal: list[float | None]) -> list[float | None]:
    """Nominal sizes given in any order to the sizes found that they fit best."""
    from itertools import permutations

    def misfit(order):
        pairs = [(a, b) for a, b in zip(found, order, strict=True) if a is not None and b is not None]
        unused = sum(b is not None for a, b in zip(found, order, strict=True) if a is None)
        return unused, sum(np.log(a / b) ** 2 for a, b in pairs)

    return list(min(permutations(nominal), key=misfit))


def _axisScales(sizes: list[FittedSize], axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale of each image axis from stretches along any directions: s^2 of a direction is the mean of the axes' s^2
    weighted by its squared components, to first order.
    """
    known = [size for size in sizes if size.nominalMm]
    scale, uncertainty = np.full(3, np.nan), np.full(3, np.nan)
    if not known:
        return scale, uncertainty
    weight = np.array([(np.linalg.solve(axes, size.direction)) ** 2 for size in known])
    ratio = np.array([size.measuredMm / size.nominalMm for size in known])
    error = np.array([max(size.uncertaintyMm / size.nominalMm, 1e-6) for size in known])
    seen = np.flatnonzero(weight.sum(axis=0) > 0.5)
    design = weight[:, seen] / weight[:, seen].sum(axis=1, keepdims=True)
    if len(seen) and np.linalg.matrix_rank(design, tol=0.2) == len(seen):
        inverse = np.linalg.pinv(design / error[:, None])
        squared = inverse @ (ratio**2 / error)
        scale[seen] = np.sqrt(squared)
        # An error of the ratio r counts twice in its square.
        uncertainty[seen] = np.sqrt((inverse**2).sum(axis=1))
    return scale, uncertainty


def _within(residual: np.ndarray) -> np.ndarray:
    """Points that are no outliers: within four times the scaled median deviation."""
    deviation = 1.4826 * np.median(np.abs(residual - np.median(residual)))
    return np.abs(residual - np.median(residual)) <= max(4 * deviation, 1e-6)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
