"""Reasons not to rely on an alignment, in sentences with the numbers they follow from."""

from __future__ import annotations

import numpy as np

from ..NumberText import exactNumber, inDegrees, millimeters, shareInPercent
from .ExactFit import ExactFit
from .Search.PoseComparison import PoseFit
from .Search.PositionSearch import SurfacePair
from .SurfaceAlignment import SurfaceAlignment

# Shares of the surfaces that must lie together at least: of the moved one, of the reference, and of the better of both.
LEAST_SHARE, LEAST_REFERENCE, LEAST_OF_BOTH = 0.30, 0.15, 0.45
# Of what has surface near, this share must fit.
LEAST_FITTING = 0.6
# The residual, shrinkage and warp of first order left aside, may be so many times the noise, or this share of the size,
# or one tolerance.
NOISE_TIMES, SIZE_SHARE = 4.0, 0.004
# What noise alone may leave open of the place of the surface's middle, mm, and of the rotation, degrees; and what whole
# patches of deviation may, in tolerances.
NOISE_CENTER, NOISE_DEGREES, IN_TOLERANCES = 0.02, 0.05, 0.5
# An excellent fit leaves nothing for a mirror image to explain: nearly all points of one surface lie on the other, to
# so many times the noise or this distance, mm.
EXCELLENT_NOISE, EXCELLENT_MM, EXCELLENT_SHARE = 5.0, 0.05, 0.995


def addDoubts(result: SurfaceAlignment, exact: ExactFit, pair: SurfacePair, tolerance: float) -> None:
    """Add every reason that the fit itself gives."""
    doubts = result.doubts
    if result.alternatives:
        count = len(result.alternatives)
        turned = ", ".join(f"{one.turnedDegrees:.1f}" for one in result.alternatives[:6])
        said = f"Another position fits as well (turned by {turned} degrees against this one), as with a symmetric part."
        if count > 1:
            said = (
                f"{count} other positions fit as well (turned by {turned} degrees against this one), as with a "
                "symmetric part."
            )
        doubts.append(said)
    shares = (result.usedShare, result.usedShareReference)
    if shares[0] < LEAST_SHARE or shares[1] < LEAST_REFERENCE or max(shares) < LEAST_OF_BOTH:
        doubts.append(
            f"Only {shareInPercent(shares[0])} of A's surface and {shareInPercent(shares[1])} of B's lie together "
            f"(needed are {100 * LEAST_SHARE:.0f} and {shareInPercent(LEAST_REFERENCE)}, and "
            f"{shareInPercent(LEAST_OF_BOTH)} of one of them)."
        )
    if not np.isfinite(exact.residual):
        doubts.append("Too few points of the surfaces lie together for a fit.")
        return
    fitting = exact.used.sum() / max(exact.near.sum(), 1)
    if fitting < LEAST_FITTING:
        doubts.append(f"Of the surface that has any near, only {shareInPercent(fitting)} fits.")
    limit = max(NOISE_TIMES * exact.noise, SIZE_SHARE * pair.size, tolerance)
    if exact.residualStretched > limit:
        doubts.append(
            f"The residual of {millimeters(exact.residual)} ({millimeters(exact.residualStretched)} without "
            "stretch and shear) is "
            f"large against the noise of {millimeters(exact.noise)} (allowed are {millimeters(limit)})."
        )
    if exact.left > 0.01:
        doubts.append(f"The steps had not settled: about {millimeters(exact.left)} were still to go.")
    center = float(np.hypot(exact.noiseCenter, exact.apartCenter))
    degrees = float(np.hypot(exact.noiseDegrees, exact.apartDegrees))
    if center > NOISE_CENTER or degrees > NOISE_DEGREES:
        doubts.append(
            "The surfaces leave the position open: by noise and the sizes of the triangles their middle is certain to "
            f"{millimeters(center)} and the rotation to {inDegrees(degrees)} (99 %; allowed are "
            f"{exactNumber(NOISE_CENTER)} mm and {exactNumber(NOISE_DEGREES)} degrees)."
        )
    elif exact.uncertainty > IN_TOLERANCES * tolerance:
        doubts.append(
            f"The position is certain to {millimeters(exact.uncertainty)} only (95 %), more than half the tolerance of "
            f"{exactNumber(tolerance)} mm."
        )


def isExcellent(exact: ExactFit) -> bool:
    """Whether one of the surfaces lies on the other entirely, to the noise."""
    if not np.isfinite(exact.residual):
        return False
    limit = max(EXCELLENT_NOISE * exact.noise, EXCELLENT_MM)
    return float((exact.away <= limit).mean()) >= EXCELLENT_SHARE


def mirrorDoubt(result: SurfaceAlignment, mirrored: PoseFit) -> None:
    """Say that the mirror image fits better."""
    result.mirrored = True
    result.doubts.insert(
        0,
        f"A is a mirror image of B: mirrored, {shareInPercent(mirrored.shareA)} of A's surface and "
        f"{shareInPercent(mirrored.shareB)} of B's lie together, clearly more than as it is. Check the side, and "
        "whether a "
        "program has changed the direction of an axis.",
    )


def unitDoubt(result: SurfaceAlignment, ratio: float, factor: float, fit: PoseFit) -> None:
    """Say that the mesh fits in another unit.

    :param ratio: of the sizes as they are. :param factor: by which A is too large.
    """
    result.doubts.append(
        f"A seems to be in another unit: it is {ratio:.4g} times as large as B, and divided by {factor:.6g} it fits "
        f"({shareInPercent(fit.shareA)} of its surface and {shareInPercent(fit.shareB)} of B's lie together). "
        "State the unit "
        "of the file that has the wrong one (--unit)."
    )
