"""The header of a NRRD file: unit and space of its axes, and how many voxels it promises."""

from __future__ import annotations

import math
import re
from pathlib import Path

from ..Errors import M3DError
from .FileGrid import FileGrid, requireLength, requireVoxels, unitLength

_TYPE_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "long long int", "int64", "int64_t", "signed long long"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t", "double"), 8),
}
# Spaces whose axes are those of the patient; ITK turns all of them to LPS.
_ANATOMICAL = {
    "right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps",
    "right-anterior-superior-time", "rast", "left-anterior-superior-time", "last", "left-posterior-superior-time",
    "lpst",
}  # fmt: skip
_LONGEST = 1 << 20


def headerLines(file: Path) -> list[str]:
    """Lines of an NRRD header, which ends at the first empty one, in UTF-8 or, where they are not, in Latin-1."""
    lines = []
    with file.open("rb") as stream:
        # A header that does not end within so many lines of so many bytes is none.
        while len(lines) < 100_000 and (line := stream.readline(_LONGEST).rstrip(b"\r\n")):
            try:
                lines.append(line.decode("utf-8"))
            except UnicodeDecodeError:
                lines.append(line.decode("latin-1"))
    return lines


def gridOfNrrd(file: Path) -> FileGrid:
    """Units of a NRRD file's axes, and what it does not say.

    :raises M3DError: an unknown unit, an axis without a length, or more voxels promised than there are.
    """
    fields = {}
    for line in headerLines(file)[1:]:
        match = re.match(r"([A-Za-z ]+): (.*)", line)
        if match:
            fields[match[1].strip().lower()] = match[2].strip()
    sizes = [_whole(part, file) for part in fields.get("sizes", "").split()]
    kind = fields.get("type", "").lower()
    _requireSize(file, fields, sizes, kind)
    grid = FileGrid()
    space = fields.get("space", "").lower()
    vectors = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
    lengths = [math.hypot(*_numbers(vector[1:-1], file)) for vector in vectors if vector != "none"]
    given = [float(part) for part in _parts(fields, "spacings", file)]
    # NaN is how NRRD says that an axis (that of segments or colors) has no spacing.
    axes = lengths or [length for length in given if not math.isnan(length)]
    if lengths or (given and len(axes) < 3):
        requireLength(file, lengths or given)
    requireLength(file, axes)
    names = re.findall(r'"([^"]*)"', fields.get("space units", "")) or re.findall(r'"([^"]*)"', fields.get("units", ""))
    names = [name for name in names if name.strip() and name.strip() != "???"]
    if names:
        units = [unitLength(name, file) for name in names[:3]]
        if len(set(units)) == 1:
            grid.unitMm = (units[0],) * 3
        elif space and fields.get("space units"):
            grid.unitMm = tuple(units)
        else:
            raise M3DError(
                f"'{file.name}' gives its axes different units ({', '.join(names)}); save it in millimeters."
            )
    if not axes:
        grid.remarks.append("The NRRD file says nothing of the size of its voxels; 1 mm was assumed.")
    elif not names and space not in _ANATOMICAL:
        grid.remarks.append("The NRRD file states no unit of length; millimeters were assumed.")
    if space not in _ANATOMICAL:
        stated = f"the space '{fields['space'][:40]}'" if space else "no space"
        grid.remarks.append(f"The NRRD file states {stated}, so nobody knows which side is left; LPS was assumed.")
    return grid


def _requireSize(file: Path, fields: dict[str, str], sizes: list[int], kind: str) -> None:
    if kind not in _TYPE_BYTES or not sizes:
        raise M3DError(f"'{file.name}' does not say how many voxels of which type it holds ('{kind}'); it is damaged.")
    available = None
    detached = fields.get("data file", fields.get("datafile", ""))
    if fields.get("encoding", "").lower() == "raw" and not detached:
        with file.open("rb") as stream:
            while stream.readline(_LONGEST).strip():
                pass
            available = file.stat().st_size - stream.tell()
    elif detached and not re.search(r"LIST|%", detached) and not (file.parent / detached).is_file():
        raise M3DError(f"'{file.name}' keeps its voxels in '{detached[:80]}', which is not there; copy both files.")
    requireVoxels(file, sizes, _TYPE_BYTES[kind], available)


def _parts(fields: dict[str, str], name: str, file: Path) -> list[float]:
    return _numbers(fields.get(name, "").replace(" ", ","), file) if fields.get(name) else []


def _numbers(text: str, file: Path) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise M3DError(f"'{file.name}' has a number in its header that cannot be read: '{text[:60]}'.") from error


def _whole(text: str, file: Path) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise M3DError(f"'{file.name}' has a size in its header that is no number: '{text[:40]}'.") from error
