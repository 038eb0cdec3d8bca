"""File meta information of the objects that this software writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..Software import VERSION

if TYPE_CHECKING:
    from pydicom import Dataset

# Identifies this writer in file meta information: a UUID of the project, fixed for good.
IMPLEMENTATION_CLASS_UID = "2.25.130877580514483121051570660940837276539"
IMPLEMENTATION_VERSION_NAME = f"SLICERM3D_{VERSION}"[:16]


def addFileMeta(dataset: Dataset) -> None:
    """Give an object of this software its file meta information (PS3.10 7.1), explicit VR little endian."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
