"""The two worked examples of Supplement 205, which PS3.17 annex IIII has taken over, attribute by attribute."""

from datetime import datetime

import numpy as np

from M3DLib.Dicom import IodTable
from M3DLib.EncapsulatedStl.DocumentReferences import EDITED, DocumentReference
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.Models import makeHeaders, makeTetrahedron

STL_CLASS = "1.2.840.10008.5.1.4.1.1.104.3"
CT_CLASS, MR_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"


def code(sequence):
    """Value, scheme and meaning of a code sequence's only item."""
    (item,) = sequence
    return (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)


def plain(dataset, keywords):
    return {keyword: dataset[keyword].value for keyword in keywords}


def expect(dataset, expected):
    """Compare simple attributes by keyword."""
    assert plain(dataset, expected) == expected


# Longer than a function should be: one object of the standard's worked example, attribute by attribute.
def test_cranialImplantFromCt():
    # The right half of the skull, mirrored and trimmed to replace a piece on the left; made 22 November 2017 7:10:14,
    # stored at 7:15:23, from CT-01 weeks before. No engraving, no recognizable features.
    headers = makeHeaders(3, series="1.2.826.0.1", study="1.2.826.0", frame="1.2.826.9", StudyDate="20171102")
    for header in headers:
        header.AcquisitionDate, header.AcquisitionTime = "20171102", "092500"
    description = ModelDescription(
        title="Cranial implant",
        contentDescription="Implant for left skull",
        usage="ImplantFabrication",
        modified=True,
        mirrored=True,
        laterality="L",
        recognizableVisualFeatures=False,
        contentDateTime=datetime(2017, 11, 22, 7, 10, 14),
    )
    icon = np.full((64, 64, 3), 200, dtype=np.uint8)
    dataset = encapsulateMesh(
        makeTetrahedron(),
        description,
        sourcesFromImages([headers]),
        SurfaceParameters(),
        icon=icon,
        madeAt=datetime(2017, 11, 22, 7, 15, 23),
    )
    expect(
        dataset,
        {
            "SOPClassUID": STL_CLASS,
            "InstanceCreationDate": "20171122",
            "InstanceCreationTime": "071523.000000",
            "StudyDate": "20171102",
            "Modality": "M3D",
            "StudyInstanceUID": "1.2.826.0",
            "FrameOfReferenceUID": "1.2.826.9",
            "ContentDate": "20171122",
            "ContentTime": "071014.000000",
            "AcquisitionDateTime": "20171102092500",
            "InstanceNumber": 1,
            "BurnedInAnnotation": "NO",
            "RecognizableVisualFeatures": "NO",
            "ImageLaterality": "L",
            "DocumentTitle": "Cranial implant",
            "MIMETypeOfEncapsulatedDocument": "model/stl",
            "ModelModification": "YES",
            "ModelMirroring": "YES",
            "ContentDescription": "Implant for left skull",
        },
    )
    assert code(dataset.ConceptNameCodeSequence) == ("85040-4", "LN", "CT 3D CAM model")
    assert code(dataset.MeasurementUnitsCodeSequence)[:2] == ("mm", "UCUM")
    assert code(dataset.ModelUsageCodeSequence) == ("129016", "DCM", "Implant Fabrication")
    assert "PredecessorDocumentsSequence" not in dataset
    assert len(dataset.SourceInstanceSequence) == 3
    for number, item in enumerate(dataset.SourceInstanceSequence, start=1):
        expect(item, {"ReferencedSOPClassUID": CT_CLASS, "ReferencedSOPInstanceUID": f"1.2.826.0.1.{number}"})
        assert code(item.PurposeOfReferenceCodeSequence) == ("121324", "DCM", "Source image")
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.826.0.1"
    assert len(series.ReferencedInstanceSequence) == 3
    (icon,) = dataset.IconImageSequence
    expect(icon, {"Rows": 64, "Columns": 64, "SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR"})
    (algorithm,) = dataset.DerivationAlgorithmSequence
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodingSchemeDesignator == "DCM"
    assert IodTable.missingAttributes(dataset) == []


# Longer than a function should be: one object of the standard's worked example, attribute by attribute.
def test_secondVersionOfAHeartFromFusedCtAndMr():
    # CT-02 and MR-01 registered in CT-02's frame of reference and fused; the second version, made 16 July 2017 at
    # 13:04:34 and stored at 13:33:01, leaves out what surrounds the heart. The patient's number is engraved on it.
    ct = makeHeaders(3, series="1.2.826.2", study="1.2.826.0", frame="1.2.826.9")
    mr = makeHeaders(2, "MR", "1.2.826.3", study="1.2.826.7", frame="1.2.826.8", StudyDate="20170701")
    first = DocumentReference(STL_CLASS, "1.2.826.5.1", "1.2.826.5", "1.2.826.0", EDITED)
    description = ModelDescription(
        title="Heart",
        contentDescription="Heart, second version",
        usage="PlanningIntent",
        modified=True,
        mirrored=False,
        burnedInAnnotation=True,
        recognizableVisualFeatures=False,
        contentDateTime=datetime(2017, 7, 16, 13, 4, 34),
    )
    sources = sourcesFromImages([ct, mr], (), studyInstanceUid="1.2.826.0", frameOfReferenceUid="1.2.826.9")
    dataset = encapsulateMesh(
        makeTetrahedron(),
        description,
        sources,
        predecessors=[first],
        madeAt=datetime(2017, 7, 16, 13, 33, 1),
    )
    expect(
        dataset,
        {
            "InstanceCreationDate": "20170716",
            "InstanceCreationTime": "133301.000000",
            "ContentDate": "20170716",
            "ContentTime": "130434.000000",
            "StudyInstanceUID": "1.2.826.0",
            "StudyDate": "20200102",
            "FrameOfReferenceUID": "1.2.826.9",
            "BurnedInAnnotation": "YES",
            "RecognizableVisualFeatures": "NO",
            "ModelModification": "YES",
            "ModelMirroring": "NO",
            "ContentDescription": "Heart, second version",
        },
    )
    assert code(dataset.ConceptNameCodeSequence) == ("129019", "DCM", "Mixed Modality 3D CAM model")
    assert code(dataset.ModelUsageCodeSequence) == ("129013", "DCM", "Planning Intent")
    classes = [item.ReferencedSOPClassUID for item in dataset.SourceInstanceSequence]
    assert classes == [CT_CLASS] * 3 + [MR_CLASS] * 2
    for item in dataset.SourceInstanceSequence:
        assert code(item.PurposeOfReferenceCodeSequence) == ("121324", "DCM", "Source image")
    (study,) = dataset.PredecessorDocumentsSequence
    assert study.StudyInstanceUID == "1.2.826.0"
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.826.5"
    (instance,) = series.ReferencedSOPSequence
    expect(instance, {"ReferencedSOPClassUID": STL_CLASS, "ReferencedSOPInstanceUID": "1.2.826.5.1"})
    assert code(instance.PurposeOfReferenceCodeSequence) == ("129010", "DCM", "Edited Model")
    assert [item.SeriesInstanceUID for item in dataset.ReferencedSeriesSequence] == ["1.2.826.2", "1.2.826.5"]
    (other,) = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == "1.2.826.7"
    (series,) = other.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.826.3"
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence] == [
        "1.2.826.3.1",
        "1.2.826.3.2",
    ]
    assert IodTable.missingAttributes(dataset) == []
