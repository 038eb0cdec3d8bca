"""Sound meshes of simple shapes for tests, as float64 points (n, 3) and int64 triangles (m, 3), facing outward."""

from __future__ import annotations

import numpy as np


def icosphere(radius: float = 10.0, level: int = 3, center=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """Ball from an icosahedron, each triangle divided into four ``level`` times: 20 * 4^level triangles."""
    golden = (1 + 5**0.5) / 2
    points = np.array([[0, s, t * golden] for s in (-1, 1) for t in (-1, 1)], dtype=float)
    points = np.concatenate([points, points[:, [2, 0, 1]], points[:, [1, 2, 0]]])
    near = np.abs(np.linalg.norm(points[:, None] - points[None], axis=2) - 2) < 1e-9
    numbers = [(i, j, k) for i in range(12) for j in range(i + 1, 12) for k in range(j + 1, 12)]
    triangles = np.array([(i, j, k) for i, j, k in numbers if near[i, j] and near[j, k] and near[i, k]])
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    for _ in range(level):
        points, triangles = divided(points, triangles)
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return points * radius + np.asarray(center), triangles


def divided(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every triangle into four, at the middles of its edges, which neighbors share."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    a, b, c = triangles.T
    ab, bc, ca = len(points) + number.reshape(3, -1)
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    points = np.concatenate([points, points[unique].mean(axis=1)])
    return points, np.concatenate([np.stack(part, axis=1) for part in parts])


def box(size=(20.0, 20.0, 20.0), center=(0.0, 0.0, 0.0), level: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Box of 12 * 4^level triangles; its flat faces put many triangles into one plane."""
    points = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    for _ in range(level):
        points, triangles = divided(points, triangles)
    return points * np.asarray(size) + np.asarray(center), triangles


def cylinder(radius: float = 10.0, height: float = 40.0, sides: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Cylinder along z with long thin triangles, like a CAD program makes it: fans for the ends."""
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points = np.concatenate([np.c_[ring, np.full(sides, z)] for z in (-height / 2, height / 2)])
    points = np.concatenate([points, [[0, 0, -height / 2], [0, 0, height / 2]]])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    low, high = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    parts = [(i, j, j + sides), (i, j + sides, i + sides), (low, j, i), (high, i + sides, j + sides)]
    return points, np.concatenate([np.stack(part, axis=1) for part in parts])


def torus(large: float = 20.0, small: float = 5.0, around: int = 60, across: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Ring about the z axis."""
    u, v = np.meshgrid(np.arange(around), np.arange(across), indexing="ij")
    p, q = u * 2 * np.pi / around, v * 2 * np.pi / across
    distance = large + small * np.cos(q)
    points = np.stack([distance * np.cos(p), distance * np.sin(p), small * np.sin(q)], axis=2).reshape(-1, 3)

    def number(i, j):
        return ((i % around) * across + j % across).ravel()

    a, b, c, d = number(u, v), number(u + 1, v), number(u + 1, v + 1), number(u, v + 1)
    return points, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def together(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Several meshes as one, no points shared."""
    offsets = np.cumsum([0] + [len(points) for points, _ in meshes])
    triangles = [triangles + offset for (_, triangles), offset in zip(meshes, offsets, strict=False)]
    return np.concatenate([points for points, _ in meshes]), np.concatenate(triangles)


def welded(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at the same place made one."""
    unique, number = np.unique(points, axis=0, return_inverse=True)
    return unique, number.reshape(-1)[triangles]
