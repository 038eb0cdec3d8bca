"""Reads a NRRD, NIfTI or MetaImage volume, which has a geometry but no DICOM headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .Errors import M3DError
from .ImageVolume import ImageVolume


def readImageFile(path: Path) -> ImageVolume:
    """Volume from an image file.

    :return: voxels as stored (whole numbers as int16 or int32, others as float32), LPS mm, without headers.
    :raises M3DError: not readable, not one gray-value volume, or coordinates that are not finite.
    """
    import SimpleITK

    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise M3DError(f"{path} cannot be read as an image: {reason}") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise M3DError(
            f"{path} has {image.GetNumberOfComponentsPerPixel()} values per voxel; a gray-value image has one."
        )
    if image.GetDimension() != 3:
        raise M3DError(f"{path} has {image.GetDimension()} dimensions; an image volume has three.")
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise M3DError(f"{path} does not place its voxels in space (spacing {image.GetSpacing()}).")
    array = _narrow(SimpleITK.GetArrayFromImage(image), path)
    problems = []
    if array.shape[0] == 1:
        problems.append("There is only one slice; a volume needs at least two.")
    return ImageVolume(array, matrix, name=path.name, files=[path], geometryProblems=problems)


def _narrow(array: np.ndarray, path: Path) -> np.ndarray:
    """Whole numbers as int16 where they fit, else int32; others as float32."""
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    if array.dtype.kind not in "iu":
        raise M3DError(f"{path} has voxels of type {array.dtype}; an image has numbers.")
    low, high = int(array.min()), int(array.max())
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return array.astype(dtype, copy=False)
    raise M3DError(f"{path} holds values from {low} to {high}, beyond 32 bits.")
