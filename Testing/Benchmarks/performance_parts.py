"""Parts of ``performance.py`` that need a process of their own: each prints what it measured as one line of JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]
sys.path.insert(0, str(Path(__file__).parent))

THRESHOLD = 300


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


def cropped(source: str, folder: str, slices: str) -> dict:
    """The slices in the middle of a scan, as a series of their own."""
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Phantom.PhantomSeries import writeSeries

    image, count = readImage(Path(source)), int(slices)
    first = max(0, (len(image.array) - count) // 2)
    matrix = image.ijkToLps.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    writeSeries(ImageVolume(image.array[first : first + count], matrix, modality="CT"), Path(folder))
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


def deviations(vertices: str = "1005000", side: str = "400", slices: str = "192") -> dict:
    """Image and surface deviation of 0.78 million vertices, and other programs on the same meshes.

    :return: ``image`` and ``surface`` as of :func:`taken`; ``peers``: seconds by the clock and of the processor.
    """
    from deviation_speed import meshes, others, phantomScan, processorTimed, vtkDistance

    from M3DLib.Distance.SurfaceDeviation import surfaceDeviation
    from M3DLib.Edge.ImageDeviation import imageDeviation

    mesh, reference = meshes(int(vertices))
    image = phantomScan((int(side), int(side), int(slices)))
    found = {"vertices": len(mesh.points)}
    found["image"] = taken(lambda: imageDeviation(mesh, image))[1]
    found["surface"] = taken(lambda: surfaceDeviation(reference, mesh))[1]
    peers = {
        "VTK's distance filter": processorTimed(lambda: vtkDistance(reference, mesh, True))[1:],
        "the same without cell centers": processorTimed(lambda: vtkDistance(reference, mesh, False))[1:],
        **others(reference, mesh, lambda work: (None, processorTimed(work)[1:])),
    }
    return {**found, "peers": peers}


def fewer(folder: str) -> dict:
    """Refining the surface of the scan, and fewer triangles within two distances, beside others that leave as many.

    :return: ``refined`` as of :func:`taken`; ``within``: by the distance, mm, the triangles left, ``own`` as of
        :func:`taken`, and ``peers``: seconds by the clock and of the processor, with loading their packages.
    """
    from deviation_speed import processorTimed
    from simplification import ERRORS, PEERS

    from M3DLib.Simplification.SurfaceSimplification import simplifySurface
    from M3DLib.Surface.SurfaceRefinement import refineSurface

    image, _, mesh = surfaceOf(Path(folder))
    mesh, refined = taken(lambda: refineSurface(mesh, image))
    # Both before the others, whose packages and meshes would stay in the memory.
    runs = {maxError: taken(lambda maxError=maxError: simplifySurface(mesh, maxError)) for maxError in ERRORS}
    within = {}
    for maxError, (small, own) in runs.items():
        count, peers = len(small.triangles), {}
        for name, peer in PEERS.items():
            try:
                peers[f"{name}'s decimation"] = processorTimed(lambda peer=peer, count=count: peer(mesh, count))[1:]
            except ImportError:
                continue
        within[str(maxError)] = {"triangles": count, "own": own, "peers": peers}
    return {"triangles": len(mesh.triangles), "refined": refined, "within": within}


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


PARTS = (scan, phantom, cropped, large, models, deviations, fewer, responsiveness)

if __name__ == "__main__":
    work = {one.__name__: one for one in PARTS}[sys.argv[1]]
    print(json.dumps(work(*sys.argv[2:])))
