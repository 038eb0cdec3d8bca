"""Whether a volume can be the source of a model, as far as milliseconds tell: for a panel while the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from ..Image.DicomSeries import DicomFile, readHeader
from ..Image.PixelReader import readFrames
from ..Image.Rescale import rescaleOfSlice
from ..Image.SliceHeader import SliceHeader
from .SlicerImage import requireInstances, requirePaths, voxelsOfVolumeNode
from .SlicerTransforms import ijkToLpsOfVolume
from .VoxelOrigin import DerivedVolume, derivedSentence, isSame

if TYPE_CHECKING:
    import slicer


def sourceProblem(volumeNode: slicer.vtkMRMLScalarVolumeNode, database) -> str:
    """Why an export will refuse a volume, in one sentence; "" when nothing speaks against it so far.

    Of a scan in single slices the first, the middle and the last are compared with their files, voxels and place; the
    export itself compares all.
    """
    name = volumeNode.GetName()
    try:
        uids = requireInstances(volumeNode)
        paths = requirePaths(uids, database, f"volume '{name}'")
        array = voxelsOfVolumeNode(volumeNode)
        if len(uids) == 1:
            return ""
        if len(array) != len(uids):
            raise DerivedVolume(derivedSentence(name, f"{len(array)} slices instead of {len(uids)}"))
        nodeToLps, starts = ijkToLpsOfVolume(volumeNode), {}
        for k in sorted({0, len(uids) // 2, len(uids) - 1}):
            file = readHeader(paths[k])
            if not isinstance(file, DicomFile):
                raise M3DError(f"A DICOM image of volume '{name}' cannot be read ({file.reason}); import it again.")
            slope, intercept = rescaleOfSlice(SliceHeader(file.header, 0), file.path)
            if not isSame(array[k], next(iter(readFrames(file))), slope, intercept):
                raise DerivedVolume(derivedSentence(name, f"slice {k + 1}"))
            starts[k] = _offBy(nodeToLps, k, file.header)
        _requirePlace(name, starts, 0.1 * np.linalg.norm(nodeToLps[:3, :3], axis=0).min())
    except M3DError as error:
        return str(error)
    return ""


def _offBy(nodeToLps: np.ndarray, k: int, header) -> np.ndarray:
    """Where the first voxel of slice k lies minus where its header has it, LPS mm; NaN where it has none."""
    position = header.get("ImagePositionPatient")
    if position is None or len(position) != len("xyz"):
        return np.full(3, np.nan)
    return (nodeToLps @ [0, 0, k, 1])[:3] - np.array(position, dtype=np.float64)


def _requirePlace(name: str, offsets: dict[int, np.ndarray], tolerance: float) -> None:
    """Raise :class:`DerivedVolume` when neither end of the stack lies where its header has it.

    Of a scan with a tilted gantry that is drawn straight, one end does.
    """
    away = {k: np.linalg.norm(offset) for k, offset in offsets.items()}
    if min(away[min(away)], away[max(away)]) > tolerance:
        raise DerivedVolume(
            f"Volume '{name}' no longer lies where the DICOM images it was loaded from do (off by "
            f"{max(away.values()):.2f} mm); its origin, spacing or directions were changed. Load the scan from the "
            "DICOM database again and choose that volume as source volume."
        )
