"""Fewer triangles at equal error: how many this project and others keep within a stated distance, and their time.

    python Testing/Benchmarks/simplification.py [SCAN THRESHOLD [SIZE]] [--no-refine] [--only NAME ...] [--write]

Of a gyroid in a phantom scan, or of the largest body above a threshold in a scan (cut to a cube of SIZE mm about its
middle where given), refined unless told not to. Others are asked for a number of triangles, not for a distance. So that
number is looked for, by bisection, at which their surface lies within the distance as well, all of it or 99.9 % of it:
VTK's quadric decimation and, where installed, pymeshlab, meshlib and fast_simplification. How far a surface lies from
the original one is measured for all in the same way, by VTK's implicit distance and nothing of this project: from every
old corner to the new surface, from every new corner, the middle of every new edge and of every new triangle to the old
one.
``--write`` puts the rows into ``Docs/Refinement.md``; rows of programs that were not measured stay.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing", "Testing/Benchmarks")]

from surface_refinement import SCANS, SHAPES, scan

from M3DLib.Image.ImageReader import readImage
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Simplification.SurfaceSimplification import simplifySurface
from M3DLib.Surface.SurfaceRefinement import refineSurface

PAGE, BEGIN, END = ROOT / "Docs" / "Refinement.md", "<!-- equal error -->", "<!-- end of equal error -->"
ERRORS = (0.02, 0.05)
OWN = "this project"
HEAD = (
    "| program | mm | what lies within | triangles kept | farthest (mm) | 99.9 % (mm) | closed | s of the processor |",
    "|---|---|---|---|---|---|---|---|",
)
# What of the measured distances is to be within.
SHARES = {"all": "farthest", "99.9 %": "percentile"}
# Bisection ends where the numbers of triangles within and beyond differ by this factor.
CLOSE = 1.1


def vtkQuadric(mesh: TriangleMesh, target: int) -> TriangleMesh:
    import vtk

    decimate = vtk.vtkQuadricDecimation()
    decimate.SetInputData(mesh.toPolyData())
    decimate.SetTargetReduction(1 - target / len(mesh.triangles))
    decimate.Update()
    return TriangleMesh.fromPolyData(decimate.GetOutput())


def fastSimplification(mesh: TriangleMesh, target: int) -> TriangleMesh:
    import fast_simplification

    return TriangleMesh(*fast_simplification.simplify(mesh.points, mesh.triangles, target_count=target))


def pymeshlab(mesh: TriangleMesh, target: int) -> TriangleMesh:
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(mesh.points.astype(np.float64), mesh.triangles))
    meshes.meshing_decimation_quadric_edge_collapse(targetfacenum=target, preservetopology=True)
    result = meshes.current_mesh()
    return TriangleMesh(result.vertex_matrix(), result.face_matrix())


def meshlib(mesh: TriangleMesh, target: int) -> TriangleMesh:
    from meshlib import mrmeshnumpy, mrmeshpy

    other = mrmeshnumpy.meshFromFacesVerts(mesh.triangles, mesh.points)
    settings = mrmeshpy.DecimateSettings()
    settings.maxError, settings.maxDeletedFaces, settings.packMesh = 1e9, len(mesh.triangles) - target, True
    mrmeshpy.decimateMesh(other, settings)
    return TriangleMesh(mrmeshnumpy.getNumpyVerts(other), mrmeshnumpy.getNumpyFaces(other.topology))


PEERS = {"VTK": vtkQuadric, "pymeshlab": pymeshlab, "meshlib": meshlib, "fast_simplification": fastSimplification}


@dataclass
class Trial:
    """What became of a mesh.

    :ivar triangles: that are left. :ivar farthest, percentile: mm, in both directions; the second one of 99.9 %.
    :ivar cpu: seconds of the processor.
    """

    triangles: int
    farthest: float
    percentile: float
    closed: bool
    cpu: float

    @classmethod
    def of(cls, mesh: TriangleMesh, work: Callable[[], TriangleMesh]) -> Trial:
        """Do some work and measure its result."""
        start = time.process_time()
        small = work()
        cpu = time.process_time() - start
        distances = (vtkDistances(mesh.points, small), vtkDistances(places(small), mesh))
        farthest, percentile = (max(np.percentile(each, share) for each in distances) for share in (100, 99.9))
        return cls(len(small.triangles), farthest, percentile, small.isClosed, cpu)

    def cells(self) -> str:
        """What a row says of it."""
        kept = f"{self.triangles:,} | {self.farthest:.4f} | {self.percentile:.4f}".replace(",", " ")
        return f"{kept} | {'yes' if self.closed else 'no'} | {self.cpu:.1f} |"


def places(mesh: TriangleMesh) -> np.ndarray:
    """Corners, middles of edges and middles of triangles of a mesh, float64 (k, 3)."""
    ends = np.unique(np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    points = mesh.points.astype(np.float64)
    return np.concatenate([points, points[ends].mean(axis=1), points[mesh.triangles].mean(axis=1)])


def vtkDistances(points: np.ndarray, mesh: TriangleMesh) -> np.ndarray:
    """Distances of points (k, 3) from a mesh by VTK alone, mm (k,)."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    distance = vtk.vtkImplicitPolyDataDistance()
    distance.SetInput(mesh.toPolyData())
    found = vtk.vtkDoubleArray()
    distance.FunctionValue(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64), deep=True), found)
    return np.abs(vtk_to_numpy(found))


def fewestWithin(
    maxError: float, figure: str, most: int, trial: Callable[[int], Trial], known: dict[int, Trial]
) -> Trial | None:
    """The trial with the fewest triangles whose surface lies within a distance; None where none was found.

    :param figure: of a trial, which is to be within, as in ``SHARES``. :param most: triangles that there are; a
        sixteenth of them is far from enough.
    :param known: trials by the number that was asked for; those that are made are added.
    """
    low, high, best = most // 16, most, None
    # Where hardly any triangle is gone first: what is too far away there is not looked for among fewer.
    middle = int(np.ceil(most / CLOSE))
    while high > CLOSE * low:
        if middle not in known:
            known[middle] = trial(middle)
            print(f"  asked for {middle}: {known[middle].cells()}", flush=True)
        if getattr(known[middle], figure) <= maxError:
            high, best = middle, known[middle]
        else:
            low = middle
        between = [target for target in known if low < target < high]
        middle = min(between, key=lambda target: abs(np.log(target**2 / (low * high))), default=None)
        middle = int((low * high) ** 0.5) if middle is None else middle
    return best


def equalErrorRows(mesh: TriangleMesh, names: list[str]) -> dict[str, list[str]]:
    """Rows of the table by the name of the program; some words in place of figures where there are none."""
    rows: dict[str, list[str]] = {}
    total = len(mesh.triangles)
    for name in names:
        known: dict[int, Trial] = {}
        rows[name] = []
        for maxError in ERRORS:
            if name == OWN:
                trial = Trial.of(mesh, lambda maxError=maxError: simplifySurface(mesh, maxError))
                rows[name].append(f"| {name} | {maxError} | all | {trial.cells()}")
                continue
            peer = PEERS[name]
            for share, figure in SHARES.items():
                begin = f"| {name} | {maxError} | {share} | "
                try:
                    found = fewestWithin(
                        maxError,
                        figure,
                        total,
                        lambda target, peer=peer: Trial.of(mesh, lambda: peer(mesh, target)),
                        known,
                    )
                except ImportError:
                    rows[name].append(f"{begin}not installed | | | | |")
                    continue
                most = max(known)
                none = f"none up to {most:,} | {known[most].cells().split('|', 1)[1]}".replace(",", " ")
                rows[name].append(begin + (found.cells() if found else none))
        print(*rows[name], sep="\n", flush=True)
    return rows


def write(rows: dict[str, list[str]], total: int) -> None:
    """Put rows into the page; those of other programs stay as they are there."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    kept = {name: [line for line in old.splitlines() if line.startswith(f"| {name} |")] for name in (OWN, *PEERS)}
    lines = [line for name in (OWN, *PEERS) for line in rows.get(name, kept[name])]
    text = "\n".join((f"Of {total:,} triangles:".replace(",", " "), "", *HEAD, *lines))
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def middleOf(mesh: TriangleMesh, size: float) -> TriangleMesh:
    """The part of a mesh in a cube about one of its points."""
    center = mesh.points[len(mesh.points) // 2]
    kept = mesh.triangles[(np.abs(mesh.corners().mean(axis=1) - center) < size / 2).all(axis=1)]
    used, triangles = np.unique(kept, return_inverse=True)
    return TriangleMesh(mesh.points[used], triangles.reshape(-1, 3))


def main() -> None:
    """Print the table of one surface."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scan", nargs="?")
    parser.add_argument("threshold", nargs="?", type=float, default=300)
    parser.add_argument("size", nargs="?", type=float)
    parser.add_argument("--no-refine", action="store_true")
    parser.add_argument("--only", nargs="+", choices=(OWN, *PEERS), default=[OWN, *PEERS])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    image = readImage(arguments.scan) if arguments.scan else scan(SHAPES["gyroid"], next(iter(SCANS.values())))
    mesh = makeSurface(thresholdSegment(image, arguments.threshold if arguments.scan else 600, None, 1))
    if not arguments.no_refine:
        mesh = refineSurface(mesh, image)
    if arguments.size is not None:
        mesh = middleOf(mesh, arguments.size)
    print(f"{len(mesh.triangles)} triangles", flush=True)
    rows = equalErrorRows(mesh, arguments.only)
    if arguments.write:
        write(rows, len(mesh.triangles))


if __name__ == "__main__":
    main()
