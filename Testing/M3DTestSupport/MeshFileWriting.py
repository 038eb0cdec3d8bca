"""Mesh files written by hand, piece by piece, so that each can break one rule."""

import zipfile

import numpy as np

CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
    'Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
_KIND = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
# Corners and outward triangles of a block from the origin.
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
_TRIANGLES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
_TRIANGLES += [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]


def block(*size):
    """Corners (8, 3) and outward triangles of a block of this size that begins at the origin."""
    return _CORNERS * np.array(size, float), list(_TRIANGLES)


def meshXml(points, triangles):
    """A <mesh> of 3MF."""
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in points)
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in triangles)
    return f"<mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh>"


def objectXml(number, content, more='type="model"'):
    """An <object> of 3MF."""
    return f'<object id="{number}" {more}>{content}</object>'


def modelXml(objects, build, attributes="", unit="millimeter", before=""):
    """A model part of 3MF."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<model unit="{unit}" xml:lang="en-US" xmlns="{CORE}" '
        f"{attributes}><resources>{objects}</resources><build>{build}</build></model>"
    )


def _relationships(targets):
    entries = "".join(
        f'<Relationship Target="{target}" Id="r{number}" Type="{_KIND}"/>' for number, target in enumerate(targets)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Relationships '
        f'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{entries}</Relationships>'
    )


def writeThreeMf(file, model, parts=None):
    """Write a 3MF archive: the root model, and further model parts by their path in the archive."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", _relationships(["/3D/3dmodel.model"]))
        if parts:
            archive.writestr("3D/_rels/3dmodel.model.rels", _relationships(parts))
        for name, text in (parts or {}).items():
            archive.writestr(name.lstrip("/"), text)
        archive.writestr("3D/3dmodel.model", model)
    return file


def writeObj(file, points, faces):
    """Write an OBJ file of faces given as indices from 0."""
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in np.asarray(points, float).tolist()]
    lines += ["f " + " ".join(str(corner + 1) for corner in face) for face in faces]
    file.write_text("\n".join(lines) + "\n")
    return file


def writePly(file, points, faces, kind="ascii", *, number="double", perFace="", faceTail=(), more=""):
    """Write a PLY file.

    :param kind: "ascii", "binary_little_endian" or "binary_big_endian". :param number: type of the coordinates.
    :param perFace: a further list property of every face, which gets ``faceTail`` as floats.
    """
    header = f"ply\nformat {kind} 1.0\ncomment made for a test\nelement vertex {len(points)}\n"
    header += "".join(f"property {number} {axis}\n" for axis in "xyz")
    header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\n{perFace}{more}end_header\n"
    points = np.asarray(points, float)
    if kind == "ascii":
        rows = [" ".join(map(repr, row)) for row in points.tolist()]
        tail = " " + " ".join(map(str, (len(faceTail), *faceTail))) if perFace else ""
        rows += [f"{len(face)} " + " ".join(map(str, face)) + tail for face in faces]
        file.write_text(header + "\n".join(rows) + "\n")
        return file
    order = "<" if "little" in kind else ">"
    body = points.astype(order + ("f8" if number == "double" else "f4")).tobytes()
    for face in faces:
        body += bytes([len(face)]) + np.array(face, order + "i4").tobytes()
        if perFace:
            body += bytes([len(faceTail)]) + np.array(faceTail, order + "f4").tobytes()
    file.write_bytes(header.encode() + body)
    return file


def amfXml(objects, unit="millimeter", tail=""):
    """An AMF document of (id, points, triangles)."""
    text = ""
    for number, points, triangles in objects:
        vertices = "".join(
            f"<vertex><coordinates><x>{x}</x><y>{y}</y><z>{z}</z></coordinates></vertex>" for x, y, z in points
        )
        faces = "".join(f"<triangle><v1>{a}</v1><v2>{b}</v2><v3>{c}</v3></triangle>" for a, b, c in triangles)
        text += f'<object id="{number}"><mesh><vertices>{vertices}</vertices><volume>{faces}</volume></mesh></object>'
    return f'<?xml version="1.0"?><amf unit="{unit}">{text}{tail}</amf>'
