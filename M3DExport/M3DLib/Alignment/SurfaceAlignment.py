"""What an alignment found, and whether it may be relied on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..NumberText import inDegrees, millimeters, shareInPercent
from .RigidMotion import RigidMotion
from .Search.LargePlanes import LargePlane


@dataclass
class Alternative(RigidMotion):
    """Another position in which the surfaces fit as well.

    :ivar usedShare: share of the surface that lies together then.
    :ivar turnedDegrees: angle by which it is turned against the position chosen.
    """

    usedShare: float
    turnedDegrees: float

    def asDict(self) -> dict:
        """Plain JSON values."""
        return {
            "matrix": self.matrix.tolist(),
            "usedShare": self.usedShare,
            "turnedDegrees": self.turnedDegrees,
        }


@dataclass
class SurfaceAlignment(RigidMotion):
    """A rigid motion of one surface onto another, found from any position or settled from a given one.

    :ivar method: how it was found, in words.
    :ivar residual: root mean square distance of the points used, mm.
    :ivar usedShare: share of the moved surface that was used; what lies elsewhere or on a scan table is not.
    :ivar usedShareReference: share of the reference that has the moved surface near.
    :ivar noise: standard deviation of the distances against their neighbors', mm.
    :ivar uncertaintyMm: half width of the 95 % interval of the least sure point's place, mm.
    :ivar uncertaintyDegrees: of the rotation, from the noise alone, with 99 % probability.
    :ivar doubts: why the position may be wrong, one sentence each; empty when there is no reason.
    :ivar alternatives: other positions that fit as well.
    :ivar setAsideShare: share of the moved surface on planes larger than the reference (a scan table), left out.
    :ivar setAside: those planes, in the coordinates that the moved surface came in.
    :ivar mirrored: whether the mirror image fits instead. :ivar unitFactor: by how much the moved surface seems to be
        too large, 1 where its unit fits.
    """

    method: str = ""
    residual: float = np.nan
    usedShare: float = 0.0
    usedShareReference: float = 0.0
    noise: float = np.nan
    uncertaintyMm: float = np.inf
    uncertaintyDegrees: float = np.inf
    iterations: int = 0
    converged: bool = False
    doubts: list[str] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    setAsideShare: float = 0.0
    setAside: list[LargePlane] = field(default_factory=list)
    mirrored: bool = False
    unitFactor: float = 1.0

    @property
    def doubtful(self) -> bool:
        """Whether there is a reason not to rely on it."""
        return bool(self.doubts)

    def text(self) -> str:
        """What was done, in words."""
        sure = "" if not np.isfinite(self.uncertaintyMm) else f", certain to {millimeters(self.uncertaintyMm)} (95 %)"
        return (
            f"rigid, {self.method}: rotated by {inDegrees(self.angleDegrees)}, residual "
            f"{millimeters(self.residual)} over "
            f"{shareInPercent(self.usedShare)} of A's surface and {shareInPercent(self.usedShareReference)} of "
            f"B's{sure}" + (", DOUBTFUL" if self.doubtful else "")
        )

    def asDict(self) -> dict:
        """Plain JSON values; what is not known is null."""
        return {
            "method": self.method,
            "matrix": self.matrix.tolist(),
            "angleDegrees": self.angleDegrees,
            "residual": _known(self.residual),
            "usedShare": self.usedShare,
            "usedShareReference": self.usedShareReference,
            "noiseMm": _known(self.noise),
            "uncertaintyMm": _known(self.uncertaintyMm),
            "uncertaintyDegrees": _known(self.uncertaintyDegrees),
            "doubtful": self.doubtful,
            "doubtfulBecause": " ".join(self.doubts),
            "alternatives": [one.asDict() for one in self.alternatives],
            "setAsideShare": self.setAsideShare,
            "mirrored": self.mirrored,
            "unitFactor": self.unitFactor,
            "iterations": self.iterations,
            "converged": self.converged,
        }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
