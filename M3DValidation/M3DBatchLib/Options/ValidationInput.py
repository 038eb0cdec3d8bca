"""From the options of ``m3d validate`` to what the checks are given."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ..Stopwatch import Stopwatch
from ..Terminal import Terminal
from .ControlSeries import readControl
from .InputOptions import readScan, readSegmentsFrom, refinementFrom

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DLib.MeshFiles.MeshReader import MeshNotes
    from M3DLib.Segmentation.Segment import Segment
    from M3DValidationLib.Check import Case
    from M3DValidationLib.EarlyChecks import EarlyChecks
    from M3DValidationLib.Profile import Profile


# What both the making of models and the checks beside it need.
_LOADED_BEFORE = (
    "scipy.ndimage",
    "vtkmodules.util.numpy_support",
    "vtkmodules.vtkFiltersCore",
    "vtkmodules.vtkFiltersGeneral",
)


def readCases(
    arguments: argparse.Namespace, profile: Profile, terminal: Terminal, stopwatch: Stopwatch, early: bool = False
) -> list[Case]:
    """One case for each segment; one in all without a segment.

    A scan that is no regular grid is judged all the same: no surface is made on it, and the checks that need one say
    why they could not be made.

    :param early: whether checks of the scan and the segment are begun while segment and model are made.
    :raises M3DError: something that was given cannot be read, or does not belong together.
    """
    from M3DValidationLib.Check import Case

    options = {
        "tolerance": arguments.tolerance,
        "minWall": arguments.min_wall,
        "minGap": arguments.min_gap,
        "buildVolume": arguments.build_volume,
        "method": arguments.edge_method,
    }
    options = {name: value for name, value in options.items() if value is not None}
    surface = surfaceParameters(arguments)
    known = {**_readReferences(arguments), "part": arguments.part or ""}
    with stopwatch.stage("reading"):
        models = _readModels(arguments, terminal)
        if not arguments.image:
            return [
                Case(profile, mesh=mesh, meshNotes=notes, options=dict(options), title=title, **known)
                for mesh, notes, title in models
            ]
        image = readScan(arguments, terminal)
        known["control"] = readControl(arguments.control_series, arguments.image, image)
    given = {"profile": profile, "image": image, "options": options, **known}
    wanted = early and not models and (arguments.threshold or arguments.segmentation)
    with _earlyChecks(Case(**given)) if wanted else nullcontext() as begun:
        return _casesOf(arguments, given, models, (surface, begun), (terminal, stopwatch))


def _earlyChecks(image: Case) -> EarlyChecks:
    from M3DValidationLib.EarlyChecks import EarlyChecks
    from M3DValidationLib.Validation import allChecks, loadBeforeThreads

    loadBeforeThreads(_LOADED_BEFORE)
    return EarlyChecks(image, allChecks())


def _casesOf(
    arguments: argparse.Namespace,
    given: dict,
    models: list[tuple[TriangleMesh, MeshNotes, str]],
    making: tuple[SurfaceParameters, EarlyChecks | None],
    said: tuple[Terminal, Stopwatch],
) -> list[Case]:
    """The cases of one scan.

    :param given: what all of them have, as fields of a case.
    :param making: how models are made of segments where none are given, and the checks that were begun meanwhile.
    """
    from M3DValidationLib.CaseBuilding import addSurfaces
    from M3DValidationLib.Check import Case

    def made(**own) -> Case:
        return Case(**{**given, "options": dict(given["options"]), **own})

    (surface, begun), (terminal, stopwatch), image = making, said, given["image"]
    with stopwatch.stage("segmenting"):
        segments, missing, leftOut = _readSegments(arguments, image, terminal)
    if models and len(segments) > 1:
        names = ", ".join(f"'{segment.name}'" for segment in segments)
        raise M3DError(f"The model belongs to one segment, but there are several ({names}); choose one with --segment.")
    if models or not segments:
        segment = segments[0] if segments else None
        return [
            made(segment=segment, mesh=mesh, meshNotes=notes, missing=missing, title=title)
            for mesh, notes, title in models or [(None, None, "")]
        ]
    cases = []
    for segment in segments:
        others = [other for other in segments if other is not segment]
        title = _titleOf(arguments, segment.name, len(segments))
        cases.append(made(segment=segment, otherSegments=others, missing=dict(missing), title=title))
    if begun is not None:
        begun.segmentIsKnown(cases[0])
    with stopwatch.stage("surface"):
        addSurfaces(cases, surface, terminal.progress)
    cases[0].leftOut = leftOut
    return cases


def _readModels(arguments: argparse.Namespace, terminal: Terminal) -> list[tuple[TriangleMesh, MeshNotes, str]]:
    """The models of --mesh, what their files say of themselves, and a name for each that no other has."""
    from M3DLib.MeshFiles.MeshReader import readMesh

    read = []
    for number, file in enumerate(arguments.mesh):
        terminal.progress(number / len(arguments.mesh), f"Reading the model{'s' if len(arguments.mesh) > 1 else ''}")
        read.append(readMesh(file, arguments.mesh_unit))
    names = [mesh.name or Path(file).stem for (mesh, _), file in zip(read, arguments.mesh, strict=True)]
    if len(set(names)) < len(names):
        names = [Path(file).name for file in arguments.mesh]
    if len(set(names)) < len(names):
        names = [str(file) for file in arguments.mesh]
    titles = [_titleOf(arguments, name, len(names)) for name in names]
    if len(names) == 1:
        titles = [arguments.title.strip()]
    return [(mesh, notes, title) for (mesh, notes), title in zip(read, titles, strict=True)]


def _titleOf(arguments: argparse.Namespace, name: str, count: int) -> str:
    """What one of several models is called: by --title as far as that is given."""
    title = arguments.title.strip()
    if count == 1:
        return title
    return f"{title}, {name}" if title else name


def _readReferences(arguments: argparse.Namespace) -> dict:
    """Known distances and objects of all files, as fields of a case."""
    from M3DValidationLib.Reference.ReferenceReader import readReferences

    distances, objects = [], []
    for file in arguments.references:
        more = readReferences(file)
        distances += more[0]
        objects += more[1]
    return {"references": distances, "calibrationObjects": objects}


def surfaceParameters(arguments: argparse.Namespace) -> SurfaceParameters:
    """How a surface is made here, as said on the command line; what is not said is as ``SurfaceParameters`` has it.

    :raises M3DError: a value outside its range.
    """
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

    values = {
        "method": arguments.surface_method,
        "smoothing": arguments.smoothing,
        "decimation": arguments.decimation,
        **refinementFrom(arguments),
    }
    return SurfaceParameters(**{name: value for name, value in values.items() if value is not None})


def _readSegments(
    arguments: argparse.Namespace, image: ImageVolume, terminal: Terminal
) -> tuple[list[Segment], dict[str, str], list[str]]:
    """Segments that fit the image, why there are none where an irregular scan is the reason, and what was left out."""
    from M3DValidationLib.CaseBuilding import fittingSegments

    if not arguments.segmentation and not arguments.threshold:
        return [], {}, []
    segments, leftOut = readSegmentsFrom(arguments, image, terminal.progress)
    for text in leftOut:
        terminal.note(text)
    return *fittingSegments(segments, image), leftOut
