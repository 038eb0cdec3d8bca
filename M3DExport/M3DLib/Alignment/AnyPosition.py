"""Alignment of two surfaces from any position, with every reason to doubt the result.

The position is looked for over all rigid motions (``PoseVoting``, ``PoseSearch``), refined on evenly spread points
(``PositionSearch``), and settled on the triangles (``ExactFit``). It is doubtful when another position fits as well,
when too little of the surfaces lies together, when what lies together does not fit, when the surfaces leave a motion
open, or when the mirror image or another unit fits better. A doubtful position is no result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Errors import M3DError, noProgress
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import besideEachOther
from .AlignmentDoubts import addDoubts, isExcellent, mirrorDoubt, unitDoubt
from .ExactFit import ExactFit, fitExactly
from .FarMeshes import FarMeshes
from .Search.PoseComparison import PoseFit, isClearlyBetter
from .Search.PositionSearch import DENSE, LEAST_DENSE, SurfacePair, clearDistance, findPositions, fitAt, refinedFit
from .Search.Rotations import angleDegrees
from .Search.SurfaceSample import SurfaceSample, medianEdge, sampleSurface
from .SurfaceAlignment import Alternative, SurfaceAlignment

# By this share of the length of their edges the triangulations of one surface may lie apart, where it is sharp.
GRAIN = 0.7
# Points settled on the triangles.
EXACT = 24_000
# Meshes of fewer vertices are fitted both ways: how their triangles cut a curved surface short moves a position.
COARSE = 200_000
# How much larger in another unit: cm, inches, m, feet for mm, and inches for cm.
UNIT_FACTORS = (10.0, 25.4, 1000.0, 304.8, 2.54, 100.0)
# Sizes of a part and of a scan of some of it, or of it on a table, lie within these of each other.
LIKE_SIZE = (0.35, 2.8)
# In another unit, at least this share of one of the surfaces lies on the other.
UNIT_FITS = 0.8


def alignFromAnywhere(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    *,
    tolerance: float = 0.5,
    datum: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> SurfaceAlignment:
    """Motion that brings a mesh from any position onto a reference; LPS mm.

    Either may be a part of the other (one side, holes), and the mesh may have more to it (supports, a scan table).

    :param tolerance: surfaces this near belong together, mm.
    :param datum: tells which points (n, 3) of the reference belong to the surfaces to be fitted at last; all when None.
    :raises M3DError: a mesh has no surface.
    """
    far = FarMeshes.of(mesh, reference)
    if far is not None:
        return far.aligned(alignFromAnywhere, np.eye(4), datum, tolerance=tolerance, progress=progress)
    pair = _pair(mesh, reference, tolerance)
    ratio = pair.left.size / pair.fixed.size
    alike = LIKE_SIZE[0] <= ratio <= LIKE_SIZE[1]
    other = None if alike else _otherUnit(pair, tolerance, progress)
    if other is not None:
        return other
    result = _directly(mesh, reference, pair, tolerance=tolerance, datum=datum, progress=progress)
    explained = max(result.usedShare, result.usedShareReference) >= UNIT_FITS
    if result.doubtful and alike and not explained and not result.mirrored and not result.alternatives:
        result = _otherUnit(pair, tolerance, progress) or result
    progress(1.0, "Aligned")
    return result


def _directly(mesh, reference, pair: SurfacePair, *, tolerance, datum, progress) -> SurfaceAlignment:
    """The alignment of surfaces in one unit, mirrored ones being said."""
    found = findPositions(pair, tolerance, lambda done, text: progress(0.5 * done, text))
    if found is None:
        return SurfaceAlignment(np.eye(4), "from any position", doubts=["No position was found in which A fits B."])
    best, others = found
    progress(0.5, "Settling the position")
    result, exact = settle(mesh, reference, pair, best, tolerance=tolerance, datum=datum)
    result.method = "from any position"
    result.alternatives = [_alternative(one, best) for one in others]
    addDoubts(result, exact, pair, tolerance)
    if not isExcellent(exact):
        mirrored = SurfacePair.of(pair.moving.mirrored(), pair.fixed, pair, pair.aside)
        other = findPositions(mirrored, tolerance, lambda done, text: progress(0.6 + 0.4 * done, text))
        if other is not None and _mirrorFits(other[0], best, mirrored):
            mirrorDoubt(result, other[0])
    return result


def settleFrom(
    mesh: TriangleMesh,
    reference: TriangleMesh,
    start: np.ndarray,
    *,
    method: str,
    tolerance: float = 0.5,
    datum: Callable[[np.ndarray], np.ndarray] | None = None,
) -> SurfaceAlignment:
    """Motion near a given one (4, 4), settled and doubted as :func:`alignFromAnywhere` does, without looking elsewhere.

    :raises M3DError: a mesh has no surface.
    """
    far = FarMeshes.of(mesh, reference)
    if far is not None:
        return far.aligned(settleFrom, start, datum, method=method, tolerance=tolerance)
    pair = _pair(mesh, reference, tolerance)
    fit = refinedFit(pair, np.asarray(start, dtype=np.float64), tolerance)
    result, exact = settle(mesh, reference, pair, fit, tolerance=tolerance, datum=datum)
    result.method = method
    addDoubts(result, exact, pair, tolerance)
    return result


def settle(mesh, reference, pair: SurfacePair, fit: PoseFit, *, tolerance: float, datum=None):
    """The position on the triangles themselves: the alignment without its doubts, and the fit they follow from."""
    reach = float(np.clip(8 * fit.scale, tolerance, max(0.03 * pair.size, tolerance)))
    # Where both are noisy, the coarser of the two has fewer independent places.
    independent = min(len(mesh.points) * _leftShare(mesh, pair), len(reference.points) / max(fit.shareB, 0.1))
    counts = None if datum is None else datum(pair.fixed.points)
    if counts is not None and not counts.any():
        raise M3DError("No part of B's surface lies in the datum region; check its coordinates (LPS mm).")
    count = min(EXACT, max(4000, 2 * int(independent)))
    surfaces = _Surfaces(mesh, reference, pair, counts, reach, count, int(independent))
    forward = fit.shareA >= fit.shareB or datum is not None
    exact = surfaces.onto(fit.pose, forward)
    pose = exact.pose if forward else np.linalg.inv(exact.pose)
    if np.isfinite(exact.residual) and min(len(mesh.points), len(reference.points)) < COARSE:
        # What the triangles hide between their corners pulls the one way and the other.
        exact.disagree(pose, surfaces.otherWay(pose, forward), pair.left.moved(pose).points)
    within = max(tolerance, 4.685 * exact.residual if np.isfinite(exact.residual) else 0)
    at = fitAt(pair, pose, within)
    result = SurfaceAlignment(
        pose,
        residual=exact.residual,
        usedShare=at.shareA,
        usedShareReference=at.shareB,
        noise=exact.noise,
        uncertaintyMm=exact.uncertainty,
        uncertaintyDegrees=float(np.hypot(exact.noiseDegrees, exact.apartDegrees)),
        iterations=exact.steps,
        converged=exact.left < 0.005,
        setAsideShare=float(pair.aside.mean()),
        setAside=list(pair.planes),
    )
    return result, exact


@dataclass
class _Surfaces:
    """Two surfaces, and how points of one are settled on the triangles of the other."""

    mesh: TriangleMesh
    reference: TriangleMesh
    pair: SurfacePair
    counts: np.ndarray | None
    reach: float
    count: int
    independent: int

    def onto(self, pose: np.ndarray, forward: bool) -> ExactFit:
        """A settled onto B; or, not ``forward``, B onto A by the inverse of the pose."""
        pair = self.pair
        target = self.reference if forward else self.mesh
        points = (pair.left if forward else self._ofReference()).some(self.count, 8)
        start = pose if forward else np.linalg.inv(pose)
        return fitExactly(
            start,
            points,
            # B is searched again when it is compared.
            ClosestSurface.of(target) if forward else ClosestSurface(target),
            pair.dense[1 if forward else 0],
            self.reach,
            extent=(pair.left if forward else pair.fixed).moved(start).points,
            independent=self.independent,
            counts=self.counts if forward else None,
        )

    def otherWay(self, pose: np.ndarray, forward: bool) -> np.ndarray:
        """The pose that the other direction leads to, from a settled one."""
        other = self.onto(pose, not forward).pose
        return np.linalg.inv(other) if forward else other

    def _ofReference(self) -> SurfaceSample:
        fixed, counts = self.pair.fixed, self.counts
        if counts is None:
            return fixed
        area = fixed.areaMm2 * float(counts.mean())
        return SurfaceSample(fixed.points[counts], fixed.normals[counts], fixed.border[counts], area)


def _leftShare(mesh: TriangleMesh, pair: SurfacePair) -> float:
    """Share of a mesh's vertices that do not lie on what was set aside: a table has few large triangles."""
    if not pair.aside.any():
        return 1.0
    from scipy.spatial import cKDTree

    some = mesh.points[:: max(1, len(mesh.points) // 5000)]
    return 1 - float(pair.aside[cKDTree(pair.moving.points).query(some)[1]].mean())


def _pair(mesh: TriangleMesh, reference: TriangleMesh, tolerance: float) -> SurfacePair:
    """Samples of both, as dense as the finer of the two has points to offer."""
    count = min(DENSE, max(LEAST_DENSE, 3 * max(len(mesh.points), len(reference.points))))
    pair = SurfacePair.of(
        *besideEachOther(lambda _: sampleSurface(mesh, count, 0), lambda _: sampleSurface(reference, count, 1))
    )
    pair.grain = min(tolerance, GRAIN * max(medianEdge(one) for one in (mesh, reference)))
    return pair


def _alternative(fit: PoseFit, best: PoseFit) -> Alternative:
    turned = angleDegrees(fit.pose @ np.linalg.inv(best.pose))
    return Alternative(fit.pose, fit.shares() / 2, turned)


def _mirrorFits(mirrored: PoseFit, best: PoseFit, pair: SurfacePair) -> bool:
    """Whether the mirror image explains clearly more; the points asked are the same ones."""
    return isClearlyBetter(mirrored, best, clearDistance(mirrored, pair))


def _otherUnit(pair: SurfacePair, tolerance: float, progress) -> SurfaceAlignment | None:
    """The doubtful result for a mesh that fits in another unit; None if it fits in none."""
    ratio = pair.left.size / pair.fixed.size
    factors = [factor**sign for factor in UNIT_FACTORS for sign in (1, -1)]
    likely = [factor for factor in factors if LIKE_SIZE[0] <= ratio / factor <= LIKE_SIZE[1]]
    fits = []
    for factor in sorted(likely, key=lambda factor: abs(np.log(ratio / factor)))[:2]:
        found = findPositions(SurfacePair.of(pair.moving.scaled(1 / factor), pair.fixed, pair), tolerance, progress)
        if found is not None:
            fits.append((factor, found[0]))
    factor, fit = max(fits, default=(1, None), key=lambda entry: entry[1].shares())
    if fit is None or max(fit.shareA, fit.shareB) < UNIT_FITS:
        return None
    result = SurfaceAlignment(np.eye(4), "from any position", unitFactor=factor)
    unitDoubt(result, ratio, factor, fit)
    return result
