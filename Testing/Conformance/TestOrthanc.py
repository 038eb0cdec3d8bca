"""A real archive: store by DIMSE and by STOW-RS, find, retrieve, and the STL is the same byte for byte."""

import subprocess

import numpy as np
import pytest

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Conformance import requireTool
from M3DTestSupport.Models import STUDY, makeHeaders, makeObject, makeTetrahedron
from M3DTestSupport.OrthancServer import AET, CLIENT_AET

NAME = "Wang^XiaoDong=王^小東"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One object to send by DIMSE, one, larger, by STOW-RS; both of the same patient and study."""
    folder = tmp_path_factory.mktemp("send")
    headers = makeHeaders(SpecificCharacterSet="ISO_IR 192", PatientName=NAME)
    mesh = makeTetrahedron()
    large = TriangleMesh(mesh.points, np.tile(mesh.triangles, (20000, 1)), "large")
    made = {}
    for name, one in (("dimse", mesh), ("stow", large)):
        dataset = makeObject(one, ModelDescription(title=name, laterality="R"), headers)
        writeDicomFile(dataset, folder / f"{name}.dcm")
        made[name] = (folder / f"{name}.dcm", dataset)
    return made


@pytest.fixture(scope="module")
def stored(server, files):
    """The server with both objects in it."""
    storescu = requireTool("storescu")
    # -R proposes the classes of the files; storescu's own list does not have this one.
    subprocess.run(
        [storescu, "-R", "-aec", AET, "127.0.0.1", str(server.dicomPort), str(files["dimse"][0])],
        check=True,
        capture_output=True,
        timeout=60,
    )
    answer = server.storeByStow([files["stow"][0]])
    assert not answer.get("00081198", {}).get("Value"), "STOW-RS reports instances it has not stored"
    assert len(answer["00081199"]["Value"]) == 1
    return server


def test_bothAreFoundByModality(stored, files):
    expected = {dataset.SOPInstanceUID for _file, dataset in files.values()}
    found = stored.post("/tools/find", {"Level": "Instance", "Query": {"Modality": "M3D"}, "Expand": True})
    assert {one["MainDicomTags"]["SOPInstanceUID"] for one in found} == expected
    series = stored.get("/dicom-web/series?Modality=M3D")
    assert {one["0020000E"]["Value"][0] for one in series} == {
        dataset.SeriesInstanceUID for _file, dataset in files.values()
    }
    assert stored.get("/dicom-web/series?Modality=CT") == []


def test_bothAreFoundByTheirSourceSeries(stored, files):
    metadata = stored.get(f"/dicom-web/studies/{STUDY}/metadata")
    found = set()
    for instance in metadata:
        referenced = {item["0020000E"]["Value"][0] for item in instance["00081115"]["Value"]}
        if "1.2.3.4.300" in referenced:
            found.add(instance["00080018"]["Value"][0])
    assert found == {dataset.SOPInstanceUID for _file, dataset in files.values()}
    query = {"ReferencedSeriesSequence": ""}
    assert len(stored.post("/tools/find", {"Level": "Instance", "Query": query})) == 2


def test_patientNameIsShownAsItIs(stored):
    (study,) = stored.get(f"/dicom-web/studies?StudyInstanceUID={STUDY}")
    name = study["00100010"]["Value"][0]
    assert f"{name['Alphabetic']}={name['Ideographic']}" == NAME


@pytest.mark.parametrize("name", ["dimse", "stow"])
def test_retrievedByWadoTheStlIsTheSame(stored, files, name):
    dataset = files[name][1]
    data = stored.retrieveByWado(STUDY, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    model = readEncapsulatedStl(data)
    assert model.stl.tobytes() == dataset.EncapsulatedDocument
    assert model.description.title == name
    assert model.description.laterality == "R"
    assert [source.seriesInstanceUid for source in model.sources] == ["1.2.3.4.300"] * 3
    assert str(model.dataset.PatientName) == NAME


@pytest.mark.parametrize("name", ["dimse", "stow"])
def test_retrievedByDimseTheStlIsTheSame(stored, files, name, tmp_path):
    movescu = requireTool("movescu")
    dataset = files[name][1]
    keys = ["QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={STUDY}"]
    keys += [f"{keyword}={dataset[keyword].value}" for keyword in ("SeriesInstanceUID", "SOPInstanceUID")]
    arguments = [part for key in keys for part in ("-k", key)]
    titles = ["-aet", CLIENT_AET, "-aec", AET, "-aem", CLIENT_AET, "+P", str(stored.clientPort)]
    result = subprocess.run(
        [movescu, "-S", *titles, *arguments, "-od", str(tmp_path), "127.0.0.1", str(stored.dicomPort)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    received = list(tmp_path.iterdir())
    assert len(received) == 1, result.stderr
    assert readEncapsulatedStl(received[0]).stl.tobytes() == dataset.EncapsulatedDocument
