"""``m3d export`` of a model made from several series."""

import pydicom
import pytest

from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Commands import requireRefusal, runJson, runM3d
from M3DTestSupport.SmallScan import writeSmallScan


def writeOther(scan, folder, **changes):
    """A second, registered series of the same patient: MR, in a study and frame of reference of its own."""
    folder.mkdir()
    for number, file in enumerate(sorted(scan.glob("*.dcm"))[:3]):
        dataset = pydicom.dcmread(file)
        dataset.Modality, dataset.SOPClassUID = "MR", pydicom.uid.MRImageStorage
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.7", "1.2.7.1"
        dataset.FrameOfReferenceUID = "1.2.7.9"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.7.1.{number + 1}"
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        dataset.save_as(folder / file.name)
    return folder


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    return folder


def test_everySeriesIsNamedAndTheScanDecidesWhereTheModelIs(scan, tmp_path):
    other = writeOther(scan, tmp_path / "mr")
    result = runJson(
        *("export", "--image", scan, "--threshold", "500", "--also-from", other),
        *("--no-icon", "--output", tmp_path / "out"),
    )
    header = pydicom.dcmread(next(scan.glob("*.dcm")), stop_before_pixels=True)
    model = readEncapsulatedStl(result["models"][0]["file"])
    assert model.dataset.ConceptNameCodeSequence[0].CodeValue == "129019"
    assert model.frameOfReferenceUid == header.FrameOfReferenceUID
    assert model.dataset.StudyInstanceUID == header.StudyInstanceUID
    assert {source.seriesInstanceUid for source in model.sources} == {header.SeriesInstanceUID, "1.2.7.1"}
    (study,) = model.dataset.StudiesContainingOtherReferencedInstancesSequence
    assert study.StudyInstanceUID == "1.2.7"


def test_seriesOfAnotherPatientIsRefused(scan, tmp_path):
    other = writeOther(scan, tmp_path / "mr", PatientID="SOMEBODY-ELSE")
    command = ("export", "--image", scan, "--threshold", "500", "--also-from", other, "--output", tmp_path / "out")
    requireRefusal(runM3d(*command), "SOMEBODY-ELSE")
    assert not (tmp_path / "out").exists()
