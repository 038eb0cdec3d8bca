"""Scans of a part as people bring them: of one side, with holes, supports, a table, another triangulation, other units.

Every scan lies where the part lies and is exact; :func:`scanOf` moves it and adds noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, divided, together
from M3DTestSupport.PartShapes import partMesh, posed, randomPose, seenFrom, withTable

# Standard deviations of the noise along each axis, mm, by turns.
NOISES = (0.05, 0.1, 0.2)


def withHoles(mesh: TriangleMesh, rng: np.random.Generator, count: int = 14, share: float = 0.07) -> TriangleMesh:
    """The mesh without what lies in balls around some of its points, each ``share`` of its diagonal in radius."""
    centers = mesh.points[rng.integers(0, len(mesh.points), count)].astype(np.float64)
    radius = share * float(np.linalg.norm(np.ptp(mesh.points, axis=0)))
    middles = mesh.corners().mean(axis=1)
    inside = np.zeros(len(middles), dtype=bool)
    for center in centers:
        inside |= ((middles - center) ** 2).sum(axis=1) < (radius * rng.uniform(0.4, 1.0)) ** 2
    return _only(mesh, ~inside)


def withSupports(mesh: TriangleMesh, rng: np.random.Generator, count: int = 12) -> TriangleMesh:
    """The mesh with stubs of supports that were broken off, on the side that faces down."""
    low, high = mesh.points.min(axis=0).astype(float), mesh.points.max(axis=0).astype(float)
    under = np.flatnonzero(mesh.points[:, 2] < low[2] + 0.35 * (high[2] - low[2]))
    stubs = []
    for vertex in rng.choice(under, count):
        length, width = rng.uniform(1, 6), rng.uniform(0.8, 2.0)
        place = mesh.points[vertex].astype(float) - [0, 0, length / 2 - 0.3]
        stubs.append(box((width, width, length), tuple(place), level=2))
    return TriangleMesh(*together((mesh.points, mesh.triangles), *stubs), mesh.name)


def finer(mesh: TriangleMesh, least: int) -> TriangleMesh:
    """The same surface with every triangle divided into four until there are ``least`` points."""
    points, triangles = mesh.points.astype(np.float64), mesh.triangles
    while len(points) < least:
        points, triangles = divided(points, triangles)
    return TriangleMesh(points, triangles, mesh.name)


def mirrorImage(mesh: TriangleMesh) -> TriangleMesh:
    """As a program makes it that changes the direction of an axis."""
    return TriangleMesh(mesh.points * np.float32([-1, 1, 1]), mesh.triangles[:, ::-1], mesh.name)


def _only(mesh: TriangleMesh, kept: np.ndarray) -> TriangleMesh:
    used, number = np.unique(mesh.triangles[kept], return_inverse=True)
    return TriangleMesh(mesh.points[used], number.reshape(-1, 3), mesh.name)


SCANS: dict[str, Callable[[TriangleMesh, np.random.Generator], TriangleMesh]] = {
    "whole": lambda mesh, rng: mesh,
    "side": lambda mesh, rng: seenFrom(mesh, rng.normal(size=3)),
    "holes": withHoles,
    "supports": withSupports,
    "table": lambda mesh, rng: withTable(seenFrom(mesh, (*rng.normal(0, 0.3, 2), 1.0), 0.6), 2.0),
    "coarse": lambda mesh, rng: partMesh(mesh.name, 1.6),
    "fine": lambda mesh, rng: finer(mesh, 800_000),
    "mirrored": lambda mesh, rng: mirrorImage(mesh),
    "inches": lambda mesh, rng: TriangleMesh(mesh.points / np.float32(25.4), mesh.triangles, mesh.name),
    "meters": lambda mesh, rng: TriangleMesh(mesh.points / np.float32(1000), mesh.triangles, mesh.name),
}
# Scans for which a position would be the wrong answer.
REFUSED = ("mirrored", "inches", "meters")


def scanOf(mesh: TriangleMesh, kind: str, seed: int, shift: float = 200.0) -> tuple[TriangleMesh, np.ndarray]:
    """A scan in any position with noise, and the pose it was given."""
    pose = randomPose(seed, shift)
    scan = SCANS[kind](mesh, np.random.default_rng(seed))
    noise = NOISES[(seed + seed // 6) % len(NOISES)]
    if kind in ("inches", "meters"):
        pose[:3, 3] /= 25.4
        noise *= float(np.ptp(scan.points) / np.ptp(mesh.points))
    return posed(scan, pose, noise, seed), pose
