"""Alignment from any position beside others: how often it is right, and how long it takes.

Poses of five shapes (skull, mandible, plate with holes, vertebra, nearly round ball), as scans of several kinds: whole,
one side of 40 % of the surface, with holes, with stubs of supports, on a scan table, with coarser triangles of their
own, with 800 000 points; noise of 0.05, 0.1 and 0.2 mm by turns. Right is what ends within 0.02 mm (of the middle of
the surface) and 0.05 degrees of the truth, near what leaves no vertex farther than 0.5 mm from its place. Mirrored
scans and such in inches and meters are right when that is said, and elsewhere when a position is given. Beside ours,
where they are installed: Open3D's global registration (FPFH features, RANSAC) with point-to-plane ICP after it, and
pymeshlab's ICP between meshes and that of CloudCompare's command line, which have no global search and start from the
aligned principal axes. CPU seconds (user and system); reading and preparing of the meshes is left out, but for
CloudCompare, which is a program of its own.

    python Testing/Benchmarks/alignment.py --poses 20 --tools ours,open3d,pymeshlab,cloudcompare
    python Testing/Benchmarks/alignment.py --shapes odd --scans whole,side --poses 4 --list
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# As for the command line (M3DBatchLib), before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Alignment.AnyPosition import alignFromAnywhere
from M3DLib.Alignment.Search.Rotations import angleDegrees
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.OddShapes import ODD_SHAPES
from M3DTestSupport.PartScans import REFUSED, SCANS, scanOf
from M3DTestSupport.PartShapes import SHAPES, partMesh

RIGHT_MM, RIGHT_DEGREES, NEAR_MM = 0.02, 0.05, 0.5


def ours(mesh, reference):
    """Matrix, and every reason to doubt it."""
    result = alignFromAnywhere(mesh, reference)
    return result.matrix, result.doubts


def open3d(mesh, reference):
    """Global registration by features as in Open3D's tutorial (voxels of 1/60 of the size), then point-to-plane ICP."""
    import open3d as o3d

    clouds, features = [], []
    voxel = float(np.linalg.norm(np.ptp(reference.points, axis=0))) / 60
    for one in (mesh, reference):
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(one.points.astype(np.float64)))
        fewer = cloud.voxel_down_sample(voxel)
        fewer.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(radius=2 * voxel, max_nn=30))
        cloud.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(radius=2 * voxel, max_nn=30))
        search = o3d.geometry.KDTreeSearchParamHybrid(radius=5 * voxel, max_nn=100)
        features.append(o3d.pipelines.registration.compute_fpfh_feature(fewer, search))
        clouds.append((cloud, fewer))
    registration = o3d.pipelines.registration
    found = registration.registration_ransac_based_on_feature_matching(
        clouds[0][1],
        clouds[1][1],
        features[0],
        features[1],
        True,
        1.5 * voxel,
        registration.TransformationEstimationPointToPoint(False),
        3,
        [
            registration.CorrespondenceCheckerBasedOnEdgeLength(0.9),
            registration.CorrespondenceCheckerBasedOnDistance(1.5 * voxel),
        ],
        registration.RANSACConvergenceCriteria(100000, 0.999),
    )
    matrix = found.transformation
    for reach in (voxel, 1.0):
        matrix = registration.registration_icp(
            clouds[0][0], clouds[1][0], reach, matrix, registration.TransformationEstimationPointToPlane()
        ).transformation
    return np.asarray(matrix), []


def principalAxes(mesh, reference) -> np.ndarray:
    """The motion that lays the principal axes of both onto each other: where a search would have to begin."""
    start, axes = np.eye(4), []
    for one in (mesh, reference):
        points = one.points.astype(np.float64)
        basis = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2]
        axes.append((points.mean(axis=0), basis * np.sign(np.linalg.det(basis))))
    start[:3, :3] = axes[1][1].T @ axes[0][1]
    start[:3, 3] = axes[1][0] - start[:3, :3] @ axes[0][0]
    return start


def pymeshlab(mesh, reference):
    """Principal axes laid onto each other, then pymeshlab's ICP."""
    import pymeshlab as pml

    start = principalAxes(mesh, reference)
    meshes = pml.MeshSet()
    for one, matrix in ((reference, np.eye(4)), (mesh, start)):
        points = one.points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        meshes.add_mesh(pml.Mesh(points, one.triangles))
    try:
        meshes.compute_matrix_by_icp_between_meshes(referencemesh=0, sourcemesh=1)
    except pml.PyMeshLabException:
        # It finds too few points near each other; what it began with is all there is.
        return start, []
    return np.asarray(meshes.mesh(1).transform_matrix()) @ start, []


def cloudcompare(mesh, reference):
    """Principal axes laid onto each other, then the ICP of CloudCompare's command line (it has no global search)."""
    start = principalAxes(mesh, reference)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "scan.stl", Path(folder) / "model.stl"]
        for file, one, matrix in zip(files, (mesh, reference), (start, np.eye(4)), strict=True):
            points = one.points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
            file.write_bytes(stlBytes(TriangleMesh(points, one.triangles)))
        command = ["CloudCompare", "-SILENT", "-AUTO_SAVE", "OFF", "-O", str(files[0]), "-O", str(files[1]), "-ICP"]
        command += ["-ITER", "100", "-RANDOM_SAMPLING_LIMIT", "20000"]
        surroundings = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, env=surroundings, capture_output=True, timeout=120, check=False)
        found = next(Path(folder).glob("*REGISTRATION_MATRIX*.txt"), None)
        if found is None:
            return start, []
        return np.loadtxt(found) @ start, []


TOOLS = {"ours": ours, "open3d": open3d, "pymeshlab": pymeshlab, "cloudcompare": cloudcompare}


def isInstalled(tool: str) -> bool:
    """Whether a tool can be run; says why not."""
    if tool == "cloudcompare":
        if shutil.which("CloudCompare") is None:
            print("cloudcompare is left out: there is no program CloudCompare")
            return False
        return True
    try:
        importlib.import_module({"ours": "numpy"}.get(tool, tool))
    except ImportError as error:
        print(f"{tool} is left out: {error} (pip install SlicerM3D[benchmark])")
        return False
    return True


def cpuSeconds() -> float:
    """Processor time of this process and of the programs that it ran, s."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def judged(result, doubtful, pose, points, kind) -> tuple[str, float, float]:
    """Where a motion ends: in a word, and how far off in mm and degrees."""
    if kind in REFUSED:
        return ("right" if doubtful else "elsewhere"), np.nan, np.nan
    left = np.asarray(result) @ pose
    moved = points @ left[:3, :3].T + left[:3, 3] - points
    center, degrees = float(np.linalg.norm(moved.mean(axis=0))), angleDegrees(left)
    if doubtful:
        word = "doubtful"
    elif center <= RIGHT_MM and degrees <= RIGHT_DEGREES:
        word = "right"
    else:
        word = "near" if np.linalg.norm(moved, axis=1).max() <= NEAR_MM else "elsewhere"
    return word, center, degrees


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--poses", type=int, default=20, help="of each shape, by turns over the scans (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first pose (default: %(default)s)")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--shapes", default=",".join(SHAPES), help="names, or odd for those made to mislead")
    parser.add_argument("--scans", default="whole,side,holes,supports,table,coarse", help=f"of {', '.join(SCANS)}")
    parser.add_argument("--list", action="store_true", help="print every pose that is not right, with the doubts")
    arguments = parser.parse_args()
    shapes = list(ODD_SHAPES) if arguments.shapes == "odd" else arguments.shapes.split(",")
    scans = arguments.scans.split(",")
    tools = [tool for tool in arguments.tools.split(",") if isInstalled(tool)]
    print(f"{'shape':16}{'scan':10}{'tool':11}{'right':>6}{'doubtful':>9}{'near':>6}{'elsewhere':>10}{'CPU s':>7}")
    for name in shapes:
        mesh = partMesh(name)
        points = mesh.points.astype(np.float64)
        for tool in tools:
            counts, seconds = {kind: Counter() for kind in scans}, {kind: [] for kind in scans}
            for seed in range(arguments.first, arguments.first + arguments.poses):
                kind = scans[seed % len(scans)]
                scan, pose = scanOf(mesh, kind, seed)
                start = cpuSeconds()
                matrix, doubts = TOOLS[tool](scan, mesh)
                seconds[kind].append(cpuSeconds() - start)
                word, center, degrees = judged(matrix, bool(doubts), pose, points, kind)
                counts[kind][word] += 1
                if arguments.list and (word != "right" or kind in REFUSED):
                    off = f"{center:.3f} mm, {degrees:.3f} degrees off"
                    print(f"  {name}, {kind}, pose {seed}: {word}, {off}. {' '.join(doubts)}", flush=True)
            for kind, count in counts.items():
                if count:
                    figures = "".join(
                        f"{count[key]:>{width}}"
                        for key, width in (("right", 6), ("doubtful", 9), ("near", 6), ("elsewhere", 10))
                    )
                    print(f"{name:16}{kind:10}{tool:11}{figures}{np.median(seconds[kind]):7.1f}", flush=True)


if __name__ == "__main__":
    main()
