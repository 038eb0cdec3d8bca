"""A released model: a new instance that is verified, whose predecessor is not."""

import pytest

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.VerifiedVersion import verifiedVersion
from M3DLib.Errors import M3DError
from M3DTestSupport.Conformance import dciodvfyMessages
from M3DTestSupport.Models import makeObject


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.dcm"
    writeDicomFile(makeObject(description=ModelDescription(title="Jaw", verified=False)), path)
    return path


@pytest.fixture
def released(file, tmp_path):
    path = tmp_path / "released.dcm"
    writeDicomFile(verifiedVersion(file), path)
    return path


def test_itHoldsTheSameDocumentAndSaysThatItIsVerified(file, released):
    before, after = readEncapsulatedStl(file), readEncapsulatedStl(released)
    assert bytes(after.stl) == bytes(before.stl)
    assert (before.description.verified, after.description.verified) == (False, True)
    assert after.description.title == "Jaw"
    assert after.warnings == before.warnings


def test_itIsAnInstanceOfItsOwnInTheSameSeriesAndNamesItsPredecessor(file, released):
    before, after = readEncapsulatedStl(file), readEncapsulatedStl(released)
    assert after.sopInstanceUid != before.sopInstanceUid
    assert after.dataset.SeriesInstanceUID == before.dataset.SeriesInstanceUID
    assert int(after.dataset.InstanceNumber) == int(before.dataset.InstanceNumber) + 1
    (predecessor,) = after.predecessors
    assert (predecessor.sopInstanceUid, predecessor.purpose) == (before.sopInstanceUid, "EditedModel")
    assert [one.sopInstanceUid for one in after.identical] == [before.sopInstanceUid]
    assert after.sources == before.sources


def test_itIsValid(released):
    assert dciodvfyMessages([released]) == {}


def test_aVerifiedModelIsNotVerifiedTwice(released):
    with pytest.raises(M3DError, match="says already that its model is verified"):
        verifiedVersion(released)


def test_anotherKindOfFileIsRefused(tmp_path):
    (tmp_path / "text.dcm").write_text("no model")
    with pytest.raises(M3DError):
        verifiedVersion(tmp_path / "text.dcm")
