"""From the options of ``m3d validate`` to what the checks are given."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ..Stopwatch import Stopwatch
from ..Terminal import Terminal
from .InputOptions import readSegmentsFrom, refinementFrom

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Segmentation.Segment import Segment
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Profile import Profile


def readCases(arguments: argparse.Namespace, profile: Profile, terminal: Terminal, stopwatch: Stopwatch) -> list[Case]:
    """One case for each segment; one in all without a segment.

    A scan that is no regular grid is judged all the same: no surface is made on it, and the checks that need one say
    why they could not be made.

    :raises M3DError: something that was given cannot be read, or does not belong together.
    """
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.CaseBuilding import addSurfaces
    from M3DValidationLib.Check import Case

    options = {
        "tolerance": arguments.tolerance,
        "minWall": arguments.min_wall,
        "minGap": arguments.min_gap,
        "buildVolume": arguments.build_volume,
        "method": arguments.edge_method,
    }
    options = {name: value for name, value in options.items() if value is not None}
    surface = _surfaceParameters(arguments)
    known = {**_readReferences(arguments), "part": arguments.part or ""}
    mesh, notes = None, None
    with stopwatch.stage("reading"):
        if arguments.mesh:
            terminal.progress(0.0, "Reading the model")
            mesh, notes = readMesh(arguments.mesh, arguments.mesh_unit)
        if not arguments.image:
            return [Case(profile, mesh=mesh, meshNotes=notes, options=options, **known)]
        image = readImage(arguments.image, arguments.series, terminal.progress)
    with stopwatch.stage("segmenting"):
        segments, missing = _readSegments(arguments, image, terminal)
    if mesh is not None and len(segments) > 1:
        names = ", ".join(f"'{segment.name}'" for segment in segments)
        raise M3DError(f"The model belongs to one segment, but there are several ({names}); choose one with --segment.")
    if not segments:
        return [Case(profile, image, mesh=mesh, meshNotes=notes, options=options, missing=missing, **known)]
    cases = []
    for segment in segments:
        others = [other for other in segments if other is not segment]
        case = Case(profile, image, segment, others, mesh, notes, options=dict(options), missing=dict(missing), **known)
        cases.append(case)
    if mesh is None:
        with stopwatch.stage("surface"):
            addSurfaces(cases, surface, terminal.progress)
    return cases


def _readReferences(arguments: argparse.Namespace) -> dict:
    """Known distances and objects of all files, as fields of a case."""
    from M3DValidationLib.Reference.ReferenceReader import readReferences

    distances, objects = [], []
    for file in arguments.references:
        more = readReferences(file)
        distances += more[0]
        objects += more[1]
    return {"references": distances, "calibrationObjects": objects}


def _surfaceParameters(arguments: argparse.Namespace) -> SurfaceParameters:
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
) -> tuple[list[Segment], dict[str, str]]:
    """Segments that fit the image, and why there are none where an irregular scan is the reason."""
    from M3DValidationLib.CaseBuilding import fittingSegments

    if not arguments.segmentation and not arguments.threshold:
        return [], {}
    return fittingSegments(readSegmentsFrom(arguments, image, terminal.progress), image)
