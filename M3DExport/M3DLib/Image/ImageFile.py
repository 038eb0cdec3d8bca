"""Voxels and geometry of research image formats, through SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..Errors import M3DError


def readImageFile(file: str | Path, layers: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Read a NRRD, NIfTI or MetaImage file.

    :param layers: whether several values per voxel are welcome; the array then has a fourth axis for them.
    :return: array (k, j, i) in the file's own number type, and ijkToLps float64 (4, 4) for voxel centers in LPS mm
        (ITK's own convention; NIfTI's RAS is turned by ITK).
    :raises M3DError: the file cannot be read, is not three-dimensional, or has several values per voxel.
    """
    import SimpleITK

    file = Path(file)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        # ITK's message is a page of source positions; its last line says what is wrong.
        reason = str(error).strip().splitlines()[-1].strip()
        raise M3DError(f"'{file.name}' cannot be read as an image: {reason}") from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    components = image.GetNumberOfComponentsPerPixel()
    if image.GetDimension() != 3 or (components != 1 and not layers):
        raise M3DError(
            f"'{file.name}' is not a volume with one value per voxel: it has {image.GetDimension()} dimensions and "
            f"{components} values per voxel.",
        )
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    array = SimpleITK.GetArrayFromImage(image)
    return (array[..., np.newaxis] if layers and components == 1 else array), matrix
