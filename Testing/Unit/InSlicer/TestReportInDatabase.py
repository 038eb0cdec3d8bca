"""The report in Slicer's DICOM database: beside the model, all of it or nothing."""

import pytest
from pydicom import dcmread

from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.EncapsulatedStl.SeriesPlacement import newSeries
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.InSlicer.SlicerDatabase import DatabaseStore, modelsOfPatient, studyHeaders
from M3DTestSupport.Faults import cube
from M3DTestSupport.MeasurementReports import complaints
from M3DTestSupport.Reports import validated, writeNamedScan
from M3DTestSupport.SlicerDatabase import StandInDatabase, StandInIndexer
from M3DValidationLib.Report.Dicom.ReportObjects import modelsAndReport, reportObjects

PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("database")
    writeNamedScan(folder)
    return folder


@pytest.fixture(scope="module")
def report(scan, tmp_path_factory):
    return validated(scan, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def image(scan):
    return readImage(scan)


@pytest.fixture
def database(tmp_path, image):
    made = StandInDatabase(tmp_path)
    StandInIndexer().addListOfFiles(made, [str(file) for file in image.files], True)
    return made


def makeModel(image, database):
    neighbors = [*image.headers, *studyHeaders(database, image.headers[0].StudyInstanceUID)]
    placement = newSeries(neighbors, str(image.headers[0].StudyInstanceUID))
    sources = sourcesFromImages([image.headers])
    return encapsulateMesh(cube(0.0), ModelDescription(title="Cube"), sources, placement=placement)


def test_reportGoesInBesideAStoredModel(database, image, report):
    study = str(image.headers[0].StudyInstanceUID)
    store = DatabaseStore(database, StandInIndexer())
    model = makeModel(image, database)
    store.add([model])
    objects = reportObjects(report, image.headers, [model], studyHeaders(database, study), PDF)
    uids = store.add(objects)
    assert [database.instanceValue(uid, "0008,0060") for uid in uids] == ["SR", "DOC"]
    # Four series of four numbers in one study: scan, model, measurement report, PDF.
    numbers = [str(header.get("SeriesNumber", "")) for header in studyHeaders(database, study)]
    assert len(numbers) == len(set(numbers)) == 4
    assert [one.sopInstanceUid for one in modelsOfPatient(database, study)] == [model.SOPInstanceUID]
    # The next report finds the numbers taken.
    again = reportObjects(report, image.headers, [model], studyHeaders(database, study), PDF)
    assert not {str(one.SeriesNumber) for one in again} & set(numbers)
    assert complaints(database.fileForInstance(uids[0])) == []


def test_newModelAndItsReportGoInTogether(database, image, report):
    study = str(image.headers[0].StudyInstanceUID)
    model = makeModel(image, database)
    objects = modelsAndReport(report, image.headers, [model], studyHeaders(database, study), PDF)
    uids = DatabaseStore(database, StandInIndexer()).add(objects)
    stored = dcmread(database.fileForInstance(uids[0]))
    assert [item.ReferencedSOPInstanceUID for item in stored.ReferencedInstanceSequence] == uids[1:]
    assert model.SOPInstanceUID in str(dcmread(database.fileForInstance(uids[1])))


@pytest.mark.parametrize("modality", ["M3D", "SR", "DOC"])
def test_whatIsNotTakenTakesTheRestWithIt(tmp_path, image, report, modality):
    study = str(image.headers[0].StudyInstanceUID)
    database = StandInDatabase(tmp_path, rejects=lambda dataset: dataset.Modality == modality)
    StandInIndexer().addListOfFiles(database, [str(file) for file in image.files], True)
    objects = modelsAndReport(report, image.headers, [makeModel(image, database)], (), PDF)
    with pytest.raises(M3DError, match="did not take an object"):
        DatabaseStore(database, StandInIndexer()).add(objects)
    assert len(database.seriesForStudy(study)) == 1 and modelsOfPatient(database, study) == []
