"""Phantoms and scans that the uncertainty of the image deviation is fitted on and tried on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import (
    Box,
    Cylinder,
    Difference,
    Ellipsoid,
    Gyroid,
    HollowShell,
    Intersection,
    Shape,
    Sphere,
    Torus,
    Union,
    rotationAbout,
)
from M3DTestSupport.CurvedShapes import Helix, RoundedBox

AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
CENTER = (0.13, -0.21, 0.37)
ALONG_GRID = "along the slices"
CAVITY, CORTEX = "air cavity", "spongy core"


@dataclass
class Layered:
    """A shape to be measured, and what is painted for it: shapes with values as shares of the contrast.

    :ivar background: value around all of them, as such a share.
    """

    shape: Shape
    paint: tuple[tuple[Shape, float], ...]
    background: float = 0.0


def boneWithAir(center, outer, inner, wall: float) -> Layered:
    """A shell of bone, half lengths given, around and within soft tissue, with air in it behind walls of some mm."""
    whole, hollow = Ellipsoid(center, outer), Ellipsoid(center, inner)
    middle, room = (outer[0] + inner[0]) / 2, (outer[0] - inner[0]) / 2
    air = Ellipsoid((center[0] + middle, center[1], center[2]), (max(room - wall, 0.5), 4, 3.5))
    tissue = Sphere(center, max(outer) + 3)
    bone = Difference(Difference(whole, hollow), air)
    return Layered(bone, ((tissue, 0.05), (whole, 1.0), (hollow, 0.05), (air, -0.8)), -0.8)


def spongyBody(shape: Shape, cortex: float, sponge: float) -> Layered:
    """A body whose rim of some mm is denser than its core, which has a share of the contrast."""
    return Layered(shape, ((shape, 1.0), (Inside(shape, cortex), sponge)))


@dataclass(frozen=True)
class Inside:
    """What of a shape lies deeper than so many mm."""

    shape: Shape
    depth: float
    volumeMm3 = None

    def signedDistance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance, mm, of points (n, 3)."""
        return self.shape.signedDistance(points) + self.depth


SHAPES = {
    "ball": Sphere(CENTER, 8.5),
    "ring": Torus(CENTER, (0, 1, 2), 7.5, 3.2),
    "rod": Cylinder(CENTER, (1, 1, 0.5), 5.5, 15),
    "bar": Box(CENTER, (15, 12, 10), AXES),
    "gyroid": Intersection((Gyroid(CENTER, 15), Sphere(CENTER, 10))),
    "walls": Union((Sphere((-6, 0, 0), 4.5), HollowShell(Sphere((5, 0, 0), 5.5), 2.2))),
    "rounded": RoundedBox(CENTER, (14, 12, 10), tuple(map(tuple, rotationAbout((2, -1, 3), 64))), 2.5),
    ALONG_GRID: Box(CENTER, (14, 12, 10)),
    CAVITY: boneWithAir(CENTER, (11.4, 10, 10.5), (7.4, 6, 7), 1.1),
    CORTEX: spongyBody(RoundedBox(CENTER, (14, 13, 11), AXES, 3), 1.6, 0.4),
}
OTHER_AXES = tuple(map(tuple, rotationAbout((2, -1, 1), 58)))
OTHER_CENTER = (-0.31, 0.22, 0.11)
OTHER_SHAPES = {
    "ellipsoid": Ellipsoid(OTHER_CENTER, (9.5, 7.5, 6), OTHER_AXES),
    "ball": Sphere(OTHER_CENTER, 6),
    "torus": Torus(OTHER_CENTER, (1, 0.4, 0.3), 7, 3.8),
    "rod": Cylinder(OTHER_CENTER, (0.2, 1, 0.7), 4.5, 17),
    "bar": Box(OTHER_CENTER, (12, 15, 9), OTHER_AXES),
    "helix": Helix(OTHER_CENTER, 5.5, 8, 2.5, axes=OTHER_AXES),
    "two balls": Union((Sphere((-5.5, 1, 0), 4.5), Sphere((4.5, 1, 0), 4.5))),
    "rounded": RoundedBox(OTHER_CENTER, (11, 14, 12), OTHER_AXES, 4),
    ALONG_GRID: Box(OTHER_CENTER, (15, 11, 12)),
    CAVITY: boneWithAir(OTHER_CENTER, (11, 10, 11.5), (7.2, 7, 7), 1.4),
    CORTEX: spongyBody(Ellipsoid(OTHER_CENTER, (8, 7, 9), OTHER_AXES), 1.9, 0.3),
}
HALF = 12.5


@dataclass
class Scan:
    """Spacing along i, j, k; point spread; contrast; noise; width of its grain; turn. Lengths in mm, values in HU.

    :ivar cupping: by what share the values rise from within toward the surface, within 3 mm.
    :ivar slope: by what share they rise across the whole image.
    :ivar gaps: whether slices leave some of the distance between them out.
    """

    spacing: tuple
    fwhm: float | tuple
    contrast: float
    noise: float
    grain: float = 0.0
    axis: tuple = (3, 1, 2)
    degrees: float = 0.0
    cupping: float = 0.0
    slope: float = 0.0
    gaps: bool = False


FITTED = [
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 30),
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 0, degrees=20),
    Scan((0.5, 0.5, 1.0), (0.8, 0.8, 1.4), 600, 40, 1.0, degrees=40),
    Scan((0.3, 0.3, 0.3), 0.6, 800, 60, 0.5, degrees=60),
    Scan((0.3, 0.3, 0.6), 0.8, 1500, 100, degrees=80),
    Scan((0.8, 0.8, 0.8), 1.2, 400, 20, degrees=100),
    Scan((0.7, 0.7, 1.5), 1.0, 1000, 100, degrees=120),
    Scan((1.0, 1.0, 1.0), 0.8, 1200, 20, 1.5, degrees=140),
    Scan((1.5, 1.5, 1.5), 2.0, 1200, 30, degrees=160),
    Scan((1.5, 1.5, 1.5), 0.8, 1000, 20, degrees=180),
    Scan((0.5, 0.5, 1.5), 0.6, 1200, 40, degrees=200),
    Scan((1.0, 1.0, 1.0), 0.6, 800, 30, 0.8, degrees=220),
    Scan((0.8, 0.8, 1.2), 1.0, 1000, 0, degrees=240),
    Scan((0.8, 0.8, 0.8), 1.2, 200, 28, degrees=280),
    Scan((0.2, 0.2, 0.2), 0.35, 1000, 30, degrees=320),
    Scan((0.5, 0.5, 1.0), 0.9, 800, 40, 1.2, degrees=340),
    Scan((0.6, 0.6, 0.6), 1.0, 560, 40, 2.1, degrees=30),
    Scan((0.8, 0.8, 1.2), 1.3, 500, 30, 3.8, degrees=70),
    Scan((0.6, 0.6, 1.0), 0.9, 1000, 40, 0.6, degrees=110, cupping=0.3),
    Scan((0.5, 0.5, 0.8), 0.8, 1100, 25, degrees=130, cupping=0.2),
    Scan((0.6, 0.6, 0.8), 0.9, 900, 30, 0.9, degrees=150, slope=0.6),
    Scan((0.5, 0.5, 1.3), (0.8, 0.8, 0.7), 1200, 25, 0.6, degrees=170, gaps=True),
    Scan((0.7, 0.7, 1.4), (0.9, 0.9, 0.6), 1000, 50, degrees=190, slope=0.3, gaps=True),
]
HELD_OUT = [
    Scan((0.45, 0.45, 0.8), 0.9, 1000, 25, 0.0, (1, 0, 0), 7),
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 8, 0.0, (0, 1, 1), 31),
    Scan((0.6, 0.6, 0.6), (1.0, 1.0, 1.3), 700, 35, 0.9, (1, 1, 1), 52),
    Scan((0.9, 0.9, 1.2), 1.2, 1300, 60, 0.0, (2, -1, 1), 17),
    Scan((0.35, 0.35, 0.5), 0.7, 500, 50, 0.4),
    Scan((0.5, 0.5, 1.25), 0.9, 900, 40, 0.8, (1, 0, 0), 15),
    Scan((1.3, 1.3, 1.3), 0.7, 1100, 25, 0.0, (1, 2, -1), 40),
    Scan((0.4, 0.4, 1.4), 0.7, 1000, 15, 0.5),
    Scan((0.6, 0.6, 0.8), 1.1, 1500, 0, 0.0, (1, 0, 1), 22),
    Scan((0.55, 0.55, 0.55), 0.95, 560, 40, 1.3, (1, 1, 0), 35),
    Scan((0.5, 0.5, 1.5), 0.9, 560, 40, 2.0, (1, 0, 0), 12),
    Scan((0.7, 0.7, 1.0), 1.2, 700, 35, 3.3, (0, 1, 2), 48),
    Scan((0.55, 0.55, 0.9), 0.9, 1200, 40, 0.0, (1, 0, 2), 28, cupping=0.25),
    Scan((0.45, 0.45, 0.7), 0.8, 900, 30, 0.7, (0, 2, 1), 66, slope=0.5),
    Scan((0.6, 0.6, 1.4), (0.85, 0.85, 0.7), 1100, 30, 0.0, (1, 2, 2), 9, gaps=True),
]
# Slices much thicker than the blur, slices blurred as thick as they are, a strong blur.
BEYOND = [
    Scan((0.45, 0.45, 2.5), 0.9, 1200, 30, degrees=180),
    Scan((0.45, 0.45, 5.0), 0.9, 1200, 30, degrees=200),
    Scan((0.45, 0.45, 2.0), (0.9, 0.9, 2.0), 1200, 30, degrees=220),
    Scan((0.45, 0.45, 2.5), (0.9, 0.9, 2.5), 1200, 30, degrees=240),
    Scan((0.45, 0.45, 5.0), (0.9, 0.9, 5.0), 1200, 30, degrees=260),
    Scan((0.8, 0.8, 0.8), 3.0, 1000, 30, degrees=300),
]


def rendered(layers: Layered, scan: Scan, dimensions, ijkToLps: np.ndarray, seed: int) -> ImageVolume:
    """The image of layers in a scan, with its shading and its noise."""
    noise = {"noise": scan.noise, "noiseFwhm": scan.grain, "seed": seed}
    paint = [(part, share * scan.contrast) for part, share in layers.paint]
    background, kept = layers.background * scan.contrast, {"voxelIntegration": not scan.gaps}
    if not scan.cupping and not scan.slope:
        return renderPhantom(paint, background, dimensions, ijkToLps, scan.fwhm, **kept, **noise)
    kept["dtype"] = np.float32
    image = renderPhantom(paint, background, dimensions, ijkToLps, scan.fwhm, **kept)
    voxels = np.indices(image.array.shape)[::-1].reshape(3, -1).T
    points = voxels @ ijkToLps[:3, :3].T + ijkToLps[:3, 3]
    depth = np.minimum(layers.shape.signedDistance(points), 0)
    shade = 1 + scan.cupping * np.exp(depth / 3) + scan.slope * points[:, 0] / (2 * HALF)
    empty = renderPhantom([], 0, dimensions, ijkToLps, scan.fwhm, dtype=np.float32, **noise)
    return replace(image, array=image.array * shade.reshape(image.array.shape).astype(np.float32) + empty.array)
