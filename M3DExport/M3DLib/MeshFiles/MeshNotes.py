"""What a mesh file said of itself, and in which unit it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from ..Mesh.Remarks import UNIT_MM, unitNamed
from ..Mesh.TriangleMesh import TriangleMesh, lowAndHigh
from ..NumberText import millimeters

if TYPE_CHECKING:
    from pydicom import Dataset

# Longest side of what is taken for a part of a body without asking, mm; as for Encapsulated STL.
SMALLEST_MM, LARGEST_MM = 1.0, 2500.0
# A step of the numbers as large as this is seen in a comparison; single precision has it from 42 m on.
_LOST_STEP_MM = 0.005
# Rounding that no measurement sees: below it, single precision holds the points as well as doubles do.
_ROUNDING_MM = 1e-4
# So many different coordinates of a free form do not all lie on a grid of round numbers by chance.
_MANY_VALUES = 100


@dataclass
class MeshNotes:
    """What a mesh file said of itself, and what had to be assumed.

    :ivar format: "STL", "OBJ", "PLY", "3MF", "AMF", "DICOM Encapsulated STL" or
        "DICOM Encapsulated OBJ".
    :ivar unit: a key of ``UNIT_MM``: the unit the file's numbers were read in.
    :ivar unitSource: "file" (the file states it), "given" (the caller did), "assumed" (nobody did; mm fits the size) or
        "guessed" (nobody did, and mm does not fit the size).
    :ivar coordinates: "LPS" or "RAS" when the file says so, else "".
    :ivar bytes: size of the file.
    :ivar warnings: everything doubtful, one sentence each.
    :ivar remarkedUnit: unit that a header or comment names where the format has no place for one, a key of ``UNIT_MM``.
    :ivar header: what a DICOM object says of its patient, place and sources; None of other files, which say nothing.
    """

    format: str
    unit: str = "mm"
    unitSource: str = "assumed"
    coordinates: str = ""
    bytes: int = 0
    warnings: list[str] = field(default_factory=list)
    remarkedUnit: str | None = None
    header: Dataset | None = field(default=None, repr=False)


def inMillimeters(
    points: np.ndarray, triangles: np.ndarray, notes: MeshNotes, given: str | None, stated: str | None
) -> np.ndarray:
    """The points in mm, float64 (n, 3), and in the notes why in this unit.

    :param given: the unit the caller says, a key of ``UNIT_MM``, or None. :param stated: the file's, in its words.
    :raises M3DError: the file states an unknown unit, or the model's numbers cannot be millimeters.
    """
    stated = (unitNamed(stated) or stated) if stated else None
    if stated is not None and stated not in UNIT_MM:
        if given is None:
            raise M3DError(f"The file states the unit '{stated}', which is unknown; say which unit it is in.")
        stated = None
    low, high = _bounds(points, triangles)
    if given is not None:
        notes.unit, notes.unitSource = given, "given"
        if stated not in (None, given):
            notes.warnings.append(f"The file states the unit {stated}; it was read in {given}, as told.")
    elif stated is not None:
        notes.unit, notes.unitSource = stated, "file"
    elif not _tookRemark(float((high - low).max()), notes):
        _guessUnit(float((high - low).max()), notes)
    points = points * UNIT_MM[notes.unit]
    if not np.abs(points).max() <= np.finfo(np.float32).max:
        raise M3DError("The model's coordinates are too large to be millimeters; its unit is wrong.")
    extent = float((high - low).max()) * UNIT_MM[notes.unit]
    if not SMALLEST_MM <= extent <= LARGEST_MM and notes.unitSource != "guessed":
        notes.warnings.append(f"In {notes.unit} the model is {extent:.4g} mm large, which is not plausible.")
    return points


def _bounds(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extent of the points that triangles have."""
    used = np.zeros(len(points), dtype=bool)
    used[triangles.reshape(-1)] = True
    low, high = lowAndHigh(points if used.all() else points[used])
    return low.astype(np.float64), high.astype(np.float64)


def _tookRemark(extent: float, notes: MeshNotes) -> bool:
    """Whether the numbers are read in the unit of a remark; not where the model would have no plausible size in it."""
    unit = notes.remarkedUnit
    if unit is None:
        return False
    size = extent * UNIT_MM[unit]
    if not SMALLEST_MM <= size <= LARGEST_MM:
        notes.warnings.append(
            f"A remark in the file names the unit '{unit}', in which the model would be {millimeters(size)} large; it "
            "was not followed. State the unit."
        )
        return False
    notes.unit, notes.unitSource = unit, "file"
    if unit != "mm":
        notes.warnings.append(
            f"The unit '{unit}' stands in a remark of the file only; it was followed: the model is {millimeters(size)} "
            "large. State the unit if that is wrong."
        )
    return True


def _guessUnit(extent: float, notes: MeshNotes) -> None:
    notes.unit, notes.unitSource = "mm", "assumed"
    if SMALLEST_MM <= extent <= LARGEST_MM:
        return
    notes.unitSource = "guessed"
    for unit in ("m", "um"):
        size = extent * UNIT_MM[unit]
        # Things made in meters and micrometers are as large as what is held in a hand.
        if 10 * SMALLEST_MM <= size <= LARGEST_MM:
            notes.unit = unit
            notes.warnings.append(
                f"The file states no unit; in mm the model would be {extent:.4g} mm large, so {unit} was guessed "
                f"({size:.4g} mm). State the unit if that is wrong."
            )
            return
    notes.warnings.append(
        f"The file states no unit, and in mm the model is {extent:.4g} mm large, which is not plausible; no other unit "
        "fits better. State the unit."
    )


def meshOf(points: np.ndarray, triangles: np.ndarray, name: str) -> TriangleMesh:
    """A mesh of points in mm that keeps their doubles where single precision would lose something.

    :param points: float32 or float64 (n, 3).
    """
    mesh = TriangleMesh(points, triangles, name)
    if points.dtype == np.float64 and np.abs(mesh.points - points).max(initial=0.0) > _ROUNDING_MM:
        mesh.precise = np.ascontiguousarray(points)
    return mesh


def warnOfLostDigits(mesh: TriangleMesh, digits: int, notes: MeshNotes) -> None:
    """Say so when a model lies so far from the origin that its numbers have coarse steps.

    :param digits: significant bits of the numbers it was read from.
    """
    points = mesh.points if mesh.precise is None else mesh.precise
    farthest = float(np.abs(points).max(initial=0.0))
    if not farthest > 0:
        return
    step = max(_binaryStep(farthest, digits), _stepOfText(points, farthest) if digits > 24 else 0.0)
    if step >= _LOST_STEP_MM:
        notes.warnings.append(
            f"The model lies {farthest / 1000:.4g} m from the origin of its coordinates, where the numbers it was read "
            f"from have steps of {step:.3g} mm: what is finer was lost. Export it nearer to the origin."
        )


def _binaryStep(value: float, digits: int) -> float:
    """Distance between a number of so many significant bits and the next one (IEEE 754)."""
    return float(2.0 ** (np.floor(np.log2(value)) + 1 - digits))


def _stepOfText(points: np.ndarray, farthest: float) -> float:
    """The step that all numbers have who were written with fewer digits than a double has; 0 where there is none.

    Only of far coordinates, and only where there are so many that they do not stand on one grid by chance.
    """
    values = points[:, np.abs(points).max(axis=0) > 0.1 * farthest]
    values = np.unique(values[np.abs(values) > 0.1 * farthest])
    if len(values) < _MANY_VALUES:
        return 0.0
    step = 0.0
    with np.errstate(over="ignore"):
        if (values.astype(np.float32) == values).all():
            step = _binaryStep(farthest, 24)
    for exponent in range(3, -3, -1):
        grid = 10.0**exponent
        if np.abs(values / grid - np.rint(values / grid)).max() < 1e-6:
            return max(step, grid)
    return step
