"""A piece of surface on its way to the image's edge: measured, and moved as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.ImageDeviation import deviationAndEdges
from ..Edge.MeasuredEdges import EarlierEdges
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import MeshEdges
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import besideEachOther
from .EdgeTargets import SUREST, EdgeTargets, Motion, edgeTargets, inReach, voxelsAlong
from .MiddleLevel import towardMiddle
from .Neighborhood import Neighborhood
from .RimPlaces import RimPlaces, rimPlaces
from .ScanBorder import ScanBorder
from .SliceSteps import slantedSteps
from .SmoothMotion import smoothMotion
from .SmoothSystem import LAST_STEPS, MOST_STEPS, STEPS_BETWEEN
from .ThresholdSlots import slotPlaces, spanned

# Voxels that are so many times as long as wide make steps on a surface; how often those are smoothed, times the square
# of that ratio, at most; and the two steps of each smoothing.
STEPPED, SMOOTHINGS, MOST_SMOOTHINGS = 1.5, 2.5, 40
# From here on smoothing does not reach over a step any more: it is slanted, and smoothed so often.
STAIRS, STAIR_SMOOTHINGS = 3.0, 40
TAUBIN = (0.5, -0.52)
# Root mean squares of the distance from the edge, now to at first, between which a surface goes back to where it was;
# the rings of neighbors they are taken over; and the distance (mm) that is none.
WORSE_FROM, WORSE_TO, SURROUNDINGS, NEGLIGIBLE = 0.9, 1.3, 4, 0.01
# A vertex ends no farther than this, in voxels, from the edge that the image shows for it.
ASTRAY = 0.25
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
    :ivar byMiddle: bool (n,), vertices that were asked last to go to the middle of the edges around (``MiddleLevel``).
    :ivar found: edges that the next look need not look for where the surface has hardly moved.
    :ivar places: where the surface would go on at its rim; None where too little of it tells.
    """

    mesh: TriangleMesh
    image: ImageVolume
    limit: float
    fixed: np.ndarray
    rim: np.ndarray | None = None
    deviation: DeviationMap | None = field(default=None, init=False)
    places: RimPlaces | None = field(default=None, init=False)
    found: EarlierEdges | None = field(default=None, init=False)

    def __post_init__(self):
        self.start = self.mesh.points.astype(np.float64)
        self.neighborhood, self.border = besideEachOther(
            lambda _: Neighborhood(self.mesh),
            lambda _: ScanBorder(self.start, self.mesh.triangles, self.image, self.limit),
        )
        neighbors = self.neighborhood.matrix if self.neighborhood.closed else None
        self.edges = MeshEdges(self.mesh.triangles, len(self.start), neighbors)
        self.shape = self._withoutSteps()
        self.umbrellas = self.neighborhood.difference(self.shape).astype(np.float32)
        self.points = self.shape.copy()
        self.motion = np.full(len(self.start), Motion.LEFT, dtype=np.uint8)
        self.byMiddle = np.zeros(len(self.start), dtype=bool)

    @property
    def known(self) -> bool:
        """Whether anybody knows how sure the edge is that was measured last."""
        return self.deviation.uncertainty is not None or self.deviation.calibration["estimate95"] is not None

    def _withoutSteps(self) -> np.ndarray:
        """The surface as it was, without the steps of slices that are thicker than the voxels are wide.

        Those are wider than the blur, so that normals on them lead nowhere, and are as sharp as a ridge; smoothing that
        shrinks nothing (Taubin 1995) takes them off before the first look at the image. Slices that are thicker still
        make treads wider than any smoothing reaches; those are slanted before (``SliceSteps``).
        """
        ratio = stretched(self.image)
        if ratio < STAIRS:
            points = self.start.copy()
            times = 0 if ratio < STEPPED else min(round(SMOOTHINGS * ratio**2), MOST_SMOOTHINGS)
        else:
            points, times = slantedSteps(self.start, self.mesh.triangles, self.image), STAIR_SMOOTHINGS
        points = self.neighborhood.smoothed(points, TAUBIN * times)
        away = points - self.start
        away[self.fixed] = 0
        withinLimit(away, self.limit)
        return self.start + away

    def move(
        self,
        progress: Callable[[float, str], None],
        change: Callable[[MovingSheet, EdgeTargets], None] = lambda sheet, targets: None,
        *,
        last: bool = False,
    ) -> None:
        """Measure the surface as it lies, and take it where the image asks it to.

        :param change: told what the image asks before it is followed, to change it.
        :param last: whether this is the last time: what lies farther from the edge than at first goes back.
        """
        first = self.deviation is None
        current = TriangleMesh(self.points, self.mesh.triangles, self.mesh.name)
        # The surface of the first look still had the steps of the voxels, so that its edges tell little of the next.
        deviation, found = deviationAndEdges(
            current,
            self.image,
            meshEdges=self.edges,
            earlier=self.found if last else None,
            toMove=True,
            progress=progress,
        )
        self.deviation, self.found = deviation, None if first or last else found
        normals = deviation.normals.astype(np.float64)
        gone = np.einsum("ni,ni->n", self.points - self.start, normals)
        targets = edgeTargets(deviation, self.image, gone, self.neighborhood)
        thick = self.rim is None and stretched(self.image) >= STAIRS
        if thick:
            self.byMiddle = towardMiddle(deviation, found, targets, gone, min(self.limit, self.image.spacing.max()))
        change(self, targets)
        seen = self._seen(targets)
        if first:
            self.atFirst = seen[0] + gone, seen[1]
        targets.distance[self.fixed], targets.weight[self.fixed] = -gone[self.fixed], SUREST**-2
        targets.motion[self.fixed] = Motion.HELD
        # Between the slices of a thick scan, and near a rim, little but the shape tells where the surface is.
        toTheEnd = self.rim is not None or stretched(self.image) >= STAIRS
        steps = MOST_STEPS if toTheEnd else LAST_STEPS if last else STEPS_BETWEEN
        step = self._step(normals, targets, first, steps)
        if self.rim is not None and self.rim.any():
            self._rimAsBeside(normals, targets, step)
            step = self._step(normals, targets, first, steps)
        away = self.border.kept(self.points + step[:, None] * normals - self.start, normals, self.neighborhood)
        if thick:
            slots = slotPlaces(deviation, found.reader.sampler, self.neighborhood) & ~self.fixed
            away = self.border.inPlanes(spanned(self.start + away, slots, self.neighborhood) - self.start)
        away[self.fixed] = 0
        far = withinLimit(away, self.limit)
        back = self._worse(seen, gone) if last else np.zeros(len(away))
        self.points = self.start + (1 - back)[:, None] * away
        held = (far | (back > 0.5)) & (targets.motion == Motion.MOVED)
        self.motion = np.where(held, Motion.HELD, targets.motion).astype(np.uint8)
        if last:
            # What only another look would need is let go: the search for folds that follows takes the most memory.
            self.shape = self.umbrellas = self.edges = self.atFirst = None

    def _seen(self, targets: EdgeTargets) -> tuple[np.ndarray, np.ndarray]:
        """Distances (n,) to the edge, mm, and where one is; the middle of those around where that is asked for."""
        deviation = self.deviation
        seen = np.isin(deviation.quality, (Quality.RELIABLE, Quality.SHARP, Quality.POOR_FIT))
        seen &= np.isfinite(deviation.distance)
        distance = np.where(seen, deviation.distance, 0)
        distance = np.where(self.byMiddle, targets.distance, distance)
        return distance.astype(np.float32), seen | self.byMiddle

    def _worse(self, seen: tuple[np.ndarray, np.ndarray], gone: np.ndarray) -> np.ndarray:
        """How far each vertex goes back to where it was, 0 to 1: where its surroundings lie farther from the edge now.

        So it is at stairs and corners of the size of the blur, which a smooth surface cannot follow. What is measured
        now and is not this surface's edge says nothing: a few normals that went astray would take all around them back.
        """
        both = self.atFirst[1] & seen[1] & (self.byMiddle | inReach(self.deviation, self.image, gone))
        weights = np.where(both, 1.0, 1e-6)
        before, now = (
            self.neighborhood.averaged(np.where(both, distance, 0) ** 2, weights, SURROUNDINGS)
            for distance, _ in (self.atFirst, seen)
        )
        ratio = np.sqrt(now / (before + NEGLIGIBLE**2))
        back = np.clip((ratio - WORSE_FROM) / (WORSE_TO - WORSE_FROM), 0, 1)
        return self.neighborhood.averaged(back, None, 2)

    def _step(self, normals: np.ndarray, targets: EdgeTargets, first: bool, steps: int) -> np.ndarray:
        away = self.points - self.shape
        motion = smoothMotion(
            away, self.umbrellas, normals, targets, self.neighborhood, first=first, steps=steps, ends=self.rim
        )
        # A pit or ridge that noise made of the segment must not be driven on by the shape that it keeps.
        voxel = voxelsAlong(self.image, normals)
        astray = np.where(targets.motion == Motion.MOVED, ASTRAY * voxel, np.inf)
        if self.rim is not None:
            # Near a rim several edges are in one blur, so that none of them binds.
            astray[self.neighborhood.averaged(self.rim, None, 2) > 0] = np.inf
        step = np.clip(motion.displacement, targets.distance - astray, targets.distance + astray)
        return np.clip(step, -self.limit, self.limit)

    def _rimAsBeside(self, normals: np.ndarray, targets: EdgeTargets, step: np.ndarray) -> None:
        """Have the rim go where the surface beside it, moved by a first step, would go on; normals change in place."""
        rim = self.rim
        trust = np.where(self.neighborhood.mean(rim) > 0, TRUST_BESIDE_RIM, 1.0)
        self.places = places = rimPlaces(self.start, self.points + step[:, None] * normals, normals, rim, trust)
        if places is None:
            return
        normals[rim] = places.normals
        gone = np.einsum("ri,ri->r", self.points[rim] - self.start[rim], places.normals)
        targets.distance[rim], targets.weight[rim] = places.height - gone, SUREST**-2


def stretched(image: ImageVolume) -> float:
    """How many times as long as short its voxels are."""
    return float(image.spacing.max() / image.spacing.min())


def withinLimit(away: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
    """Shorten displacements (n, 3), in place, to a limit; which were longer, bool (n,)."""
    length = np.linalg.norm(away, axis=1)
    far = length > limit
    away[far] *= (np.broadcast_to(limit, length.shape)[far] / length[far])[:, None]
    return far
