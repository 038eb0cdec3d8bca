"""Meshes with nothing wrong, of kinds that a careless check would complain about."""

from __future__ import annotations

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh

from .MeshShapes import box, cylinder, icosphere, together, torus


def _inward(mesh):
    return mesh[0], mesh[1][:, ::-1]


def _tetrahedron():
    points = np.array([[0, 0, 0], [30, 0, 0], [0, 30, 0], [0, 0, 30]], dtype=float)
    return points, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def _tiltedBoxFarOut():
    points, triangles = box((30, 20, 10), level=3)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    return points @ (turn * np.sign(np.linalg.det(turn))).T + (300, -220, 1000), triangles


def _interlockedRings():
    points, triangles = torus()
    return together((points, triangles), (points[:, [0, 2, 1]] + (20, 0, 0), triangles[:, ::-1]))


_MAKERS = {
    "ball": icosphere,
    "boxWithFlatFaces": lambda: box(level=3),
    "boxOfTwelveTriangles": lambda: box(level=0),
    "cylinderOfLongTriangles": lambda: cylinder(sides=180),
    "ring": torus,
    "ballWithCavity": lambda: together(icosphere(10), _inward(icosphere(6, 2))),
    "bodyWithinACavity": lambda: together(icosphere(10), _inward(icosphere(7, 2)), icosphere(4, 2)),
    "twoBodies": lambda: together(icosphere(), box((10, 10, 10), (30, 0, 0))),
    "tetrahedron": _tetrahedron,
    "unitCube": lambda: box((1, 1, 1), level=0),
    "tiltedBoxFarOut": _tiltedBoxFarOut,
    "interlockedRings": _interlockedRings,
}

SOUND = {name: lambda make=make: TriangleMesh(*make()) for name, make in _MAKERS.items()}
