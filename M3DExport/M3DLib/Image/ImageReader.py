"""Reads one CT or MR series, or an image file without headers, into an ImageVolume.

Reading and judging are apart: a stack with gaps, copies or a second orientation is read with its true positions, and
``ImageVolume.geometryProblems`` says what is wrong with it. Only what cannot be one image at all is an error here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..Dicom.ReadableValues import asWritten, readable, wholeNumber
from ..Errors import M3DError, noProgress
from ..NumberText import plural
from .Contradictions import groupProblems, identityProblems, requireFrameCount, surplusRemarks, topLevelRemarks
from .DicomSeries import DicomFile, chooseSeries, describeSeries, findFiles, scanFiles
from .ImageVolume import ImageVolume
from .MixedSlices import mixtureRemarks
from .Rescale import HOUNSFIELD, Rescale, rescaleOf
from .Scouts import withoutScouts
from .SliceHeader import SliceHeader
from .SliceStack import SliceStack
from .StackProblems import oddSlices, stackProblems
from .ValueDoubts import copyRemarks, declaredPaddingDoubts, hounsfieldDoubts, jumpDoubts, paddingDoubts
from .VoxelValues import narrowest, readVoxels

IMAGE_FILE_SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
_SHARE_OF_HEADERS = 0.4


def readImage(
    path: str | Path, series: str | None = None, progress: Callable[[float, str], None] = noProgress
) -> ImageVolume:
    """Read a scan.

    :param path: folder of a DICOM series (searched with its subfolders, any file names), a DICOM file (multi-frame, or
        a series of one), or a NRRD, NIfTI or MetaImage file.
    :param series: Series Instance UID or Series Number when the folder holds several image series.
    :return: rescaled voxels with the slices sorted by position along the normal.
    :raises M3DError: no image, several series, damaged files, slices that cannot be one image; names file or series.
    """
    path = Path(path)
    if path.is_file() and path.name.lower().endswith(IMAGE_FILE_SUFFIXES):
        if series is not None:
            raise M3DError(f"{path} has no DICOM series, so --series does not apply to it.")
        return _readWithoutHeaders(path)
    paths = findFiles(path)
    if not paths:
        raise M3DError(f"Folder {path} is empty; choose the folder of the scan.")
    files, skipped = scanFiles(paths, lambda done, text: progress(done * _SHARE_OF_HEADERS, text))
    if path.is_file() and not files:
        raise M3DError(
            f"{path} is not an image this program reads ({skipped[0].reason}): give a folder of DICOM files, a DICOM "
            f"file, or one of {', '.join(IMAGE_FILE_SUFFIXES)}."
        )
    archive = next((item for item in skipped if "archive" in item.reason), None)
    if archive is not None and not files:
        raise M3DError(f"{path} holds no DICOM file; {archive.file.name} in it is a {archive.reason}.")
    broken = [item.file for item in skipped if item.broken]
    if broken and not files:
        raise M3DError(f"No file of {path} can be read; {broken[0]} is damaged or truncated, for one. Copy it again.")
    chosen, others = chooseSeries(files, series, path)
    chosen, scouts, remarks = withoutScouts(chosen)
    image = _makeVolume(chosen, lambda done, text: progress(_SHARE_OF_HEADERS + done * (1 - _SHARE_OF_HEADERS), text))
    if broken and image.geometryProblems:
        problem = image.geometryProblems[0]
        raise M3DError(
            f"{broken[0]} is damaged or truncated, and without it the scan is not whole: {problem} Copy it again."
        )
    image.contradictions += remarks
    image.skippedFiles = sorted(skipped + others + scouts, key=lambda item: item.file)
    progress(1.0, "Image read")
    return image


def _readWithoutHeaders(path: Path) -> ImageVolume:
    """NRRD, NIfTI or MetaImage: a geometry, but no headers."""
    from ..ImageFiles.ImageFile import readImageFile

    remarks: list[str] = []
    array, matrix = readImageFile(path, remarks=remarks)
    problems = ["There is only one slice; a volume needs at least two."] if array.shape[0] == 1 else []
    return ImageVolume(
        narrowest(array, path),
        matrix,
        name=path.name,
        files=[path],
        geometryProblems=problems,
        contradictions=remarks,
    )


def _size(file: DicomFile) -> tuple[int, int]:
    return wholeNumber(file.header, "Columns"), wholeNumber(file.header, "Rows")


@dataclass
class ArrangedSeries:
    """The files of one series as one stack, sorted by position along the normal; nothing of the voxels.

    :ivar files: in the order of the slices; one file when it is multi-frame.
    :ivar slices: headers of the slices in the order in which they were found.
    :ivar order: ``slices[order[k]]`` is slice k.
    :ivar stack: positions and orientations along k.
    """

    files: list[DicomFile]
    slices: list[SliceHeader]
    order: np.ndarray
    stack: SliceStack
    multiFrame: bool

    @property
    def problems(self) -> list[str]:
        """Why the slices are not one regular grid of one patient, one sentence each."""
        groups = groupProblems(self.slices) if self.multiFrame else []
        return identityProblems(self.files) + groups + stackProblems(self.stack)

    @property
    def oddSlices(self) -> list[int]:
        """Slices that do not belong in the stack, where most do and each is a file of its own."""
        odd = [] if self.multiFrame else oddSlices(self.stack).tolist()
        return odd if 2 * len(odd) <= len(self.files) else []

    @property
    def remarks(self) -> list[str]:
        """What the headers say twice with different words, and where they say that the slices were not made alike."""
        return (topLevelRemarks(self.slices) if self.multiFrame else []) + mixtureRemarks(self.slices, self.order)

    @property
    def modality(self) -> str:
        """DICOM Modality, "" when unknown."""
        return asWritten(self.files[0].header, "Modality")

    def rescale(self) -> Rescale:
        """Slope, intercept and unit of every slice, in the order of ``slices``."""
        paths = [file.path for file in self.files] if not self.multiFrame else [self.files[0].path] * len(self.slices)
        return rescaleOf(self.slices, self.modality, paths)


def arrangeSeries(files: list[DicomFile]) -> ArrangedSeries:
    """Sort the files of one series into a stack.

    :raises M3DError: the files cannot be one image (several sizes, several multi-frame files, frames without a place).
    """
    frameCounts = [requireFrameCount(file) for file in files]
    multiFrame = max(frameCounts) > 1
    if multiFrame and len(files) > 1:
        raise M3DError(
            f"The series is spread over {len(files)} files with several frames each ({describeSeries(files)}); such "
            "parts are not joined. Give one of the files instead of the folder, or export the scan as single slices."
        )
    if multiFrame and "PerFrameFunctionalGroupsSequence" not in files[0].header:
        raise M3DError(
            f"{files[0].path} has {plural(frameCounts[0], 'frame')} but does not say where each lies in the patient."
        )
    sizes = Counter(_size(file) for file in files)
    if len(sizes) > 1:
        listed = ", ".join(f"{count} of {size[0]} x {size[1]}" for size, count in sizes.most_common())
        odd = next(file for file in files if _size(file) == sizes.most_common()[-1][0])
        raise M3DError(f"The slices have different sizes ({listed} pixels; see {odd.path}): they are not one image.")
    if multiFrame:
        slices = [SliceHeader(files[0].header, frame) for frame in range(frameCounts[0])]
        _refuseSeveralStacks(slices, files[0])
    else:
        # A single frame may still keep its geometry in functional groups.
        slices = [SliceHeader(file.header, 0) for file in files]
    stack = SliceStack.fromHeaders(slices)
    order = _sortingOrder(stack, slices)
    if not multiFrame:
        files = [files[index] for index in order]
    return ArrangedSeries(files, slices, order, stack.reordered(order), multiFrame)


def _makeVolume(files: list[DicomFile], progress: Callable[[float, str], None]) -> ImageVolume:
    """One volume from the files of one series."""
    series = arrangeSeries(files)
    rank = np.empty(len(series.order), dtype=int)
    rank[series.order] = np.arange(len(series.order))
    rescale = series.rescale()
    image = imageOfSeries(series, readVoxels(files, rescale.scales, rank, progress), rescale)
    image.contradictions += surplusRemarks(series.files)
    return image


def imageOfSeries(series: ArrangedSeries, array: np.ndarray, rescale: Rescale | None = None) -> ImageVolume:
    """The volume of a series.

    :param array: its rescaled voxels (k, j, i), k along the sorted stack.
    :param rescale: how they were rescaled, where that is known already.
    """
    rescale = rescale or series.rescale()
    if rescale.unit == HOUNSFIELD:
        doubts = hounsfieldDoubts(array)
        padding = paddingDoubts(array) or declaredPaddingDoubts(array, series.slices[0], rescale.scales[0])
        rescale = replace(
            rescale,
            unit="" if doubts else HOUNSFIELD,
            problems=[*rescale.problems, *doubts, *jumpDoubts(array), *padding],
        )
    header = series.files[0].header
    return ImageVolume(
        array,
        series.stack.ijkToLps(),
        name=str(readable(header, "SeriesDescription") or ""),
        modality=series.modality,
        headers=[file.header for file in series.files],
        files=[file.path for file in series.files],
        slicePositions=series.stack.positions,
        sliceOrientations=series.stack.orientations,
        frameIndices=series.order if series.multiFrame else None,
        geometryProblems=series.problems,
        oddSlices=series.oddSlices,
        valueUnit=rescale.unit,
        valueProblems=rescale.problems,
        contradictions=series.remarks + copyRemarks(array, ~series.stack.duplicates()),
    )


def _refuseSeveralStacks(slices: list[SliceHeader], file: DicomFile) -> None:
    """Refuse a multi-frame object whose frames belong to stacks of different orientation (e.g. a three-plane scout)."""
    stacks: dict[str, list[SliceHeader]] = {}
    for header in slices:
        stacks.setdefault(str(header.get("StackID", "")), []).append(header)
    orientations = {
        tuple(round(number, 2) for number in headers[0].numbers("ImageOrientationPatient", 6) or ())
        for headers in stacks.values()
    }
    if len(stacks) > 1 and len(orientations) > 1:
        listed = ", ".join(f"'{name}' with {plural(len(headers), 'frame')}" for name, headers in stacks.items())
        raise M3DError(f"{file.path} holds {len(stacks)} stacks of different orientation ({listed}), not one image.")


def _sortingOrder(stack: SliceStack, slices: list[SliceHeader]) -> np.ndarray:
    """Indices that sort the slices along the normal; those without a position follow by instance number."""
    numbers = np.array([header.number("InstanceNumber") or 0.0 for header in slices])
    # Positions within a micrometer count as equal, so that rounding does not decide which copy comes first.
    heights = np.round(stack.heights(), 3)
    return np.lexsort((np.arange(len(slices)), numbers, heights))
