"""Triangles left within a stated distance, by this project and by others when they leave as many.

    python Testing/Benchmarks/simplification.py [SCAN THRESHOLD [SIZE]] [--no-refine]

Of a gyroid in a phantom scan, or of the largest body above a threshold in a scan (cut to a cube of SIZE mm about its
middle where given), refined unless told not to. Beside this project VTK and, where installed, fast_simplification,
pymeshlab and meshlib make as many triangles; how far each is then from the original surface, at its corners and along
the edges of both, is measured in the same way for all: 99 %, 99.9 %, largest, mm; seconds of processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing", "Testing/Benchmarks")]

from surface_refinement import SCANS, SHAPES, scan

from M3DLib.Distance.ClosestSurface import ClosestSurface
from M3DLib.Image.ImageReader import readImage
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Simplification.SurfaceSimplification import simplifySurface
from M3DLib.Surface.SurfaceRefinement import refineSurface

ERRORS = (0.02, 0.05)
ALONG_EDGES = 9


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


PEERS = {"VTK": vtkQuadric, "fast_simplification": fastSimplification, "pymeshlab": pymeshlab, "meshlib": meshlib}


def alongEdges(mesh: TriangleMesh) -> np.ndarray:
    """Points on all edges of a mesh, ends among them, float64 (k, 3)."""
    ends = np.unique(np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    share = np.linspace(0, 1, ALONG_EDGES)[None, :, None]
    start, end = (mesh.points[ends[:, at]].astype(np.float64)[:, None] for at in (0, 1))
    return (start * (1 - share) + end * share).reshape(-1, 3)


def row(name: str, mesh: TriangleMesh, small: TriangleMesh, seconds: float) -> None:
    """Print what became of a mesh."""
    there = ClosestSurface(small).query(mesh.points.astype(np.float64)).distance
    back = ClosestSurface.of(mesh).query(alongEdges(small)).distance
    figures = " ".join(f"{max(np.percentile(there, p), np.percentile(back, p)):.4f}" for p in (99, 99.9, 100))
    print(f"  {name:20} {len(small.triangles):9} {figures}  {seconds:6.1f} s  closed {small.isClosed}", flush=True)


def simplificationTable(mesh: TriangleMesh) -> None:
    """Print a table for each distance."""
    for maxError in ERRORS:
        print(f"\n{len(mesh.triangles)} triangles within {maxError} mm: left; 99 %, 99.9 %, largest; time", flush=True)
        begin = time.process_time()
        own = simplifySurface(mesh, maxError)
        row("this project", mesh, own, time.process_time() - begin)
        for name, peer in PEERS.items():
            begin = time.process_time()
            try:
                small = peer(mesh, len(own.triangles))
            except ImportError:
                print(f"  {name}: not installed")
                continue
            row(name, mesh, small, time.process_time() - begin)


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
    arguments = parser.parse_args()
    image = readImage(arguments.scan) if arguments.scan else scan(SHAPES["gyroid"], next(iter(SCANS.values())))
    mesh = makeSurface(thresholdSegment(image, arguments.threshold if arguments.scan else 600, None, 1))
    if not arguments.no_refine:
        mesh = refineSurface(mesh, image)
    simplificationTable(mesh if arguments.size is None else middleOf(mesh, arguments.size))


if __name__ == "__main__":
    main()
