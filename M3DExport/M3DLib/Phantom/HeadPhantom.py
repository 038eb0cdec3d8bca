"""A head-like phantom with inserts of known size: what ``m3d demo`` scans, and a scan to learn and to test with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..Errors import noProgress
from ..Image.ImageVolume import ImageVolume
from .PhantomImage import renderPhantom
from .PhantomShapes import Box, Cylinder, Difference, Ellipsoid, HalfSpace, Intersection, Shape, Sphere, rotationAbout

AIR_HU = -1000.0
SOFT_TISSUE_HU = 40.0
BONE_HU = 1040.0
HALF_HEIGHT_HU = (SOFT_TISSUE_HU + BONE_HU) / 2

# Values of a clinical bone protocol: 512 matrix over 250 mm, 1 mm slices, medium-sharp kernel.
SPACING_MM = (0.5, 0.5, 1.0)
POINT_SPREAD_MM = (0.6, 0.6, 0.8)
NOISE_HU = 20.0
NOISE_CORRELATION_MM = 0.8

BONE_COLOR = (0.95, 0.84, 0.57)

_CENTER = (0.0, 0.0, 0.0)
_OUTER = (58.0, 72.0, 60.0)
_INNER = (53.0, 67.0, 55.0)
_SCALP = (64.0, 78.0, 66.0)
_CUT_Z = -20.0


@dataclass(frozen=True)
class Insert:
    """A body of the phantom: its shape, true volume, a point inside it, and the sRGB color its model gets."""

    name: str
    shape: Shape
    volumeMm3: float
    pointInside: tuple[float, float, float]
    color: tuple[float, float, float]


def _calvariaVolume() -> float:
    """Volume between two ellipsoids above a plane: the integral of each elliptic section over its height."""
    volumes = []
    for a, b, c in (_OUTER, _INNER):
        volumes.append(np.pi * a * b * ((c - _CUT_Z) - (c**3 - _CUT_Z**3) / (3 * c**2)))
    return float(volumes[0] - volumes[1])


def headInserts() -> list[Insert]:
    """The bodies of bone value: a calvaria, a 50 mm bar, a 20 mm rod and a 30 mm ball.

    The bar and the rod lie askew to the voxels, as nothing in a real scan lies along them: their faces then cross many
    voxels, and the mean over a face is finer than a voxel. The inserts' colors are of Okabe and Ito's palette, which
    color-blind eyes can tell apart.
    """
    above = HalfSpace((0.0, 0.0, _CUT_Z), (0.0, 0.0, -1.0))
    calvaria = Intersection((Difference(Ellipsoid(_CENTER, _OUTER), Ellipsoid(_CENTER, _INNER)), above))
    turn = rotationAbout((0.0, 0.0, 1.0), 11.0) @ rotationAbout((1.0, 0.0, 0.0), 7.0)
    barCenter, rodCenter, ballCenter = (-20.1, 0.3, -1.8), (18.2, -17.1, 0.3), (18.13, 26.21, 2.37)
    bar = Box(barCenter, (20.0, 50.0, 20.0), tuple(map(tuple, turn.T)))
    rod = Cylinder(rodCenter, tuple(turn @ [0.0, 0.0, 1.0]), 10.0, 30.0)
    ball = Sphere(ballCenter, 15.0)
    return [
        Insert("calvaria", calvaria, _calvariaVolume(), (0.0, 0.0, (_OUTER[2] + _INNER[2]) / 2), BONE_COLOR),
        Insert("bar 50 mm", bar, bar.volumeMm3, barCenter, (0.0, 0.45, 0.70)),
        Insert("rod 20 mm", rod, rod.volumeMm3, rodCenter, (0.84, 0.37, 0.0)),
        Insert("ball 30 mm", ball, ball.volumeMm3, ballCenter, (0.0, 0.62, 0.45)),
    ]


def renderHead(progress: Callable[[float, str], None] = noProgress, seed: int = 3) -> ImageVolume:
    """CT-like image of the phantom: 0.5 x 0.5 x 1 mm voxels, blur and correlated noise of a clinical bone scan, HU."""
    scalp = Intersection((Ellipsoid(_CENTER, _SCALP), HalfSpace((0.0, 0.0, _CUT_Z - 6.0), (0.0, 0.0, -1.0))))
    paint: list[tuple[Shape, float]] = [(scalp, SOFT_TISSUE_HU)]
    paint += [(insert.shape, BONE_HU) for insert in headInserts()]
    # The plane of the cut lies midway between two slices: through voxel centers, noise alone would shape it.
    low = np.array([-_SCALP[0], -_SCALP[1], _CUT_Z - 6.0]) - (6.0, 6.0, 6.5)
    high = np.array(_SCALP) + 6.0
    dimensions = tuple(int(n) for n in np.ceil((high - low) / SPACING_MM))
    ijkToLps = np.diag([*SPACING_MM, 1.0])
    ijkToLps[:3, 3] = low
    return renderPhantom(
        paint,
        AIR_HU,
        dimensions,
        ijkToLps,
        POINT_SPREAD_MM,
        noise=NOISE_HU,
        noiseFwhm=NOISE_CORRELATION_MM,
        # A third of the time of the 4 x 4 x 5 cells that the blur asks for; without noise the voxels differ by 1 HU
        # (root mean square, 0.003 HU on average), a twentieth of the noise.
        superSampling=(2, 2, 4),
        seed=seed,
        name="head phantom",
        progress=progress,
    )
