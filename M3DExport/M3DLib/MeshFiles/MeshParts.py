"""What the reader of one format hands over: numbers as the file has them, and what it could not hand over."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..Errors import M3DError


@dataclass
class MeshParts:
    """All triangles of a file.

    :ivar points: float64 (n, 3), as they stand in the file.
    :ivar triangles: int64 (m, 3), indices into ``points``, counter-clockwise seen from outside.
    :ivar unit: the unit the file states, in the file's words; None where it states none.
    :ivar warnings: what was left out, cut up or corrected, one sentence each.
    :ivar digits: significant bits of the numbers: 53 for doubles, 24 where file or reader keep single precision.
    """

    points: np.ndarray
    triangles: np.ndarray
    unit: str | None = None
    warnings: list[str] = field(default_factory=list)
    digits: int = 53


def joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and triangles (m, 3) of several bodies as one."""
    offsets = np.cumsum([0] + [len(points) for points, _ in parts[:-1]])
    points = np.concatenate([points for points, _ in parts])
    return points, np.concatenate([triangles + offset for (_, triangles), offset in zip(parts, offsets, strict=True)])


def moved(points: np.ndarray, triangles: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles after a motion (4, 4); a mirror turns the triangles, so that they still face outward."""
    points = points @ matrix[:3, :3].T + matrix[:3, 3]
    return points, triangles[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else triangles


def requireIndices(indices: np.ndarray, count: int, kind: str) -> None:
    """Refuse corners that name points the file does not have.

    :raises M3DError: says so, with the first of them.
    """
    wrong = (indices < 0) | (indices >= count)
    if wrong.any():
        raise M3DError(
            f"This {kind} file is damaged: a face names point {int(indices[wrong][0]) + 1}, but there are {count}. "
            "Export it again."
        )
