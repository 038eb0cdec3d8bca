"""What belongs together as the sources of one model, what is refused, and what is asked or said about them."""

import pytest
from pydicom.uid import UID

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import derivedFrameOfReference, sourcesFromImages
from M3DLib.EncapsulatedStl.OpenQuestions import openQuestions
from M3DLib.Errors import M3DError
from M3DTestSupport.Models import FRAME, STUDY, makeHeaders, makeObject


def test_imagesOfOneSeriesTwiceAreReferencedOnce():
    headers = makeHeaders(2)
    assert len(sourcesFromImages([headers, headers]).references) == 2


def test_imagesThatShareOneNameAreNoSources():
    headers = makeHeaders(3)
    for number, header in enumerate(headers):
        header.SOPInstanceUID = headers[0].SOPInstanceUID
        header.ImagePositionPatient = [0, 0, number]
    with pytest.raises(M3DError, match="3 of 3 images share 1 SOP Instance UID"):
        sourcesFromImages([headers])


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"PatientID": "PID-9"}, ["PID-4711", "PID-9"]),
        ({"PatientName": "Roe^Jane"}, ["Doe^Jane", "Roe^Jane"]),
        ({"PatientBirthDate": "19700204"}, ["19700203", "19700204"]),
        ({"study": "1.2.3.4.999"}, [STUDY, "1.2.3.4.999"]),
        ({"frame": "1.2.3.4.888"}, [FRAME, "1.2.3.4.888"]),
    ],
)
def test_sourcesThatDoNotBelongTogetherAreRefusedWithBothValues(changes, words):
    with pytest.raises(M3DError) as caught:
        sourcesFromImages([makeHeaders(2), makeHeaders(2, "MR", "1.2.3.4.301", **changes)])
    assert all(word in str(caught.value) for word in words)


def test_sameNameWrittenDifferentlyIsOnePatient():
    other = makeHeaders(2, "MR", "1.2.3.4.301", PatientName="DOE^JANE^^", PatientBirthDate="")
    assert len(sourcesFromImages([makeHeaders(2), other]).references) == 4


def test_chosenStudyAndFrameSettleAConflict():
    other = makeHeaders(2, "MR", "1.2.3.4.301", study="1.2.3.4.999", frame="1.2.3.4.888")
    sources = sourcesFromImages([makeHeaders(2), other], (), "1.2.3.4.999", "1.2.3.4.888")
    assert sources.header is other[0]
    assert sources.frameOfReferenceUid == "1.2.3.4.888"
    with pytest.raises(M3DError, match=r"7\.7\.7"):
        sourcesFromImages([makeHeaders(2), other], (), "7.7.7", FRAME)


def test_imageWithoutFrameOfReferenceGetsAlwaysTheSame():
    headers = makeHeaders(2, FrameOfReferenceUID=None)
    first, second = sourcesFromImages([headers]), sourcesFromImages([headers])
    assert first.frameOfReferenceUid == second.frameOfReferenceUid == derivedFrameOfReference("1.2.3.4.300")
    assert UID(first.frameOfReferenceUid).is_valid
    assert first.warnings


def test_noDicomSourceIsRefused():
    with pytest.raises(M3DError, match="no DICOM source"):
        sourcesFromImages([[]])


def test_sourceWithoutUidsIsRefused():
    with pytest.raises(M3DError, match="SOPInstanceUID"):
        sourcesFromImages([makeHeaders(1, SOPInstanceUID="not a uid")])


def test_recognizabilityOfAHeadIsAskedFor():
    head = makeHeaders(1, BodyPartExamined="HEAD")
    assert "recognized" in openQuestions(ModelDescription(), head)[0]
    assert openQuestions(ModelDescription(recognizableVisualFeatures=False), head) == []
    assert openQuestions(ModelDescription(), makeHeaders(1, BodyPartExamined="KNEE")) == []
    (question,) = openQuestions(ModelDescription(title="Jane Doe"), makeHeaders(1))
    assert "identify the patient" in question


def test_whatTheSourceLacksIsSaid():
    sources = sourcesFromImages([makeHeaders(1, ClinicalTrialSiteID="7")])
    assert [words for words in sources.warnings if "ClinicalTrialSponsorName" in words]
    assert sourcesFromImages([makeHeaders(1)]).warnings == []


@pytest.mark.parametrize(
    "odd",
    [
        {"PatientID": "X" * 80},
        {"PatientAge": "fifty"},
        {"StudyDate": "2020.01.02"},
        {"AcquisitionDate": "2020.01.02", "AcquisitionTime": "10:11:12"},
        {"AcquisitionDate": "unknown"},
        {"TimezoneOffsetFromUTC": "CET"},
        {"SOPInstanceUID": "1.2.03.4"},
        {"SeriesNumber": None, "StudyID": None, "PatientName": None},
    ],
)
def test_oddValuesOfTheSourceDoNotStopAnybody(odd, tmp_path):
    headers = makeHeaders(2, **odd)
    writeDicomFile(makeObject(headers=headers), tmp_path / "model.dcm")
    dataset = readEncapsulatedStl(tmp_path / "model.dcm").dataset
    for keyword in ("PatientID", "PatientAge", "StudyDate"):
        if keyword in odd:
            assert str(dataset[keyword].value) == odd[keyword]
    if "AcquisitionTime" in odd:
        assert dataset.AcquisitionDateTime == "20200102101112"


def test_ethnicGroupOfOlderEditionsIsStillCopied():
    assert makeObject(headers=makeHeaders(EthnicGroup="Hispanic")).EthnicGroup == "Hispanic"
