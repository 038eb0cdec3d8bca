"""A model or a segmentation of another patient, place or series than the scan: said, however well it fits."""

import pydicom
import pytest

from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelExport import makeModels, makeSurfaces
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.MeshFiles.MeshReader import readMesh
from M3DLib.Segmentation.SegmentFit import requireFit, thresholdSegment
from M3DLib.Segmentation.SegmentReader import readSegments
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.Models import makeObject
from M3DTestSupport.Requirements import runChecks
from M3DTestSupport.SmallScan import writeSmallScan
from M3DValidationLib.Acquisition import BelongingCheck
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return readImage(writeSmallScan(tmp_path_factory.mktemp("scan"))[0].parent)


def finding(scan, file=None, segment=None):
    mesh, notes = (None, None) if file is None else readMesh(file)
    case = Case(loadProfile(), scan, segment, mesh=mesh, meshNotes=notes)
    return runChecks(BelongingCheck.CHECKS, case)["belong-together"]


def model(scan, folder, **changes):
    """An object made from the scan, of which attributes are changed; None removes one."""
    dataset = makeObject(headers=scan.headers)
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(folder / "model.dcm", enforce_file_format=True)
    return folder / "model.dcm"


def otherImages():
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5"
    series = pydicom.Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = "1.2.3.4", [item]
    return {"SourceInstanceSequence": [item], "ReferencedSeriesSequence": [series]}


def test_modelOfThisScanPasses(scan, tmp_path):
    assert finding(scan, model(scan, tmp_path)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "keyword, value, words",
    [
        ("PatientID", "SOMEBODY-ELSE", "Patient ID"),
        ("PatientName", "Else^Somebody", "Patient's Name"),
        ("FrameOfReferenceUID", "1.2.3.4", "frame of reference"),
    ],
)
def test_modelOfAnotherPatientOrPlaceFails(scan, tmp_path, keyword, value, words):
    found = finding(scan, model(scan, tmp_path, **{keyword: value}))
    assert found.verdict is Verdict.FAIL and words in found.message
    # A report may be pseudonymized; whose model it is stands in its object.
    assert value not in found.message


def test_modelOfAnotherSeriesOfTheSamePlaceIsDoubtful(scan, tmp_path):
    found = finding(scan, model(scan, tmp_path, **otherImages()))
    assert found.verdict is Verdict.WARNING and "other images" in found.message


def test_modelThatSaysNothingIsNoPass(scan, tmp_path):
    nothing = dict.fromkeys(("SourceInstanceSequence", "ReferencedSeriesSequence", "FrameOfReferenceUID"))
    assert finding(scan, model(scan, tmp_path, **nothing)).verdict is Verdict.NOT_ASSESSABLE


@pytest.fixture
def drawn(scan, tmp_path):
    """A segmentation of the scan, written by highdicom, with attributes of one's own."""

    def write(**attributes):
        bone = thresholdSegment(scan, 500).array
        file = writeDicomSeg(tmp_path / "seg.dcm", scan.files, bone, ["bone"], **attributes)
        return readSegments(file)[0]

    return write


def test_segmentationOfThisScanFits(scan, drawn):
    requireFit(drawn(), scan)
    assert finding(scan, segment=drawn()).verdict is Verdict.PASS


def test_segmentationOfAnotherPatientIsRefusedWithBoth(scan, drawn):
    with pytest.raises(M3DError, match=f"PatientID is 'ELSE'.*{scan.headers[0].PatientID}"):
        requireFit(drawn(PatientID="ELSE"), scan)


def test_whatWasAssumedOfTheSegmentationsPlaceIsSaid(scan):
    segment = thresholdSegment(scan, 500)
    segment.warnings.append("The NRRD file states no space, so nobody knows which side is left; LPS was assumed.")
    found = finding(scan, segment=segment)
    assert found.verdict is Verdict.WARNING and "which side is left" in found.message


def test_segmentationOfAnotherSeriesOfTheSamePlaceIsSaid(scan, drawn):
    series = pydicom.Dataset()
    series.SeriesInstanceUID = "1.2.3.4"
    segment = drawn(ReferencedSeriesSequence=[series])
    found = finding(scan, segment=segment)
    assert found.verdict is Verdict.WARNING and "1.2.3.4" in found.message
    surface = SurfaceParameters()
    meshes = makeSurfaces(scan, [segment], surface)
    (made,) = makeModels(scan, [segment], meshes, surface, ModelDescription())
    assert any("another series" in text for text in made.warnings)
