"""Five shapes like parts that are printed, made of analytic bodies, and scans of them as people bring them."""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Difference, Ellipsoid, HollowShell, Sphere, Torus, Union
from M3DTestSupport.ShapeMeshes import surfaceMesh


def skull():
    """A hollow skull with orbits, a nose and cheek bones; left and right differ a little, as they do in people."""
    vault = HollowShell(Ellipsoid((0, 0, 0), (62, 78, 58)), 7)
    face = Union((Box((4, -58, -42), (70, 40, 46)), Ellipsoid((-2, -70, -22), (30, 18, 26))))
    bone = Union((vault, face, Torus((0, -52, -18), (0.1, 1, 0.2), 56, 7), Sphere((52, 6, -40), 11)))
    holes = (Sphere((26, -82, -8), 19), Sphere((-25, -83, -6), 18), Box((1, -88, -32), (18, 40, 24)))
    return Difference(bone, Union((*holes, Cylinder((0, 20, -50), (0, 0.2, 1), 17, 40)))), 2.4, 95.0


def mandible():
    """A horseshoe with two rising branches of unlike height."""
    arch = Difference(Torus((0, 0, 0), (0, 0, 1), 38, 8), Box((0, 50, 0), (120, 80, 40)))
    branches = (Box((37, 14, 16), (11, 24, 44)), Box((-37, 14, 13), (11, 22, 38)))
    heads = (Ellipsoid((38, 18, 40), (9, 6, 6)), Ellipsoid((-38, 18, 34), (9, 6, 6)))
    return Union((arch, *branches, *heads, Sphere((3, -42, -5), 8))), 1.4, 62.0


def plate():
    """A plate with holes of two sizes where no half turn brings all of them onto each other."""
    body = Box((0, 0, 0), (80, 42, 6))
    places = ((-32, 12, 5), (-30, -13, 3), (-8, 4, 7), (14, -10, 4), (31, 11, 3), (30, -14, 5))
    holes = tuple(Cylinder((x, y, 0), (0, 0, 1), radius, 20) for x, y, radius in places)
    return Difference(body, Union((*holes, Box((8, 22, 0), (14, 10, 20))))), 1.0, 50.0


def vertebra():
    """A body with an arch and processes."""
    body = Ellipsoid((0, 0, 0), (24, 17, 14))
    arch = Torus((0, 22, 2), (0, 0.2, 1), 14, 5)
    processes = (
        Box((0, 46, -4), (6, 30, 14)),
        Cylinder((30, 26, 4), (1, 0.2, 0.1), 4, 26),
        Cylinder((-29, 27, 3), (1, -0.25, -0.1), 4, 24),
        Sphere((13, 26, 13), 6),
        Sphere((-14, 26, 12), 6),
    )
    return Union((body, arch, *processes)), 1.3, 66.0


def nearlyRound():
    """A ball with shallow bumps and a dent: hardly anything tells how it is turned."""
    bumps = (Sphere((20, 8, 6), 9), Sphere((-6, 22, -4), 6), Sphere((-12, -10, 18), 7))
    return Difference(Union((Sphere((0, 0, 0), 25), *bumps)), Sphere((4, -25, -8), 7)), 1.1, 34.0


SHAPES = {"skull": skull, "mandible": mandible, "plate": plate, "vertebra": vertebra, "nearly round": nearlyRound}


def partMesh(name: str, coarser: float = 1.0) -> TriangleMesh:
    """The closed mesh of a shape, one of those here or in ``OddShapes``.

    :param coarser: factor of the edge length.
    """
    from M3DTestSupport.OddShapes import ODD_SHAPES

    shape, step, half = {**SHAPES, **ODD_SHAPES}[name]()
    mesh = surfaceMesh(shape, [-half] * 3, [half] * 3, step * coarser)
    return TriangleMesh(mesh.points, mesh.triangles, name)


def randomPose(seed: int, reach: float = 200.0) -> np.ndarray:
    """A motion (4, 4) by any rotation, all alike likely, and a shift of up to ``reach`` mm."""
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    pose[:3, 3] = rng.uniform(-reach, reach, 3)
    return pose


def posed(mesh: TriangleMesh, pose: np.ndarray, noise: float = 0.0, seed: int = 0) -> TriangleMesh:
    """The mesh after a motion, its points moved by chance (standard deviation ``noise``, mm, along each axis)."""
    points = mesh.points.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
    points += np.random.default_rng(seed).normal(0, noise, points.shape) if noise else 0
    return TriangleMesh(points, mesh.triangles, mesh.name)


def seenFrom(mesh: TriangleMesh, direction, share: float = 0.4) -> TriangleMesh:
    """The part of a mesh that faces a direction most, as a scanner sees one side: ``share`` of its area."""
    corners = mesh.corners()
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(cross, axis=1) / 2
    direction = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    height = corners.mean(axis=1) @ direction / np.ptp(mesh.points @ direction)
    facing = cross @ direction / np.maximum(2 * areas, 1e-12) + 2 * height
    order = np.argsort(-facing)
    kept = np.sort(order[: np.searchsorted(np.cumsum(areas[order]), share * areas.sum())])
    used, number = np.unique(mesh.triangles[kept], return_inverse=True)
    return TriangleMesh(mesh.points[used], number.reshape(-1, 3), mesh.name)


def withTable(mesh: TriangleMesh, side: float = 1.5) -> TriangleMesh:
    """The mesh with a scan table under it, ``side`` times as wide as the part, and four supports."""
    from M3DTestSupport.MeshShapes import box, together

    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    middle, size = (low + high) / 2, high - low
    width = side * float(max(size[:2]))
    table = box((width, width, 2), (*middle[:2], low[2] - 6), level=4)
    stilts = [
        box((3, 3, 8), (middle[0] + dx * size[0] / 4, middle[1] + dy * size[1] / 4, low[2] - 1), level=2)
        for dx in (-1, 1)
        for dy in (-1, 1)
    ]
    return TriangleMesh(*together((mesh.points, mesh.triangles), table, *stilts), mesh.name)
