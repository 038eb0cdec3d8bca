"""Files are there whole or not at all, and what is written is read back before it counts."""

import contextlib
import errno
import os

import numpy as np
import pydicom
import pytest

from M3DLib.Dicom import DicomFile
from M3DLib.Dicom.DicomFile import DEFER_BYTES, atomicWrite, openDicom, payloadChunks, writeDicomFile
from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Models import makeObject, makeTetrahedron


def large():
    """An object whose document is not kept in memory when it is read."""
    mesh = makeTetrahedron()
    return makeObject(TriangleMesh(mesh.points, np.tile(mesh.triangles, (DEFER_BYTES // 150, 1))))


def test_fileIsReplacedAtOnce(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomicWrite(target) as file:
        file.write(b"new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, M3DError("stop")])
def test_whatIsRaisedLeavesTheOldFileAndNothingElse(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises((KeyboardInterrupt, ValueError)), atomicWrite(target) as file:
        file.write(b"half")
        raise error
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_fullDiskIsSaidAndLeavesNothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(M3DError, match="No space left"):
        writeDicomFile(makeObject(), tmp_path / "a.dcm")
    assert os.listdir(tmp_path) == []


def test_folderThatIsNotThereIsSaid(tmp_path):
    with pytest.raises(M3DError, match="No such file"):
        writeDicomFile(makeObject(), tmp_path / "no" / "a.dcm")


@pytest.mark.parametrize("make", [makeObject, large])
@pytest.mark.parametrize("place", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_diskThatLosesBytesIsNoticed(tmp_path, monkeypatch, make, place):
    @contextlib.contextmanager
    def losing(path):
        with atomicWrite(path) as file:
            yield file
            raise AssertionError("what was lost was not noticed")

    def lose(dataset, pieces, path):
        with open(path, "r+b") as file:
            file.seek(int(place * path.stat().st_size))
            before = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([before[0] ^ 1]))
        honest(dataset, pieces, path)

    honest = DicomFile._requireSame
    monkeypatch.setattr(DicomFile, "_requireSame", lose)
    monkeypatch.setattr(DicomFile, "atomicWrite", losing)
    with pytest.raises(M3DError, match="read back"):
        writeDicomFile(make(), tmp_path / "a.dcm")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian"])
@pytest.mark.parametrize("document", [b"odd", b"even"])
def test_everyTransferSyntaxIsWritten(tmp_path, syntax, document):
    dataset = makeObject()
    dataset.EncapsulatedDocument = document
    dataset.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    writeDicomFile(dataset, tmp_path / "a.dcm")
    written = pydicom.dcmread(tmp_path / "a.dcm")
    assert written.EncapsulatedDocument == document + b"\0" * (len(document) % 2)
    assert written.DocumentTitle == dataset.DocumentTitle


@pytest.mark.parametrize("make", [makeObject, large])
def test_writingChangesNothingInTheDatasetAndCopiesNoDocument(tmp_path, make):
    dataset = make()
    document = dataset.EncapsulatedDocument
    writeDicomFile(dataset, tmp_path / "a.dcm")
    assert dataset.EncapsulatedDocument is document
    written = pydicom.dcmread(tmp_path / "a.dcm")
    assert written.EncapsulatedDocument == document
    assert [element.tag for element in written] == [element.tag for element in dataset]
    assert written.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def test_documentStaysInTheFileUntilItIsLookedAt(tmp_path, monkeypatch):
    dataset = large()
    writeDicomFile(dataset, tmp_path / "a.dcm")
    with openDicom(tmp_path / "a.dcm") as content:
        assert isinstance(content.payload, np.memmap)
        assert "EncapsulatedDocument" not in content.dataset
        monkeypatch.setattr(DicomFile, "_CHUNK", 1000)
        assert b"".join(payloadChunks(content.payload)) == dataset.EncapsulatedDocument
