"""Where the vertices of a surface belong that lie near ridges: on a face, on the line or point where faces meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Edge.VertexParts import partOf
from .BlurredWedge import fillet
from .RidgeEvidence import misfit
from .RidgeFit import ImageOfRidges, Ridges
from .RidgePooling import ALIKE, FARTHEST, SPREAD

# In standard deviations of the blur: what lies nearer to a ridge than the first goes wholly to the faces, what lies
# farther away than the second does not go at all.
WHOLLY, NOT = 5.0, 7.5
# Pieces of ridges asked at each vertex.
PIECES = 10
# Share of what the pieces around say that is of ridges which are followed, from where on a vertex goes and goes wholly.
SAY_FROM, SAY_TO = 0.3, 0.7
# A vertex at which a fourth face has more than this share of the say, or a groove beside a ridge more than the second,
# stays.
FOURTH, OTHER_KIND = 0.3, 0.1
# No piece of a ridge lies near a vertex where the nearest one counts less than this.
LEAST_SAY = 0.1
# Vertices that are farther away from the faces, in standard deviations of the blur, are of something else: the half
# height of a right angle lies 0.77 of one below the ridge.
NEAR, FAR = 1.2, 1.8
# How far the image at a vertex may be off what its faces make of it, as a share of the contrast: up to the first a
# vertex goes wholly, from the second on not at all.
SEEN, OFF = 0.12, 0.2
# Cosines between the normals of two faces are kept within this, and three faces meet in a point where the volume of
# their normals is above the second.
LEVEL, MEETING = 0.95, 0.2
# How many times as far as the ridges a corner is lowered: the ball in the corner of a cube reaches (3**0.5 - 1) of its
# radius below it, the arcs at its ridges (2**0.5 - 1).
CORNER = 1.45


@dataclass
class SharpPlaces:
    """Arrays (m, ...) of the vertices near ridges; ways in mm.

    :ivar which: (m,) their numbers.
    :ivar toFace: (m, 3) the way to the face that a vertex belongs to.
    :ivar toLine: (m, 3) the way to the line where that meets the next one.
    :ivar toCorner: (m, 3) the way to the point where three meet; infinite where there are two.
    :ivar normals: (m, 2, 3) of that face and the next one.
    :ivar share: (m,) 0 to 1, how far any of these is followed.
    """

    which: np.ndarray
    toFace: np.ndarray
    toLine: np.ndarray
    toCorner: np.ndarray
    normals: np.ndarray
    share: np.ndarray


@dataclass
class _Faces:
    """Up to three faces at each of some vertices, arrays (m, ...).

    :ivar height: (m, 3) of the vertex over each face, mm. :ivar normals: (m, 3, 3). :ivar known: bool (m, 3).
    :ivar sign: (m,) 1 at ridges, -1 at grooves. :ivar missing: (m,) mm2. :ivar levels: (m, 2), as those of the ridges.
    """

    height: np.ndarray
    normals: np.ndarray
    known: np.ndarray
    sign: np.ndarray
    missing: np.ndarray
    levels: np.ndarray


def sharpPlaces(
    points: np.ndarray, ridges: Ridges, followed: np.ndarray, image: ImageOfRidges, spacing: float
) -> SharpPlaces:
    """Where vertices belong near pieces of ridges.

    :param points: (n, 3) mm. :param followed: bool (w,), which of the pieces are known well enough; around the others
        vertices stay.
    :param image: that they were fitted to. :param spacing: usual distance between neighboring vertices, mm.
    """
    from scipy.spatial import cKDTree

    blur = image.blur
    reach = (NOT + 1) * blur
    distance, _ = cKDTree(ridges.center[followed]).query(points, distance_upper_bound=reach, workers=2)
    near = np.flatnonzero(np.isfinite(distance))
    faces, share = _facesAt(points[near], ridges, followed, blur)
    keep = np.flatnonzero(share > 0)
    near, faces, share = near[keep], partOf(faces, keep), share[keep]
    share *= _seen(image, points[near], faces)
    return _places(near, faces, share, blur, spacing)


def _seen(image: ImageOfRidges, points: np.ndarray, faces: _Faces) -> np.ndarray:
    """How far the image at vertices (m, 3) is that of their faces, 0 to 1, (m,)."""
    # A groove is a ridge of the outside.
    sign = faces.sign[:, None]
    outside, contrast = faces.levels.T
    levels = np.stack([np.where(faces.sign > 0, outside, outside + contrast), faces.sign * contrast], axis=1)
    height = np.where(faces.known, sign * faces.height, -np.inf)
    off = np.abs(misfit(image, points, height, faces.normals, levels))
    return np.clip((OFF - off) / (OFF - SEEN), 0, 1)


def _facesAt(points: np.ndarray, ridges: Ridges, followed: np.ndarray, blur: float) -> tuple[_Faces, np.ndarray]:
    """The faces at vertices (m, 3) as the pieces of ridges around have them, and how far those are followed (m,)."""
    from scipy.spatial import cKDTree

    count = min(PIECES, len(ridges.center))
    distance, piece = cKDTree(ridges.center).query(points, k=count, distance_upper_bound=(NOT + 3) * blur)
    distance, piece = distance.reshape(len(points), -1), piece.reshape(len(points), -1)
    have = np.isfinite(distance)
    piece = np.where(have, piece, piece[:, :1])
    away, along = points[:, None] - ridges.center[piece], ridges.along[piece]
    far = _dot(away, along)
    beside = np.linalg.norm(away - far[:, :, None] * along, axis=2) / blur
    curvature = ridges.curvature[piece]
    height = _dot(ridges.normals[piece], away[:, :, None]) + 0.5 * curvature * far[:, :, None] ** 2
    normals = ridges.normals[piece] + (curvature * far[:, :, None])[..., None] * along[:, :, None]
    normals /= np.linalg.norm(normals, axis=3, keepdims=True)
    say = have * np.exp(-0.5 * (far / (SPREAD * blur)) ** 2) * (np.abs(far) < FARTHEST * blur)
    say *= np.clip((NOT - beside) / (NOT - WHOLLY), 0, 1)
    convex = ridges.convex[piece]
    alike = convex == convex[:, :1]
    counted = say * followed[piece] * alike
    total = counted.sum(axis=1)
    faces, fourth = _averaged(counted, height, normals)
    faces.sign = np.where(convex[:, 0], 1.0, -1.0)
    mean = counted / np.maximum(total, 1e-12)[:, None]
    faces.missing = np.maximum((mean * ridges.missing[piece]).sum(axis=1), 0)
    faces.levels = (mean[:, :, None] * ridges.levels[piece]).sum(axis=1)
    share = np.clip((total / np.maximum(say.sum(axis=1), 1e-12) - SAY_FROM) / (SAY_TO - SAY_FROM), 0, 1)
    share *= np.minimum(counted.max(axis=1, initial=0) / LEAST_SAY, 1)
    other = (say * followed[piece] * ~alike).sum(axis=1)
    stays = (fourth > FOURTH * 2 * total) | (other > OTHER_KIND * total) | ~faces.known[:, :2].all(axis=1)
    return faces, np.where(stays, 0, share)


def _averaged(counted: np.ndarray, height: np.ndarray, normals: np.ndarray) -> tuple[_Faces, np.ndarray]:
    """Faces from those of pieces (m, k, 2, ...) by what each piece counts (m, k); and what counts of a fourth face."""
    row = np.arange(len(counted))
    best = counted.argmax(axis=1)
    number = np.full(height.shape, -1)
    # The first two are those of the piece that counts most, the third is any other.
    for index in range(2):
        number[_dot(normals, normals[row, best, index][:, None, None]) > ALIKE] = index
    other = np.where(number < 0, counted[:, :, None], 0)
    third = normals.reshape(len(row), -1, 3)[row, other.reshape(len(row), -1).argmax(axis=1)]
    number[(other > 0) & (_dot(normals, third[:, None, None]) > ALIKE)] = 2
    shape = (len(row), 3)
    none = np.zeros(0)
    faces = _Faces(np.zeros(shape), np.zeros((*shape, 3)), np.zeros(shape, dtype=bool), none, none, none)
    for index in range(3):
        weight = counted[:, :, None] * (number == index)
        total = weight.sum(axis=(1, 2))
        faces.known[:, index] = total > 1e-9
        weight /= np.maximum(total, 1e-12)[:, None, None]
        faces.height[:, index] = (weight * height).sum(axis=(1, 2))
        faces.normals[:, index] = (weight[..., None] * normals).sum(axis=(1, 2))
    faces.normals /= np.maximum(np.linalg.norm(faces.normals, axis=2, keepdims=True), 1e-12)
    return faces, (counted[:, :, None] * (number < 0)).sum(axis=(1, 2))


def _places(which: np.ndarray, faces: _Faces, share: np.ndarray, blur: float, spacing: float) -> SharpPlaces:
    sign = faces.sign[:, None]
    order = np.argsort(np.where(faces.known, -sign * faces.height, np.inf), axis=1)[:, :2]
    row = np.arange(len(which))[:, None]
    pair, height = faces.normals[row, order], faces.height[row, order]
    cosine = np.clip(_dot(pair[:, 0], pair[:, 1]), -LEVEL, LEVEL)
    half = np.arccos(cosine) / 2
    # The profile over a fillet: two chords, from where it touches the faces to a point below the sharp ridge, of which
    # as much is missing as the image shows.
    width = np.maximum(np.sqrt(faces.missing / fillet(2 * half).area) * np.tan(half), spacing)
    deepest = faces.missing / width
    aside = sign[:, 0] * (cosine * height[:, 0] - height[:, 1]) / np.sqrt(1 - cosine**2)
    lowered = deepest * np.clip(1 - aside / width, 0, 1)
    toFace = -(height[:, 0] + sign[:, 0] * lowered)[:, None] * pair[:, 0]
    over = height + sign * deepest[:, None]
    # The shortest way that ends on both faces.
    first, second = (cosine * over[:, 1 - face] - over[:, face] for face in (0, 1))
    toLine = (first[:, None] * pair[:, 0] + second[:, None] * pair[:, 1]) / (1 - cosine**2)[:, None]
    toCorner = np.full((len(which), 3), np.inf)
    three = np.flatnonzero(faces.known.all(axis=1) & (np.abs(np.linalg.det(faces.normals)) > MEETING))
    over = faces.height[three] + (sign * CORNER * deepest[:, None])[three]
    toCorner[three] = np.linalg.solve(faces.normals[three], -over[:, :, None])[:, :, 0]
    share = share * np.clip((FAR - np.linalg.norm(toFace, axis=1) / blur) / (FAR - NEAR), 0, 1)
    return SharpPlaces(which, toFace, toLine, toCorner, pair, share)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)
