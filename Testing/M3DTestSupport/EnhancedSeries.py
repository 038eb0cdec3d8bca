"""Writes a volume as one enhanced CT object; only what reading needs, not the whole IOD."""

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid


def writeEnhanced(volume, path, order=None, change=None, slopes=None):
    """One multi-frame file.

    :param order: frame f shows slice order[f].
    :param change: called with the data set before it is written.
    :param slopes: Rescale Slope per slice; 1 when None.
    """
    count = volume.array.shape[0]
    order = list(range(count)) if order is None else list(order)
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.Modality, dataset.PatientID, dataset.PatientName = "CT", "1", "Phantom"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.NumberOfFrames = count
    dataset.Rows, dataset.Columns = volume.array.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing = [float(volume.spacing[1]), float(volume.spacing[0])]
    measures.SliceThickness = float(volume.spacing[2])
    axes = volume.ijkToLps[:3, :2] / volume.spacing[:2]
    orientation.ImageOrientationPatient = [float(f"{number:.10g}") for number in axes.T.ravel()]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for k in order:
        frame, plane, values, content = Dataset(), Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [float(f"{number:.10g}") for number in volume.indexToLps([[0, 0, k]])[0]]
        values.RescaleSlope = 1 if slopes is None else float(slopes[k])
        values.RescaleIntercept, values.RescaleType = -1000, "HU"
        content.StackID, content.InStackPositionNumber = "1", k + 1
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [plane], [values]
        frame.FrameContentSequence = [content]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    dataset.PixelData = (volume.array[order].astype(np.int32) + 1000).astype("<i2").tobytes()
    if change is not None:
        change(dataset)
    dataset.save_as(path, enforce_file_format=True)
    return path
