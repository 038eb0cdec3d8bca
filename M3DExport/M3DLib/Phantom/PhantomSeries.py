"""Writes a volume as a real CT or MR series: for demonstrations, and for tests that need a scan with a known fault."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError, noProgress

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Image.ImageVolume import ImageVolume


@dataclass
class SeriesDescription:
    """What the headers of a written series say; nothing of it belongs to a real person.

    :ivar acquired: date and time of the scan; now when None.
    :ivar sliceThickness: mm; the distance between slices when None.
    :ivar reconstructionDiameter: mm; the width of the image when None.
    :ivar uidSeed: makes the same UIDs each time; random ones when "".
    """

    patientName: str = "Phantom^Head"
    patientId: str = "M3D-PHANTOM"
    studyDescription: str = "Phantom"
    seriesDescription: str = "Phantom"
    seriesNumber: int = 1
    acquired: datetime | None = None
    sliceThickness: float | None = None
    reconstructionDiameter: float | None = None
    dataCollectionDiameter: float = 500.0
    kernel: str = "STANDARD"
    uidSeed: str = ""
    attributes: dict = field(default_factory=dict)


def writeSeries(
    image: ImageVolume,
    directory: str | Path,
    description: SeriesDescription | None = None,
    *,
    changeHeader: Callable[[Dataset, int], None] | None = None,
    fileName: Callable[[int], str] | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> list[Path]:
    """Write one classic DICOM file per slice, explicit VR little endian, valid by PS3.3 A.3 (CT) or A.4 (MR).

    Example of a fault, slice 5 reported as twice as thick as the rest::

        def thicker(header, k):
            if k == 5:
                header.SliceThickness = 2.0

        writeSeries(image, folder, changeHeader=thicker)

    :param image: voxels (rounded to whole numbers) and affine; rows and columns must be perpendicular, the slices may
        be shifted against each other (tilted gantry). ``modality`` "MR" gives an MR series, everything else a CT.
    :param directory: made when it does not exist.
    :param changeHeader: called with each slice's complete data set (pixels included) and its index k before it is
        written; whatever it sets or deletes goes into the file. May raise ``SkipSlice`` to leave the slice out.
    :param fileName: file name of slice k; "slice-0001.dcm" and so on when None.
    :return: the files written, along k.
    :raises M3DError: rows and columns are not perpendicular, or values exceed 16 bits.
    """
    description = description or SeriesDescription()
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    # A pickled header is there again five times as soon as a copied one.
    common = pickle.dumps(_commonHeader(image, description))
    files = []
    for k in range(image.array.shape[0]):
        progress(k / image.array.shape[0], "Writing slices")
        dataset = _sliceDataset(image, common, k, description)
        if changeHeader is not None:
            try:
                changeHeader(dataset, k)
            except SkipSlice:
                continue
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = directory / (fileName(k) if fileName else f"slice-{k + 1:04d}.dcm")
        dataset.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


class SkipSlice(Exception):
    """Raised by ``changeHeader`` to leave a slice out."""


def _uid(description: SeriesDescription, what: str) -> str:
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=[description.uidSeed, what] if description.uidSeed else None)


def _commonHeader(image: ImageVolume, description: SeriesDescription) -> Dataset:
    """What all slices share."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

    axes = image.ijkToLps[:3, :2] / image.spacing[:2]
    if abs(axes[:, 0] @ axes[:, 1]) > 1e-6:
        raise M3DError("A DICOM slice has perpendicular rows and columns; this volume's axes i and j are not.")
    when = description.acquired or datetime.now()
    common = Dataset()
    common.file_meta = FileMetaDataset()
    common.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    common.SpecificCharacterSet = "ISO_IR 192"
    common.SOPClassUID = MRImageStorage if image.modality == "MR" else CTImageStorage
    common.Modality = "MR" if image.modality == "MR" else "CT"
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(common, f"{name}Date", when.strftime("%Y%m%d"))
        setattr(common, f"{name}Time", when.strftime("%H%M%S"))
    common.AccessionNumber = ""
    common.Manufacturer = "SlicerM3D"
    common.ManufacturerModelName = "Phantom maker"
    common.DeviceSerialNumber = "1"
    common.SoftwareVersions = "1"
    common.ReferringPhysicianName = ""
    common.StudyDescription = description.studyDescription
    common.SeriesDescription = description.seriesDescription
    common.PatientName = description.patientName
    common.PatientID = description.patientId
    common.PatientBirthDate = ""
    common.PatientSex = "O"
    common.BodyPartExamined = "HEAD"
    common.PatientPosition = "HFS"
    common.StudyID = "1"
    common.SeriesNumber = description.seriesNumber
    common.AcquisitionNumber = 1
    common.StudyInstanceUID = _uid(description, "study")
    common.SeriesInstanceUID = _uid(description, f"series {description.seriesNumber}")
    common.FrameOfReferenceUID = _uid(description, "frame of reference")
    common.PositionReferenceIndicator = ""
    common.SliceThickness = _decimal(description.sliceThickness or _sliceDistance(image))
    common.ImageOrientationPatient = [_decimal(number) for number in axes.T.ravel()]
    common.PixelSpacing = [_decimal(image.spacing[1]), _decimal(image.spacing[0])]
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.Rows, common.Columns = image.array.shape[1:]
    common.BitsAllocated = 16
    if common.Modality == "CT":
        _addCtAttributes(common, image, description)
    else:
        _addMrAttributes(common)
    _addStoredType(common, image)
    return common


def _sliceDistance(image: ImageVolume) -> float:
    """Distance between slices along their normal, mm."""
    matrix = image.ijkToLps[:3, :3]
    normal = np.cross(matrix[:, 0], matrix[:, 1])
    return abs(float(matrix[:, 2] @ normal / np.linalg.norm(normal)))


def _addCtAttributes(common: Dataset, image: ImageVolume, description: SeriesDescription) -> None:
    from pydicom import Dataset
    from pydicom.sr.codedict import codes

    common.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    common.KVP = 120
    common.DataCollectionDiameter = _decimal(description.dataCollectionDiameter)
    width = max(image.spacing[0] * image.array.shape[2], image.spacing[1] * image.array.shape[1])
    common.ReconstructionDiameter = _decimal(description.reconstructionDiameter or width)
    common.GantryDetectorTilt = _decimal(gantryTilt(image.ijkToLps))
    common.ExposureTime = 1000
    common.XRayTubeCurrent = 200
    common.Exposure = 200
    common.ConvolutionKernel = description.kernel
    common.CTDIvol = 20.0
    head = codes.DCM.IECHeadDosimetryPhantom
    phantom = Dataset()
    phantom.CodeValue, phantom.CodingSchemeDesignator, phantom.CodeMeaning = (
        head.value,
        head.scheme_designator,
        head.meaning,
    )
    common.CTDIPhantomTypeCodeSequence = [phantom]


def gantryTilt(ijkToLps: np.ndarray) -> float:
    """Angle between the stacking direction and the normal, degrees; its sign is that of the shear along j."""
    along, down, step = (ijkToLps[:3, axis] / np.linalg.norm(ijkToLps[:3, axis]) for axis in range(3))
    normal = np.cross(along, down)
    if normal @ step < 0:
        normal = -normal
    sine = np.linalg.norm(step - (step @ normal) * normal)
    angle = float(np.degrees(np.arctan2(sine, step @ normal)))
    return -angle if step @ down < -1e-9 else angle


def _addMrAttributes(common: Dataset) -> None:
    common.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    common.ScanningSequence = "GR"
    common.SequenceVariant = "SP"
    common.ScanOptions = ""
    common.MRAcquisitionType = "3D"
    common.RepetitionTime = 10
    common.EchoTime = 3
    common.EchoTrainLength = 1


def _addStoredType(common: Dataset, image: ImageVolume) -> None:
    """12 bit as CT scanners store it (from -1024) where the values fit, else signed 16 bit."""
    low, high = round(float(image.array.min())), round(float(image.array.max()))
    isCt = common.Modality == "CT"
    offset = -1024 if isCt else 0
    twelve = offset <= low and high <= offset + 4095
    if not twelve and not (-32768 <= low and high <= 32767):
        raise M3DError(f"A series stores 16 bits per voxel; this volume's values reach from {low} to {high}.")
    common.BitsStored, common.HighBit, common.PixelRepresentation = (12, 11, 0) if twelve else (16, 15, 1)
    if isCt:
        common.RescaleIntercept = offset if twelve else 0
        common.RescaleSlope = 1
        common.RescaleType = "HU"


def _sliceDataset(image: ImageVolume, common: bytes, k: int, description: SeriesDescription) -> Dataset:
    """The data set of slice k; ``common`` is the header of all slices, pickled."""
    dataset = pickle.loads(common)
    dataset.SOPInstanceUID = _uid(description, f"series {description.seriesNumber} slice {k}")
    dataset.InstanceNumber = k + 1
    position = image.indexToLps([[0, 0, k]])[0]
    dataset.ImagePositionPatient = [_decimal(number) for number in position]
    normal = np.cross(*image.ijkToLps[:3, :2].T)
    dataset.SliceLocation = _decimal(position @ normal / np.linalg.norm(normal))
    for keyword, value in description.attributes.items():
        setattr(dataset, keyword, value)
    stored = np.rint(image.array[k]).astype(np.int32) - int(dataset.get("RescaleIntercept", 0))
    dataset.PixelData = stored.astype("<i2" if dataset.PixelRepresentation else "<u2").tobytes()
    return dataset


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters (DICOM PS3.5, value representation DS)."""
    number = float(number)
    for digits in range(15, 0, -1):
        text = f"{number:.{digits}g}"
        if len(text) <= 16:
            return "0" if float(text) == 0 else text
    raise M3DError(f"{number} does not fit a DICOM decimal string.")
