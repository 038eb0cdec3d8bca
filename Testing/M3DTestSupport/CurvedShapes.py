"""Shapes whose curvature changes from place to place, and where a line along a normal meets a shape."""

import numpy as np

from M3DLib.Phantom.PhantomShapes import IDENTITY, Box


class RoundedBox:
    """A cuboid with rounded edges and corners: flat beside round, without a ridge."""

    volumeMm3 = None

    def __init__(self, center, size, axes=IDENTITY, radius=2.0):
        """:param size: full edge lengths, mm. :param radius: of edges and corners, mm."""
        self.core, self.radius = Box(center, tuple(edge - 2 * radius for edge in size), axes), radius

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance, mm, of points (n, 3): the core's, less the radius by which it is grown."""
        return self.core.signedDistance(points) - self.radius


class Helix:
    """A coiled wire of one and some turns, by its center line of short straight pieces."""

    volumeMm3 = None

    def __init__(self, center, coil, pitch, radius, *, axes=IDENTITY, turns=1.0):
        """:param coil, radius: of the coil and of the wire, mm. :param turns: of the coil."""
        from scipy.spatial import cKDTree

        turn = np.linspace(-turns * np.pi, turns * np.pi, 4000)
        line = np.stack([coil * np.cos(turn), coil * np.sin(turn), pitch * turn / (2 * np.pi)], axis=1)
        self.line, self.radius = line @ np.asarray(axes).T + np.asarray(center), radius
        self.tree = cKDTree(self.line)

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance, mm, of points (n, 3)."""
        _, nearest = self.tree.query(points)
        found = np.full(len(points), np.inf)
        for piece in (nearest - 1, nearest):
            start = self.line[np.clip(piece, 0, len(self.line) - 2)]
            way = self.line[np.clip(piece, 0, len(self.line) - 2) + 1] - start
            share = ((points - start) * way).sum(axis=1) / (way * way).sum(axis=1)
            found = np.minimum(found, np.linalg.norm(points - start - np.clip(share, 0, 1)[:, None] * way, axis=1))
        return found - self.radius


def alongNormals(shape, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How far the surface lies from points (n, 3) along their normals, mm (n,); not a number where it is not met."""
    points, normals = points.astype(np.float64), normals.astype(np.float64)
    way = -shape.signedDistance(points)
    for _ in range(30):
        way -= 0.8 * shape.signedDistance(points + way[:, None] * normals)
    met = np.abs(shape.signedDistance(points + way[:, None] * normals)) < 1e-3
    return np.where(met, way, np.nan)
