"""Projects of printers' programs, whose archives hold more meshes than the model; files of another kind than named."""

import gzip
import zipfile

import pytest

from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.MeshFileWriting import amfXml, block, meshXml, modelXml, objectXml, writeObj, writePly, writeThreeMf
from M3DTestSupport.Models import makeTetrahedron

LARGE, SMALL = block(20, 30, 10), block(5, 5, 5)
PRUSA, BAMBU = "Metadata/Slic3r_PE_model.config", "Metadata/model_settings.config"
ITEM = '<item objectid="1"/>'


def both():
    """One mesh of two blocks, as PrusaSlicer writes an object of two volumes: triangles 0 to 11 and 12 to 23."""
    return meshXml([*LARGE[0], *(SMALL[0] + 1)], [*LARGE[1], *[tuple(i + 8 for i in face) for face in SMALL[1]]])


def prusa(*entries):
    first = '<volume firstid="0" lastid="11"><metadata type="volume" key="volume_type" value="ModelPart"/></volume>'
    more = "".join(f'<metadata type="volume" key="{key}" value="{value}"/>' for key, value in entries)
    second = f'<volume firstid="12" lastid="23"><metadata type="volume" key="name" value="x"/>{more}</volume>'
    return f'<?xml version="1.0"?><config><object id="1">{first}{second}</object></config>'


def bambu(subtype):
    parts = f'<part id="1" subtype="normal_part"></part><part id="2" subtype="{subtype}"><metadata key="name"/></part>'
    return f'<?xml version="1.0"?><config><object id="3">{parts}</object></config>'


def threeMf(tmp_path, mesh, name, settings):
    file = writeThreeMf(tmp_path / "project.3mf", modelXml(objectXml(1, mesh), ITEM))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, settings)
    return file


@pytest.mark.parametrize("kind", ["NegativeVolume", "ParameterModifier", "SupportBlocker", "SupportEnforcer"])
def test_volumeThatIsNotTheModelIsRefusedByItsKind(tmp_path, kind):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    with pytest.raises(M3DError, match=rf"parts that are not the model \({kind}\)"):
        readMesh(threeMf(tmp_path, both(), PRUSA, prusa(("volume_type", kind))))


def test_modifierOfAnOldProjectIsRefused(tmp_path):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    with pytest.raises(M3DError, match=r"not the model \(modifier\)"):
        readMesh(threeMf(tmp_path, both(), PRUSA, prusa(("modifier", "1"))))


@pytest.mark.parametrize("kind", ["negative_part", "modifier_part", "support_blocker"])
def test_partThatIsNotTheModelIsRefused(tmp_path, kind):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    with pytest.raises(M3DError, match=rf"not the model \({kind}\)"):
        readMesh(threeMf(tmp_path, meshXml(*LARGE), BAMBU, bambu(kind)))


@pytest.mark.parametrize("kind", ["cutting_mesh", "infill_mesh", "support_mesh", "anti_overhang_mesh"])
def test_meshThatCutsOrSupportsIsRefused(tmp_path, kind):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    settings = (
        f'<metadatagroup><metadata name="cura:{kind}" preserve="1" type="xs:boolean">{{}}</metadata></metadatagroup>'
    )
    space = 'xmlns:cura="http://software.ultimaker.com/xml/cura/3mf/2015/10"'

    def read(value):
        content = settings.format(value) + meshXml(*LARGE)
        model = modelXml(objectXml(1, content), ITEM, space)
        return readMesh(writeThreeMf(tmp_path / "project.3mf", model))

    with pytest.raises(M3DError, match=rf"not the model \({kind}\)"):
        read("True")
    assert read("False")[0].volumeMm3 == pytest.approx(6000)


@pytest.mark.parametrize(
    ("name", "settings"),
    [(PRUSA, prusa(("volume_type", "ModelPart"))), (PRUSA, prusa()), (BAMBU, bambu("normal_part"))],
)
def test_projectOfModelPartsAloneIsRead(tmp_path, name, settings):
    pytest.importorskip("lib3mf", reason="lib3mf is not installed")
    mesh, notes = readMesh(threeMf(tmp_path, both(), name, settings))
    assert mesh.volumeMm3 == pytest.approx(6125) and notes.warnings == []


@pytest.mark.parametrize(
    ("entry", "kind"),
    [("slic3r.modifier", "modifier"), ("slic3r.volume_type", "NegativeVolume"), ("slic3r.volume_type", "ModelPart")],
)
def test_volumesOfAnAmfProjectAreLookedAtToo(tmp_path, entry, kind):
    value = "1" if kind == "modifier" else kind
    text = amfXml([(1, *LARGE)]).replace("<volume>", f'<volume><metadata type="{entry}">{value}</metadata>')
    assert entry in text
    (tmp_path / "project.amf").write_text(text)
    if kind == "ModelPart":
        assert readMesh(tmp_path / "project.amf")[0].volumeMm3 == pytest.approx(6000)
    else:
        with pytest.raises(M3DError, match=rf"not the model \({kind}\)"):
            readMesh(tmp_path / "project.amf")


def test_fileOfAnotherKindIsCalledWhatItIs(tmp_path):
    stl = stlBytes(makeTetrahedron())
    obj = writeObj(tmp_path / "block.obj", *LARGE).read_bytes()
    ply = writePly(tmp_path / "block.ply", *LARGE).read_bytes()
    for name, content, words in (
        ("a.stl", b"PK\x03\x04" + bytes(200), "ZIP archive"),
        ("b.obj", gzip.compress(obj), "gzip archive"),
        ("c.stl", "solid a\nendsolid a\n".encode("utf-16"), "UTF-16"),
        ("d.obj", obj.decode().encode("utf-16"), "UTF-16"),
        ("e.stl", ply, r"give it the ending \.ply"),
        ("f.obj", stl, "binary STL"),
        ("g.ply", b"glTF" + bytes(200), "GLB"),
        ("h.stl", bytes(128) + b"DICM" + bytes(100), r"give it the ending \.dcm"),
        ("i.obj", b"ISO-10303-21;\n", "STEP"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(M3DError, match=f"{name}.*{words}"):
            readMesh(tmp_path / name)
