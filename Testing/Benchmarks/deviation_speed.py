"""Time and memory of the deviations beside VTK's distance filter, and pymeshlab and MeshLib where installed.

    python Testing/Benchmarks/deviation_speed.py [--vertices 1000000] [--image 512 512 300]
    python Testing/Benchmarks/deviation_speed.py --large

Prints seconds and ratios measured in this run. The filter is timed in one direction with and without the distances of
the cells' centers, which it computes by default; ratios are given to both. ``--large`` measures only ours, from 0.1 to
10 million vertices, each in a process of its own so that one's memory does not hide the next one's.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Distance.SurfaceDeviation import surfaceDeviation
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere, Torus, Union
from M3DTestSupport.ShapeMeshes import projectToOffset, surfaceMesh

SHAPE = Union((Torus((0, 0, 0), (0, 0.3, 1), 70, 22), Sphere((0, 0, 0), 38)))

LARGE = (100_000, 1_000_000, 3_000_000, 10_000_000)


def timed(function):
    """Result and seconds by the clock."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def processorTimed(function):
    """Result, seconds by the clock, and those of the processor."""
    start = time.process_time()
    result, seconds = timed(function)
    return result, seconds, time.process_time() - start


def meshes(vertices: int) -> tuple[TriangleMesh, TriangleMesh]:
    """A mesh of about that many vertices, and one 0.3 mm outside on another grid."""
    step = 1.55 * np.sqrt(1e6 / vertices)
    low, high = [-96] * 3, [96] * 3
    return (
        subdivided(surfaceMesh(SHAPE, low, high, step), 0.0),
        subdivided(surfaceMesh(SHAPE, [value - 0.37 * step for value in low], high, step, 0.3), 0.3),
    )


def subdivided(mesh: TriangleMesh, offset: float) -> TriangleMesh:
    """Every triangle cut in sixteen, with the new points on the surface."""
    import vtk

    subdivide = vtk.vtkLinearSubdivisionFilter()
    subdivide.SetInputData(mesh.toPolyData())
    subdivide.SetNumberOfSubdivisions(2)
    subdivide.Update()
    fine = TriangleMesh.fromPolyData(subdivide.GetOutput())
    return TriangleMesh(projectToOffset(SHAPE, fine.points.astype(np.float64), offset), fine.triangles)


def vtkDistance(mesh: TriangleMesh, reference: TriangleMesh, cells: bool) -> np.ndarray:
    """VTK's filter, one direction."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    distance = vtk.vtkDistancePolyDataFilter()
    distance.SetInputData(0, mesh.toPolyData())
    distance.SetInputData(1, reference.toPolyData())
    distance.ComputeSecondDistanceOff()
    distance.SetComputeCellCenterDistance(cells)
    distance.Update()
    return vtk_to_numpy(distance.GetOutput().GetPointData().GetArray("Distance"))


def others(mesh: TriangleMesh, reference: TriangleMesh, measure=timed) -> dict[str, float]:
    """Seconds of further programs that are installed: by the clock, or of the processor with ``processorTimed``."""
    seconds = {}
    try:
        import pymeshlab
    except ImportError:
        print("pymeshlab is not installed, so it is left out")
    else:
        meshSet = pymeshlab.MeshSet()
        for part in (mesh, reference):
            meshSet.add_mesh(pymeshlab.Mesh(part.points.astype(np.float64), part.triangles))
        distances = meshSet.compute_scalar_by_distance_from_another_mesh_per_vertex
        done = measure(lambda: distances(measuremesh=0, refmesh=1, signeddist=True, maxdist=_far()))
        seconds["pymeshlab"] = done[-1]
    try:
        from meshlib import mrmeshnumpy, mrmeshpy
    except ImportError:
        print("MeshLib is not installed, so it is left out")
    else:
        a, b = (mrmeshnumpy.meshFromFacesVerts(part.triangles, part.points) for part in (mesh, reference))
        parameters = mrmeshpy.MeshProjectionParameters() if hasattr(mrmeshpy, "MeshProjectionParameters") else None
        arguments = (b, a) if parameters is None else (b, a, parameters)
        seconds["MeshLib"] = measure(lambda: mrmeshpy.findSignedDistances(*arguments))[-1]
    return seconds


def _far():
    import pymeshlab

    return pymeshlab.PercentageValue(50)


def peak(reset: bool = False) -> float:
    """Largest memory of this process, GB: since the last reset where the system can do that, else since its start."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1e6


def grownRow(vertices: int, image: tuple[int, int, int]) -> tuple[float, float, float, float, float] | None:
    """Vertices, processor seconds and added GB of the image deviation, then of the surface deviation, in a process of
    its own; None where it could not be measured.
    """
    row = r" deviation\s+[\d.]+ s\s+processor\s+([\d.]+) s\s+peak \+([\d.]+)"
    pattern = rf"(\d+) vertices.*image{row}.*surface{row}"
    command = [sys.executable, __file__, "--no-vtk", "--vertices", str(vertices), "--image", *map(str, image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout, re.DOTALL)
    if done.returncode or not found:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
        print(f"{vertices:10d} could not be measured here: {last[0]}", file=sys.stderr, flush=True)
        return None
    return tuple(map(float, found.groups()))


def growth(image: tuple[int, int, int]) -> None:
    """Seconds and memory per million vertices for meshes of growing size; flat columns mean that the cost is linear."""
    print(f"{'vertices':>10}{'image s':>10}{'s/million':>11}{'+GB':>7}{'surface s':>11}{'s/million':>11}{'+GB':>7}")
    for vertices in LARGE:
        found = grownRow(vertices, image)
        if found is not None:
            count, first, firstPeak, second, secondPeak = found
            print(
                f"{count:10.0f}{first:10.2f}{first / count * 1e6:11.2f}{firstPeak:7.2f}"
                f"{second:11.2f}{second / count * 1e6:11.2f}{secondPeak:7.2f}",
                flush=True,
            )


def phantomScan(dimensions: tuple[int, int, int]) -> ImageVolume:
    """The shape in an image of 200 mm along every axis; one of more than 400 slices is the same over and over along its
    length, in a file that is mapped into memory.
    """
    repeats = max(1, dimensions[2] // 400)
    size = (*dimensions[:2], dimensions[2] // repeats)
    spacing = 200 / np.array(size)
    matrix = np.diag([*spacing, 1])
    matrix[:3, 3] = -100 + spacing / 2
    image = renderPhantom([(SHAPE, 1200)], 0, size, matrix, 0.8, noise=30)
    if repeats > 1:
        with tempfile.NamedTemporaryFile(suffix=".raw") as file:
            whole = np.memmap(file.name, image.array.dtype, "w+", shape=(repeats * size[2], *size[1::-1]))
        for start in range(0, len(whole), size[2]):
            whole[start : start + size[2]] = image.array
        # The mesh lies in the part in the middle.
        image.ijkToLps[:3, 3] -= image.ijkToLps[:3, 2] * size[2] * (repeats // 2)
        # A plain array over the same memory; operations on what numpy knows as mapped are slower for no reason.
        whole.flush()
        image.array = np.asarray(whole)
    return image


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--image", type=int, nargs=3, default=(400, 400, 192), help="voxels along i, j, k")
    parser.add_argument("--no-vtk", action="store_true", help="only ours, for very large meshes")
    parser.add_argument("--large", action="store_true", help="only ours, from 0.1 to 10 million vertices")
    arguments = parser.parse_args()
    if arguments.large:
        growth(arguments.image)
        return
    mesh, reference = meshes(arguments.vertices)
    image = phantomScan(tuple(arguments.image))
    print(f"{len(mesh.points)} vertices, {len(mesh.triangles)} triangles; image {image.array.nbytes / 1e6:.0f} MB")
    before = peak(reset=True)
    deviation, imageSeconds, imageWork = processorTimed(lambda: imageDeviation(mesh, image))
    after = peak()
    between = peak(reset=True)
    surface, surfaceSeconds, surfaceWork = processorTimed(lambda: surfaceDeviation(reference, mesh))
    print(f"image deviation   {imageSeconds:7.2f} s   processor {imageWork:.2f} s   peak +{after - before:.2f} GB")
    print(
        f"surface deviation {surfaceSeconds:7.2f} s   processor {surfaceWork:.2f} s   peak +{peak() - between:.2f} GB"
    )
    print(f"  means {np.nanmean(deviation.distance):+.4f} and {surface.distance.mean():+.4f} mm")
    found, searchSeconds = timed(lambda: ClosestSurface(mesh).query(reference.points))
    print(f"  of it the distances without sign {searchSeconds:.2f} s")
    if arguments.no_vtk:
        return
    theirs, seconds = timed(lambda: vtkDistance(reference, mesh, False))
    _, withCells = timed(lambda: vtkDistance(reference, mesh, True))
    print(f"vtkDistancePolyDataFilter {seconds:.2f} s, with cell centers (its default) {withCells:.2f} s")
    print(f"  largest difference of the distances' sizes {np.abs(np.abs(theirs) - found.distance).max():.2e} mm")
    print(f"  signs that differ: {(np.sign(theirs) != -np.sign(surface.distance)).sum()} of {len(theirs)}")
    print(f"ratio image {imageSeconds / seconds:.3f} (default {imageSeconds / withCells:.3f})")
    print(f"ratio surface {surfaceSeconds / seconds:.3f} (default {surfaceSeconds / withCells:.3f})")
    for name, value in others(reference, mesh).items():
        print(f"{name} {value:.2f} s; ratio of our surface deviation to it {surfaceSeconds / value:.3f}")


if __name__ == "__main__":
    main()
