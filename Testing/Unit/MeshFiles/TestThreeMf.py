"""3MF as programs write it: parts in other files, copies, components; and what must not be read in part."""

import struct
import zipfile

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.FileSize import fileSizeLimit
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import PRODUCTION, block, meshXml, modelXml, objectXml, writeThreeMf

pytest.importorskip("lib3mf", reason="lib3mf is not installed")
LARGE, SMALL = meshXml(*block(20, 30, 10)), meshXml(*block(5, 5, 5))
NEEDS_PRODUCTION = f'xmlns:p="{PRODUCTION}" requiredextensions="p"'
PART = '<component p:path="{}" objectid="{}" transform="1 0 0 0 1 0 0 0 1 {} 0 0"/>'


def part(*meshes):
    """A model part that holds objects 1, 2 ... and builds nothing."""
    return modelXml("".join(objectXml(number, mesh) for number, mesh in enumerate(meshes, 1)), "")


def read(tmp_path, *model, parts=None, **more):
    return readMesh(writeThreeMf(tmp_path / "model.3mf", modelXml(*model, **more), parts))


def test_objectsInOtherPartsOfTheArchiveAreTakenByPathAndId(tmp_path):
    # The same id in both parts, as Bambu Studio writes it: the path decides.
    pieces = PART.format("/3D/a.model", 1, 0) + PART.format("/3D/b.model", 1, 50)
    mesh, notes = read(
        tmp_path,
        objectXml(9, f"<components>{pieces}</components>"),
        '<item objectid="9"/>',
        NEEDS_PRODUCTION,
        parts={"/3D/a.model": part(LARGE), "/3D/b.model": part(SMALL)},
    )
    assert len(mesh.triangles) == 24 and mesh.isClosed and notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx(6125)
    assert mesh.boundsLps == pytest.approx((0, 55, 0, 30, 0, 10))


def test_everyCopyCountsWhateverItsPartNumber(tmp_path):
    items = "".join(
        f'<item objectid="1" partnumber="P1" transform="1 0 0 0 1 0 0 0 1 {shift} 0 0"/>' for shift in (0, 25, 50)
    )
    mesh, notes = read(tmp_path, objectXml(1, LARGE), items, unit="inch")
    assert len(mesh.triangles) == 36 and notes.unit == "in" and notes.warnings == []
    assert mesh.volumeMm3 == pytest.approx(3 * 6000 * 25.4**3, rel=1e-5)
    assert mesh.boundsLps[1] == pytest.approx(70 * 25.4)


def test_nestedComponentsAreMovedInOrder(tmp_path):
    # First turned by 90 degrees about z, then moved by 100 along x: (20, 30) becomes (-30, 20), then (70, 20).
    inner = '<components><component objectid="1" transform="0 1 0 -1 0 0 0 0 1 0 0 0"/></components>'
    mesh, _ = read(
        tmp_path,
        objectXml(1, LARGE) + objectXml(2, inner),
        '<item objectid="2" transform="1 0 0 0 1 0 0 0 1 100 0 0"/>',
    )
    assert mesh.boundsLps == pytest.approx((70, 100, 0, 20, 0, 10), abs=1e-5)


def test_mirroredObjectStillFacesOutward(tmp_path):
    mesh, _ = read(tmp_path, objectXml(1, LARGE), '<item objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>')
    assert mesh.volumeMm3 == pytest.approx(6000)
    assert mesh.boundsLps[0] == pytest.approx(-20)


def test_whatIsNoPartOfTheModelIsLeftOutAndNamed(tmp_path):
    objects = objectXml(1, LARGE) + objectXml(2, SMALL, 'type="support"') + objectXml(3, SMALL, 'name="spare"')
    mesh, notes = read(tmp_path, objects, '<item objectid="1"/><item objectid="2"/>')
    assert mesh.volumeMm3 == pytest.approx(6000)
    assert any("'Support'" in text for text in notes.warnings)
    assert any("'spare'" in text and "not in the build" in text for text in notes.warnings)


BEAMS = "http://schemas.microsoft.com/3dmanufacturing/beamlattice/2017/02"
LATTICE = SMALL.replace(
    "</mesh>",
    '<b:beamlattice minlength="0.001" radius="1"><b:beams><b:beam v1="0" v2="7"/></b:beams></b:beamlattice></mesh>',
)
BOOLEAN = '<bo:booleanshape objectid="1" operation="difference"><bo:boolean objectid="2"/></bo:booleanshape>'


@pytest.mark.parametrize(
    ("objects", "build", "attributes", "words"),
    [
        (objectXml(1, LARGE), '<item objectid="1"/>', 'xmlns:q="http://x.org/q" requiredextensions="q"', "extension"),
        (
            objectXml(1, LATTICE),
            '<item objectid="1"/>',
            f'xmlns:b="{BEAMS}" requiredextensions="b"',
            "lattice of 1 beams",
        ),
        (
            objectXml(1, LARGE) + objectXml(2, SMALL) + objectXml(3, BOOLEAN),
            '<item objectid="3"/>',
            'xmlns:bo="http://schemas.3mf.io/3dmanufacturing/booleanoperations/2023/07"',
            "read whole",
        ),
        (objectXml(1, LARGE), "", "", "build asks for no triangles"),
        (objectXml(1, LARGE), '<item objectid="1" transform="0 0 0 0 1 0 0 0 1 0 0 0"/>', "", "flattens"),
        (objectXml(1, LARGE.replace('v3="7"', 'v3="99"')), '<item objectid="1"/>', "", "read whole"),
        (objectXml(1, LARGE.replace('x="20.0"', 'x="nan"')), '<item objectid="1"/>', "", "read whole"),
        (
            objectXml(1, '<components><component objectid="2"/></components>')
            + objectXml(2, '<components><component objectid="1"/></components>'),
            '<item objectid="1"/>',
            "",
            "hold themselves",
        ),
    ],
)
def test_whatCannotBeReadWholeIsRefused(tmp_path, objects, build, attributes, words):
    with pytest.raises(M3DError, match=words) as caught:
        read(tmp_path, objects, build, attributes)
    assert "model.3mf" in str(caught.value)


def test_sliceStackIsRefusedWhateverItSaysOfItsMesh(tmp_path):
    slices = "http://schemas.microsoft.com/3dmanufacturing/slice/2015/07"
    square = '<s:vertex x="0" y="0"/><s:vertex x="5" y="0"/><s:vertex x="5" y="5"/>'
    polygon = '<s:polygon startv="0"><s:segment v2="1"/><s:segment v2="2"/><s:segment v2="0"/></s:polygon>'
    stack = (
        f'<s:slicestack id="7"><s:slice ztop="5"><s:vertices>{square}</s:vertices>{polygon}</s:slice></s:slicestack>'
    )
    for more in ("", ' s:meshresolution="fullres"', ' s:meshresolution="lowres"'):
        objects = stack + objectXml(1, SMALL, f'type="model" s:slicestackid="7"{more}')
        with pytest.raises(M3DError, match="stack of slices"):
            read(tmp_path, objects, '<item objectid="1"/>', f'xmlns:s="{slices}"')


def test_unknownUnitIsNotTakenForMillimeters(tmp_path):
    with pytest.raises(M3DError, match="furlong"):
        read(tmp_path, objectXml(1, LARGE), '<item objectid="1"/>', unit="furlong")


def test_itemsNotToBePrintedAreRemarked(tmp_path):
    _, notes = read(tmp_path, objectXml(1, LARGE), '<item objectid="1" printable="0"/>')
    assert any("not to be printed" in text for text in notes.warnings)


def test_componentsThatDoubleAtEveryLevelAreRefusedBeforeTheyAreFollowed(tmp_path):
    objects = objectXml(1, SMALL) + "".join(
        objectXml(n, f'<components><component objectid="{n - 1}"/><component objectid="{n - 1}"/></components>')
        for n in range(2, 60)
    )
    with pytest.raises(M3DError, match="1000000 objects"):
        read(tmp_path, objects, '<item objectid="59"/>')


@pytest.mark.parametrize(
    "before", ['<!DOCTYPE m [<!ENTITY a "aaaa">]>', '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/hostname">]>']
)
def test_entitiesAreNotFollowed(tmp_path, before):
    with pytest.raises(M3DError, match="entities"):
        read(tmp_path, objectXml(1, LARGE), '<item objectid="1"/>', before=before)


def test_sizeIsAddedUpBeforeAnythingIsUnpacked(tmp_path):
    file = writeThreeMf(tmp_path / "model.3mf", modelXml(objectXml(1, LARGE), '<item objectid="1"/>'))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Metadata/zeros.bin", bytes(200_000_000))
    with pytest.raises(M3DError, match=r"200\.0 MB, more than 100 times"):
        readMesh(file)
    with fileSizeLimit(50_000_000), pytest.raises(M3DError, match=r"200\.0 MB of memory; 50\.0 MB are allowed"):
        readMesh(file)
    with fileSizeLimit(1_000_000_000):
        assert readMesh(file)[0].volumeMm3 == pytest.approx(6000)


def test_archiveThatLiesAboutItsSizeIsRefused(tmp_path):
    file = writeThreeMf(tmp_path / "model.3mf", modelXml(objectXml(1, LARGE), '<item objectid="1"/>'))
    content = bytearray(file.read_bytes())
    # The size of the last entry in the central directory: 24 bytes after its signature (PKWARE APPNOTE, 4.3.12).
    place = content.rfind(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 100)
    file.write_bytes(content)
    with pytest.raises(M3DError, match="cannot be"):
        readMesh(file)


def test_farPlacementKeepsTheShape(tmp_path):
    # The vertices are near their own origin; only the transform lies far away.
    mesh, notes = read(tmp_path, objectXml(1, SMALL), '<item objectid="1" transform="1 0 0 0 1 0 0 0 1 5000000 0 0"/>')
    assert mesh.volumeMm3 == pytest.approx(125, rel=1e-9)
    assert any("5000 m from the origin" in text for text in notes.warnings)
    assert np.ptp(mesh.exactPoints, axis=0) == pytest.approx([5, 5, 5])
