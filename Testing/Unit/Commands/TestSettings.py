"""Defaults of a site: from a file and from the environment, under the command line, and never silent."""

import json

import pytest

from M3DBatchLib.CommandLine import main
from M3DBatchLib.Settings import NAMES, readSettings, variableOf
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own with a model, and a user without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    for name in NAMES:
        monkeypatch.delenv(variableOf(name), raising=False)
    monkeypatch.delenv("M3D_CONFIG", raising=False)
    (tmp_path / "part.stl").write_bytes(stlBytes(TriangleMesh(*box())))
    return tmp_path


def validated(capsys, *arguments):
    """The report of a validation, and what was said on stderr."""
    capsys.readouterr()
    assert main(["validate", "--mesh", "part.stl", "--output", "out", "--json", *arguments]) in (0, 1, 3)
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_fileOfTheFolderHolds(here, capsys):
    (here / "m3d.toml").write_text(
        'profile = "education"\ntolerance = 0.7\nperson = "Dr. Roe"\ninstitution = "Our clinic"\n'
    )
    data, said = validated(capsys)
    assert (data["profile"]["name"], data["toleranceMm"]) == ("education", 0.7)
    assert data["made"]["person"] == "Dr. Roe" and data["made"]["institution"] == "Our clinic"
    assert "Settings of m3d.toml: profile education, tolerance 0.7, person Dr. Roe" in said


def test_commandLineGoesOverEnvironmentAndThatOverTheFile(here, capsys, monkeypatch):
    (here / "m3d.toml").write_text('profile = "education"\ntolerance = 0.7\nmin-wall = 0.3\n')
    monkeypatch.setenv("M3D_TOLERANCE", "0.6")
    monkeypatch.setenv("M3D_MIN_WALL", "0.4")
    data, said = validated(capsys, "--tolerance", "0.5")
    assert (data["profile"]["name"], data["toleranceMm"]) == ("education", 0.5)
    assert "Settings of environment variable M3D_MIN_WALL: min-wall 0.4." in said
    assert "tolerance" not in said


def test_namedFileGoesOverThatOfTheFolderAndThatOverTheUsers(here, capsys):
    (here / "user" / "m3d").mkdir(parents=True)
    (here / "user" / "m3d" / "m3d.toml").write_text('profile = "implant"\n')
    assert validated(capsys)[0]["profile"]["name"] == "implant"
    (here / "m3d.toml").write_text('profile = "education"\n')
    assert validated(capsys)[0]["profile"]["name"] == "education"
    (here / "other.toml").write_text('profile = "surgical-guide"\n')
    assert validated(capsys, "--config", "other.toml")[0]["profile"]["name"] == "surgical-guide"


def test_filesAreRelativeToTheFileThatNamesThem(here, capsys):
    (here / "site").mkdir()
    (here / "site" / "ours.json").write_text(
        '{"profile": "ours", "title": "Ours", "version": "1", "base": "education", '
        '"tolerance": {"value": 0.9, "source": "set by the site"}, "requirements": {}}'
    )
    (here / "site" / "m3d.toml").write_text(
        'profile = "ours.json"\nformats = ["json"]\nbuild-volume = [200, 200, 180]\n'
    )
    assert validated(capsys, "--config", "site/m3d.toml")[0]["profile"]["name"] == "ours"


def test_institutionIsLeftOutOfAPseudonymizedReport(here, capsys, monkeypatch):
    monkeypatch.setenv("M3D_INSTITUTION", "Our clinic")
    data, _ = validated(capsys, "--pseudonym", "P1")
    assert "institution" not in data["made"]
    assert "Our clinic" not in (here / "out" / "report.json").read_text()


def test_addressOfThePacsAloneSendsNothing(here, capsys):
    (here / "m3d.toml").write_text('pacs = "http://127.0.0.1:9/dicom-web"\npacs-user = "me"\n')
    _, said = validated(capsys)
    assert "pacs" not in said
    assert "--pacs sends what is stored in DICOM" in refused(
        capsys, "validate", "--mesh", "part.stl", "--output", "out", "--pacs"
    )


def test_pacsWithoutAnyAddressIsRefused(here, capsys):
    arguments = ("encapsulate", "part.stl", "--image", "scan", "--output", "out", "--pacs")
    assert "--pacs needs the address of the PACS" in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("profil = 'implant'", "'profil', which is none. Did you mean 'profile'?"),
        ("image = 'scan'", "'image', which is none. There are profile, "),
        ("tolerance = 'wide'", "'tolerance'"),
        ("profile = true", "'profile' must be a text or a number, not True"),
        ("build-volume = [1, 2]", "'build-volume' needs 3 values, not 2"),
        ("color = 'blue'", "'blue' is none of auto, always, never"),
        ("profile = ", "is not TOML"),
    ],
)
def test_wrongEntriesNameFileAndRemedy(here, capsys, text, sentence):
    (here / "m3d.toml").write_text(text)
    said = refused(capsys, "validate", "--mesh", "part.stl", "--output", "out")
    assert "m3d.toml" in said and sentence in said, said
    assert not (here / "out").exists()


def test_fileThatIsNamedMustExist(capsys):
    assert "'nowhere.toml' cannot be read" in refused(capsys, "profiles", "--config", "nowhere.toml")


def test_configShowsWhatHoldsAndFromWhere(here, capsys, monkeypatch):
    (here / "m3d.toml").write_text('profile = "implant"\nmin-wall = 0.8\n')
    monkeypatch.setenv("M3D_PERSON", "Dr. Roe")
    monkeypatch.setenv("M3D_PACS_PASSWORD", "secret-word")
    assert main(["config", "--show"]) == 0
    out = capsys.readouterr().out
    rows = {line.split("  ")[0]: " ".join(line.split()) for line in out.splitlines()}
    assert rows["profile"] == "profile implant m3d.toml"
    assert rows["min-wall"] == "min-wall 0.8 m3d.toml"
    assert rows["person"] == "person Dr. Roe environment variable M3D_PERSON"
    assert rows["smoothing"] == "smoothing 0.2 built in"
    assert "secret-word" not in out and "M3D_PACS_PASSWORD): set" in out
    assert main(["config", "--show", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in data["settings"]} == set(NAMES) and data["file"] == "m3d.toml"


def test_unreadableFileIsNotTakenForNone(here):
    (here / "m3d.toml").mkdir()
    assert readSettings(environment={}).file is None
    with pytest.raises(M3DError, match="cannot be read"):
        readSettings("m3d.toml", {})
