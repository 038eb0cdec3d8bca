"""Reads the headers of DICOM series that a command line names as sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

if TYPE_CHECKING:
    from pydicom import Dataset


def readSourceHeaders(sources: list[str], series: list[str]) -> list[list[Dataset]]:
    """Headers of every series chosen, one list per series; no pixels are read.

    :param sources: folders or files.
    :param series: Series Instance UIDs or Series Numbers to choose from them; a folder of one series needs none.
    :raises M3DError: no image series, several without a choice, or a choice that no source holds.
    """
    from M3DLib.Image.DicomSeries import chooseSeries, findFiles, scanFiles

    images, used = [], set()
    for source in sources:
        files, _skipped = scanFiles(findFiles(Path(source)))
        present = {file.seriesUid for file in files} | {str(file.header.get("SeriesNumber")) for file in files}
        for choice in [choice for choice in series if choice.strip() in present] or [None]:
            chosen, _others = chooseSeries(files, choice, Path(source))
            images.append([file.header for file in chosen])
            used.add(choice)
    unused = [choice for choice in series if choice not in used]
    if unused:
        raise M3DError(f"No source holds a series {' or '.join(unused)}.")
    return images
