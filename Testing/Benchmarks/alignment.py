"""Alignment from any position beside others: how often it is right, and how long it takes.

Poses of five shapes (skull, mandible, plate with holes, vertebra, nearly round ball), by turns whole and one side of
40 % of the surface, with noise of 0.05, 0.1 and 0.2 mm, are brought back onto the shape's own mesh. Right is what ends
within 0.02 mm (of the middle of the surface) and 0.05 degrees of the truth, near what leaves no vertex farther than
0.5 mm from its place. Beside ours, where they are installed: Open3D's global registration (FPFH features, RANSAC) with
point-to-plane ICP after it, and pymeshlab's ICP between meshes, which has no global search and starts from the aligned
principal axes. CPU seconds (user and system) of the process, reading and preparing of the meshes left out.

    python Testing/Benchmarks/alignment.py --poses 20 --tools ours,open3d,pymeshlab
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Alignment.AnyPosition import alignFromAnywhere
from M3DLib.Alignment.Search.Rotations import angleDegrees
from M3DTestSupport.PartShapes import SHAPES, partMesh, posed, randomPose, seenFrom

NOISES = (0.05, 0.1, 0.2)
RIGHT_MM, RIGHT_DEGREES, NEAR_MM = 0.02, 0.05, 0.5


def ours(mesh, reference):
    """Matrix, and whether it is doubtful."""
    result = alignFromAnywhere(mesh, reference)
    return result.matrix, result.doubtful


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
    return np.asarray(matrix), False


def pymeshlab(mesh, reference):
    """Principal axes laid onto each other, then pymeshlab's ICP."""
    import pymeshlab as pml

    start = np.eye(4)
    axes = []
    for one in (mesh, reference):
        points = one.points.astype(np.float64)
        basis = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2]
        axes.append((points.mean(axis=0), basis * np.sign(np.linalg.det(basis))))
    start[:3, :3] = axes[1][1].T @ axes[0][1]
    start[:3, 3] = axes[1][0] - start[:3, :3] @ axes[0][0]
    meshes = pml.MeshSet()
    for one, matrix in ((reference, np.eye(4)), (mesh, start)):
        points = one.points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        meshes.add_mesh(pml.Mesh(points, one.triangles))
    meshes.compute_matrix_by_icp_between_meshes(referencemesh=0, sourcemesh=1)
    return np.asarray(meshes.mesh(1).transform_matrix()) @ start, False


TOOLS = {"ours": ours, "open3d": open3d, "pymeshlab": pymeshlab}


def judged(matrix, doubtful, pose, points) -> str:
    """Where a motion ends."""
    left = matrix @ pose
    moved = points @ left[:3, :3].T + left[:3, 3] - points
    if doubtful:
        return "doubtful"
    if np.linalg.norm(moved.mean(axis=0)) <= RIGHT_MM and angleDegrees(left) <= RIGHT_DEGREES:
        return "right"
    return "near" if np.linalg.norm(moved, axis=1).max() <= NEAR_MM else "elsewhere"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--poses", type=int, default=20, help="of each shape (default: %(default)s)")
    parser.add_argument("--tools", default="ours,open3d,pymeshlab")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    arguments = parser.parse_args()
    print(f"{'shape':14}{'scan':7}{'tool':11}{'right':>6}{'doubtful':>9}{'near':>6}{'elsewhere':>10}{'CPU s':>7}")
    for name in arguments.shapes.split(","):
        mesh = partMesh(name)
        points = mesh.points.astype(np.float64)
        for tool in arguments.tools.split(","):
            counts = {"whole": Counter(), "side": Counter()}
            seconds = {"whole": [], "side": []}
            for seed in range(arguments.poses):
                kind = "whole" if seed % 2 == 0 else "side"
                rng = np.random.default_rng(seed)
                part = mesh if kind == "whole" else seenFrom(mesh, rng.normal(size=3))
                pose = randomPose(seed)
                scan = posed(part, pose, NOISES[seed % 3], seed)
                start = time.process_time()
                matrix, doubtful = TOOLS[tool](scan, mesh)
                seconds[kind].append(time.process_time() - start)
                counts[kind][judged(matrix, doubtful, pose, points)] += 1
            for kind, count in counts.items():
                figures = "".join(
                    f"{count[key]:>{width}}"
                    for key, width in (("right", 6), ("doubtful", 9), ("near", 6), ("elsewhere", 10))
                )
                middle = np.median(seconds[kind]) if seconds[kind] else np.nan
                print(f"{name:14}{kind:7}{tool:11}{figures}{middle:7.1f}", flush=True)


if __name__ == "__main__":
    main()
