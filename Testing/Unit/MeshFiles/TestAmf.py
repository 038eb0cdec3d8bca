"""AMF with constellations, curved triangles, support material and hostile XML."""

import zipfile

import pytest

from M3DLib.Errors import M3DError
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import amfXml, block

LARGE, SMALL = block(20, 30, 10), block(5, 5, 5)


def read(tmp_path, text):
    file = tmp_path / "model.amf"
    file.write_text(text)
    return readMesh(file)


def instance(number, **values):
    return f'<instance objectid="{number}">' + "".join(f"<{k}>{v}</{k}>" for k, v in values.items()) + "</instance>"


def constellation(number, *instances):
    return f'<constellation id="{number}">{"".join(instances)}</constellation>'


def test_constellationPlacesItsObjects(tmp_path):
    # Turned about x by 90 degrees (y becomes z, z becomes -y), then about z (x becomes y), then moved.
    tail = constellation("c", instance(1, deltax=100), instance(2, rx=90, rz=90, deltay=50), instance(2))
    mesh, notes = read(tmp_path, amfXml([(1, *LARGE), (2, *block(1, 2, 3))], tail=tail))
    assert notes.warnings == [] and len(mesh.triangles) == 36 and mesh.isClosed
    assert mesh.volumeMm3 == pytest.approx(6000 + 12)
    turned = mesh.points[8:16]
    assert turned.min(axis=0) == pytest.approx([0, 50, 0], abs=1e-5)
    assert turned.max(axis=0) == pytest.approx([3, 51, 2], abs=1e-5)
    assert mesh.points[:8].min(axis=0) == pytest.approx([100, 0, 0])


def test_constellationsMayHoldEachOther(tmp_path):
    tail = constellation("outer", instance("inner", deltaz=10)) + constellation("inner", instance(1, deltaz=5))
    mesh, _ = read(tmp_path, amfXml([(1, *SMALL)], tail=tail))
    assert mesh.boundsLps[4:] == pytest.approx((15, 20)) and len(mesh.triangles) == 12


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (constellation("c", instance(7)), "is not there"),
        (constellation("c", instance("d")) + constellation("d", instance("c")), "hold each other"),
        (constellation("o", instance("c")) + constellation("c", instance("c")), "hold each other"),
        (constellation("c", instance(1, deltax="inf")), "not finite"),
        (constellation("c", instance(1, deltax="left")), "cannot be read"),
    ],
)
def test_constellationThatMakesNoSenseIsRefused(tmp_path, tail, words):
    with pytest.raises(M3DError, match=words):
        read(tmp_path, amfXml([(1, *SMALL)], tail=tail))


def test_whatIsLeftOutOrFlattenedIsNamed(tmp_path):
    text = amfXml([(1, *LARGE), (2, *SMALL), (3, *SMALL)], tail=constellation("c", instance(1), instance(2)))
    text = text.replace("</coordinates>", "</coordinates><normal><nx>0</nx><ny>0</ny><nz>1</nz></normal>", 1)
    place = text.index("<volume>", text.index('object id="2"'))
    text = text[:place] + text[place:].replace("<volume>", '<volume type="support">', 1)
    mesh, notes = read(tmp_path, text)
    assert mesh.volumeMm3 == pytest.approx(6000) and len(notes.warnings) == 3
    for word in ("bends its triangles", "12 triangles of support", "none of its constellations"):
        assert any(word in text for text in notes.warnings)


def test_zippedAmfIsRead(tmp_path):
    file = tmp_path / "model.amf"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../model.amf", amfXml([(1, *LARGE)], "inch"))
    mesh, notes = readMesh(file)
    assert notes.unit == "in" and mesh.volumeMm3 == pytest.approx(6000 * 25.4**3, rel=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["model.amf"]


@pytest.mark.parametrize("entity", ['<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/hostname">'])
def test_entitiesAreNotFollowed(tmp_path, entity):
    text = amfXml([(1, *LARGE)]).replace("<amf", f"<!DOCTYPE amf [{entity}]><amf", 1)
    with pytest.raises(M3DError, match="entities"):
        read(tmp_path, text)


def test_archiveWithTwoModelsIsAmbiguous(tmp_path):
    file = tmp_path / "model.amf"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.amf", amfXml([(1, *LARGE)]))
        archive.writestr("b.amf", amfXml([(1, *SMALL)]))
    with pytest.raises(M3DError, match="2 AMF models"):
        readMesh(file)
