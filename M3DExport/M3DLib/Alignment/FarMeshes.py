"""Meshes so far from the origin that single precision does not hold them: aligned about their own middles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh
from .SurfaceAlignment import SurfaceAlignment


@dataclass
class FarMeshes:
    """A mesh and a reference in coordinates of their own.

    :ivar away: motion (4, 4) from the mesh's coordinates to those near its middle. :ivar home: from those near the
        reference's middle to its own.
    """

    mesh: TriangleMesh
    reference: TriangleMesh
    away: np.ndarray
    home: np.ndarray

    @classmethod
    def of(cls, mesh: TriangleMesh, reference: TriangleMesh) -> FarMeshes | None:
        """The meshes about their middles; None where they need not be moved."""
        if mesh.precise is None and reference.precise is None:
            return None
        middles = [(one.exactPoints.min(axis=0) + one.exactPoints.max(axis=0)) / 2 for one in (mesh, reference)]
        away, home = np.eye(4), np.eye(4)
        away[:3, 3], home[:3, 3] = -middles[0], middles[1]
        return cls(mesh.about(middles[0]), reference.about(middles[1]), away, home)

    def aligned(self, align: Callable[..., SurfaceAlignment], start: np.ndarray, datum, **more) -> SurfaceAlignment:
        """What ``align`` finds for them, in the coordinates they came in.

        :param start: motion to begin with, in the coordinates they came in, for what takes one ("method" in ``more``).
        :param datum: as for ``align``, in the reference's own coordinates.
        """
        if datum is not None:
            more["datum"] = lambda points: datum(points + self.home[:3, 3])
        if "method" in more:
            more["start"] = np.linalg.inv(self.home) @ start @ np.linalg.inv(self.away)
        result = align(self.mesh, self.reference, **more)
        for one in (result, *result.alternatives):
            one.matrix = self.home @ one.matrix @ self.away
        result.setAside = [plane.shifted(-self.away[:3, 3]) for plane in result.setAside]
        return result
