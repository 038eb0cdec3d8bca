"""An image in patient coordinates with the headers of its slices; how it is read is in ``ImageReader``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset

# Points whose indices are computed at a time.
_BLOCK = 1 << 14
# Files that a message names; the others are like them.
_NAMED_FILES = 3


@dataclass
class SkippedFile:
    """A file of the folder that is not part of the image, and why (one clause, no path, nothing identifying).

    :ivar broken: it is DICOM but cannot be read, so nobody knows whether it belongs to the scan.
    """

    file: Path
    reason: str
    broken: bool = False


@dataclass
class ImageVolume:
    """Voxels in patient coordinates.

    :ivar array: (k, j, i), k along the stack of slices; rescaled values (HU for CT).
    :ivar ijkToLps: float64 (4, 4); maps voxel index (i, j, k, 1) to the voxel's center in LPS mm. May be oblique,
        left-handed or sheared (gantry tilt). For an irregular stack it is the least-squares affine.
    :ivar modality: DICOM Modality ("CT", "MR"), "" when unknown.
    :ivar headers: one pydicom Dataset per slice along k without pixels (classic), one in all (enhanced multi-frame),
        none (NRRD, NIfTI).
    :ivar files: the files the voxels came from, in the order of ``headers``; one file for NRRD and NIfTI.
    :ivar slicePositions: float64 (k, 3), Image Position (Patient) of each slice as it stands, LPS mm;
        None without headers.
    :ivar sliceOrientations: float64 (k, 6), Image Orientation (Patient) of each slice as it stands;
        None without headers.
    :ivar frameIndices: for an enhanced multi-frame object the frame (from 0) of each slice along k; None otherwise.
    :ivar geometryProblems: why this stack is not one regular grid of one patient, one sentence each; empty when it is.
        Whoever needs the grid calls :meth:`requireRegular`; whoever judges the stack reads the positions.
    :ivar oddSlices: indices k of the few slices that these problems are about, where one can tell.
    :ivar derived: how the voxels are known to differ from those of the DICOM files they are said to come from, in one
        sentence; such an image has no headers, for those of the files do not describe it. "" when nothing is known.
    :ivar unverified: why it is not known whether the voxels are those of the files, "" when it is.
    :ivar valueUnit: "HU" where the values are Hounsfield units, "" where they are known to be none, None where nobody
        has looked (an image made in memory).
    :ivar valueProblems: why the unit is not the usual one, or what was corrected to get it, one sentence each.
    :ivar contradictions: what the files say twice with different words, or do not say, and what was done; one sentence
        each, nothing identifying.
    """

    array: np.ndarray
    ijkToLps: np.ndarray
    name: str = ""
    modality: str = ""
    headers: list[Dataset] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    skippedFiles: list[SkippedFile] = field(default_factory=list)
    slicePositions: np.ndarray | None = None
    sliceOrientations: np.ndarray | None = None
    frameIndices: np.ndarray | None = None
    geometryProblems: list[str] = field(default_factory=list)
    oddSlices: list[int] = field(default_factory=list)
    derived: str = ""
    unverified: str = ""
    valueUnit: str | None = None
    valueProblems: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.ijkToLps = np.asarray(self.ijkToLps, dtype=np.float64)
        if self.array.ndim != 3:
            raise M3DError(f"An image volume needs three dimensions (k, j, i), not {self.array.ndim}.")
        if self.ijkToLps.shape != (4, 4):
            raise M3DError(f"ijkToLps must be a 4 x 4 matrix, not {self.ijkToLps.shape}.")

    @property
    def isHounsfield(self) -> bool:
        """Whether the values are Hounsfield units: as the files say, else by the modality."""
        return self.valueUnit == "HU" or (self.valueUnit is None and self.modality == "CT")

    @property
    def warnings(self) -> list[str]:
        """Everything doubtful about values and place that a user should know, one sentence each."""
        return self.valueProblems + self.contradictions

    @property
    def spacing(self) -> np.ndarray:
        """Distance between neighboring voxel centers along i, j and k, float64 (3,), mm."""
        return np.linalg.norm(self.ijkToLps[:3, :3], axis=0)

    @property
    def dimensions(self) -> tuple[int, int, int]:
        """Number of voxels along i, j and k."""
        return tuple(int(n) for n in self.array.shape[::-1])

    def indexToLps(self, ijk: np.ndarray) -> np.ndarray:
        """Voxel indices (n, 3) in the order i, j, k (may be fractional) to LPS mm, float64 (n, 3)."""
        return np.asarray(ijk, dtype=np.float64) @ self.ijkToLps[:3, :3].T + self.ijkToLps[:3, 3]

    def lpsToIndex(self, points: np.ndarray) -> np.ndarray:
        """LPS mm (n, 3) to fractional voxel indices i, j, k, float64 (n, 3)."""
        return gridIndices(points, self.ijkToLps)

    def requireRegular(self) -> None:
        """Raise :class:`M3DError` with what was found when the slices do not form a regular grid."""
        if self.geometryProblems:
            # The number of a slice is ours; a user who wants to take one out has to know its file.
            odd = [f"{self.files[k].name} (slice {k + 1})" for k in self.oddSlices[:_NAMED_FILES]]
            more = ", ..." if len(self.oddSlices) > _NAMED_FILES else ""
            named = [f"Look at {', '.join(odd)}{more}."] if odd else []
            raise M3DError(self.geometryProblems + named)


def gridIndices(points: np.ndarray, ijkToLps: np.ndarray) -> np.ndarray:
    """LPS mm (n, 3) to fractional indices i, j, k of a grid, float64 (n, 3).

    Block by block: a product with a matrix of three columns is too small a work to be shared among threads, yet that is
    what the library for it does with all points at once, and waits for them many times longer than it computes.
    """
    points = np.asarray(points)
    inverse = np.linalg.inv(ijkToLps[:3, :3]).T
    result = np.empty((len(points), 3))
    for start in range(0, len(points), _BLOCK):
        part = points[start : start + _BLOCK].astype(np.float64)
        part -= ijkToLps[:3, 3]
        np.matmul(part, inverse, out=result[start : start + _BLOCK])
    return result
