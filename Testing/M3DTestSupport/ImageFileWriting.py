"""NRRD, NIfTI and MetaImage files written byte by byte, so that each can say what no library would write."""

import gzip
import struct

import numpy as np


def writeNifti(file, array, sform=None, qform=None, *, codes=(1, 1), units=2, scale=(1.0, 0.0), dims=None, qfac=1.0):
    """A NIfTI-1 file of an int16 or uint8 array (k, j, i).

    :param sform: (3, 4) or (4, 4), RAS. :param qform: (quaternion b, c, d), offset, sizes; None for neither.
    :param codes: sform_code and qform_code where the form is given. :param dims: promised sizes (i, j, k).
    """
    dims = array.shape[::-1] if dims is None else dims
    kind, bits = {"int16": (4, 16), "uint8": (2, 8), "float32": (16, 32)}[array.dtype.name]
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *dims, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, kind, bits)
    quaternion, offset, sizes = qform or ((0, 0, 0), (0, 0, 0), (1, 1, 1))
    if qform is None and sform is not None:
        sizes = np.linalg.norm(np.asarray(sform, float)[:3, :3], axis=0)
    struct.pack_into("<8f", header, 76, qfac, *sizes, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352.0, *scale)
    header[123] = units
    struct.pack_into("<2h", header, 252, codes[1] if qform else 0, codes[0] if sform is not None else 0)
    struct.pack_into("<6f", header, 256, *quaternion, *offset)
    if sform is not None:
        struct.pack_into("<12f", header, 280, *np.asarray(sform, float)[:3].ravel())
    header[344:348] = b"n+1\0"
    content = bytes(header) + array.astype(array.dtype.newbyteorder("<")).tobytes()
    file.write_bytes(gzip.compress(content) if file.name.endswith(".gz") else content)
    return file


def writeNrrd(file, array, fields, encoding="raw", sizes=None):
    """A NRRD file of an int16 array (k, j, i) with further header fields as (name, value)."""
    sizes = array.shape[::-1] if sizes is None else sizes
    lines = ["NRRD0005", "type: int16", f"dimension: {len(sizes)}", f"sizes: {' '.join(map(str, sizes))}"]
    lines += ["endian: little", f"encoding: {encoding}", *(f"{name}: {value}" for name, value in fields)]
    body = array.astype("<i2").tobytes()
    file.write_bytes("\n".join(lines).encode() + b"\n\n" + (gzip.compress(body) if encoding == "gzip" else body))
    return file


def writeMetaImage(file, array, fields, sizes=None):
    """A MetaImage file of an int16 array (k, j, i) with further header fields as a dict."""
    sizes = array.shape[::-1] if sizes is None else sizes
    lines = {"ObjectType": "Image", "NDims": 3, "BinaryData": True, "BinaryDataByteOrderMSB": False, **fields}
    lines |= {"DimSize": " ".join(map(str, sizes)), "ElementType": "MET_SHORT", "ElementDataFile": "LOCAL"}
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    file.write_bytes(text.encode() + array.astype("<i2").tobytes())
    return file
