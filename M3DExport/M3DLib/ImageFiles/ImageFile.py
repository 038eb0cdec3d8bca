"""Voxels and geometry of research image formats: voxels through SimpleITK, what the file says of their place here.

ITK drops what it has no room for (units other than mm, a shear, one of two places of a NIfTI file) with at most a line
on the terminal. So the header is read first, and ITK's answer is corrected or refused by it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..Errors import M3DError
from .FileGrid import FileGrid
from .ItkReading import readWithItk


def readImageFile(
    file: str | Path, layers: bool = False, remarks: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a NRRD, NIfTI or MetaImage file.

    :param layers: whether several values per voxel are welcome; the array then has a fourth axis for them.
    :param remarks: gets a sentence for everything that the file does not say or says twice with different words.
    :return: array (k, j, i) in the file's own number type, and ijkToLps float64 (4, 4) for voxel centers in LPS mm.
    :raises M3DError: the file cannot be read, is not three-dimensional, has several values per voxel, contradicts
        itself on where its voxels lie, or promises more voxels than it or the memory holds.
    """
    file = Path(file)
    try:
        grid = _gridOf(file)
    except OSError as error:
        raise M3DError(f"'{file.name}' cannot be read: {error.strerror or error}.") from error
    if remarks is not None:
        remarks += grid.remarks
    image = readWithItk(file)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    _requireOneVolume(image, layers, file)
    components = image.GetNumberOfComponentsPerPixel()
    matrix = _matrixOf(image) if grid.ijkToLps is None else grid.ijkToLps
    matrix = np.diag([*grid.unitMm, 1.0]) @ matrix
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise M3DError(f"'{file.name}' does not place its voxels in space: a spacing or an axis is 0 or no number.")
    import SimpleITK

    array = SimpleITK.GetArrayFromImage(image)
    return (array[..., np.newaxis] if layers and components == 1 else array), matrix


def _requireOneVolume(image, layers: bool, file: Path) -> None:
    """Refuse what is no volume with one value per voxel.

    :raises M3DError: says what it is instead.
    """
    components = image.GetNumberOfComponentsPerPixel()
    if image.GetDimension() > 3:
        count = int(np.prod(image.GetSize()[3:]))
        raise M3DError(
            f"'{file.name}' holds {count} volumes one after the other (a fourth axis: time, phases or directions). "
            "Save the one that is meant alone."
        )
    if image.GetDimension() < 3:
        raise M3DError(f"'{file.name}' is a single picture, not a volume.")
    if components != 1 and not layers:
        raise M3DError(
            f"'{file.name}' has {components} values per voxel (a sequence in time, colors or vectors), not one. Save "
            "the volume that is meant alone."
        )


def _matrixOf(image) -> np.ndarray:
    """ITK's own placement, which is LPS."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def _gridOf(file: Path) -> FileGrid:
    """What the header says of the voxels' place and number.

    :raises M3DError: it contradicts itself, promises more than there is, or is of a format that places nothing.
    """
    with file.open("rb") as stream:
        start = stream.read(4)
    name = file.name.lower()
    if start == b"NRRD":
        from .NrrdHeader import gridOfNrrd

        return gridOfNrrd(file)
    if name.endswith((".nii", ".nii.gz")):
        isPacked = start[:2] == b"\x1f\x8b"
        if isPacked != name.endswith(".gz"):
            other = f"{file.name}.gz" if isPacked else file.name[: -len(".gz")]
            state = "compressed" if isPacked else "not compressed"
            raise M3DError(f"'{file.name}' is {state}, and its name says otherwise; name it '{other}'.")
        from .NiftiHeader import gridOfNifti

        return gridOfNifti(file)
    if name.endswith((".mha", ".mhd")):
        from .MetaImageHeader import gridOfMetaImage

        return gridOfMetaImage(file)
    # Analyze (.hdr, .img) does not know left from right, and the others have no place, turn or unit that counts.
    raise M3DError(
        f"'{file.name}' is of no format whose voxels have a sure place in the patient; save it as .nrrd, .nii, "
        ".nii.gz, .mha or .mhd, with an ending that says so."
    )
