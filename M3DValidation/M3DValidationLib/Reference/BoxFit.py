"""A box of any direction fitted to surface points: bars and plates."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from M3DLib.Errors import M3DError

from .CalibrationFaces import FittedSize, betweenFaces, facePlace
from .CalibrationObjects import ObjectSurface
from .ReferenceReader import CalibrationObject


def fitBox(surface: ObjectSurface, target: CalibrationObject, axes: np.ndarray):
    """A box of any direction: three axes square to each other that the normals cluster at, then pairs of planes.

    :param surface: points of the body, LPS mm. :param target: what it is and which sizes it should have, mm.
    :param axes: float64 (3, 3), unit vectors of the image's axes as columns, LPS.
    :return: sizes (:class:`FittedSize`) between the opposite faces that are seen,
         center float64 (3,), LPS mm, and scatter about the shape, mm.
    :raises M3DError: no two opposite faces are seen.
    """
    frame = _boxFrame(surface, axes)
    center, half = np.zeros(3), np.full(3, np.nan)
    for axis in range(3):
        places = [facePlace(surface, sign * frame[:, axis]) for sign in (1, -1)]
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


def _assigned(found: list[float | None], nominal: list[float | None]) -> list[float | None]:
    """Nominal sizes given in any order to the sizes found that they fit best."""

    def misfit(order):
        pairs = [(a, b) for a, b in zip(found, order, strict=True) if a is not None and b is not None]
        unused = sum(b is not None for a, b in zip(found, order, strict=True) if a is None)
        return unused, sum(np.log(a / b) ** 2 for a, b in pairs)

    return list(min(permutations(nominal), key=misfit))
