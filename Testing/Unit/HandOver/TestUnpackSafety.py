"""A hostile package writes nothing, wherever its names lead and whatever it would unpack to."""

import stat
import struct
import zipfile

import pytest

from M3DLib.HandOver.MemberNames import collisions, nameProblem
from M3DTestSupport.HandOverCase import m3d


def hostile(place, entries):
    """A ZIP file with entries of any name: pairs of name or ZipInfo, and content."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        for name, content in entries:
            archive.writestr(name, content)
    return place


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.txt", "leads out"),
        ("c/../../evil.txt", "leads out"),
        ("c/data/./x", "leads out"),
        ("/etc/evil.txt", "absolute"),
        ("C:/evil.txt", "absolute"),
        ("c\\..\\evil.txt", "characters"),
        ("c/data/con.txt", "reserved"),
        ("c/data/LPT1", "reserved"),
        ("c/data/name.", "ends with a dot"),
        ("c/data/a:stream", "characters"),
        ("c/data/a\x01b", "characters"),
        ("c/data/\u202egnp.exe", "invisible"),
        ("c//x", "empty part"),
    ],
)
def testNamesThatLeadElsewhereAreRefused(tmp_path, capsys, name, why):
    place = hostile(tmp_path / "hostile.zip", [(name, "evil")])
    assert m3d("unpack", place, "--output", tmp_path / "out") == 2
    assert why in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [place]
    assert m3d("verify", place) == 1


def testLinksAreRefused(tmp_path, capsys):
    link = zipfile.ZipInfo("c/data/link")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    place = hostile(tmp_path / "hostile.zip", [(link, "/etc/passwd")])
    assert m3d("unpack", place, "--output", tmp_path / "out") == 2
    assert "link" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("names", [("c/data/A.stl", "c/data/a.stl"), ("c/data/x", "c/data/x/y")])
def testNamesThatBecomeOneFileAreRefused(tmp_path, capsys, names):
    place = hostile(tmp_path / "hostile.zip", [(name, "evil") for name in names])
    assert m3d("unpack", place, "--output", tmp_path / "out") == 2
    assert "one on some systems" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [place]


def testComposedAndDecomposedLettersAreOneName():
    assert collisions(["\u00e4.stl", "a\u0308.stl"])
    assert not collisions(["a.stl", "b/a.stl", "c/a.stl"])


def testOrdinaryNamesAreFine():
    for name in ("data/models/model-1.dcm", "data/Grünwald (2).stl", "bagit.txt", "data/模型.stl"):
        assert nameProblem(name) == ""


def testABombIsRefusedBeforeItIsUnpacked(tmp_path, capsys):
    place = hostile(tmp_path / "bomb.zip", [("c/data/zeros", b"\0" * (160 << 20))])
    assert place.stat().st_size < 1 << 20
    assert m3d("unpack", place, "--output", tmp_path / "out") == 2
    assert "made to do harm" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [place]


def testAMemberThatLiesAboutItsSizeIsRefused(tmp_path, capsys):
    place = hostile(tmp_path / "liar.zip", [("c/data/zeros", b"\0" * 100_000)])
    content = place.read_bytes()
    place.write_bytes(content.replace(struct.pack("<I", 100_000), struct.pack("<I", 1000)))
    assert m3d("unpack", place, "--output", tmp_path / "out") == 2
    assert sorted(tmp_path.iterdir()) == [place]
    assert "Traceback" not in capsys.readouterr().err


def testAnOutputFolderThatHoldsSomethingIsNotTouched(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    place = hostile(tmp_path / "some.zip", [])
    assert m3d("unpack", place, "--output", out) == 2
    assert "not empty" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["mine.txt"]
