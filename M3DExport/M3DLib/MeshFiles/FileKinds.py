"""Files of another kind than their name says, called by what they are."""

from __future__ import annotations

from ..Errors import M3DError

# How files begin that bear the name of a mesh file by mistake, or that were packed or saved in another way.
_STARTS = {
    b"PK\x03\x04": "a ZIP archive (or a 3MF file); unpack it, or give it its own ending",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    # Byte order marks.
    b"\xff\xfe": "text in UTF-16; save it in ASCII or UTF-8",
    b"\xfe\xff": "text in UTF-16; save it in ASCII or UTF-8",
    b"glTF": "a GLB file; save it as STL, 3MF, OBJ or PLY",
    b"%PDF": "a PDF file",
    b"ISO-10303-21": "a STEP file, which holds no triangles; export a mesh from the program it comes from",
    b"# vtk DataFile": "a VTK file; save it as STL, OBJ or PLY",
}


def refuseOtherKind(start: bytes, kind: str) -> None:
    """Refuse a file whose first bytes say that it is of another kind.

    :param start: the first 132 bytes or more. :param kind: "STL", "OBJ" or "PLY", as its name says.
    :raises M3DError: says what it is.
    """
    what = next((what for mark, what in _STARTS.items() if start.startswith(mark)), "")
    if start[128:132] == b"DICM":
        what = "a DICOM file; give it the ending .dcm"
    elif kind != "PLY" and start.startswith((b"ply\n", b"ply\r")):
        what = "a PLY file; give it the ending .ply"
    elif kind == "OBJ" and b"\0" in start and not what:
        what = "no text, as OBJ is (but perhaps a binary STL)"
    if what:
        raise M3DError(f"This {kind} file is {what}.")
