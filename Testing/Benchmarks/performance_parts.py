"""Parts of ``performance.py`` that need a process of their own: each prints what it measured as one line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]
sys.path.insert(0, str(Path(__file__).parent))

THRESHOLD = 300
VERTICES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def taken(work):
    """What the work returns, with its seconds by the clock, of the processor, and the peak of the memory meanwhile."""
    from deviation_speed import peak

    peak(reset=True)
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, [time.perf_counter() - start, time.process_time() - cpu, peak()]


def surfaceOf(scan: Path):
    """Image and surface of the largest body of bone."""
    from M3DLib.EncapsulatedStl.ModelExport import makeSurfaces
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Segmentation.SegmentFit import thresholdSegment

    image = readImage(scan)
    segment = thresholdSegment(image, THRESHOLD, largest=1)
    return image, segment, makeSurfaces(image, [segment], SurfaceParameters())[0]


def scan(folder: str) -> dict:
    """The deviation of the surface of the scan from its image."""
    from M3DLib.Edge.ImageDeviation import imageDeviation

    image, _, mesh = surfaceOf(Path(folder))
    seconds, cpu, peakGb = taken(lambda: imageDeviation(mesh, image))[1]
    return {"seconds": seconds, "cpu": cpu, "peakGb": peakGb}


def phantom(folder: str) -> dict:
    """The head phantom as a series."""
    from M3DLib.Phantom.HeadPhantom import renderHead
    from M3DLib.Phantom.PhantomSeries import writeSeries

    writeSeries(renderHead(), Path(folder))
    return {}


def large(source: str, folder: str) -> dict:
    """The scan with four times the slices at a quarter of their distance, values between them on straight lines."""
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Phantom.PhantomSeries import writeSeries

    image = readImage(Path(source))
    array = image.array.astype(np.float32)
    places = np.arange(4 * len(array)) / 4
    low = np.minimum(places.astype(int), len(array) - 1)
    high, share = np.minimum(low + 1, len(array) - 1), (places - low).astype(np.float32)[:, None, None]
    matrix = image.ijkToLps.copy()
    matrix[:3, 2] /= 4
    values = np.rint(array[low] * (1 - share) + array[high] * share).astype(np.int16)
    writeSeries(ImageVolume(values, matrix, modality="CT"), Path(folder))
    return {"slices": len(values)}


def models(source: str, folder: str) -> dict:
    """The surface of the scan as STL, and the same turned by 4 degrees and moved by 5 mm."""
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    mesh = surfaceOf(Path(source))[2]
    angle = np.radians(4)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = TriangleMesh(mesh.points @ turn.T + (3, -4, 0), mesh.triangles)
    files = {}
    for name, each in (("mesh", mesh), ("moved", moved)):
        files[name] = str(Path(folder) / f"{name}.stl")
        Path(files[name]).write_bytes(stlBytes(each))
    return files


def deviations() -> dict:
    """Image and surface deviation of 0.78 million vertices, and other programs on the same meshes."""
    from deviation_speed import meshes, others, phantomScan, processorTimed, vtkDistance

    from M3DLib.Distance.SurfaceDeviation import surfaceDeviation
    from M3DLib.Edge.ImageDeviation import imageDeviation

    mesh, reference = meshes(1_005_000)
    image = phantomScan((400, 400, 192))
    found = {"vertices": len(mesh.points)}
    found["image"] = taken(lambda: imageDeviation(mesh, image))[1]
    found["surface"] = taken(lambda: surfaceDeviation(reference, mesh))[1]
    peers = {
        "VTK's distance filter": processorTimed(lambda: vtkDistance(reference, mesh, True))[-1],
        "the same without cell centers": processorTimed(lambda: vtkDistance(reference, mesh, False))[-1],
        **others(reference, mesh, processorTimed),
    }
    return {**found, "peers": peers}


def responsiveness(folder: str) -> dict:
    """The longest time between two calls of a validation's progress, as the panel runs it."""
    from responsiveness import EventLoop

    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Profile import loadProfile
    from M3DValidationLib.Report.Report import validateCases

    image, segment, mesh = surfaceOf(Path(folder))
    case = Case(loadProfile(), image, segment, mesh=mesh, surfaceParameters=SurfaceParameters())
    loop = EventLoop()
    validateCases([case], background=True, progress=loop)
    loop(1.0, "end")
    wall, busy, before, after = max(loop.gaps)
    print(f"longest wait {wall:.2f} s: {before} -> {after}", file=sys.stderr)
    return {"seconds": wall, "cpu": busy}


def growth(plot: str = "") -> dict:
    """Seconds and memory of the deviations for meshes of growing size and for a very large image; a plot of them."""
    from deviation_speed import grownRow

    rows = [row for row in (grownRow(count, (400, 400, 192)) for count in VERTICES) if row]
    huge = grownRow(1_000_000, (512, 512, 2000))
    lines = [
        "| vertices | image | image deviation s | s per million | + GB | surface deviation s | s per million | + GB |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for size, row in [("400 x 400 x 192", row) for row in rows] + ([("512 x 512 x 2000", huge)] if huge else []):
        count, first, firstGb, second, secondGb = row
        lines.append(
            f"| {count / 1e6:.2f} million | {size} | {first:.2f} | {first / count * 1e6:.2f} | {firstGb:.2f} "
            f"| {second:.2f} | {second / count * 1e6:.2f} | {secondGb:.2f} |"
        )
    if plot:
        drawGrowth(rows, plot)
    return {"lines": lines}


def drawGrowth(rows, file: str) -> None:
    """Seconds and memory over the number of vertices, with the straight line of a cost that is linear."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    counts, first, firstGb, second, secondGb = np.array(rows).T
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for axis, series, label in (
        (axes[0], (first, second), "processor seconds"),
        (axes[1], (firstGb, secondGb), "memory, GB above mesh and image"),
    ):
        for values, name, color in zip(
            series, ("image deviation", "surface deviation"), ("#1f5fa8", "#c05a1a"), strict=True
        ):
            axis.loglog(counts, np.maximum(values, 1e-2), "o-", color=color, label=name)
        middle = len(counts) // 2
        straight = series[0][middle] * counts / counts[middle]
        axis.loglog(counts, straight, "--", color="gray", label="linear")
        axis.set_xlabel("vertices of the mesh")
        axis.set_ylabel(label)
        axis.grid(True, which="both", alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    with tempfile.NamedTemporaryFile(dir=Path(file).parent, suffix=".png", delete=False) as temporary:
        figure.savefig(temporary, dpi=110)
    Path(temporary.name).chmod(0o644)
    Path(temporary.name).replace(file)


PARTS = (scan, phantom, large, models, deviations, responsiveness, growth)

if __name__ == "__main__":
    work = {one.__name__: one for one in PARTS}[sys.argv[1]]
    print(json.dumps(work(*sys.argv[2:])))
