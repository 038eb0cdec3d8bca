"""Files with one to three things wrong: fields dropped, contradicted, scaled, reordered, cut short; by number, so that
each can be made again.
"""

import gzip
import io
import random
import re
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from M3DLib.Phantom.PhantomSeries import writeSeries
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.ImageFileWriting import writeNifti, writeNrrd
from M3DTestSupport.MeshFileWriting import amfXml, block, meshXml, modelXml, objectXml, writeObj, writePly, writeThreeMf
from M3DTestSupport.Volumes import makeVolume

NUMBERS = ["0", "-1", "1e999", "nan", "inf", "-0.0", "1e-30", "123456789012345678901", "0,5", "abc", "", "1\\2", "7"]
SMALL = ["1", "2", "3", "0.5", "0.25", "-2", "1.01", "4", "5", "6"]
WORDS = ["", "A7", "X\\Y", "ORIGINAL\\PRIMARY\\LOCALIZER", "\xe4\xf6\xfc", "US", "1.2.3", "99999999", "NO", "\0\0"]


class Fuzzer:
    """Makes variants of one kind of file in a folder.

    :param kind: "series", "seg", "nrrd", "nifti", "stl", "3mf", "obj", "ply" or "amf".
    """

    def __init__(self, kind, folder):
        self.kind = kind
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._bases = getattr(self, f"_bases_{'mesh' if kind in ('stl', '3mf', 'obj', 'ply', 'amf') else kind}")()

    def make(self, number):
        """The variant with a number: a file, or the folder of a series."""
        chance = random.Random(f"{self.kind} {number}")
        place = self.folder / "variant"
        for old in sorted(place.rglob("*"), reverse=True) if place.exists() else []:
            old.rmdir() if old.is_dir() else old.unlink()
        place.mkdir(exist_ok=True)
        base = chance.choice(self._bases)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {"series": self._series, "seg": self._seg}.get(self.kind, self._one)(base, place, chance)

    def _bases_series(self):
        volume = makeVolume(shape=(6, 10, 12))
        classic = writeSeries(volume, self.folder / "base")
        enhanced = writeEnhanced(volume, self.folder / "enhanced.dcm")
        return [classic, classic, [enhanced]]

    def _bases_seg(self):
        volume = makeVolume(shape=(5, 8, 8))
        labels = np.zeros(volume.array.shape, np.uint8)
        labels[1:4, 2:6, 2:7], labels[3, 6:8, 1:3] = 1, 2
        images = writeSeries(volume, self.folder / "base")
        return [
            writeDicomSeg(self.folder / f"{kind}.dcm", images, labels, ["bone", "tooth"], kind)
            for kind in ("BINARY", "FRACTIONAL", "LABELMAP")
            if kind != "FRACTIONAL"
        ]

    def _bases_nrrd(self):
        array = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
        space = [("space", "left-posterior-superior"), ("space directions", "(0.5,0,0) (0,0.5,0) (0,0,1)")]
        space += [("space origin", "(1,2,3)"), ("kinds", "domain domain domain")]
        return [
            ("a.nrrd", writeNrrd(self.folder / "a.nrrd", array, space).read_bytes()),
            ("b.nrrd", writeNrrd(self.folder / "b.nrrd", array, space, "gzip").read_bytes()),
        ]

    def _bases_nifti(self):
        array = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
        form = [[-0.5, 0, 0, 20], [0, -0.5, 0, 10], [0, 0, 1.0, 100]]
        quaternion = (0, 0, 1.0), (20, 10, 100), (0.5, 0.5, 1.0)
        return [
            (name, writeNifti(self.folder / name, array, form, quaternion).read_bytes())
            for name in ("a.nii", "b.nii.gz")
        ]

    def _bases_mesh(self):
        points, triangles = block(20, 30, 10)
        file = self.folder / f"base.{self.kind}"
        if self.kind == "obj":
            quads = [[0, 1, 3, 2], [4, 6, 7, 5]]
            return [
                ("a.obj", writeObj(file, points, faces).read_bytes()) for faces in (triangles, quads + triangles[4:])
            ]
        if self.kind == "ply":
            kinds = ("ascii", "binary_little_endian", "binary_big_endian")
            return [("a.ply", writePly(file, points, triangles, kind).read_bytes()) for kind in kinds]
        if self.kind == "amf":
            tail = (
                '<constellation id="9"><instance objectid="1"><deltax>5</deltax><rz>30</rz></instance></constellation>'
            )
            return [("a.amf", amfXml([(1, points, triangles)], tail=end).encode()) for end in ("", tail)]
        if self.kind == "stl":
            from M3DLib.Mesh.StlFile import stlBytes
            from M3DLib.Mesh.TriangleMesh import TriangleMesh

            facets = "".join(
                "facet normal 0 0 0\nouter loop\n"
                + "".join(f"vertex {x} {y} {z}\n" for x, y, z in points[list(face)])
                + "endloop\nendfacet\n"
                for face in triangles
            )
            return [
                ("a.stl", stlBytes(TriangleMesh(points, triangles))),
                ("a.stl", f"solid a\n{facets}endsolid a\n".encode()),
            ]
        copies = ("", ' transform="1 0 0 0 1 0 0 0 1 50 0 0"')
        inner = "".join(f'<component objectid="1"{place}/>' for place in copies)
        inner = f"<components>{inner}</components>"
        model = modelXml(objectXml(1, meshXml(points, triangles)) + objectXml(2, inner), '<item objectid="2"/>')
        return [("a.3mf", writeThreeMf(file, model).read_bytes())]

    def _one(self, base, place, chance):
        name, content = base
        for _ in range(chance.randint(1, 3)):
            content = self._changed(name, content, chance)
        (place / name).write_bytes(content)
        return place / name

    def _changed(self, name, content, chance):
        if chance.random() < 0.15:
            return _damaged(content, chance)
        if name.endswith(".3mf"):
            return _changedArchive(content, chance)
        if name.endswith(".nii"):
            return _changedNifti(content, chance)
        if name.endswith(".gz"):
            try:
                inner = gzip.decompress(content)
            except (OSError, EOFError, ValueError, zlib.error):
                return content
            return gzip.compress(_changedNifti(inner, chance), mtime=0)
        if name.endswith(".nrrd"):
            head, mark, body = content.partition(b"\n\n")
            return _changedLines(head, chance, afterColon=True) + mark + body
        if name.endswith(".ply"):
            head, mark, body = content.partition(b"end_header\n")
            if head.find(b"ascii") >= 0 and chance.random() < 0.5:
                return head + mark + _changedLines(body, chance)
            return _changedLines(head, chance) + mark + body
        if content[:5] != b"solid" and name.endswith(".stl"):
            return _changedStl(content, chance)
        if name.endswith(".amf"):
            return _changedXml(content, chance)
        return _changedLines(content, chance)

    def _series(self, files, place, chance):
        datasets = [pydicom.dcmread(file) for file in files]
        for _ in range(chance.randint(1, 3)):
            targets = datasets if chance.random() < 0.4 else [chance.choice(datasets)]
            seed = chance.random()
            for dataset in targets:
                _changedDataset(dataset, random.Random(seed))
        if chance.random() < 0.15 and len(datasets) > 2:
            datasets.pop(chance.randrange(len(datasets)))
        if chance.random() < 0.1:
            datasets.append(chance.choice(datasets))
        for number, dataset in enumerate(datasets):
            _save(dataset, place / f"{number}.dcm", chance)
        return place

    def _seg(self, file, place, chance):
        dataset = pydicom.dcmread(file)
        for _ in range(chance.randint(1, 3)):
            _changedDataset(dataset, chance)
        _save(dataset, place / "seg.dcm", chance)
        return place / "seg.dcm"


def _save(dataset, file, chance):
    stream = io.BytesIO()
    try:
        pydicom.dcmwrite(stream, dataset)
        content = stream.getvalue()
    except Exception:
        # What pydicom cannot write is no variant; the file stays as far as it came.
        content = stream.getvalue()
    file.write_bytes(_damaged(content, chance) if chance.random() < 0.05 else content)


def _parent(dataset, chance):
    """The data set itself, or one somewhere inside its sequences."""
    while chance.random() < 0.6:
        inner = [dataset[tag] for tag in dataset.keys() if dataset.get_item(tag).VR == "SQ"]
        inner = [element for element in inner if len(element.value)]
        if not inner:
            break
        dataset = chance.choice(list(chance.choice(inner).value))
    return dataset


def _changedDataset(dataset, chance):
    parent = _parent(dataset, chance)
    tags = [tag for tag in parent.keys() if tag != 0x7FE00010 or chance.random() < 0.2]
    if not tags:
        return
    tag = chance.choice(tags)
    action = chance.random()
    try:
        element = parent[tag]
        # Values are made when they are first asked for; what was changed before may be none.
        _ = element.value
    except Exception:
        del parent[tag]
        return
    if action < 0.3:
        del parent[tag]
    elif action < 0.45 and element.VR == "SQ":
        items = list(element.value)
        chance.shuffle(items)
        parent[tag].value = items if chance.random() < 0.5 else items[: len(items) // 2]
    elif element.VR == "US":
        parent[tag].value = chance.choice([0, 1, 2, 7, 8, 12, 16, 32, 64, 255, 4096, 65535])
    elif element.VR == "SQ":
        del parent[tag]
    elif action < 0.6 and element.VR in ("DS", "FD", "FL") and element.value:
        factor = chance.choice([-1, 0, 0.001, 1.01, 10, 1000])
        values = element.value if element.VM > 1 else [element.value]
        changed = [float(f"{float(value) * factor:.8g}") for value in values]
        parent[tag].value = changed if len(changed) > 1 else changed[0]
    else:
        text = chance.choice(NUMBERS if element.VR in ("DS", "IS", "FD", "FL") else WORDS).encode("latin-1")
        text += b" " * (len(text) % 2)
        parent[tag] = RawDataElement(Tag(tag), element.VR, len(text), text, 0, False, True)


def _damaged(content, chance):
    """Cut off, doubled, or with some bytes changed."""
    action = chance.random()
    if action < 0.4:
        return content[: chance.randrange(len(content) + 1)]
    changed = bytearray(content or b"\0")
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed) + (content if action > 0.9 else b"")


def _changedLines(content, chance, afterColon=False):
    """Lines dropped, doubled, exchanged, or with a word replaced; with ``afterColon`` only in what follows one."""
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    action = chance.random()
    if action < 0.2:
        del lines[at]
    elif action < 0.3:
        lines.insert(at, chance.choice(lines))
    elif action < 0.4:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        name, colon, value = lines[at].partition(b": ") if afterColon else (b"", b"", lines[at])
        words = re.split(rb"([\s(),:]+)", value)
        words[chance.randrange(len(words))] = chance.choice(NUMBERS + SMALL + WORDS).encode("latin-1")
        lines[at] = name + colon + b"".join(words)
    return b"\n".join(lines)


def _changedXml(content, chance):
    """A tag or an attribute dropped, doubled or with another value."""
    tags = list(re.finditer(rb"<[^>]+>[^<]*", content))
    if not tags:
        return content
    tag = chance.choice(tags)
    action = chance.random()
    if action < 0.2:
        changed = b""
    elif action < 0.3:
        changed = tag[0] * 2
    else:
        values = list(re.finditer(rb"\"[^\"]*\"|>[^<>]+$", tag[0]))
        if not values:
            return content
        value = chance.choice(values)
        new = chance.choice(NUMBERS + SMALL + WORDS).encode("utf-8")
        new = b'"' + new + b'"' if value[0].startswith(b'"') else b">" + new
        changed = tag[0][: value.start()] + new + tag[0][value.end() :]
    return content[: tag.start()] + changed + content[tag.end() :]


def _changedArchive(content, chance):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RuntimeError, zlib.error, KeyError):
        return content
    if not entries:
        return content
    name = chance.choice(sorted(entries))
    name = "3D/3dmodel.model" if chance.random() < 0.8 and "3D/3dmodel.model" in entries else name
    if chance.random() < 0.08:
        entries[chance.choice(["../a.model", "3D/other.model", name.upper()])] = entries.pop(name)
    else:
        entries[name] = _changedXml(entries[name], chance)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in entries.items():
            archive.writestr(key, value)
    return stream.getvalue()


def _changedNifti(content, chance):
    """A field of the header with another value (nifti1.h: offsets of what places, scales and counts)."""
    changed = bytearray(content)
    if len(changed) < 348:
        return content
    kind, place = chance.choice(
        [("h", 40 + 2 * n) for n in range(8)]
        + [("h", 70), ("h", 72), ("h", 252), ("h", 254), ("b", 123)]
        + [("f", 76 + 4 * n) for n in range(4)]
        + [("f", 108), ("f", 112), ("f", 116)]
        + [("f", 256 + 4 * n) for n in range(18)]
        + [("b", 344 + n) for n in range(4)]
    )
    values = {
        "h": [0, 1, 2, 3, 4, 5, -1, 7, 512, 32767, -32768],
        "b": [0, 1, 2, 3, 4, 8, 10, 127],
        "f": [0.0, -1.0, 1.0, 0.5, float("nan"), float("inf"), 1e30, -0.5, 1e-30, 352.0, 1e6],
    }[kind]
    struct.pack_into("<" + kind, changed, place, chance.choice(values))
    return bytes(changed)


def _changedStl(content, chance):
    changed = bytearray(content)
    if chance.random() < 0.4 or len(changed) < 90:
        if len(changed) >= 84:
            struct.pack_into("<I", changed, 80, chance.choice([0, 1, 5, 11, 13, 1000, 2**31, 2**32 - 1]))
    else:
        place = 84 + 50 * chance.randrange((len(changed) - 84) // 50 or 1) + 4 * chance.randrange(12)
        value = chance.choice([float("nan"), float("inf"), 1e38, -1e-38, 0.0, 1e6])
        if place + 4 <= len(changed):
            struct.pack_into("<f", changed, place, value)
    return bytes(changed)
