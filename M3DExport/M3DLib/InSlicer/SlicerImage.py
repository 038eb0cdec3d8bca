"""The scan behind a volume node: voxels from the scene, headers and true slice positions from the DICOM database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError, noProgress
from ..Image.DicomSeries import DicomFile, readHeader
from ..Image.ImageReader import ArrangedSeries, arrangeSeries, imageOfSeries
from .SlicerTransforms import ijkToLpsOfVolume
from .VoxelOrigin import DerivedVolume, requireOwnVoxels

if TYPE_CHECKING:
    import slicer

    from ..Image.ImageVolume import ImageVolume

INSTANCE_UIDS = "DICOM.instanceUIDs"

# How far a corner of the volume in the scene may lie from its place in the headers, as a share of the smallest voxel
# edge. Slicer keeps positions in double precision but computes one spacing for all slices.
_CORNER_SHARE = 0.1


@dataclass
class SceneImage:
    """A scan as its headers place it, and how that differs from its place in the scene.

    :ivar warnings: what a user should know, one sentence each.
    :ivar correction: from the coordinates of the volume node to those of the scan, float64 (4, 4), LPS mm; None when
        they are the same, as they are but for a tilted gantry.
    """

    image: ImageVolume
    warnings: list[str] = field(default_factory=list)
    correction: np.ndarray | None = None


def instanceUidsOf(node: slicer.vtkMRMLNode) -> list[str]:
    """SOP Instance UIDs a node was loaded from, in its own order; empty when it was not loaded from DICOM."""
    return (node.GetAttribute(INSTANCE_UIDS) or "").split()


def requireInstances(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[str]:
    """SOP Instance UIDs of a volume; raises :class:`M3DError` with the remedy when it was not loaded from DICOM."""
    uids = instanceUidsOf(volumeNode)
    if not uids:
        raise M3DError(
            f"Volume '{volumeNode.GetName()}' was not loaded from DICOM, so the patient and study of a model of it are "
            "unknown. Choose the volume that was loaded from the DICOM database as source volume, or import the scan's "
            "DICOM files and load it from there.",
        )
    return uids


def imageOfVolumeNode(
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    database,
    progress: Callable[[float, str], None] = noProgress,
) -> SceneImage:
    """The scan of a volume node.

    :param database: ctkDICOMDatabase, or anything with its ``isOpen`` and ``fileForInstance``.
    :return: voxels of the node at the places that the slices' headers give; the node's parent transform is not applied.
    :raises DerivedVolume: it is no longer the image that its files hold (cropped, resampled, moved, filtered, edited).
    :raises M3DError: the node was not loaded from DICOM, or its files are not in the database.
    """
    series, array, flipped, warnings = _arrangedVolume(volumeNode, database, progress)
    image = imageOfSeries(series, array)
    image.unverified = requireOwnVoxels(
        array, series, volumeNode.GetName(), progress=lambda done, text: progress(0.5 + 0.5 * done, text)
    )
    said = [*warnings, image.unverified] if image.unverified else warnings
    if not warnings:
        return SceneImage(image, said)
    turn = np.diag([1.0, 1.0, -1.0 if flipped else 1.0, 1.0])
    turn[2, 3] = array.shape[0] - 1 if flipped else 0
    return SceneImage(image, said, image.ijkToLps @ turn @ np.linalg.inv(ijkToLpsOfVolume(volumeNode)))


def _arrangedVolume(volumeNode, database, progress) -> tuple[ArrangedSeries, np.ndarray, bool, list[str]]:
    """The series of a volume node, its voxels along the series' slices, whether they ran the other way, warnings."""
    name = volumeNode.GetName()
    array = voxelsOfVolumeNode(volumeNode)
    uids = requireInstances(volumeNode)
    files = _filesOf(uids, database, f"volume '{name}'", lambda done, text: progress(0.5 * done, text))
    series = arrangeSeries(files)
    count = len(series.order)
    if array.shape[0] != count or array.shape[1:] != _sliceShape(series):
        raise DerivedVolume(
            f"Volume '{name}' has {_voxels(array.shape)} voxels, but the DICOM images it was loaded from have "
            f"{_voxels((count, *_sliceShape(series)))}; it was cropped or resampled. Choose the volume as it was "
            "loaded as source volume.",
        )
    if series.problems:
        # No matrix places such slices; whoever needs a regular grid asks the image, and gets the reasons.
        return series, array if series.multiFrame else array[series.order], False, []
    flipped, warnings = _place(ijkToLpsOfVolume(volumeNode), array.shape, series, name)
    return series, array[::-1] if flipped else array, flipped, warnings


def voxelsOfVolumeNode(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """Values of a volume node (k, j, i), not copied.

    :raises M3DError: it holds no image, or one with several values per voxel.
    """
    from vtk.util.numpy_support import vtk_to_numpy

    name = volumeNode.GetName()
    data = volumeNode.GetImageData()
    if data is None or data.GetPointData().GetScalars() is None:
        raise M3DError(f"Volume '{name}' holds no image.")
    if data.GetNumberOfScalarComponents() != 1:
        raise M3DError(f"Volume '{name}' has several values per voxel (colors, vectors), so it is no scan.")
    return vtk_to_numpy(data.GetPointData().GetScalars()).reshape(data.GetDimensions()[::-1])


def imageOfInstances(
    uids: Sequence[str],
    database,
    progress: Callable[[float, str], None] = noProgress,
) -> SceneImage:
    """The scan of instances that are in the database but not in the scene; reads its voxels.

    :raises M3DError: an instance is not in the database, or they are no image.
    """
    from ..Image.VoxelValues import readVoxels

    files = _filesOf(uids, database, "the segmentation's source image", progress)
    series = arrangeSeries(files)
    rank = np.empty(len(series.order), dtype=int)
    rank[series.order] = np.arange(len(series.order))
    rescale = series.rescale()
    return SceneImage(imageOfSeries(series, readVoxels(files, rescale.scales, rank, progress), rescale))


def requireOpen(database) -> None:
    """Raise :class:`M3DError` with the remedy when there is no open DICOM database."""
    if database is None or not database.isOpen:
        raise M3DError(
            "No DICOM database is open. Open the DICOM module once and let it create its database, then try again.",
        )


def _filesOf(uids: Sequence[str], database, what: str, progress: Callable[[float, str], None]) -> list[DicomFile]:
    files = []
    for number, path in enumerate(requirePaths(uids, database, what)):
        progress(number / len(uids), "Reading the headers of the scan")
        file = readHeader(path)
        if not isinstance(file, DicomFile):
            raise M3DError(f"A DICOM image of {what} cannot be read ({file.reason}); import the scan again.")
        files.append(file)
    return files


def requirePaths(uids: Sequence[str], database, what: str) -> list[Path]:
    """Files of instances, in their order.

    :param what: they are images of, for the message.
    :raises M3DError: some are not in the database, or it is not open.
    """
    requireOpen(database)
    known = [database.fileForInstance(uid) for uid in uids]
    missing = sum(not path or not Path(path).is_file() for path in known)
    if missing:
        raise M3DError(
            f"{missing} of the {len(uids)} DICOM images of {what} are not in the DICOM database; import the scan's "
            "files in the DICOM module again, so that the model can take over patient and study.",
        )
    return [Path(path) for path in known]


def _sliceShape(series: ArrangedSeries) -> tuple[int, int]:
    header = series.files[0].header
    return int(header.get("Rows", 0) or 0), int(header.get("Columns", 0) or 0)


def _voxels(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape[::-1])


def _place(
    nodeToLps: np.ndarray,
    shape: tuple[int, int, int],
    series: ArrangedSeries,
    name: str,
) -> tuple[bool, list[str]]:
    """Compare the node's place with the headers': whether its slices run the other way, and warnings.

    A scan with a tilted gantry is drawn straight in the scene; its slices lie on each other there as they do in the
    headers, but shifted within their planes. That is no reason to refuse it: voxels are told apart by index.
    """
    trueToLps = series.stack.ijkToLps()
    smallest = min(np.linalg.norm(trueToLps[:3, :3], axis=0))
    tolerance = _CORNER_SHARE * smallest
    for flipped in (False, True):
        distances = _cornerDistances(nodeToLps, trueToLps, shape, flipped)
        if distances.max() <= tolerance:
            return flipped, []
        normal = series.stack.axes()[2]
        far = _cornerOffsets(nodeToLps, trueToLps, shape, flipped)
        firstSlice = distances[:4] if not flipped else distances[4:]
        sheared = firstSlice.max() <= tolerance and np.abs(far @ normal).max() <= tolerance
        if sheared:
            warning = (
                f"The scan was taken with a tilted gantry: '{name}' is drawn straight in the scene, with places up to "
                f"{distances.max():.1f} mm off; the model lies where the headers of the slices say."
            )
            return flipped, [warning]
    raise DerivedVolume(
        f"Volume '{name}' no longer lies where the DICOM images it was loaded from do (off by up to "
        f"{_cornerDistances(nodeToLps, trueToLps, shape, False).max():.2f} mm); its origin, spacing or directions were "
        "changed. Load the scan from the DICOM database again and choose that volume as source volume.",
    )


def _cornerOffsets(nodeToLps: np.ndarray, trueToLps: np.ndarray, shape: tuple, flipped: bool) -> np.ndarray:
    """Node's place minus true place of the eight corner voxels, float64 (8, 3), mm; the first four are slice 0."""
    kMax, jMax, iMax = (n - 1 for n in shape)
    corners = np.array([[i, j, k, 1.0] for k in (0, kMax) for j in (0, jMax) for i in (0, iMax)])
    trueCorners = corners.copy()
    if flipped:
        trueCorners[:, 2] = kMax - corners[:, 2]
    return (corners @ nodeToLps.T - trueCorners @ trueToLps.T)[:, :3]


def _cornerDistances(nodeToLps: np.ndarray, trueToLps: np.ndarray, shape: tuple, flipped: bool) -> np.ndarray:
    return np.linalg.norm(_cornerOffsets(nodeToLps, trueToLps, shape, flipped), axis=1)
