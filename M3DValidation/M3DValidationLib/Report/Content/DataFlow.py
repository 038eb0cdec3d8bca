"""The way of the data (ISO/IEC 3532-1, 6.1): image, segmentation, surface, STL, each with what made it and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.Software import softwareVersions
from M3DLib.Surface.SurfaceRecord import recordParameters, recordTexts

from .StlHash import stlHash

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume

    from ...Check import Case

_CHUNK = 1 << 20

# The kind of source (SegmentSource) of a segment that no file or node brought along.
_MADE_HERE = "threshold"


def dataFlow(cases: Sequence[Case], files: Sequence[Path] = (), *, time: str = "", person: str = "") -> list[dict]:
    """Steps in their order: ``step``, ``title``, ``software``, ``parameters``, ``time``, ``files`` with SHA-256; and
    ``person`` where it is known who made them.

    :param cases: one per segment.
    :param files: of the segmentation and of the mesh, as far as they were read from files.
    :param time, person: of this run, for what was made in it.
    """
    here = {"time": time, "person": person}
    steps = []
    first = cases[0]
    if first.image is not None:
        steps.append(_imageStep(first.image))
    if first.control is not None:
        steps.append({**_imageStep(first.control), "title": "Control series"})
    segments = [case.segment for case in cases if case.segment is not None]
    hashed = [fileEntry(Path(file)) for file in files if Path(file).is_file()]
    segmentFiles = {Path(segment.source.file).name for segment in segments if segment.source.file is not None}
    for segment in segments:
        entries = [entry for entry in hashed if segment.source.file and entry["name"] == Path(segment.source.file).name]
        parameters = {"how": segment.source.kind, "description": segment.source.description}
        title = f"Segment '{segment.name}'"
        if segment.source.kind == _MADE_HERE:
            steps.append(_step("segmentation", title, softwareVersions(), parameters, files=entries, **here))
        else:
            steps.append(_step("segmentation", title, parameters=parameters, files=entries))
    for case in cases:
        if case.mesh is None:
            continue
        name = case.segment.name if case.segment is not None else case.mesh.name
        made = case.surfaceParameters is not None
        if made:
            settings = {**case.surfaceParameters.asDict(), **dict(recordParameters(case.mesh.record))}
            if case.mesh.record:
                settings["afterwards"] = " ".join(recordTexts(case.mesh.record))
            steps.append(_step("surface", f"Surface of '{name}'", softwareVersions(), settings, **here))
        entries = [] if made else [entry for entry in hashed if entry["name"] not in segmentFiles]
        steps.append(_stlStep(case, name, entries, here if made else {}))
    profile = {
        "profile": first.profile.name,
        "version": first.profile.version,
        "sha256": first.profile.sha256,
        **{key: value for key, value in first.options.items() if isinstance(value, (str, int, float, list, tuple))},
    }
    steps.append(_step("validation", "Checks of this report", softwareVersions(), profile, **here))
    return steps


def _step(
    step: str, title: str, software: Sequence[str] = (), parameters=None, *, time: str = "", person: str = "", files=()
) -> dict:
    entry = {
        "step": step,
        "title": title,
        "software": list(software),
        "parameters": {str(key): value for key, value in (parameters or {}).items()},
        "time": time,
        "files": list(files),
    }
    return {**entry, "person": person} if person else entry


def _imageStep(image: ImageVolume) -> dict:
    header = image.headers[0] if image.headers else {}

    def text(keyword: str) -> str:
        value = header.get(keyword, "") or ""
        return ", ".join(map(str, value)) if not isinstance(value, str) and hasattr(value, "__iter__") else str(value)

    device = " ".join(filter(None, (text("Manufacturer"), text("ManufacturerModelName"), text("SoftwareVersions"))))
    time = " ".join(filter(None, (text("AcquisitionDate"), text("AcquisitionTime"))))
    parameters = {
        "modality": image.modality,
        "voxels": " x ".join(map(str, image.dimensions)),
        "spacingMm": [round(float(value), 5) for value in image.spacing],
    }
    files = [fileEntry(Path(file)) for file in dict.fromkeys(image.files) if Path(file).is_file()]
    return _step("image", "Scan", [device] if device else [], parameters, time=time, files=files)


def _stlStep(case: Case, name: str, files: list[dict], here: dict) -> dict:
    sha256, problem = stlHash(case)
    parameters = {"triangles": len(case.mesh.triangles), "sha256OfBinaryStlInMm": sha256}
    if problem:
        parameters["problem"] = problem
    software = softwareVersions() if here else ()
    return _step("stl", f"Model '{name}'", software, parameters, files=files, **here)


def fileEntry(file: Path) -> dict:
    """Name (without folders) and SHA-256 of a file.

    :raises M3DError: the file cannot be read any more.
    """
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise M3DError(f"{file} cannot be read for its hash: {error.strerror}.") from error
    return {"name": file.name, "sha256": digest.hexdigest()}
