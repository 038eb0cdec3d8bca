"""Several models at once, folders, pipes, and what is said of what was written and what was there before."""

import json
import subprocess
import sys

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.StlFile import readStl, stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import plural
from M3DTestSupport.Commands import environment
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.Models import makeObject, makeTetrahedron
from M3DTestSupport.SmallScan import writeSmallScan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two objects, an STL, and a file that is nothing of the kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "models").mkdir()
    for name in ("Jaw", "Skull"):
        writeDicomFile(makeObject(description=ModelDescription(title=name)), tmp_path / "models" / f"{name}.dcm")
    (tmp_path / "models" / "notes.txt").write_text("no model")
    (tmp_path / "part.stl").write_bytes(stlBytes(TriangleMesh(*box())))
    return tmp_path


def m3d(capsys, *arguments):
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def pipe(*arguments, content=b""):
    command = [sys.executable, "-m", "M3DBatchLib", *map(str, arguments)]
    return subprocess.run(command, env=environment(), input=content, capture_output=True, check=False)


def test_inspectOfAFolderIsATable(folder, capsys):
    status, out, _ = m3d(capsys, "inspect", "models")
    lines = out.splitlines()
    assert status == 0 and len(lines) == 3
    assert lines[0].split() == ["Model", "Size", "(mm)", "Triangles", "Usage", "Patient", "File"]
    assert lines[1].startswith("Jaw ") and lines[2].startswith("Skull ") and "10.00 x 10.00 x 10.00" in lines[1]


def test_inspectOfSeveralFilesShowsTheGoodOnesAndNamesTheBad(folder, capsys):
    status, out, _ = m3d(capsys, "inspect", "models/Jaw.dcm", "part.stl", "models/Skull.dcm", "--json")
    data = json.loads(out)
    assert status == 2
    assert [facts["name"] for facts in data["models"]] == ["Jaw", "Skull"]
    (problem,) = data["problems"]
    assert problem["file"] == "part.stl" and "not a DICOM file" in problem["problem"]


def test_inspectOfAFolderWithoutModelsSaysSo(folder, capsys):
    (folder / "empty").mkdir()
    status, out, err = m3d(capsys, "inspect", "empty")
    assert (status, out) == (2, "") and "The folder 'empty' holds no Encapsulated STL object" in err


def test_objectsAndStlGoThroughPipes(folder):
    content = (folder / "models" / "Jaw.dcm").read_bytes()
    extracted = pipe("extract", "-", "--output", "-", content=content)
    assert extracted.returncode == 0, extracted.stderr
    assert extracted.stdout == stlBytes(makeTetrahedron())
    inspected = pipe("inspect", "-", "--json", content=content)
    assert json.loads(inspected.stdout)["name"] == "Jaw"
    repaired = pipe("repair", folder / "part.stl", "--reorient", "--output", "-")
    assert repaired.returncode == 0 and len(repaired.stdout) == len((folder / "part.stl").read_bytes())
    assert b"nothing to repair" in repaired.stderr


def test_pipeWithoutContentAndJsonBesideTheStlAreRefused(folder, capsys):
    nothing = pipe("extract", "-", "--output", "-")
    assert (nothing.returncode, nothing.stdout) == (2, b"") and b"nothing on standard input" in nothing.stderr
    status, out, err = m3d(capsys, "extract", "models/Jaw.dcm", "--output", "-", "--json")
    assert (status, out) == (2, "") and "--json has no room" in err


def test_severalMeshesAreSeveralModels(folder, capsys):
    hole = TriangleMesh(*box())
    (folder / "open.stl").write_bytes(stlBytes(TriangleMesh(hole.points, hole.triangles[1:])))
    more = ("--profile", "education", "--output", "out")
    status, out, _ = m3d(capsys, "validate", "--mesh", "part.stl", "--mesh", "open.stl", *more, "--json")
    data = json.loads(out)
    closed = {one["segment"]: one["verdict"] for one in data["findings"] if one["requirement"] == "mesh-closed"}
    assert closed == {"part": "pass", "open": "fail"} and status == 1
    assert [entry["name"] for entry in data["input"]["meshes"]] == ["part", "open"]
    assert json.loads((folder / "out" / "report.json").read_text())["findings"] == data["findings"]


def test_modelsOfOneNameAreToldApartByTheirPlace(folder, capsys):
    (folder / "other").mkdir()
    (folder / "other" / "part.stl").write_bytes((folder / "part.stl").read_bytes())
    more = ("--profile", "education", "--output", "out", "--json")
    data = json.loads(m3d(capsys, "validate", "--mesh", "part.stl", "--mesh", "other/part.stl", *more)[1])
    assert {one.get("segment") for one in data["findings"]} == {"part.stl", "other/part.stl"}


def test_reportOfAFolderIsTheOneInIt(folder, capsys):
    m3d(capsys, "validate", "--mesh", "part.stl", "--profile", "education", "--output", "out")
    status, out, _ = m3d(capsys, "report", "out", "--formats", "html")
    assert status == 0 and "out/report.html" in out.replace("\\", "/") and (folder / "out" / "report.html").exists()
    status, _, err = m3d(capsys, "report", "models")
    assert status == 2 and "holds no report.json" in err


def test_validateNamesEveryFaceItWrote(folder, capsys):
    _, out, _ = m3d(capsys, "validate", "--mesh", "part.stl", "--formats", "html", "--output", "out")
    assert "Report: out/report.json" in out.replace("\\", "/")
    said = out.replace("\\", "/").split("Also written:\n")[1]
    written = [file.name for file in (folder / "out").iterdir()]
    assert "  out/report.html\n" in said
    pictures = sum(not name.startswith("report.") for name in written)
    assert f"  {plural(pictures, 'file')} of pictures and 3D models in out" in said


def test_titleNamesModelFileAndRow(folder, capsys):
    writeSmallScan(folder / "scan")
    export = ("export", "--image", "scan", "--threshold", 500, "--title", "Ball", "--stl", "--output", "set")
    status, out, _ = m3d(capsys, *export, "--json")
    (entry,) = json.loads(out)["models"]
    assert status == 0 and (entry["name"], entry["title"]) == ("Ball", "Ball")
    assert entry["stl"].endswith("Ball.stl")
    assert readEncapsulatedStl(entry["file"]).description.title == "Ball"


def test_secondExportSaysWhatItDidBesideTheFirst(folder, capsys):
    writeSmallScan(folder / "scan")
    export = ("export", "--image", "scan", "--threshold", 500, "--title", "Ball", "--output", "set")
    first = m3d(capsys, *export)[1]
    assert "beside" not in first
    second = m3d(capsys, *export)[1]
    assert "beside 1 model that was there before and stay" in second and "the same document as instance" in second
    again = json.loads(m3d(capsys, *export, "--json")[1])
    assert again["modelsBefore"] == 2 and len(again["models"][0]["identical"]) == 2


def test_profileReadsAsATableOfLimits(folder, capsys):
    out = m3d(capsys, "profiles", "implant")[1]
    row = next(line for line in out.splitlines() if line.endswith("scan-age"))
    assert row.split("  ", 2)[1].startswith("The scan is recent enough") and "≤ 90 days" in row and "≤ 180 days" in row
    (lossy,) = [line for line in out.splitlines() if line.endswith(" lossy-compression")]
    assert " yes " in lossy and lossy.startswith("* ")
    # However long a title is, its limit stands apart from it.
    (longest,) = [line for line in out.splitlines() if line.endswith(" scan-covered")]
    assert longest.split("  ")[0] == "* The model covers the edge that the scan shows of its anatomy"
    assert "  lossy-compression: " in out.split("Where the limits come from")[1]


def test_brokenFileBesideTheScanIsLeftOutAndNamed(folder, capsys, monkeypatch):
    files = writeSmallScan(folder / "scan")
    (folder / "scan" / "broken").write_bytes(files[3].read_bytes()[:400])
    monkeypatch.chdir(folder / "scan")
    status, out, err = m3d(capsys, "export", "--image", ".", "--threshold", 500, "--output", folder / "set", "--json")
    assert (
        status == 0
        and "Left out, because damaged, truncated or not readable: broken. Where one of them was the first or" in err
    )
    (skipped,) = json.loads(out)["source"]["skippedFiles"]
    assert skipped == {"file": "broken", "reason": "damaged or truncated DICOM file"}


def test_brokenSliceIsAGapAllTheSame(folder, capsys):
    files = writeSmallScan(folder / "scan")
    files[3].write_bytes(files[3].read_bytes()[:400])
    status, _, err = m3d(capsys, "export", "--image", "scan", "--threshold", 500, "--output", "set")
    assert status == 2 and "missing" in err


def test_folderOfBrokenFilesAloneIsRefused(folder, capsys):
    files = writeSmallScan(folder / "scan")
    (folder / "bad").mkdir()
    (folder / "bad" / "one").write_bytes(files[3].read_bytes()[:400])
    (folder / "bad" / "two").write_bytes(files[4].read_bytes()[:400])
    status, _, err = m3d(capsys, "export", "--image", "bad", "--threshold", 500, "--output", "set")
    assert status == 2 and "one is damaged or truncated" in err


def test_modelInAnotherUnitOrPlaceIsToldWhy(folder, capsys):
    writeSmallScan(folder / "scan")
    m3d(capsys, "export", "--image", "scan", "--threshold", 500, "--stl", "--title", "Bodies", "--output", "set")
    mesh = readStl((folder / "set" / "Bodies.stl").read_bytes())
    more = ("--image", "scan", "--profile", "education", "--output", "out")
    _, out, err = m3d(capsys, "validate", "--mesh", "set/Bodies.stl", *more, "--json")
    (placement,) = json.loads(out)["placement"]
    assert placement["mistake"] is None and placement["atEdges"] > 0.9 and "fits the scan" not in err
    (folder / "ras.stl").write_bytes(stlBytes(TriangleMesh(mesh.points * np.float32([-1, -1, 1]), mesh.triangles)))
    _, out, err = m3d(capsys, "validate", "--mesh", "ras.stl", *more, "--json")
    (placement,) = json.loads(out)["placement"]
    assert placement["mistake"] == "axes"
    assert "The model fits the scan when its coordinates are taken as RAS instead of LPS" in err
    assert json.loads((folder / "out" / "report.json").read_text())["placement"] == [placement]
