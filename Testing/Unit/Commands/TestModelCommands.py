"""``m3d inspect``, ``extract`` and ``encapsulate`` as a user calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import M3DBatchLib
import M3DLib
from M3DBatchLib.CommandLine import main
from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.StlFile import HEADER_SIZE, readStl, stlBytes
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Models import FRAME, STUDY, makeHeaders, makeObject, makeTetrahedron


def writeImages(folder, **more):
    """A small series as files: 64 x 64 pixels of 1 mm, to the left of the middle, slices 20 mm apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, header in enumerate(makeHeaders(**more)):
        header.Rows = header.Columns = 64
        header.PixelSpacing = [1, 1]
        header.ImagePositionPatient = [0.5, -25, 290 + 20 * number]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
        header.add_new(0x7FE00010, "OW", bytes(64 * 64 * 2))
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        pydicom.dcmwrite(folder / f"{header.SeriesInstanceUID}-{number}", header, enforce_file_format=True)
    return folder


@pytest.fixture
def case(tmp_path):
    """A folder with a scan, an STL that lies in it, and an object."""
    writeImages(tmp_path / "scan")
    (tmp_path / "part.stl").write_bytes(stlBytes(makeTetrahedron()))
    description = ModelDescription(title="Jaw", usage="PlanningIntent", color=(1, 0, 0), opacity=0.5, laterality="R")
    writeDicomFile(makeObject(description=description, surface=SurfaceParameters()), tmp_path / "jaw.dcm")
    return tmp_path


def runJson(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    """The one sentence on stderr of a command that refuses its input."""
    assert main([*map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


def test_inspectSaysWhatTheObjectHolds(case, capsys):
    facts = runJson(capsys, "inspect", case / "jaw.dcm")
    assert facts["file"] == str(case / "jaw.dcm")
    assert (facts["name"], facts["title"], facts["unit"]) == ("Jaw", "Jaw", "mm")
    assert (facts["triangles"], facts["closed"]) == (4, True)
    assert facts["volumeMm3"] == pytest.approx(1000 / 6)
    assert facts["boundsLps"] == [1, 11, -20, -10, 300, 310]
    assert facts["source"]["frameOfReferenceUid"] == FRAME
    assert (facts["source"]["seriesInstanceUid"], facts["source"]["slices"]) == ("1.2.3.4.300", 3)
    assert facts["patient"] == {"name": "Doe^Jane", "id": "PID-4711", "birthDate": "19700203", "sex": "F"}
    assert facts["study"]["studyInstanceUid"] == STUDY
    assert (facts["usage"], facts["laterality"], facts["opacity"]) == ("PlanningIntent", "R", 0.5)
    assert facts["surface"]["method"] == "flying-edges"
    assert facts["software"]["manufacturer"] == "SlicerM3D"
    assert facts["warnings"] == []
    assert len(facts["sources"]) == 3


def test_inspectTellsAPersonTheSame(case, capsys):
    assert main(["inspect", str(case / "jaw.dcm")]) == 0
    out = capsys.readouterr().out
    for words in ("Jaw", "Doe^Jane", "10.00 x 10.00 x 10.00 mm", "4, closed", "CT 3D CAM model", "PlanningIntent"):
        assert words in out


def test_headersCannotSteerTheTerminal(case, capsys):
    writeDicomFile(makeObject(headers=makeHeaders(StudyDescription="\x1b[2Jhidden")), case / "evil.dcm")
    assert main(["inspect", str(case / "evil.dcm")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_extractGivesTheStlByteForByte(case, capsys):
    result = runJson(capsys, "extract", case / "jaw.dcm", "--output", case / "out.stl")
    assert (case / "out.stl").read_bytes() == stlBytes(makeTetrahedron())
    assert result["bytes"] == 284
    assert sorted(path.name for path in case.iterdir()) == ["jaw.dcm", "out.stl", "part.stl", "scan"]


def test_extractSaysAnUnusualUnit(case, capsys):
    writeDicomFile(makeObject(description=ModelDescription(units="cm")), case / "cm.dcm")
    assert main(["extract", str(case / "cm.dcm"), "--output", str(case / "cm.stl")]) == 0
    assert "are in cm" in capsys.readouterr().err


def test_extractRefusesWhatIsNoModel(case, capsys):
    image = next((case / "scan").iterdir())
    assert "CT Image Storage" in refused(capsys, "extract", image, "--output", case / "out.stl")
    assert "not a DICOM file" in refused(capsys, "extract", case / "part.stl", "--output", case / "out.stl")
    assert "same file" in refused(capsys, "extract", case / "jaw.dcm", "--output", case / "jaw.dcm")
    nowhere = case / "no" / "out.stl"
    assert "does not exist; make it first" in refused(capsys, "extract", case / "jaw.dcm", "--output", nowhere)
    assert not (case / "out.stl").exists()


def test_encapsulateWrapsAnStlByteForByte(case, capsys):
    result = runJson(
        capsys,
        *("encapsulate", case / "part.stl", "--image", case / "scan", "--unit", "mm", "--output", case / "set"),
        *(
            "--institution",
            "Our clinic",
            "--title",
            "Plate",
            "--usage",
            "implant",
            "--modified",
            "--no-recognizable",
            "--group",
            "new",
        ),
    )
    (entry,) = result["models"]
    model = readEncapsulatedStl(entry["file"])
    assert model.stl.tobytes() == (case / "part.stl").read_bytes()
    assert model.sopInstanceUid == entry["sopInstanceUid"]
    assert (model.description.title, model.description.usage) == ("Plate", "ImplantFabrication")
    assert (model.description.modified, model.description.recognizableVisualFeatures) == (True, False)
    assert model.description.groupUid == result["groupUid"] != ""
    assert model.dataset.InstitutionName == model.description.equipment.institutionName == "Our clinic"
    assert (entry["triangles"], entry["closed"], entry["name"]) == (4, True, "Plate")
    assert str(model.dataset.PatientID) == "PID-4711"
    assert model.frameOfReferenceUid == FRAME
    assert len(model.sources) == 3
    assert (case / "set" / "DICOMDIR").exists()
    assert [warning for warning in result["warnings"] if "render" not in warning] == []


def test_encapsulateAgainIsAnIdenticalDocumentInASeriesOfItsOwn(case, capsys):
    common = ("encapsulate", case / "part.stl", "--image", case / "scan", "--no-icon", "--output", case / "set")
    first = runJson(capsys, *common)["models"][0]
    second = runJson(capsys, *common)
    assert second["identical"] == [first["sopInstanceUid"]]
    model = readEncapsulatedStl(second["models"][0]["file"])
    assert [reference.sopInstanceUid for reference in model.identical] == [first["sopInstanceUid"]]
    assert (model.dataset.SeriesNumber, model.dataset.InstanceNumber) == (9002, 1)
    assert "IconImageSequence" not in model.dataset


def test_newVersionGoesToTheSeriesOfItsPredecessorWhenAsked(case, capsys):
    common = ("encapsulate", case / "part.stl", "--image", case / "scan", "--no-icon", "--output", case / "set")
    first = runJson(capsys, *common)["models"][0]
    second = runJson(capsys, *common, "--predecessor", first["file"], "--same-series")["models"][0]
    assert second["seriesInstanceUid"] == first["seriesInstanceUid"]
    model = readEncapsulatedStl(second["file"])
    assert model.dataset.InstanceNumber == 2
    assert model.predecessors[0].sopInstanceUid == first["sopInstanceUid"]
    assert model.predecessors[0].purpose == "EditedModel"


def test_twoSourcesMakeAMixedModel(case, capsys):
    writeImages(case / "mr", modality="MR", series="1.2.3.4.301")
    command = ("encapsulate", case / "part.stl", "--image", case / "scan", "--image", case / "mr", "--no-icon")
    facts = runJson(capsys, *command, "--output", case / "one.dcm")
    assert facts["source"]["series"] == 2
    assert runJson(capsys, "inspect", case / "one.dcm")["titleCode"] == "Mixed Modality 3D CAM model"


def test_seriesOfOneFolderAreChosenByNumber(case, capsys):
    writeImages(case / "scan", modality="MR", series="1.2.3.4.301", SeriesNumber=7)
    command = ("encapsulate", case / "part.stl", "--image", case / "scan", "--no-icon", "--output", case / "one.dcm")
    assert "2 image series" in refused(capsys, *command)
    assert "series 12" in refused(capsys, *command, "--series", "4", "--series", "12")
    assert runJson(capsys, *command, "--series", "7")["source"]["seriesInstanceUid"] == "1.2.3.4.301"
    assert runJson(capsys, *command, "--series", "4", "--series", "7")["source"]["series"] == 2


def test_modelInOtherCoordinatesIsWarnedAbout(case, capsys):
    mesh = makeTetrahedron()
    flipped = TriangleMesh(mesh.points * np.float32([-1, -1, 1]), mesh.triangles)
    (case / "ras.stl").write_bytes(stlBytes(flipped))
    (case / "far.stl").write_bytes(stlBytes(makeTetrahedron(offset=(5000, 0, 0))))
    common = ("--image", case / "scan", "--no-icon", "--output", case / "one.dcm")
    assert any("RAS" in warning for warning in runJson(capsys, "encapsulate", case / "ras.stl", *common)["warnings"])
    (warning,) = runJson(capsys, "encapsulate", case / "far.stl", *common)["warnings"]
    assert "outside the scan" in warning


def test_stlWhoseHeaderSaysRasIsRefusedWhereverItLies(case, capsys):
    # In the middle of the scan, where it would lie within it either way.
    content = bytearray(stlBytes(makeTetrahedron()))
    content[:HEADER_SIZE] = b"Slicer 5.12, SPACE=RAS".ljust(HEADER_SIZE)
    (case / "ras.stl").write_bytes(content)
    command = ("encapsulate", case / "ras.stl", "--image", case / "scan", "--no-icon", "--output", case / "one.dcm")
    assert "DICOM's are LPS" in refused(capsys, *command) and not (case / "one.dcm").exists()
    runJson(capsys, *command, "--own-coordinates")
    # What the refusal names as the way out leads to the place that was meant.
    assert main(["repair", str(case / "ras.stl"), "--remove-useless", "--output", str(case / "lps.stl")]) == 0
    points = readStl((case / "lps.stl").read_bytes()).points
    meant = makeTetrahedron().points * [-1, -1, 1]
    np.testing.assert_allclose(points.min(axis=0), meant.min(axis=0), atol=1e-4)
    capsys.readouterr()
    command = ("encapsulate", case / "lps.stl", *command[2:])
    runJson(capsys, *command)


def test_stlWhoseHeaderSaysAnotherUnitIsRefusedWithAWayOut(case, capsys):
    content = bytearray(stlBytes(makeTetrahedron()))
    content[:HEADER_SIZE] = b"exported UNITS=inch".ljust(HEADER_SIZE)
    (case / "inch.stl").write_bytes(content)
    common = ("--image", case / "scan", "--no-icon", "--output", case / "one.dcm")
    text = refused(capsys, "encapsulate", case / "inch.stl", *common)
    assert "in 'in'" in text and "'mm'" in text and not (case / "one.dcm").exists()
    command = ["repair", str(case / "inch.stl"), "--unit", "in", "--remove-useless", "--output", str(case / "mm.stl")]
    assert main(command) == 0
    points = readStl((case / "mm.stl").read_bytes()).points
    np.testing.assert_allclose(np.ptp(points, axis=0), np.ptp(makeTetrahedron().points, axis=0) * 25.4, rtol=1e-5)
    capsys.readouterr()
    runJson(capsys, "encapsulate", case / "mm.stl", *common)
    content[:HEADER_SIZE] = b"Units: cm".ljust(HEADER_SIZE)
    (case / "cm.stl").write_bytes(content)
    assert "Give --unit cm" in refused(capsys, "encapsulate", case / "cm.stl", *common)
    runJson(capsys, "encapsulate", case / "cm.stl", *common, "--unit", "cm")


def test_stlInCoordinatesOfItsOwnGetsAFrameOfItsOwn(case, capsys):
    (case / "far.stl").write_bytes(stlBytes(makeTetrahedron(offset=(5000, 0, 0))))
    command = ("encapsulate", case / "far.stl", "--image", case / "scan", "--no-icon", "--own-coordinates")
    result = runJson(capsys, *command, "--made-with", "Some CAD", "--output", case / "one.dcm")
    assert result["warnings"] == []
    assert result["source"]["frameOfReferenceUid"] not in (FRAME, "")
    facts = runJson(capsys, "inspect", case / "one.dcm")
    assert facts["source"]["frameOfReferenceUid"] == result["source"]["frameOfReferenceUid"]
    assert (facts["algorithm"]["name"], facts["algorithm"]["version"]) == ("Some CAD", "unknown")


@pytest.mark.parametrize(
    "content, words",
    [(b"Hello, world", "not a binary STL"), (b"solid a\n" * 20, "ASCII"), (stlBytes(makeTetrahedron())[:-9], "cut")],
)
def test_stlThatDicomForbidsIsRefusedAndNothingIsWritten(case, capsys, content, words):
    (case / "bad.stl").write_bytes(content)
    command = ("encapsulate", case / "bad.stl", "--image", case / "scan", "--output", case / "set")
    assert words in refused(capsys, *command)
    assert not (case / "set").exists()


def test_wrongOptionsAreRefusedAllAtOnce(case, capsys):
    common = ("encapsulate", case / "part.stl", "--image", case / "scan", "--output", case / "set")
    said = refused(capsys, *common, "--usage", "fun", "--description", "x" * 70, "--opacity", "3")
    assert "fun" in said
    assert "70 characters" in said
    assert "between 0 and 1" in said
    assert "--predecessor" in refused(capsys, *common, "--same-series")
    assert "not a DICOM file" in refused(capsys, *common, "--predecessor", case / "part.stl")
    writeDicomFile(makeObject(headers=makeHeaders(PatientID="OTHER")), case / "other.dcm")
    assert "OTHER" in refused(capsys, *common, "--predecessor", case / "other.dcm")
    assert not (case / "set").exists()


@pytest.mark.parametrize("json_", [False, True])
def test_namesThatTheTerminalCannotShowStopNobody(case, json_):
    headers = makeHeaders(SpecificCharacterSet="ISO_IR 192", PatientName="Wang^XiaoDong=王^小東")
    writeDicomFile(makeObject(headers=headers), case / "wang.dcm")
    command = [sys.executable, "-m", "M3DBatchLib", "inspect", str(case / "wang.dcm")]
    paths = os.pathsep.join(str(Path(module.__file__).parents[1]) for module in (M3DLib, M3DBatchLib))
    result = subprocess.run(
        [*command, "--json"] if json_ else command,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    if json_:
        assert json.loads(result.stdout)["patient"]["name"] == "Wang^XiaoDong=王^小東"
    else:
        assert b"Wang^XiaoDong=?^??" in result.stdout


def test_readerThatStopsReadingIsNoError(case):
    command = [sys.executable, "-m", "M3DBatchLib", "inspect", str(case / "jaw.dcm"), "--json"]
    paths = os.pathsep.join(str(Path(module.__file__).parents[1]) for module in (M3DLib, M3DBatchLib))
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()
