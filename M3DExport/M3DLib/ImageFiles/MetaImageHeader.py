"""The header of a MetaImage file (.mha, .mhd): unit and spacing, and how many voxels it promises."""

from __future__ import annotations

from pathlib import Path

from ..Errors import M3DError
from .FileGrid import FileGrid, requireLength, requireVoxels, unitLength

_TYPE_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 4,
    "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip


def gridOfMetaImage(file: Path) -> FileGrid:
    """Unit of a MetaImage file, and what it does not say.

    :raises M3DError: an unknown unit, an axis without a length, or more voxels promised than there are.
    """
    fields, headerEnd = _fields(file)
    sizes, kind = _numbers(fields, "DimSize", file, int), fields.get("ElementType", "").upper()
    if kind not in _TYPE_BYTES or not sizes:
        raise M3DError(f"'{file.name}' does not say how many voxels of which type it holds; it is damaged.")
    source = fields.get("ElementDataFile", "")
    available = None
    if source.upper() == "LOCAL" and fields.get("CompressedData", "").lower() != "true":
        available = file.stat().st_size - headerEnd
    elif (
        source
        and source.upper() not in ("LOCAL", "LIST")
        and "%" not in source
        and not (file.parent / source).is_file()
    ):
        raise M3DError(f"'{file.name}' keeps its voxels in '{source[:80]}', which is not there; copy both files.")
    channels = _numbers(fields, "ElementNumberOfChannels", file, int)
    requireVoxels(file, sizes, _TYPE_BYTES[kind] * (channels[0] if channels else 1), available)
    grid = FileGrid()
    spacing = _numbers(fields, "ElementSpacing", file, float) or _numbers(fields, "ElementSize", file, float)
    if spacing:
        requireLength(file, spacing)
    else:
        grid.remarks.append("The MetaImage file says nothing of the size of its voxels; 1 mm was assumed.")
    if fields.get("DistanceUnits", "").strip("? "):
        grid.unitMm = (unitLength(fields["DistanceUnits"], file),) * 3
    if not any(name in fields for name in ("TransformMatrix", "Rotation", "Orientation")):
        grid.remarks.append(
            "The MetaImage file does not say how it is turned; the axes of the patient (LPS) were assumed."
        )
    if not any(name in fields for name in ("Offset", "Position", "Origin")):
        grid.remarks.append("The MetaImage file does not say where it lies; its first voxel was put at the origin.")
    return grid


def _fields(file: Path) -> tuple[dict[str, str], int]:
    """Lines "name = value" up to the one that says where the voxels are, and where that one ends."""
    fields = {}
    with file.open("rb") as stream:
        for _ in range(1000):
            line = stream.readline(1 << 16)
            if not line:
                break
            name, separator, value = line.decode("latin-1").partition("=")
            if not separator:
                break
            fields[name.strip()] = value.strip()
            if name.strip() == "ElementDataFile":
                return fields, stream.tell()
    raise M3DError(f"'{file.name}' is no MetaImage file, or its header does not say where its voxels are.")


def _numbers(fields: dict[str, str], name: str, file: Path, kind: type) -> list:
    try:
        return [kind(part) for part in fields.get(name, "").split()]
    except ValueError as error:
        raise M3DError(f"'{file.name}' has a {name} that is no number: '{fields[name][:40]}'.") from error
