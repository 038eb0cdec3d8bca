"""Whether a volume can be the source of a model, as far as milliseconds tell: for a panel while the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..Errors import M3DError
from ..Image.DicomSeries import DicomFile, readHeader
from ..Image.PixelReader import readFrames
from ..Image.Rescale import rescaleOfSlice
from ..Image.SliceHeader import SliceHeader
from .SlicerImage import requireInstances, requirePaths, voxelsOfVolumeNode
from .VoxelOrigin import DerivedVolume, derivedSentence, isSame

if TYPE_CHECKING:
    import slicer


def sourceProblem(volumeNode: slicer.vtkMRMLScalarVolumeNode, database) -> str:
    """Why an export will refuse a volume, in one sentence; "" when nothing speaks against it so far.

    Of a scan in single slices the first, the middle and the last are compared with their files; the export itself
    compares all.
    """
    name = volumeNode.GetName()
    try:
        uids = requireInstances(volumeNode)
        paths = requirePaths(uids, database, f"volume '{name}'")
        array = voxelsOfVolumeNode(volumeNode)
        if len(uids) == 1:
            return ""
        if len(array) != len(uids):
            raise DerivedVolume(derivedSentence(name, f"{len(array)} slices instead of {len(uids)}"))
        for k in sorted({0, len(uids) // 2, len(uids) - 1}):
            file = readHeader(paths[k])
            if not isinstance(file, DicomFile):
                raise M3DError(f"A DICOM image of volume '{name}' cannot be read ({file.reason}); import it again.")
            slope, intercept = rescaleOfSlice(SliceHeader(file.header, 0), file.path)
            if not isSame(array[k], next(iter(readFrames(file))), slope, intercept):
                raise DerivedVolume(derivedSentence(name, f"slice {k + 1}"))
    except M3DError as error:
        return str(error)
    return ""
