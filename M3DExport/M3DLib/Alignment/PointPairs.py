"""Pairs of points marked on two meshes, and the rigid alignment that follows from them.

CSV, with a header line; columns may be separated by "," or ";" (then numbers may have decimal commas), ``name`` and
``space`` may be missing::

    name,x1,y1,z1,x2,y2,z2,space
    left condyle,-25.0,10.2,80.0,-24.1,12.0,81.3,LPS

JSON::

    {"coordinateSystem": "LPS", "pairs": [{"name": "left condyle", "a": [-25, 10.2, 80], "b": [-24.1, 12, 81.3]}]}

The first point lies on mesh A, the second on mesh B. Points are LPS mm unless "RAS" is said.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from ..NumberText import inDegrees, millimeters
from ..TextFile import readTextFile
from .RigidMotion import RigidMotion
from .RigidRegistration import fitPoints

_COLUMNS = ("x1", "y1", "z1", "x2", "y2", "z2")
_SIGNS = {"LPS": (1, 1, 1), "RAS": (-1, -1, 1)}


@dataclass
class PointAlignment(RigidMotion):
    """A rigid motion from pairs of points.

    :ivar distances: float64 (n,), mm left between the points of each pair after the motion.
    :ivar points: float64 (n, 3), the points marked on B, LPS mm.
    """

    names: list[str]
    distances: np.ndarray
    points: np.ndarray

    @property
    def residual(self) -> float:
        """Root mean square of the distances left, mm."""
        return float(np.sqrt(np.mean(self.distances**2)))

    @property
    def uncertaintyMm(self) -> float:
        """Half width of the 95 % interval of the least sure marked point's place, mm, from how the pairs disagree."""
        freedom = 3 * len(self.distances) - 6
        spread = np.sqrt(float((self.distances**2).sum()) / freedom)
        center = self.points.mean(axis=0)
        arm = self.points - center
        inertia = np.trace(arm.T @ arm) * np.eye(3) - arm.T @ arm
        inverse = np.linalg.pinv(inertia, hermitian=True)
        turned = [np.linalg.eigvalsh(-_cross(one) @ inverse @ _cross(one))[-1] for one in arm]
        return 2 * spread * float(np.sqrt(1 / len(arm) + max(turned)))

    def text(self) -> str:
        """What was done, in words."""
        return (
            f"rigid, {len(self.distances)} pairs of points: rotated by {inDegrees(self.angleDegrees)}, "
            f"residual {millimeters(self.residual)}, largest {millimeters(self.distances.max())}"
        )

    def asDict(self) -> dict:
        """Plain JSON values."""
        return {
            "matrix": self.matrix.tolist(),
            "angleDegrees": self.angleDegrees,
            "residual": self.residual,
            "largest": float(self.distances.max()),
            "usedShare": None,
            "uncertaintyMm": self.uncertaintyMm,
            "doubtful": False,
            "doubtfulBecause": "",
            "alternatives": [],
            "pairs": [
                {"name": name, "distance": float(distance)}
                for name, distance in zip(self.names, self.distances, strict=True)
            ],
        }


def alignByPairs(file: Path | str) -> PointAlignment:
    """Least squares motion of the pairs in a ``.csv`` or ``.json`` file (the format: see above).

    :raises M3DError: the file cannot be read, holds fewer than three pairs, or points that lie on one line.
    """
    names, moving, fixed = readPointPairs(file)
    try:
        return alignByPoints(names, moving, fixed)
    except M3DError as error:
        raise M3DError(f"'{file}': {error}") from error


def alignByPoints(names: list[str], moving: np.ndarray, fixed: np.ndarray) -> PointAlignment:
    """Least squares motion that brings points (n, 3) onto others (n, 3), LPS mm.

    :raises M3DError: fewer than three pairs, or points that lie on one line.
    """
    matrix = fitPoints(moving, fixed)
    left = moving @ matrix[:3, :3].T + matrix[:3, 3] - fixed
    return PointAlignment(matrix, names, np.linalg.norm(left, axis=1), fixed)


def _cross(vector: np.ndarray) -> np.ndarray:
    """Matrix whose product with another vector is the cross product with this one."""
    x, y, z = vector
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def readPointPairs(file: Path | str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, points on A and points on B, both float64 (n, 3), LPS mm.

    :raises M3DError: naming the first entry that is wrong.
    """
    path = Path(file)
    text = readTextFile(path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".json"):
        raise M3DError(f"'{path}' must be a .csv or .json file of pairs of points.")
    rows = _fromCsv(text, path) if kind == ".csv" else _fromJson(text, path)
    names, pairs = [], []
    for number, (name, values, space) in enumerate(rows, 1):
        sign = _SIGNS.get(str(space or "LPS").strip().upper())
        if sign is None:
            raise M3DError(f"'{path}', pair {number}: the space '{space}' is unknown; allowed are LPS and RAS.")
        try:
            pair = np.array([[float(value) for value in point] for point in values], dtype=np.float64)
        except (TypeError, ValueError):
            pair = np.empty(0)
        if pair.shape != (2, 3) or not np.isfinite(pair).all():
            raise M3DError(f"'{path}', pair {number}: three numbers are needed for each of the two points.")
        names.append(str(name or number))
        pairs.append(pair * sign)
    points = np.array(pairs).reshape(-1, 2, 3)
    return names, points[:, 0], points[:, 1]


def _fromCsv(text: str, path: Path) -> list[tuple]:
    lines = [line for line in text.splitlines() if line.strip(" ;,\t") and not line.lstrip().startswith("#")]
    separator = ";" if lines and ";" in lines[0] else ","
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in _COLUMNS if name not in reader.fieldnames]
    if missing:
        raise M3DError(f"'{path}' has no column {', '.join(missing)}; the first line must name the columns.")
    rows = []
    for row in reader:
        values = [row[name] or "" for name in _COLUMNS]
        if separator == ";":
            values = [value.replace(",", ".") for value in values]
        rows.append((row.get("name"), (values[:3], values[3:]), row.get("space")))
    return rows


def _fromJson(text: str, path: Path) -> list[tuple]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise M3DError(f"'{path}' is not valid JSON: {error}.") from error
    pairs = data.get("pairs") if isinstance(data, dict) else None
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        raise M3DError(f"""'{path}' must hold {{"pairs": [{{"a": [x, y, z], "b": [x, y, z]}}, ...]}}.""")
    space = data.get("coordinateSystem", "LPS")
    return [(pair.get("name"), (pair.get("a"), pair.get("b")), space) for pair in pairs]
