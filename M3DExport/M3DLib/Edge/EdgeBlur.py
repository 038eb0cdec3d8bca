"""The blur of an image as a covariance, from the widths of edges in many directions, and the blur at each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..Distance.DeviationMap import Quality
from ..Mesh.CurvatureTensor import PAIRS
from ..Mesh.MeshGeometry import MeshEdges
from .EdgeReader import EdgeReader
from .EdgeSurface import EdgeSurface, Surroundings
from .MeasuredEdges import MeasuredEdges
from .VertexParts import inParts, sampleOf

# Edges farther apart than this, in standard deviations of the blur, do not influence each other's half height.
THICK = 6.0
# Nor do edges stand alone whose plateaus drift by more than such a share of the contrast, or most of whose surroundings
# do not: behind a cortex of 2 to 3 standard deviations lies what makes it look sharper than the blur is, and in places
# noise hides that.
LEVEL, MOST_AROUND = 0.08, 0.5
# A surface that turns by more than this (radians) within one standard deviation of the blur is a ridge whose half-
# height surface is rounded off by more than the method corrects for.
SHARPEST = 0.18
# Half the sum of a curvature tensor times the blur's covariance, of which the values off the diagonal count twice.
WEIGHTS = np.array([0.5, 0.5, 0.5, 1, 1, 1])
FEWEST = 50
MOST = 40_000
# Mean square of a direction's own share among the measured ones below which its blur counts as unknown.
LEAST_SHARE = 5e-3
# No direction is taken to be sharper than so many times the sharpest one that was measured: what a few slanted faces
# tell of a direction that no face looks in, as of the slices' where a skull cap is cut, is far off with the kernels
# that sharpen bone.
SHARPER = 0.8
# The thirteen directions from a voxel to those around it, of which each normal is nearest to one.
DIRECTIONS = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) > (0, 0, 0)])


@dataclass
class ImageBlur:
    """The blur of a whole image.

    :ivar covariance: float64 (3, 3), mm2, LPS.
    :ivar known: tells for normals (m, 3) whether the blur along them was measured, bool (m,); None where nothing tells.
    """

    covariance: np.ndarray
    known: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass
class EdgeBlur:
    """The blur at every vertex, arrays (n,).

    :ivar along: standard deviation along the normal, mm, float32.
    :ivar turning: the larger of that and of the mean one across the normal: what rounds off a ridge, mm, float32.
    :ivar profile: standard deviation that the sampled profile shows, mm, float32.
    :ivar known: whether the blur along the normal was measured, bool.
    :ivar bend: by how much what blur makes of the surface's curvature (:func:`curvatureShift`) differs between a vertex
        and its neighbors, root mean square, mm, float32; None where no curvature was looked at.
    """

    along: np.ndarray
    turning: np.ndarray
    profile: np.ndarray
    known: np.ndarray
    bend: np.ndarray | None = None


def imageBlur(reader: EdgeReader, surface: EdgeSurface, edges: MeasuredEdges, around: Surroundings) -> ImageBlur:
    """The blur of an image from the edges that stand alone, or from all reliable ones where too few do.

    :param edges: with the drift of the plateaus around each vertex.

    Walls too thin for the blur look sharper than it is, a surface that turns within it does hardly. So where no edge
    that stands alone is level, bent ones are asked before others.
    """

    def alone(edges: MeasuredEdges) -> np.ndarray:
        wide = np.minimum(edges.wall, edges.gap) > THICK * np.maximum(edges.width, reader.scale.width)
        level = np.abs(edges.drift) < LEVEL * edges.contrast
        return (edges.quality == Quality.RELIABLE) & wide & level

    reliable, stand = edges.quality == Quality.RELIABLE, inParts(alone, edges)
    stand &= around.mean(stand, reliable) > MOST_AROUND
    turn = surface.ridge * reader.scale.width
    covariance, known = _blurOf(stand & (turn < SHARPEST), surface, edges)
    if covariance is None:
        bent = stand & (turn < 1.5 * SHARPEST)
        # A few of many are where the surface lies astray, as between bone and metal.
        which = bent if np.count_nonzero(bent) > np.count_nonzero(reliable) / 4 else reliable
        covariance = _blurOf(which, surface, edges)[0]
    if covariance is None:
        covariance = np.eye(3) * reader.scale.width**2
    return ImageBlur(covariance, known)


def _blurOf(which: np.ndarray, surface: EdgeSurface, edges: MeasuredEdges):
    chosen = sampleOf(which, MOST)
    return measureBlur(surface.normals[chosen].astype(np.float64), edges.width[chosen])


def edgeBlur(reader: EdgeReader, blur: ImageBlur, normals: np.ndarray) -> EdgeBlur:
    """The blur at vertices with normals (n, 3)."""
    along = np.sqrt(_along(blur.covariance, normals))
    across2 = np.float32(np.trace(blur.covariance)) - along**2
    turning = np.sqrt(np.maximum(along**2, across2 / 2))
    # Trilinear interpolation adds the variance of a triangle as wide as two voxels to the profile's own blur.
    steps = reader.sampler.toLps
    added = _along(steps @ steps.T / 6, normals)
    if reader.scale.smoothsProfiles:
        # And weights of 1, 2 and 1 on neighboring samples half the square of their distance.
        added += np.float32(reader.profileStep**2 / 2)
    profile = np.sqrt(along**2 + added)
    known = np.zeros(len(normals), dtype=bool) if blur.known is None else blur.known(normals)
    return EdgeBlur(along, turning, profile, known)


def _along(tensor: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The value of a symmetric tensor (3, 3) along normals (n, 3), float32 (n,)."""
    return tensor[tuple(np.transpose(PAIRS))].astype(np.float32) @ _squareColumns(normals.astype(np.float32))


def curvatureShift(curvature: np.ndarray, blur: ImageBlur) -> np.ndarray:
    """By how much blur draws the half height of a curved surface inward, mm, float32 (n,).

    Half the curvatures (n, 6) times the blur's variances in their directions; a ball of radius r: variance / r.
    """
    return curvature @ (WEIGHTS * blur.covariance[tuple(np.transpose(PAIRS))]).astype(np.float32)


def unevenness(edges: MeshEdges, values: np.ndarray) -> np.ndarray:
    """By how much values (n,) differ between a vertex and its neighbors, root mean square, float32 (n,)."""
    squares = np.empty(len(edges.end), dtype=np.float32)
    for part, start, end in edges.parts():
        squares[part] = np.square(values[end] - values[start])
    return np.sqrt(edges.sumAtEnds(squares) / np.maximum(edges.degrees(), 1))


def measureBlur(
    normals: np.ndarray, widths: np.ndarray
) -> tuple[np.ndarray | None, Callable[[np.ndarray], np.ndarray] | None]:
    """Covariance of the blur from width**2 = n C n, robust against odd edges.

    :param normals: (n, 3) unit normals of the edges. :param widths: (n,) standard deviations of their blur, mm.
    :return: covariance (3, 3) in mm2, and a function that tells for normals (m, 3) whether the blur along them was
        measured (bool (m,)); (None, None) when there are too few edges. What the normals leave open is as the mean of
        the rest.
    """
    if len(widths) < FEWEST:
        return None, None
    if len(widths) > MOST:
        normals, widths = normals[:: len(widths) // MOST + 1], widths[:: len(widths) // MOST + 1]
    design = _squares(normals)
    mean = float(np.median(widths.astype(np.float64) ** 2))
    open_ = np.array([mean, mean, mean, 0, 0, 0])
    target = widths.astype(np.float64) ** 2 - design @ open_
    weight = np.ones(len(target))
    pull = 1e-3 * len(target) * np.eye(6)
    for _ in range(4):
        weighted = design * weight[:, None]
        solution = np.linalg.solve(weighted.T @ design + pull, weighted.T @ target)
        misfit = np.abs(target - design @ solution)
        weight = 1 / np.maximum(misfit, np.median(misfit) + 1e-9)
        weight /= weight.mean()
    xx, yy, zz, xy, xz, yz = solution + open_
    values, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    least = max(0.1 * mean, SHARPER**2 * _sharpest(normals, widths))
    covariance = (vectors * np.clip(values, least, 10 * mean)) @ vectors.T
    spread = np.linalg.inv(design.T @ design / len(design) + 1e-6 * np.eye(6))

    def known(directions: np.ndarray) -> np.ndarray:
        squares = _squareColumns(directions.astype(np.float32))
        return np.einsum("ij,ij->j", squares, spread.astype(np.float32) @ squares) < 1 / LEAST_SHARE

    return covariance, known


def _sharpest(normals: np.ndarray, widths: np.ndarray) -> float:
    """The smallest median of the squared widths (mm2) over the directions that enough edges look in."""
    unit = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    nearest = np.abs(normals @ unit.T).argmax(axis=1)
    squares = [widths[nearest == number].astype(np.float64) ** 2 for number in range(len(unit))]
    return min((float(np.median(values)) for values in squares if len(values) >= FEWEST), default=0.0)


def _squares(normals: np.ndarray) -> np.ndarray:
    return _squareColumns(normals.astype(np.float64)).T


def _squareColumns(normals: np.ndarray) -> np.ndarray:
    """What a symmetric tensor's values, in the order of ``PAIRS``, are multiplied by along normals, (6, n)."""
    x, y, z = np.ascontiguousarray(normals.T)
    return np.array([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z])
