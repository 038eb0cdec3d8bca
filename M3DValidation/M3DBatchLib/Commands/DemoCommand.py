"""``m3d demo``: a phantom scan, its models, and how close they come to the truth."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Stopwatch import Stopwatch, peakMemoryMb
from ..Terminal import Terminal
from .ExportCommand import resultOf

if TYPE_CHECKING:
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DLib.Phantom.HeadPhantom import Insert

_BAR = "bar 50 mm"
_BAR_LENGTH_MM = 50.0
# The phantom is open below, as a calvaria is: from there its inserts are seen.
_FROM_BELOW = (0.35, -0.55, -1.0)


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "demo",
        help="show the whole way on a phantom of known size",
        description="Make a CT series of a head-like phantom with inserts of known size, segment it, export the models "
        "with their scan into a DICOM file-set, read them back, and compare with the true sizes.",
    )
    parser.add_argument("--output", metavar="DIR", default="demo-output", help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; returns its exit status."""
    from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
    from M3DLib.EncapsulatedStl.Icon import renderIcons
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
    from M3DLib.EncapsulatedStl.ModelExport import Surroundings, makeModels, makeSurfaces
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Mesh.Rendering import prepareRendering
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Phantom.HeadPhantom import HALF_HEIGHT_HU, headInserts, renderHead
    from M3DLib.Phantom.PhantomSeries import writeSeries
    from M3DLib.PrintFiles.PrintFiles import PrintFiles
    from M3DLib.Segmentation.SegmentFit import bodyAt, thresholdSegment
    from M3DLib.Store.FileSetStore import FileSetStore

    stopwatch = Stopwatch(terminal.step)
    output = Path(arguments.output).absolute()
    store = FileSetStore(output)
    store.requireWritable()
    neighbors = store.directory().headers()
    inserts = headInserts()
    prepareRendering()
    scan = Path(tempfile.mkdtemp(prefix="m3d-demo-scan-"))
    try:
        with stopwatch.stage("phantom"):
            writeSeries(renderHead(terminal.progress), scan, progress=terminal.progress)
        with stopwatch.stage("reading"):
            image = readImage(scan, progress=terminal.progress)
        with stopwatch.stage("segmenting"):
            bone = thresholdSegment(image, HALF_HEIGHT_HU, progress=terminal.progress)
            segments = [
                replace(bodyAt(bone, insert.pointInside, insert.name), color=insert.color) for insert in inserts
            ]
        with stopwatch.stage("surface"):
            surface = SurfaceParameters()
            meshes = makeSurfaces(image, segments, surface, terminal.progress)
        with stopwatch.stage("object"):
            description = ModelDescription(usage="QualityControlIntent", contentDescription="Phantom of known size")
            icons = renderIcons(meshes)
            around = Surroundings(neighbors)
            models = makeModels(image, segments, meshes, surface, description, around=around, icons=icons)
        with stopwatch.stage("storing"):
            stored = store.add([model.dataset for model in models], image.files, progress=terminal.progress)
        terminal.stays(output)
    finally:
        shutil.rmtree(scan, ignore_errors=True)
    with stopwatch.stage("reading back"):
        terminal.progress(1.0, "Reading the models back")
        readBack = [readEncapsulatedStl(stored.instances[str(model.dataset.SOPInstanceUID)]).mesh for model in models]
    with stopwatch.stage("picture"):
        picture = _writePicture(readBack, output, terminal)

    data = resultOf(image, models, stored, PrintFiles())
    data["output"] = str(output)
    data["picture"] = str(picture) if picture else None
    data["measurements"] = measure(inserts, readBack)
    data["seconds"] = stopwatch.asDict()
    data["peakMemoryMb"] = peakMemoryMb()
    terminal.result(data, _text(data))
    return 0


def measure(inserts: list[Insert], meshes: list[TriangleMesh]) -> list[dict]:
    """True and measured sizes of the phantom's bodies: each one's volume in mm3, and the bar's length in mm."""
    rows = []
    for insert, mesh in zip(inserts, meshes, strict=True):
        rows.append(_row(f"{insert.name}, volume", "mm3", insert.volumeMm3, mesh.volumeMm3))
        if insert.name == _BAR:
            rows.append(_row(f"{insert.name}, length", "mm", _BAR_LENGTH_MM, lengthOfBar(mesh)))
    return rows


def _row(what: str, unit: str, true: float, measured: float) -> dict:
    return {
        "what": what,
        "unit": unit,
        "true": true,
        "measured": measured,
        "difference": measured - true,
        "differencePercent": 100 * (measured - true) / true,
    }


def lengthOfBar(mesh: TriangleMesh) -> float:
    """Distance between the mean positions of a bar's two end faces along its own long axis, mm.

    The axis is the mesh's principal axis; the faces are the triangles that look along it within 25 degrees, which
    leaves out the rounded edges.
    """
    points = mesh.points.astype(np.float64)
    center = points.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((points - center).T))
    axis = directions[:, 2]
    corners = mesh.corners()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    along = (corners.mean(axis=1) - center) @ axis
    facing = np.divide(normals @ axis, areas, out=np.zeros_like(areas), where=areas > 0)
    ends = []
    for side in (1, -1):
        face = side * facing > np.cos(np.deg2rad(25))
        ends.append(np.average(along[face], weights=areas[face]))
    return float(ends[0] - ends[1])


def _writePicture(meshes: list[TriangleMesh], output: Path, terminal: Terminal) -> Path | None:
    from M3DLib.Mesh.Rendering import renderMeshes

    picture = renderMeshes(meshes, (900, 700), viewDirection=_FROM_BELOW)
    if picture is None:
        terminal.warn("No picture was made: this machine has no OpenGL renderer (Debian: libgl1, libegl1, libosmesa6).")
        return None
    from PIL import Image

    file = output / "demo.png"
    Image.fromarray(picture).save(file)
    return file


def _text(data: dict) -> str:
    lines = [f"{'':28}{'true':>12}{'measured':>12}{'difference':>22}"]
    for row in data["measurements"]:
        difference = f"{row['difference']:+.2f} {row['unit']} ({row['differencePercent']:+.2f} %)"
        lines.append(f"{row['what']:28}{row['true']:12.2f}{row['measured']:12.2f}{difference:>22}")
    lines.append("")
    lines.append(f"File-set: {data['output']} ({data['source']['slices']} slices and {len(data['models'])} models)")
    lines += [f"  {model['name']}: {model['file']}" for model in data["models"]]
    if data["picture"]:
        lines.append(f"Picture: {data['picture']}")
    lines.append("Seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in data["seconds"].items()))
    return "\n".join(lines)
