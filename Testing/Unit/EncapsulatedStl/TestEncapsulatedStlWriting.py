"""What is written into an Encapsulated STL object, attribute by attribute."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import UID, EncapsulatedSTLStorage

from M3DLib.Dicom import IodTable
from M3DLib.EncapsulatedStl.DocumentReferences import DocumentReference, addReferencedInstances
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import buildEncapsulatedStl, encapsulateMesh, titleOfModalities
from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm, Equipment, ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Segmentation.Segment import SegmentSource
from M3DTestSupport.Models import FRAME, makeHeaders, makeObject, makeTetrahedron
from M3DTestSupport.Project import ROOT


def test_everyRequiredAttributeIsThere():
    assert IodTable.missingAttributes(makeObject()) == []


def test_tableInThePackageIsThatOfHighdicom():
    import highdicom

    folder = Path(highdicom.__file__).parent / "_standard"
    modules = json.loads((folder / "iod_module_map.json").read_text())["encapsulated-stl"]
    attributes = json.loads((folder / "module_attribute_map.json").read_text())
    for module in modules:
        theirs = {entry["keyword"]: entry["type"] for entry in attributes[module["key"]] if not entry["path"]}
        assert IodTable.attributes(module["key"]) == theirs
    assert IodTable.mandatoryModules() == [module["key"] for module in modules if module["usage"] == "M"]


def test_softwareVersionIsThatOfThePackage():
    from M3DLib.Software import VERSION

    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{VERSION}"' in text


def test_fixedAttributesAreThoseOfTheStandard():
    dataset = makeObject()
    assert dataset.SOPClassUID == EncapsulatedSTLStorage
    assert dataset.Modality == "M3D"
    assert dataset.MIMETypeOfEncapsulatedDocument == "model/stl"
    assert dataset.BurnedInAnnotation == "NO"
    assert dataset.EncapsulatedDocumentLength == len(dataset.EncapsulatedDocument) == 284
    assert dataset.FrameOfReferenceUID == FRAME
    assert dataset.PositionReferenceIndicator == "SN"
    unit = dataset.MeasurementUnitsCodeSequence[0]
    assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("mm", "UCUM")
    for keyword in ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"):
        assert dataset[keyword].value


def test_uidsAreNewAndValid():
    first, second = makeObject(), makeObject()
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert first[keyword].value != second[keyword].value
        assert UID(first[keyword].value).is_valid
        assert first[keyword].value.startswith("2.25.")
    assert UID(first.file_meta.ImplementationClassUID).is_valid
    assert len(first.file_meta.ImplementationVersionName) <= 16


def test_patientAndStudyAreThoseOfTheSource():
    header = makeHeaders()[0]
    dataset = makeObject()
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert dataset[keyword].value == header[keyword].value
    assert dataset.AccessionNumber == "A-77"
    assert dataset.SeriesInstanceUID != header.SeriesInstanceUID
    assert dataset.AcquisitionDateTime == "20200102101201"


def test_nothingElseOfTheSourceIsTakenOver():
    headers = makeHeaders(
        KVP="120", Manufacturer="Scanner Inc", InstitutionName="Clinic", SeriesDescription="Bone 1 mm"
    )
    headers[0].add_new(0x00111001, "LO", "private")
    dataset = makeObject(headers=headers)
    assert "KVP" not in dataset
    assert "InstitutionName" not in dataset
    assert 0x00111001 not in dataset
    assert dataset.Manufacturer == "SlicerM3D"
    assert dataset.SeriesDescription == "3D models"


def test_unsaidThingsAreNotWritten():
    dataset = makeObject()
    for keyword in (
        "RecognizableVisualFeatures",
        "ImageLaterality",
        "VerificationFlag",
        "ModelModification",
        "ModelMirroring",
        "ModelUsageCodeSequence",
        "ModelGroupUID",
        "ContentDescription",
        "RecommendedDisplayCIELabValue",
        "RecommendedPresentationOpacity",
        "IconImageSequence",
        "PredecessorDocumentsSequence",
        "IdenticalDocumentsSequence",
    ):
        assert keyword not in dataset


def test_saidThingsAreWritten():
    description = ModelDescription(
        title="Skull",
        contentDescription="left side",
        usage="ImplantFabrication",
        modified=True,
        mirrored=False,
        laterality="L",
        burnedInAnnotation=True,
        recognizableVisualFeatures=False,
        verified=True,
        groupUid="1.2.3",
        opacity=0.25,
        seriesDescription="Implants",
    )
    dataset = makeObject(description=description)
    assert dataset.DocumentTitle == "Skull"
    assert dataset.ContentDescription == "left side"
    assert [item.CodeValue for item in dataset.ModelUsageCodeSequence] == ["129016"]
    assert (dataset.ModelModification, dataset.ModelMirroring) == ("YES", "NO")
    assert dataset.ImageLaterality == "L"
    assert dataset.BurnedInAnnotation == "YES"
    assert dataset.RecognizableVisualFeatures == "NO"
    assert dataset.VerificationFlag == "VERIFIED"
    assert dataset.ModelGroupUID == "1.2.3"
    assert dataset.RecommendedPresentationOpacity == 0.25
    assert dataset.SeriesDescription == "Implants"


def test_surfaceIsRecordedAsTheOneAlgorithm():
    dataset = makeObject(
        surface=SurfaceParameters("surface-nets", 0.3, 0.1),
        description=ModelDescription(segmentation="threshold above 300 HU"),
    )
    (surface,) = dataset.DerivationAlgorithmSequence
    assert surface.AlgorithmParameters == (
        "method=surface-nets,smoothing=0.3,decimation=0.1,segmentation=threshold above 300 HU"
    )
    assert surface.AlgorithmVersion


def test_algorithmOfAModelMadeElsewhereIsRecorded():
    algorithm = DerivationAlgorithm("Mirroring", "7", "ManualProcessing", (("plane", "sagittal"),), "Some CAD")
    (item,) = makeObject(description=ModelDescription(algorithm=algorithm)).DerivationAlgorithmSequence
    assert (item.AlgorithmName, item.AlgorithmVersion, item.AlgorithmSource) == ("Mirroring", "7", "Some CAD")
    assert item.AlgorithmFamilyCodeSequence[0].CodeValue == "123109"
    assert item.AlgorithmParameters == "plane=sagittal"


@pytest.mark.parametrize("unit, millimeters", [("um", 0.001), ("mm", 1.0), ("cm", 10.0), ("m", 1000.0)])
def test_coordinatesAreInTheUnitThatIsStated(unit, millimeters):
    dataset = makeObject(description=ModelDescription(units=unit))
    assert dataset.MeasurementUnitsCodeSequence[0].CodeValue == unit
    corners = np.frombuffer(dataset.EncapsulatedDocument, "<f4", 12, 84)[3:]
    mesh = makeTetrahedron()
    assert np.allclose(corners.reshape(3, 3) * millimeters, mesh.points[mesh.triangles[0]], rtol=1e-6)


@pytest.mark.parametrize(
    "modalities, title",
    [
        (["CT"], "CT3DCAMModel"),
        (["MR", "SEG"], "MR3DCAMModel"),
        (["US"], "US3DCAMModel"),
        (["CT", "MR"], "MixedModality3DCAMModel"),
        (["PT"], ""),
        ([], ""),
    ],
)
def test_codedTitleFitsTheModality(modalities, title):
    assert titleOfModalities(modalities) == title


def test_modalityWithoutCodedTitleGivesAnEmptySequence():
    dataset = makeObject(headers=makeHeaders(Modality="PT"))
    assert "ConceptNameCodeSequence" in dataset
    assert len(dataset.ConceptNameCodeSequence) == 0
    assert IodTable.missingAttributes(dataset) == []


def test_everySliceIsReferencedOnceAndInItsSeries():
    dataset = makeObject(headers=makeHeaders(5))
    uids = [item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence]
    assert uids == [f"1.2.3.4.300.{number}" for number in range(1, 6)]
    assert {item.PurposeOfReferenceCodeSequence[0].CodeValue for item in dataset.SourceInstanceSequence} == {"121324"}
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.3.4.300"
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence] == uids
    assert "StudiesContainingOtherReferencedInstancesSequence" not in dataset


def test_segmentationAndOtherStudiesAreReferencedInTheirPlace():
    segmentation = SegmentSource("seg", "", None, "1.2.840.10008.5.1.4.1.1.66.4", "1.9.1", "1.9", "1.8")
    sources = sourcesFromImages([makeHeaders(2)], [segmentation])
    dataset = encapsulateMesh(makeTetrahedron(), ModelDescription(), sources)
    assert len(dataset.SourceInstanceSequence) == 3
    (other,) = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == "1.8"
    assert other.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == "1.9.1"
    assert dataset.ConceptNameCodeSequence[0].CodeValue == "85040-4"


def test_reportsAreReferredToInTheirPlaceBesideWhatIsThere():
    report = DocumentReference("1.2.840.10008.5.1.4.1.1.88.34", "1.7.1", "1.7", "1.2.3.4.100")
    other = DocumentReference("1.2.840.10008.5.1.4.1.1.104.1", "1.6.1", "1.6", "1.8")
    segmentation = SegmentSource("seg", "", None, "1.2.840.10008.5.1.4.1.1.66.4", "1.9.1", "1.9", "1.8")
    sources = sourcesFromImages([makeHeaders(2)], [segmentation])
    dataset = encapsulateMesh(makeTetrahedron(), ModelDescription(), sources)
    assert str(dataset.StudyInstanceUID) == report.studyInstanceUid
    addReferencedInstances(dataset, [report])
    addReferencedInstances(dataset, [report, other, other])
    assert [item.ReferencedSOPInstanceUID for item in dataset.ReferencedInstanceSequence] == ["1.7.1", "1.6.1"]
    assert len(dataset.SourceInstanceSequence) == 3
    assert [series.SeriesInstanceUID for series in dataset.ReferencedSeriesSequence] == ["1.2.3.4.300", "1.7"]
    (study,) = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert [series.SeriesInstanceUID for series in study.ReferencedSeriesSequence] == ["1.9", "1.6"]
    read = readEncapsulatedStl(dataset)
    assert read.related == [report, other] and len(read.sources) == 3


def test_defaultTitleNeverHoldsThePatientsName():
    assert makeObject(makeTetrahedron(name="mandible")).DocumentTitle == "mandible"
    for name in ("jane doe mandible", "PID-4711", ""):
        assert makeObject(makeTetrahedron(name=name)).DocumentTitle == "3D model"


def test_allProblemsOfADescriptionAreSaidAtOnce():
    description = ModelDescription(
        contentDescription="x" * 65,
        usage="Decoration",
        units="inch",
        laterality="X",
        groupUid="group",
        color=(2, 0, 0),
        opacity=-1,
        equipment=Equipment(deviceSerialNumber=" "),
        timezoneOffset="CET",
    )
    with pytest.raises(M3DError) as caught:
        makeObject(description=description)
    assert len(caught.value.problems) >= 9


def test_invalidStlIsNotEncapsulated():
    sources = sourcesFromImages([makeHeaders()])
    with pytest.raises(M3DError, match="not a binary STL"):
        buildEncapsulatedStl(b"Hello, world", ModelDescription(), sources)


def test_stlIsStoredByteForByte():
    stl = stlBytes(makeTetrahedron())
    dataset = buildEncapsulatedStl(stl, ModelDescription(), sourcesFromImages([makeHeaders()]))
    assert dataset.EncapsulatedDocument is stl


def test_timesAreShownInTheSourcesTimeZone():
    moment = datetime(2021, 3, 4, 23, 30, 0, tzinfo=timezone(timedelta(hours=-3)))
    description = ModelDescription(contentDateTime=moment)
    dataset = makeObject(description=description, headers=makeHeaders(TimezoneOffsetFromUTC="+0200"))
    assert dataset.TimezoneOffsetFromUTC == "+0200"
    assert (dataset.ContentDate, dataset.ContentTime) == ("20210305", "043000.000000")
    dataset = makeObject(description=replace(description, timezoneOffset="-0500"))
    assert (dataset.ContentDate, dataset.ContentTime) == ("20210304", "213000.000000")
    assert "TimezoneOffsetFromUTC" not in makeObject(description=description)


def test_clinicalTrialIsCopiedAndCompleted():
    headers = makeHeaders(
        ClinicalTrialSponsorName="Sponsor",
        ClinicalTrialProtocolID="P1",
        ClinicalTrialSubjectID="S-3",
        ClinicalTrialTimePointID="T2",
        ClinicalTrialCoordinatingCenterName="Center",
        PatientAge="050Y",
        PatientWeight="70.5",
    )
    dataset = makeObject(headers=headers)
    assert dataset.ClinicalTrialSponsorName == "Sponsor"
    assert dataset.ClinicalTrialTimePointID == "T2"
    assert dataset.ClinicalTrialCoordinatingCenterName == "Center"
    assert dataset.PatientWeight == 70.5
    assert dataset["ClinicalTrialSiteName"].value in ("", None)
    assert IodTable.missingAttributes(dataset) == []
