"""``m3d extract`` in other formats than STL: the same model for programs that want it so, and nobody's name."""

import json

import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "jaw.dcm"
    description = ModelDescription(title="Jaw", units="cm", color=(1.0, 0.5, 0.25))
    writeDicomFile(makeObject(makeTetrahedron(30.0, (1.0, -20.0, 300.0)), description), path)
    return path


def extracted(capsys, file, output, *more):
    assert main(["extract", str(file), "--output", str(output), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("ending", ["3mf", "amf", "obj", "ply"])
def test_theModelIsInMillimetersAtItsPlace(file, tmp_path, capsys, ending):
    if ending == "3mf":
        pytest.importorskip("lib3mf")
    result = extracted(capsys, file, tmp_path / f"jaw.{ending}")
    mesh, notes = readMesh(tmp_path / f"jaw.{ending}")
    assert mesh.volumeMm3 == pytest.approx(30.0**3 / 6, rel=1e-5)
    assert mesh.boundsLps == pytest.approx((1, 31, -20, 10, 300, 330), abs=1e-3)
    assert notes.warnings == []
    assert (result["triangles"], result["place"]) == (4, "patient")


def test_onTheBuildPlateTheWayBackIsInTheResult(file, tmp_path, capsys):
    result = extracted(capsys, file, tmp_path / "jaw.ply", "--build-plate")
    mesh, _notes = readMesh(tmp_path / "jaw.ply")
    assert mesh.boundsLps[::2] == (0, 0, 0)
    assert [row[3] for row in result["toPatientLps"]][:3] == pytest.approx([1, -20, 300], abs=1e-3)


def test_theFileOfAnObjectNamedAfterItsPatientNamesNobody(tmp_path, capsys):
    dataset = makeObject(headers=makeHeaders(PatientName="Doe^Jane"))
    dataset.DocumentTitle = "Jane Doe, jaw"
    writeDicomFile(dataset, tmp_path / "jaw.dcm")
    extracted(capsys, tmp_path / "jaw.dcm", tmp_path / "jaw.obj")
    text = (tmp_path / "jaw.obj").read_text() + (tmp_path / "jaw.mtl").read_text()
    assert "Doe" not in text and "PID-4711" not in text
    assert str(dataset.SOPInstanceUID) in text


def test_stlIsNotMoved(file, tmp_path, capsys):
    assert main(["extract", str(file), "--output", str(tmp_path / "jaw.stl"), "--build-plate"]) == 2
    assert "does not go with STL" in capsys.readouterr().err
    assert not (tmp_path / "jaw.stl").exists()
