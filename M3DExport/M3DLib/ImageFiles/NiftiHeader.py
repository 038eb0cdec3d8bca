"""The header of a NIfTI file (versions 1 and 2): where its two forms place the voxels, unit, scale, promised size."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from ..Errors import M3DError
from .FileGrid import FileGrid, requireLength, requireVoxels

_ONE = np.dtype(
    [
        ("sizeof_hdr", "<i4"), ("unused", "V35"), ("dim_info", "u1"), ("dim", "<i2", 8), ("intent", "V14"),
        ("datatype", "<i2"), ("bitpix", "<i2"), ("slice_start", "<i2"), ("pixdim", "<f4", 8), ("vox_offset", "<f4"),
        ("scl_slope", "<f4"), ("scl_inter", "<f4"), ("slice_end", "<i2"), ("slice_code", "u1"), ("xyzt_units", "u1"),
        ("display", "V24"), ("text", "V104"), ("qform_code", "<i2"), ("sform_code", "<i2"), ("quatern", "<f4", 3),
        ("qoffset", "<f4", 3), ("srow", "<f4", (3, 4)), ("intent_name", "V16"), ("magic", "S4"),
    ]
)  # fmt: skip
_TWO = np.dtype(
    [
        ("sizeof_hdr", "<i4"), ("magic", "S8"), ("datatype", "<i2"), ("bitpix", "<i2"), ("dim", "<i8", 8),
        ("intent", "V24"), ("pixdim", "<f8", 8), ("vox_offset", "<i8"), ("scl_slope", "<f8"), ("scl_inter", "<f8"),
        ("display", "V32"), ("slices", "V16"), ("text", "V104"), ("qform_code", "<i4"), ("sform_code", "<i4"),
        ("quatern", "<f8", 3), ("qoffset", "<f8", 3), ("srow", "<f8", (3, 4)), ("slice_code", "<i4"),
        ("xyzt_units", "<i4"), ("rest", "V36"),
    ]
)  # fmt: skip
_UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Bytes of the types of floating-point voxels.
_FLOATS = {16: 4, 64: 8}
_CHUNK = 1 << 22
# Two places of a voxel that differ by less than this share of its size are the same; the forms are float32.
_SHARE = 0.05


def gridOfNifti(file: Path) -> FileGrid:
    """Where a NIfTI file places its voxels.

    Of its two forms (the quaternion "qform" and the matrix "sform") those count whose code is above 0. Where both
    count and differ by no more than a shear, which a quaternion cannot hold, the matrix is taken and that is said;
    where they differ otherwise, nobody can tell which holds.

    :raises M3DError: no NIfTI, both forms differ, neither counts, or the header promises what is not there.
    """
    header, compressed, length = _read(file)
    dimensions = [int(number) for number in header["dim"]]
    count = dimensions[0]
    if not 1 <= count <= 7:
        raise M3DError(f"'{file.name}' says that it has {count} dimensions; it is damaged.")
    offset = int(_finite(header["vox_offset"], file, "offset of its voxels"))
    voxel = max(1, int(header["bitpix"]) // 8)
    requireVoxels(file, dimensions[1 : count + 1], voxel, None if compressed else length - offset)
    if compressed:
        # ITK fills up with zeros what is not there.
        needed = offset + math.prod(dimensions[1 : count + 1]) * voxel
        requireVoxels(file, dimensions[1 : count + 1], voxel, _unpacked(file, needed) - offset)
    _requireFinite(file, header, offset, compressed)
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope != 0 and not (np.isfinite(slope) and np.isfinite(inter)):
        raise M3DError(
            f"'{file.name}' has scale factors that are no numbers (scl_slope {slope:g}, scl_inter {inter:g}), so its "
            "values mean nothing. Save it again."
        )
    sizes = [float(abs(number)) for number in header["pixdim"][1:4]]
    forms = {}
    if int(header["sform_code"]) > 0:
        forms["sform"] = np.vstack([header["srow"].astype(np.float64), [0, 0, 0, 1]])
    if int(header["qform_code"]) > 0:
        requireLength(file, sizes)
        forms["qform"] = _matrixOfQuaternion(header, sizes)
    if not forms:
        raise M3DError(
            f"'{file.name}' does not say where its voxels lie (sform_code and qform_code are 0): left and right cannot "
            "be told. Save it from a program that writes the place, or use the DICOM series."
        )
    for name, matrix in forms.items():
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-15:
            raise M3DError(f"'{file.name}' has a {name} that is no placement of voxels (an axis is 0 or no number).")
    grid = FileGrid()
    _settleUnit(grid, int(header["xyzt_units"]) & 7, file)
    chosen = _chooseForm(forms, dimensions[1:4] if count >= 3 else [1, 1, 1], grid, file)
    grid.ijkToLps = _RAS_TO_LPS @ chosen
    return grid


def _read(file: Path) -> tuple[np.void, bool, int]:
    """Header in this machine's byte order, whether the file is compressed, and its length."""
    with file.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(file) if compressed else file.open("rb") as stream:
            content = stream.read(max(_ONE.itemsize, _TWO.itemsize))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise M3DError(f"'{file.name}' is cut short or damaged: it cannot be unpacked. Copy it again.") from error
    for kind, size, magics in ((_ONE, 348, (b"n+1", b"ni1")), (_TWO, 540, (b"n+2", b"ni2"))):
        for order in ("<", ">"):
            if len(content) < size or int.from_bytes(content[:4], "little" if order == "<" else "big") != size:
                continue
            header = np.frombuffer(content[:size], kind.newbyteorder(order))[0]
            magic = bytes(header["magic"])[:3]
            if magic not in magics:
                break
            if magic.startswith(b"ni"):
                raise M3DError(f"'{file.name}' keeps its voxels in another file (.img); save it as one .nii file.")
            return header, compressed, file.stat().st_size
    raise M3DError(f"'{file.name}' is no NIfTI file: its header has neither the size nor the mark of one.")


def _requireFinite(file: Path, header: np.void, offset: int, compressed: bool) -> None:
    """Refuse voxels that are no finite numbers: the library below ITK makes zeros of them without a word."""
    size = _FLOATS.get(int(header["datatype"]))
    if size is None:
        return
    kind = np.dtype(f"f{size}").newbyteorder(header.dtype["datatype"].byteorder)
    with gzip.open(file) if compressed else file.open("rb") as stream:
        stream.seek(offset)
        while part := stream.read(_CHUNK):
            if not np.isfinite(np.frombuffer(part[: len(part) // size * size], kind)).all():
                raise M3DError(f"'{file.name}' holds values that are not finite numbers (NaN or infinity).")


def _unpacked(file: Path, needed: int) -> int:
    """Bytes that a compressed file unpacks to, counted up to those that are needed, without keeping them."""
    with file.open("rb") as stream:
        stream.seek(-4, 2)
        stated = int.from_bytes(stream.read(4), "little")
    if stated == needed % (1 << 32):
        # The trailer of gzip (RFC 1952); several members in one file state only the last one's size.
        return needed
    total = 0
    try:
        with gzip.open(file) as stream:
            while total < needed and (part := stream.read(1 << 20)):
                total += len(part)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        pass  # What was counted until the damage is what there is.
    return total


def _finite(value, file: Path, what: str) -> float:
    if not np.isfinite(float(value)):
        raise M3DError(f"'{file.name}' is damaged: the {what} is no number.")
    return float(value)


def _matrixOfQuaternion(header: np.void, sizes: list[float]) -> np.ndarray:
    """The qform as a matrix (nifti1.h, method 2): RAS, in the file's unit."""
    b, c, d = (float(number) for number in header["quatern"])
    rest = 1.0 - (b * b + c * c + d * d)
    if rest < 1e-7:
        # A rotation by 180 degrees, or rounding beyond it: the vector part alone.
        length = np.sqrt(b * b + c * c + d * d)
        b, c, d, a = b / length, c / length, d / length, 0.0
    else:
        a = np.sqrt(rest)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    matrix = np.eye(4)
    left = -1.0 if float(header["pixdim"][0]) < 0 else 1.0
    matrix[:3, :3] = turn * np.array([sizes[0], sizes[1], sizes[2] * left])
    matrix[:3, 3] = header["qoffset"]
    return matrix


def _settleUnit(grid: FileGrid, code: int, file: Path) -> None:
    if code == 0:
        grid.remarks.append("The NIfTI file states no unit of length (xyzt_units); millimeters were assumed.")
    elif code in _UNIT_MM:
        grid.unitMm = (_UNIT_MM[code],) * 3
    else:
        raise M3DError(f"'{file.name}' states a unit of length that NIfTI does not know (xyzt_units {code}).")


def _chooseForm(forms: dict[str, np.ndarray], sizes: list[int], grid: FileGrid, file: Path) -> np.ndarray:
    """The one form that holds."""
    if len(forms) == 1:
        return next(iter(forms.values()))
    sform, qform = forms["sform"], forms["qform"]
    corners = np.array(
        [[i, j, k, 1.0] for i in (0, sizes[0] - 1) for j in (0, sizes[1] - 1) for k in (0, sizes[2] - 1)]
    )
    apart = np.linalg.norm(corners @ (sform - qform).T, axis=1).max()
    smallest = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if apart <= _SHARE * smallest:
        return sform
    places = (
        f"the sform puts it from {_extent(sform, sizes)}, the qform from {_extent(qform, sizes)} (LPS, in the file's "
        f"unit), up to {apart:.4g} apart"
    )
    if _isShearOf(sform, qform, sizes, _SHARE * smallest):
        grid.remarks.append(
            f"The NIfTI file places its voxels twice: {places}. They differ by a shear (a tilted gantry), which a "
            "qform cannot hold; the sform was used."
        )
        return sform
    raise M3DError(
        f"'{file.name}' contradicts itself on where its voxels lie: {places}. Nobody can tell which holds. Set the "
        "code of the wrong one to 0 (or make both the same), or use the DICOM series."
    )


def _extent(matrix: np.ndarray, sizes: list[int]) -> str:
    """First and last voxel's place in words, LPS."""
    ends = [(_RAS_TO_LPS @ matrix @ [*voxel, 1.0])[:3] for voxel in ((0, 0, 0), tuple(n - 1 for n in sizes))]
    return " to ".join("(" + ", ".join(f"{value:.1f}" for value in end) + ")" for end in ends)


def _isShearOf(sform: np.ndarray, qform: np.ndarray, sizes: list[int], tolerance: float) -> bool:
    """Whether the forms have one origin and one plane of pixels, and their slices lie at the same heights."""
    normal = np.cross(qform[:3, 0], qform[:3, 1])
    normal /= np.linalg.norm(normal)
    steps = np.abs((sform - qform)[:3, :2]).max(axis=0) * (np.array(sizes[:2]) - 1)
    origin = np.abs(sform[:3, 3] - qform[:3, 3]).max()
    height = abs(float((sform - qform)[:3, 2] @ normal)) * (sizes[2] - 1)
    # A quaternion written for a sheared matrix may take the length of the slanted column for the slice distance.
    slanted = abs(np.linalg.norm(sform[:3, 2]) - np.linalg.norm(qform[:3, 2])) * (sizes[2] - 1)
    return steps.max() <= tolerance and origin <= tolerance and min(height, slanted) <= tolerance
