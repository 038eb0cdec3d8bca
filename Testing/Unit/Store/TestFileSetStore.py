"""A DICOM file-set that is whole at every moment."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet

from M3DLib.Errors import Cancelled, M3DError
from M3DLib.FolderLock import folderLock
from M3DLib.Store.FileSetStore import FileSetStore
from M3DTestSupport.Commands import environment
from M3DTestSupport.Models import makeHeaders, makeObject
from M3DTestSupport.SmallScan import writeSmallScan


def snapshot(folder):
    """Every file below a folder with its content."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def instancesIn(folder):
    """SOP Instance UIDs as pydicom's own file-set reader lists them, every file opened."""
    return {instance.load().SOPInstanceUID for instance in FileSet(folder / "DICOMDIR")}


def test_aNewFileSetHoldsModelAndImagesUnderOnePatient(tmp_path):
    files = writeSmallScan(tmp_path / "scan")
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    model = makeObject(headers=headers)
    stored = FileSetStore(tmp_path / "out").add([model], files, {"ball.stl": b"stl"})
    expected = {model.SOPInstanceUID, *(header.SOPInstanceUID for header in headers)}
    assert instancesIn(tmp_path / "out") == expected
    fileSet = FileSet(tmp_path / "out" / "DICOMDIR")
    assert len(fileSet.find_values("PatientID")) == 1
    assert len(fileSet.find_values("StudyInstanceUID")) == 1
    assert sorted(fileSet.find_values("Modality")) == ["CT", "M3D"]
    assert stored.added == len(files) + 1
    assert stored.extras["ball.stl"].read_bytes() == b"stl"
    copied = stored.instances[headers[0].SOPInstanceUID]
    assert copied.read_bytes() == files[0].read_bytes()


def test_fileIdsKeepToTheCharactersAndLengthsOfTheStandard(tmp_path):
    FileSetStore(tmp_path / "out").add([makeObject()])
    for instance in FileSet(tmp_path / "out" / "DICOMDIR"):
        for component in instance.ReferencedFileID:
            assert len(component) <= 8
            assert set(component) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def test_addingKeepsWhatWasThereAndCopiesNoImageTwice(tmp_path):
    files = writeSmallScan(tmp_path / "scan")
    store = FileSetStore(tmp_path / "out")
    store.add([makeObject()], files)
    before = snapshot(tmp_path / "out")
    stored = store.add([makeObject()], files)
    after = snapshot(tmp_path / "out")
    assert stored.added == 1
    assert {name: after[name] for name in before if name != "DICOMDIR"} == {
        name: content for name, content in before.items() if name != "DICOMDIR"
    }
    assert len(instancesIn(tmp_path / "out")) == len(files) + 2
    assert not [name for name in after if ".m3d" in name]


def test_aFileSetOfAnotherProgramIsAddedToWithoutMovingItsFiles(tmp_path):
    other = FileSet()
    for file in writeSmallScan(tmp_path / "scan"):
        other.add(file)
    other.write(tmp_path / "out")
    before = snapshot(tmp_path / "out")
    FileSetStore(tmp_path / "out").add([makeObject()])
    after = snapshot(tmp_path / "out")
    assert all(after[name] == content for name, content in before.items() if name != "DICOMDIR")
    assert len(instancesIn(tmp_path / "out")) == len(other) + 1


def test_twoPatientsWithoutANumberStayTwo(tmp_path):
    store = FileSetStore(tmp_path / "out")
    store.add([makeObject(headers=makeHeaders(PatientID="", study="1.2.7.1"))])
    store.add([makeObject(headers=makeHeaders(PatientID="", study="1.2.7.2"))])
    assert len(FileSet(tmp_path / "out" / "DICOMDIR").find_values("PatientID")) == 2


def test_filesThatAreThereAreNeverOverwritten(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ball.stl").write_bytes(b"mine")
    stored = FileSetStore(out).add([makeObject()], extras={"ball.stl": b"new"})
    assert (out / "ball.stl").read_bytes() == b"mine"
    assert stored.extras["ball.stl"] == out / "ball-2.stl"


@pytest.mark.parametrize("exists", [False, True])
def test_aRunStoppedByTheUserLeavesNothingBehind(tmp_path, exists):
    out = tmp_path / "out"
    if exists:
        FileSetStore(out).add([makeObject()])
    before = snapshot(tmp_path)

    def stop(fraction, text):
        if text == "Completing the file-set":
            raise Cancelled

    with pytest.raises(Cancelled):
        FileSetStore(out).add([makeObject()], progress=stop)
    assert snapshot(tmp_path) == before


def test_aFailureWhileFilesAreMovedIsTakenBack(tmp_path, monkeypatch):
    out = tmp_path / "out"
    FileSetStore(out).add([makeObject()])
    before = snapshot(tmp_path)
    replace = os.replace

    def failing(source, target):
        if Path(target) == out / "DICOMDIR":
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(M3DError, match="as it was before"):
        FileSetStore(out).add([makeObject()], extras={"a.stl": b"x"})
    assert snapshot(tmp_path) == before


def test_aFullDiskIsSaidAndLeavesNothingBehind(tmp_path):
    files = writeSmallScan(tmp_path / "scan")
    before = snapshot(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(M3DError, match="Make room"):
            FileSetStore(tmp_path / "out").add([makeObject()], files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert snapshot(tmp_path) == before


def test_aFileInPlaceOfTheFolderIsRefused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(M3DError, match="is a file"):
        FileSetStore(tmp_path / "out").requireWritable()


def test_aFolderThatCannotBeWrittenIsRefused():
    with pytest.raises(M3DError, match="cannot be written"):
        FileSetStore("/proc/m3d/out").requireWritable()


def test_aDamagedDicomdirIsRefusedAndLeftAlone(tmp_path):
    out = tmp_path / "out"
    FileSetStore(out).add([makeObject()])
    (out / "DICOMDIR").write_bytes((out / "DICOMDIR").read_bytes()[:300])
    before = snapshot(tmp_path)
    with pytest.raises(M3DError, match="DICOMDIR"):
        FileSetStore(out).add([makeObject()])
    assert snapshot(tmp_path) == before


def test_aDicomdirWithMissingFilesIsRefused(tmp_path):
    out = tmp_path / "out"
    stored = FileSetStore(out).add([makeObject()])
    next(iter(stored.instances.values())).unlink()
    with pytest.raises(M3DError, match="lists 1 file not found there"):
        FileSetStore(out).add([makeObject()])


def test_twoWritersAtOnceAreRefused(tmp_path):
    out = tmp_path / "out"
    FileSetStore(out).add([makeObject()])
    with folderLock(out), pytest.raises(M3DError, match="Another process"):
        FileSetStore(out).add([makeObject()])
    FileSetStore(out).add([makeObject()])


_WRITER = """
import sys
from M3DTestSupport.Models import makeObject
from M3DTestSupport.SmallScan import smallImage
from M3DLib.Store.FileSetStore import FileSetStore
print("ready", flush=True)
while True:
    FileSetStore(sys.argv[1]).add([makeObject() for _ in range(5)], extras={"model.stl": bytes(100_000)})
"""


def test_killedAtAnyMomentTheFileSetIsWhole(tmp_path):
    """20 writers, each killed at a random point: every time the file-set opens and all its files are there."""
    out = tmp_path / "out"
    chance = random.Random(5)
    counts = []
    for _ in range(20):
        command = [sys.executable, "-c", _WRITER, str(out)]
        writer = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
        assert writer.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        writer.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT]))
        try:
            writer.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            # Python drops an interrupt that arrives while an object is being finalized; then the writer goes on.
            writer.kill()
            writer.communicate()
        counts.append(len(instancesIn(out)) if out.exists() else 0)
        assert counts[-1] % 5 == 0, "a run adds all its objects or none"
    assert counts == sorted(counts)
    assert counts[-1] > 0
    FileSetStore(out).add([makeObject()])
    leftovers = [file for file in out.rglob("*") if ".m3d" in str(file)]
    assert not leftovers
    assert len([file for file in (out / "DICOM").rglob("*") if file.is_file()]) == len(instancesIn(out))
