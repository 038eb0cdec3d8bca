"""Headers, meshes and objects for tests of the Encapsulated STL object."""

import warnings
from datetime import datetime

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import encapsulateMesh
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.TriangleMesh import TriangleMesh

STUDY = "1.2.3.4.100"
FRAME = "1.2.3.4.200"


def makeHeaders(count=3, modality="CT", series="1.2.3.4.300", study=STUDY, frame=FRAME, **attributes):
    """Headers of a small series; ``attributes`` replace or add values, None removes one."""
    headers = []
    for number in range(1, count + 1):
        header = Dataset()
        header.SpecificCharacterSet = "ISO_IR 100"
        header.SOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
        header.SOPInstanceUID = f"{series}.{number}"
        header.StudyDate, header.StudyTime = "20200102", "101112"
        header.AcquisitionDate, header.AcquisitionTime = "20200102", f"10{12 + number // 60:02d}{number % 60:02d}"
        header.AccessionNumber = "A-77"
        header.Modality = modality
        header.ReferringPhysicianName = "Referrer^Anna"
        header.PatientName = "Doe^Jane"
        header.PatientID = "PID-4711"
        header.PatientBirthDate = "19700203"
        header.PatientSex = "F"
        header.StudyInstanceUID, header.SeriesInstanceUID = study, series
        header.StudyID = "S1"
        header.SeriesNumber, header.InstanceNumber = 4, number
        header.FrameOfReferenceUID = frame
        header.PositionReferenceIndicator = "SN"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are meant
            for keyword, value in attributes.items():
                if value is None:
                    del header[keyword]
                else:
                    setattr(header, keyword, value)
        headers.append(header)
    return headers


def makeTetrahedron(size=10.0, offset=(1.0, -20.0, 300.0), name="tetrahedron", **more):
    """A closed mesh that faces outward; its volume is size^3 / 6."""
    points = np.array([[0, 0, 0], [size, 0, 0], [0, size, 0], [0, 0, size]]) + np.asarray(offset)
    return TriangleMesh(points, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], name, **more)


def makeObject(mesh=None, description=None, headers=None, surface=None, placement=None, **more):
    """An Encapsulated STL dataset of a tetrahedron, or of what is given."""
    description = description or ModelDescription(contentDateTime=datetime(2021, 3, 4, 5, 6, 7))
    sources = sourcesFromImages([headers or makeHeaders()])
    return encapsulateMesh(mesh or makeTetrahedron(), description, sources, surface, placement, **more)
