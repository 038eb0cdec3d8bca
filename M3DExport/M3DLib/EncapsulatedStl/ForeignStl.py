"""An STL file made elsewhere: read as it is, and judged for what can be seen of it before it is encapsulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Dicom import Codes
from ..Errors import M3DError
from ..Identifying import namesPatient
from ..Mesh.Remarks import remarkedSpace, remarkedUnit
from ..Mesh.StlFile import HEADER_SIZE, readStl

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh


@dataclass
class ForeignStl:
    """An STL file and its mesh.

    :ivar stl: the file's bytes, strictly valid binary STL.
    :ivar mesh: in LPS mm, given that the file's coordinates are LPS.
    """

    stl: bytes
    mesh: TriangleMesh
    warnings: list[str] = field(default_factory=list)


def readForeignStl(file: Path | str, unitMm: float) -> ForeignStl:
    """Read a binary STL that DICOM allows to be encapsulated.

    :param unitMm: length of one unit of its coordinates, mm.
    :raises M3DError: it cannot be opened, or is not strictly valid: it is to be stored byte for byte, so nothing about
        it can be put right here.
    """
    path = Path(file)
    try:
        stl = path.read_bytes()
    except OSError as error:
        raise M3DError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    try:
        mesh = readStl(stl, strict=True, name=path.stem)
    except M3DError as error:
        remedy = " Save it again as a binary STL; DICOM allows no other form."
        raise M3DError([f"'{path}': {problem}{remedy}" for problem in error.problems]) from error
    mesh.points *= np.float32(unitMm)
    return ForeignStl(stl, mesh)


def requireLps(foreign: ForeignStl, file: Path | str) -> None:
    """Refuse an STL whose header says that its coordinates are RAS, as Slicer writes it on demand.

    Byte for byte in an object, whose coordinates are LPS, it would lie half a turn about the patient's long axis from
    its place; near the middle of a scan nothing else shows that.

    :raises M3DError: says how to turn it.
    """
    if remarkedSpace(foreign.stl[:HEADER_SIZE]) == "RAS":
        raise M3DError(
            f"'{file}': its header says that its coordinates are RAS, and DICOM's are LPS: left and right, front and "
            "back would be exchanged. Save it in LPS (m3d repair FILE --remove-useless --output NEW.stl writes LPS in "
            "mm), or say --own-coordinates where it has nothing to do with the scan's."
        )


def requireUnit(foreign: ForeignStl, file: Path | str, unit: str) -> None:
    """Refuse an STL whose header names another unit than the one that its object would state.

    :param unit: "um", "mm", "cm" or "m".
    :raises M3DError: names both, and what to do.
    """
    remarked = remarkedUnit(foreign.stl[:HEADER_SIZE])
    if remarked in (None, unit):
        return
    other = (
        f"Give --unit {remarked}"
        if remarked in Codes.UNIT_MM
        else f"Save it in mm (m3d repair FILE --unit {remarked} --remove-useless --output NEW.stl)"
    )
    raise M3DError(
        f"'{file}': its header says that its coordinates are in '{remarked}', and the object would say '{unit}': the "
        f"model would have another size. {other}, or take the remark out of the header where it is wrong."
    )


def judge(foreign: ForeignStl, headers: Sequence[Dataset]) -> list[str]:
    """What a user should know before the file goes into a patient's record.

    :param headers: of the slices of the image in whose coordinates the STL is said to be.
    """
    warnings = []
    if namesPatient(foreign.stl[:HEADER_SIZE].decode("latin-1"), headers[:1]):
        warnings.append("The STL's own header names the patient; it is kept as it is, byte for byte.")
    if not foreign.mesh.isClosed:
        warnings.append("The model is not closed, so it has no volume and may not print.")
    elif foreign.mesh.volumeMm3 < 0:
        warnings.append("The model's triangles face inward; printers and other programs may take it inside out.")
    image = imageBounds(headers)
    if image is not None and not _overlaps(foreign.mesh.boundsLps, image):
        flipped = np.array(foreign.mesh.boundsLps).reshape(3, 2)
        flipped[:2] = -flipped[:2, ::-1]
        hint = (
            " With x and y negated it would lie inside: its coordinates seem to be RAS, and DICOM's are LPS."
            if _overlaps(flipped.ravel(), image)
            else " Its coordinates or its unit do not seem to be those of the scan."
        )
        warnings.append(f"The model lies outside the scan.{hint}")
    return warnings


def imageBounds(headers: Sequence[Dataset]) -> tuple[float, ...] | None:
    """Box around the slices (xmin, xmax, ymin, ymax, zmin, zmax), LPS mm; None when the headers do not place them.

    One slice alone is no volume that something could lie in.
    """
    if len(headers) < 2:
        return None
    corners = []
    for header in headers:
        try:
            position = np.array(header.ImagePositionPatient, dtype=np.float64)
            orientation = np.array(header.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
            rowDistance, columnDistance = (float(value) for value in header.PixelSpacing)
            along = orientation[0] * columnDistance * (int(header.Columns) - 1)
            down = orientation[1] * rowDistance * (int(header.Rows) - 1)
        except (AttributeError, TypeError, ValueError):
            return None
        corners += [position, position + along, position + down, position + along + down]
    return tuple(float(v) for pair in zip(np.min(corners, axis=0), np.max(corners, axis=0), strict=True) for v in pair)


def _overlaps(a, b) -> bool:
    a, b = np.asarray(a).reshape(3, 2), np.asarray(b).reshape(3, 2)
    return bool((np.maximum(a[:, 0], b[:, 0]) <= np.minimum(a[:, 1], b[:, 1])).all())
