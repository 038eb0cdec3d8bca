"""Objects made from a real scan's headers, before dciodvfy and DCMTK."""

import numpy as np
import pydicom
import pytest

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DTestSupport.Conformance import dciodvfyMessages
from M3DTestSupport.Models import makeTetrahedron
from M3DTestSupport.RealData import DATA


@pytest.mark.parametrize("folder", ["phantom_ct_1mm_bone", "phantom_ct_5mm_brain"])
def test_objectOfARealScanIsValid(folder, tmp_path):
    files = sorted((DATA / folder).glob("I*"))
    if not files:
        pytest.skip(f"{folder} is not there")
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    sources = sourcesFromImages([headers])
    assert sources.warnings == []
    dataset = encapsulateMesh(
        makeTetrahedron(),
        ModelDescription(title="tetrahedron", recognizableVisualFeatures=False),
        sources,
        SurfaceParameters(),
        icon=np.zeros((64, 64, 3), np.uint8),
    )
    writeDicomFile(dataset, tmp_path / "model.dcm")
    assert dciodvfyMessages([tmp_path / "model.dcm"]) == {}
    written = pydicom.dcmread(tmp_path / "model.dcm")
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDescription", "FrameOfReferenceUID"):
        assert written[keyword].value == headers[0][keyword].value
    referenced = {item.ReferencedSOPInstanceUID for item in written.SourceInstanceSequence}
    assert referenced == {header.SOPInstanceUID for header in headers}
