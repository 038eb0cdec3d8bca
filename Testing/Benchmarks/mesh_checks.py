"""All mesh checks on a mesh of about a million triangles, against pymeshlab's equivalents where it is installed.

    python Testing/Benchmarks/mesh_checks.py [--size N]

Each side runs in a process of its own, so that its peak memory is its own. Printed are seconds and peak memory of both
sides, and their ratio. pymeshlab's side is loading the STL, its topological and geometric measures, the selections of
self-intersecting faces, of non-manifold edges and vertices, and the removal of duplicates.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
for folder in ("M3DExport", "M3DValidation"):
    sys.path.insert(0, str(ROOT / folder))


def peakMegabytes() -> float:
    """Largest resident memory of this process so far."""
    import resource

    value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return value / 1e6 if sys.platform == "darwin" else value / 1e3


def makeMesh(size: int, file: Path) -> int:
    """Write a closed, branching surface through noise, about 0.2 * size^2.9 triangles in 0.45 x 0.45 x 1 mm voxels."""
    from scipy import ndimage

    from M3DLib.Mesh.SegmentSurface import makeSurface
    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.Segmentation.Segment import Segment

    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(size, size, size)), 6)
    inside = np.zeros(noise.shape, dtype=np.uint8)
    inside[2:-2, 2:-2, 2:-2] = (noise > np.quantile(noise, 0.7))[2:-2, 2:-2, 2:-2]
    mesh = makeSurface(Segment(inside, np.diag([0.45, 0.45, 1.0, 1.0]), "noise"))
    file.write_bytes(stlBytes(mesh))
    return len(mesh.triangles)


def ours(file: str, withPrinting: bool) -> dict:
    """Seconds by check."""
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Profile import loadProfile
    from M3DValidationLib.Soundness import BodyChecks, FileChecks, MeshChecks, PrintabilityChecks

    start = time.perf_counter()
    mesh, notes = readMesh(file)
    seconds = {"reading": time.perf_counter() - start}
    case = Case(loadProfile(), mesh=mesh, meshNotes=notes)
    modules = [FileChecks, MeshChecks, BodyChecks] + ([PrintabilityChecks] if withPrinting else [])
    verdicts = {}
    for check in (make() for module in modules for make in module.CHECKS):
        start = time.perf_counter()
        for finding in check.run(case):
            verdicts[finding.requirement.id] = finding.verdict.value
        seconds[type(check).__name__] = time.perf_counter() - start
    wrong = {id_: verdict for id_, verdict in verdicts.items() if verdict in ("fail", "warning")}
    return {"seconds": seconds, "total": sum(seconds.values()), "megabytes": peakMegabytes(), "notPassed": wrong}


def theirs(file: str) -> dict:
    """Seconds by filter of pymeshlab."""
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    start = time.perf_counter()
    meshes.load_new_mesh(file)
    seconds = {"reading": time.perf_counter() - start}
    for name in (
        "meshing_remove_duplicate_vertices",
        "meshing_remove_duplicate_faces",
        "meshing_remove_unreferenced_vertices",
        "get_topological_measures",
        "get_geometric_measures",
        "compute_selection_by_non_manifold_edges_per_face",
        "compute_selection_by_non_manifold_per_vertex",
        "compute_selection_by_self_intersections_per_face",
    ):
        start = time.perf_counter()
        getattr(meshes, name)()
        seconds[name] = time.perf_counter() - start
    return {"seconds": seconds, "total": sum(seconds.values()), "megabytes": peakMegabytes()}


def inProcess(side: str, file: Path) -> dict | None:
    """One side's figures from a process of its own; None when its package is missing."""
    result = subprocess.run(
        [sys.executable, __file__, "--side", side, "--file", str(file)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        if "No module named 'pymeshlab'" in result.stderr:
            return None
        raise SystemExit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    """Run both sides and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=170, help="voxels along each edge (default: %(default)s)")
    parser.add_argument("--side", choices=("ours", "oursAndPrinting", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        run = theirs(arguments.file) if arguments.side == "theirs" else None
        print(json.dumps(run or ours(arguments.file, arguments.side == "oursAndPrinting")))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "noise.stl"
        count = makeMesh(arguments.size, file)
        print(f"{count} triangles, {file.stat().st_size / 1e6:.0f} MB")
        figures = {side: inProcess(side, file) for side in ("ours", "oursAndPrinting", "theirs")}
    for side, figure in figures.items():
        if figure is None:
            print(f"{side}: pymeshlab is not installed")
            continue
        print(
            f"{side}: {figure['total']:.2f} s, {figure['megabytes']:.0f} MB, not passed: {figure.get('notPassed', '-')}"
        )
        for name, seconds in figure["seconds"].items():
            print(f"    {seconds:7.2f} s  {name}")
    if figures["theirs"]:
        for side in ("ours", "oursAndPrinting"):
            print(f"time {side} / pymeshlab: {figures[side]['total'] / figures['theirs']['total']:.2f}")


if __name__ == "__main__":
    main()
