"""A piece of surface on its way to the image's edge: measured, and moved as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..Distance.DeviationMap import DeviationMap
from ..Edge.ImageDeviation import imageDeviation
from ..Image.ImageVolume import ImageVolume
from ..Mesh.TriangleMesh import TriangleMesh
from .EdgeTargets import SUREST, EdgeTargets, Motion, edgeTargets
from .Neighborhood import Neighborhood
from .RimPlaces import RimPlaces, rimPlaces
from .ScanBorder import ScanBorder
from .SmoothMotion import smoothMotion

# Say of the vertices next to a rim in where the surface goes on there.
TRUST_BESIDE_RIM = 0.3


@dataclass
class MovingSheet:
    """A surface, open or closed: where it was, where it is, what became of each vertex.

    :ivar mesh: as it was. :ivar limit: no vertex goes farther from there, mm.
    :ivar fixed: bool (n,), vertices that stay.
    :ivar rim: bool (n,), vertices at which it ends and others go on, or None: nothing is asked of the image there.
    :ivar points: float64 (n, 3), where it is. :ivar motion: uint8 (n,), values of ``Motion``.
    :ivar deviation: the last measurement; None before the first.
    :ivar places: where the surface would go on at its rim; None where too little of it tells.
    """

    mesh: TriangleMesh
    image: ImageVolume
    limit: float
    fixed: np.ndarray
    rim: np.ndarray | None = None
    deviation: DeviationMap | None = field(default=None, init=False)
    places: RimPlaces | None = field(default=None, init=False)

    def __post_init__(self):
        self.start = self.mesh.points.astype(np.float64)
        self.points = self.start.copy()
        self.neighborhood = Neighborhood(self.mesh)
        self.border = ScanBorder(self.start, self.image)
        self.motion = np.full(len(self.start), Motion.LEFT, dtype=np.uint8)

    @property
    def known(self) -> bool:
        """Whether anybody knows how sure the edge is that was measured last."""
        return self.deviation.uncertainty is not None or self.deviation.calibration["estimate95"] is not None

    def move(
        self,
        progress: Callable[[float, str], None],
        change: Callable[[MovingSheet, EdgeTargets], None] = lambda sheet, targets: None,
    ) -> None:
        """Measure the surface as it lies, and take it where the image asks it to.

        :param change: told what the image asks before it is followed, to change it.
        """
        first = self.deviation is None
        current = TriangleMesh(self.points, self.mesh.triangles, self.mesh.name)
        self.deviation = deviation = imageDeviation(current, self.image, progress=progress)
        normals = deviation.normals.astype(np.float64)
        gone = np.einsum("ni,ni->n", self.points - self.start, normals)
        targets = edgeTargets(deviation, self.image, gone, self.neighborhood)
        change(self, targets)
        targets.distance[self.fixed], targets.weight[self.fixed] = -gone[self.fixed], SUREST**-2
        targets.motion[self.fixed] = Motion.HELD
        step = self._step(normals, targets, first)
        if self.rim is not None and self.rim.any():
            self._rimAsBeside(normals, targets, step)
            step = self._step(normals, targets, first)
        away = self.border.kept(self.points + step[:, None] * normals - self.start, normals, self.neighborhood)
        away[self.fixed] = 0
        far = withinLimit(away, self.limit)
        self.points = self.start + away
        self.motion = np.where(far & (targets.motion == Motion.MOVED), Motion.HELD, targets.motion).astype(np.uint8)

    def _step(self, normals: np.ndarray, targets: EdgeTargets, first: bool) -> np.ndarray:
        motion = smoothMotion(self.points, self.start, normals, targets, self.neighborhood, first=first, ends=self.rim)
        return np.clip(motion.displacement, -self.limit, self.limit)

    def _rimAsBeside(self, normals: np.ndarray, targets: EdgeTargets, step: np.ndarray) -> None:
        """Have the rim go where the surface beside it, moved by a first step, would go on; normals change in place."""
        rim = self.rim
        trust = np.where(self.neighborhood.matrix @ rim > 0, TRUST_BESIDE_RIM, 1.0)
        self.places = places = rimPlaces(self.start, self.points + step[:, None] * normals, normals, rim, trust)
        if places is None:
            return
        normals[rim] = places.normals
        gone = np.einsum("ri,ri->r", self.points[rim] - self.start[rim], places.normals)
        targets.distance[rim], targets.weight[rim] = places.height - gone, SUREST**-2


def withinLimit(away: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
    """Shorten displacements (n, 3), in place, to a limit; which were longer, bool (n,)."""
    length = np.linalg.norm(away, axis=1)
    far = length > limit
    away[far] *= (np.broadcast_to(limit, length.shape)[far] / length[far])[:, None]
    return far
