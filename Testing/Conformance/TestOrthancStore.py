"""The extension's own way into a PACS, against a real archive."""

import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.Models import makeObject, makeTetrahedron

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed; Slicer brings it along")

from M3DLib.Store.DicomWebStore import DicomWebStore


@pytest.mark.parametrize("level", [0, 6], ids=["small", "large"])
def test_modelsArriveAndAreFound(server, level):
    mesh = TriangleMesh(*icosphere(level=level)) if level else makeTetrahedron()
    datasets = [makeObject(mesh), makeObject(mesh)]
    uids = DicomWebStore(f"{server.url}/dicom-web").add(datasets)
    found = server.post("/tools/find", {"Level": "Instance", "Query": {"Modality": "M3D"}, "Expand": True})
    assert set(uids) <= {one["MainDicomTags"]["SOPInstanceUID"] for one in found}
