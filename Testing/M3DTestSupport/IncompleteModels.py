"""A small scan of a bowl of bone with a ball beside it, and models of it that lack something or have too much."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from M3DLib.Completeness.Completeness import Completeness, measureCompleteness
from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Difference, HalfSpace, Intersection, Sphere
from M3DLib.Segmentation.Segment import Segment

TISSUE, BONE = 40.0, 1040.0
OUTER, INNER, CUT_Z = 20.0, 15.0, -8.0
BALL_RADIUS, BALL_CENTER = 5.0, (15.5, 0.0, -17.5)

# The bowl is a hollow ball, open below; the ball lies 4.5 mm below its rim.
_OPEN = HalfSpace((0.0, 0.0, CUT_Z), (0.0, 0.0, -1.0))
BOWL = Intersection((Difference(Sphere((0, 0, 0), OUTER), Sphere((0, 0, 0), INNER)), _OPEN))
BALL = Sphere(BALL_CENTER, BALL_RADIUS)


def capArea(radius: float) -> float:
    """Area of the part of a ball's surface above the cut."""
    return 2 * np.pi * radius * (radius - CUT_Z)


def capVolume(radius: float) -> float:
    """Volume of the part of a ball above the cut."""
    height = radius - CUT_Z
    return np.pi * height**2 * (3 * radius - height) / 3


BOWL_VOLUME = capVolume(OUTER) - capVolume(INNER)
RIM_AREA = np.pi * (OUTER**2 - INNER**2)
BOWL_AREA = capArea(OUTER) + capArea(INNER) + RIM_AREA


@dataclass(frozen=True)
class Scan:
    """How the scene is scanned; mm and HU."""

    spacing: tuple = (0.5, 0.5, 1.0)
    fwhm: tuple = (0.8, 0.8, 0.9)
    noise: float = 20.0
    ball: bool = False
    bone: float = BONE
    tissue: float = TISSUE

    @property
    def ijkToLps(self) -> np.ndarray:
        """Grid around both bodies; the plane of the cut lies between two slices."""
        matrix = np.diag([*self.spacing, 1.0])
        low = np.array([-OUTER, -OUTER, -28.0]) - 6.0
        # Slices on both sides of the cut are equally far from it.
        low[2] = CUT_Z + self.spacing[2] * (np.round((low[2] - CUT_Z) / self.spacing[2]) + 0.5)
        matrix[:3, 3] = low
        return matrix

    @property
    def dimensions(self) -> tuple:
        """Voxels along i, j, k."""
        high = np.array([OUTER, OUTER, OUTER]) + 6.0
        return tuple(int(n) for n in np.ceil((high - self.ijkToLps[:3, 3]) / self.spacing))


@cache
def render(scan: Scan = Scan()) -> ImageVolume:
    """The image, computed once; do not change its array."""
    paint = [(BOWL, scan.bone)] + ([(BALL, scan.bone)] if scan.ball else [])
    return renderPhantom(
        paint, scan.tissue, scan.dimensions, scan.ijkToLps, scan.fwhm, noise=scan.noise, superSampling=2
    )


@cache
def centers(scan: Scan = Scan()) -> np.ndarray:
    """Positions of the voxels' centers, (k, j, i, 3), LPS mm."""
    k, j, i = np.indices(scan.dimensions[::-1])
    return np.stack([i, j, k], axis=-1) * np.array(scan.spacing) + scan.ijkToLps[:3, 3]


def within(shape, scan: Scan = Scan()) -> np.ndarray:
    """Voxels whose center lies in a shape, bool (k, j, i)."""
    points = centers(scan)
    return (shape.signedDistance(points.reshape(-1, 3)) < 0).reshape(points.shape[:3])


def model(mask: np.ndarray, scan: Scan = Scan()) -> TriangleMesh:
    """Surface of voxels (k, j, i) as it is made of a segment."""
    return makeSurface(Segment(mask.astype(np.uint8), scan.ijkToLps, "bowl"))


def measured(mesh: TriangleMesh, scan: Scan = Scan(), tolerance: float = 1.0, **options) -> Completeness:
    """The scan against a model."""
    image = render(scan)
    return measureCompleteness(mesh, image, imageDeviation(mesh, image), tolerance, **options)


def shareWithin(found: Completeness, tolerance: float = 1.0) -> float:
    """Share of the measured edge of the scan within a distance of the model."""
    deviation = found.deviation
    areas = deviation.areas * deviation.reliable
    return float(areas[np.abs(deviation.distance) <= tolerance].sum() / areas.sum())
