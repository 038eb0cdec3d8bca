"""What ends a run without being wrong input: an error of the program, too little memory, no room, a closed output."""

import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.WritablePlace import requireWritableFile, requireWritableFolder
from M3DTestSupport.Commands import environment, requireRefusal, runM3d
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.SmallScan import writeSmallScan

_SECRET = "Doe^Jane^1970"
needsFullDevice = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")


@pytest.fixture
def mesh(tmp_path):
    file = tmp_path / "part.stl"
    file.write_bytes(stlBytes(TriangleMesh(*box())))
    return file


def endedBy(error, monkeypatch, tmp_path, capsys):
    """Exit status of ``m3d profiles`` when that is ended by an error, its sentence, and the files of details."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(*_arguments, **_more):
        raise error

    monkeypatch.setattr("M3DValidationLib.Profile.profileNames", fail)
    status = main(["profiles"])
    said = capsys.readouterr()
    assert said.out == "" and "Traceback" not in said.err and said.err.count("\n") == 1
    files = list(tmp_path.glob("m3d-error-*.txt"))
    return status, said.err, files


def test_errorOfTheProgramHasItsOwnStatusAndSaysWhereTheDetailsAre(monkeypatch, tmp_path, capsys):
    status, sentence, files = endedBy(KeyError(_SECRET), monkeypatch, tmp_path, capsys)
    assert status == 70
    assert "m3d profiles" in sentence and "KeyError" in sentence and str(files[0]) in sentence
    details = files[0].read_text(encoding="utf-8")
    assert "Traceback" in details and _SECRET in details and "SlicerM3D" in details


def test_sentenceOnAnErrorOfTheProgramNamesNobody(monkeypatch, tmp_path, capsys):
    _status, sentence, files = endedBy(ValueError(f"bad value {_SECRET}"), monkeypatch, tmp_path, capsys)
    assert "Doe" not in sentence
    if os.name == "posix":
        assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_tooLittleMemoryIsSaidAsSuch(monkeypatch, tmp_path, capsys):
    status, sentence, files = endedBy(MemoryError(), monkeypatch, tmp_path, capsys)
    assert status == 70 and "memory" in sentence and "MB" in sentence and str(files[0]) in sentence


def test_realLackOfMemoryEndsInOneSentence(tmp_path, mesh):
    resource = pytest.importorskip("resource")
    code = (
        "import resource, sys\n"
        "import numpy, vtkmodules.vtkCommonCore\n"
        "from M3DBatchLib import CommandLine\n"
        "import M3DValidationLib.Profile as profile\n"
        "size = 1 << 33\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
        "profile.profileNames = lambda: numpy.ones(1 << 34)\n"
        "sys.exit(CommandLine.main(['profiles']))\n"
    )
    assert resource
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 70, process.stderr
    assert "memory of this computer was not enough" in process.stderr and "Traceback" not in process.stderr


def test_fullDiskIsSaidAndIsNoErrorOfTheProgram(monkeypatch, tmp_path, capsys):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "volume.bin")
    status, sentence, files = endedBy(error, monkeypatch, tmp_path, capsys)
    assert status == 2 and "no room left on the disk" in sentence and "volume.bin" in sentence and not files


def test_detailsThatCannotBeWrittenAreStillPlaced(monkeypatch, tmp_path, capsys):
    def refuse(*_arguments, **_more):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    status, sentence, _files = endedBy(KeyError("x"), monkeypatch, tmp_path, capsys)
    assert status == 70 and re.search(r"TestProgramErrors\.py, line \d+", sentence)


@needsFullDevice
@pytest.mark.parametrize("arguments", [["profiles"], ["profiles", "--json"], ["--help"], ["run", "--help"]])
def test_outputThatTakesNothingMoreIsSaid(arguments):
    # Unbuffered, argparse itself keeps quiet about help that could not be printed.
    buffered = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    # In narrow lines the help of a command is longer than the buffer of the output.
    buffered["COLUMNS"] = "60"
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "M3DBatchLib", *arguments],
            env=buffered,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode == 2, process.stderr
    assert "could not be printed" in process.stderr and process.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="closes stdout as a shell does")
def test_closedOutputIsSaidBeforeTheWork(tmp_path, mesh):
    command = f'"{sys.executable}" -m M3DBatchLib validate --mesh "{mesh}" --output "{tmp_path / "out"}" >&-'
    process = subprocess.run(command, shell=True, env=environment(), stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 2 and "Standard output is closed" in process.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name != "posix", reason="closes stderr as a shell does")
@pytest.mark.parametrize("where", ["2>&-", pytest.param("2>/dev/full", marks=needsFullDevice)])
def test_nobodyWhoHearsMessagesIsNoReasonToStop(tmp_path, mesh, where):
    command = f'"{sys.executable}" -m M3DBatchLib repair "{mesh}" --reorient --json '
    command += f'--output "{tmp_path / "out.stl"}" {where}'
    process = subprocess.run(command, shell=True, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 0 and process.stdout.lstrip().startswith("{")


def test_verdictSurvivesAReaderWhoHasHadEnough(tmp_path):
    file = tmp_path / "open.stl"
    points, triangles = box()
    file.write_bytes(stlBytes(TriangleMesh(points, triangles[1:])))
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "M3DBatchLib", "validate", "--mesh", file, "--output", tmp_path / "out"],
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert process.returncode == 1, process.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that even root cannot write to")
def test_folderThatCannotBeWrittenIsSaidBeforeTheWork(tmp_path, mesh):
    process = runM3d("validate", "--mesh", mesh, "--output", "/proc/no-report")
    assert process.returncode == 2 and "cannot be written" in process.stderr
    # Nothing was read or checked yet.
    assert process.stderr.count("\n") == 1


def test_placesForOutputAreAskedWithoutLeavingAnything(tmp_path):
    requireWritableFolder(tmp_path / "new" / "deep")
    requireWritableFile(tmp_path / "new.stl")
    assert not list(tmp_path.iterdir())


def test_placesThatAreNoneAreNamed(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(M3DError, match="is a file; name a folder"):
        requireWritableFolder(file)
    with pytest.raises(M3DError, match=r"file' is a file"):
        requireWritableFolder(file / "below")
    with pytest.raises(M3DError, match="is a folder; name a file"):
        requireWritableFile(tmp_path)
    with pytest.raises(M3DError, match="does not exist"):
        requireWritableFile(tmp_path / "no" / "part.stl")


@pytest.mark.parametrize("option", ["--image", "--output"])
def test_nameThatIsTooLongIsTheUsersAffair(tmp_path, option):
    places = {"--image": tmp_path / "scan", "--output": tmp_path / "out"}
    places[option] = tmp_path / ("x" * 300)
    writeSmallScan(tmp_path / "scan")
    process = runM3d("export", "--threshold", "300", *(part for pair in places.items() for part in pair))
    requireRefusal(process, "longer than this system lets a name be")
