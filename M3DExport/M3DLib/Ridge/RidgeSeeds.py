"""Where a surface may have a ridge: two faces, measured reliably, beside a place too sharp to be measured."""

from __future__ import annotations

from itertools import chain

import numpy as np

from ..Distance.DeviationMap import Quality
from ..Edge.VertexParts import partOf
from .RidgeFit import RidgeGuess, whereFacesMeet

# Faces are looked for so many standard deviations of the blur around a place on a ridge; one place is asked in every
# cube of so many.
AROUND, APART = 6.5, 2.5
# Vertices that a face needs.
FEWEST = 8
# Mean square of what the normals have along a ridge, at most: more of it is a corner, or no ridge.
ALONG = 0.08
# Angles (degrees) between the normals of the two faces.
LEAST_TURN, MOST_TURN = 25.0, 150.0
# Sine of the angle by which a face's normals may turn across it, root mean square; those that turn by more than twice
# as much, and this at least, are of something else.
UNEVEN, ODD = 0.12, 0.1
# The ridge is no farther from the place that was asked, in standard deviations of the blur.
ASIDE = 4.0


def ridgeSeeds(points: np.ndarray, normals: np.ndarray, quality: np.ndarray, blur: float) -> RidgeGuess:
    """First guesses of ridges on a surface.

    :param points: (n, 3) mm. :param normals: (n, 3) unit, outward. :param quality: (n,) of a measured deviation.
    :param blur: standard deviation, mm.
    """
    places, member, window = _surroundings(points, quality, blur)
    if not len(places):
        return RidgeGuess(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 2, 3)), np.empty(0, dtype=bool))
    sides = _Sides(normals[member].astype(np.float64), points[member] - places[window], window, len(places))
    return sides.guess(places, blur)


def _surroundings(points: np.ndarray, quality: np.ndarray, blur: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (w, 3) on ridges, the reliable vertices around each, and of which place they are, (k,) both."""
    from scipy.spatial import cKDTree

    sharp, good = np.flatnonzero(quality == Quality.SHARP), np.flatnonzero(quality == Quality.RELIABLE)
    cells = points[sharp] / (APART * blur)
    whole = np.floor(cells).astype(np.int64)
    # Of each cube the place nearest to its middle.
    order = np.lexsort((np.square(cells - whole - 0.5).sum(axis=1), *whole.T))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (whole[order][1:] != whole[order][:-1]).any(axis=1)
    places = points[sharp[order[first]]]
    if not len(places) or not len(good):
        return places[:0], good[:0], good[:0]
    # Asked once, a tree that is made quickly is the better one.
    tree = cKDTree(points[good], balanced_tree=False, compact_nodes=False)
    around = tree.query_ball_point(places, AROUND * blur, workers=2)
    sizes = np.fromiter(map(len, around), dtype=np.int64, count=len(around))
    enough = np.flatnonzero(sizes >= 2 * FEWEST)
    sizes = sizes[enough]
    found = np.fromiter(chain.from_iterable(around[enough]), dtype=np.int64, count=sizes.sum())
    return places[enough], good[found], np.repeat(np.arange(len(enough)), sizes)


class _Sides:
    """The vertices around places, parted into two faces by which way they look across the direction none looks in."""

    def __init__(self, normals: np.ndarray, away: np.ndarray, window: np.ndarray, count: int):
        self.normals, self.away, self.window = normals, away, window
        self.starts = np.searchsorted(window, np.arange(count))
        products = (
            self._total(normals[:, :, None] * normals[:, None]) / self._total(np.ones(len(window)))[:, None, None]
        )
        size, vectors = np.linalg.eigh(products)
        self.along, self.fine = vectors[:, :, 0], size[:, 0] < ALONG
        mean = self._across(self._total(normals))
        angle = np.arctan2(self._part(np.cross(self.along, mean)), self._part(mean))
        middle = (np.minimum.reduceat(angle, self.starts) + np.maximum.reduceat(angle, self.starts)) / 2
        self.second = angle > middle[window]

    def _total(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.starts, axis=0)

    def _part(self, directions: np.ndarray) -> np.ndarray:
        return np.einsum("mi,mi->m", self.normals, directions[self.window])

    def _across(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors (w, 3) without what they have along the ridge."""
        vectors = vectors - np.einsum("wi,wi->w", vectors, self.along)[:, None] * self.along
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _face(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean normal and mean place of a face, (w, 3) each; those that have none are no longer fine."""
        weight = chosen.astype(np.float64)
        for _ in range(2):
            number = self._total(weight)
            self.fine &= number >= FEWEST
            normal = self._across(self._total(weight[:, None] * self.normals))
            # Turning along the ridge is the curvature of the ridge itself.
            turned = self._part(np.cross(self.along, normal)) ** 2
            uneven = np.sqrt(self._total(weight * turned) / np.maximum(number, 1))
            weight = chosen * (turned < np.maximum(2 * uneven, ODD)[self.window] ** 2)
        self.fine &= uneven < UNEVEN
        number = np.maximum(self._total(weight), 1)
        return normal, self._total(weight[:, None] * self.away) / number[:, None]

    def guess(self, places: np.ndarray, blur: float) -> RidgeGuess:
        """The line in which both faces would meet, at each place where there are two."""
        (first, middle), (second, other) = self._face(~self.second), self._face(self.second)
        turn = np.degrees(np.arccos(np.clip(np.einsum("wi,wi->w", first, second), -1, 1)))
        self.fine &= (turn > LEAST_TURN) & (turn < MOST_TURN)
        fine = np.flatnonzero(self.fine)
        normals, along = np.stack([first, second], axis=1)[fine], self.along[fine]
        places, middle, other = places[fine], middle[fine], other[fine]
        right = np.einsum("wki,wki->wk", normals, np.stack([middle, other], axis=1))
        way = whereFacesMeet(normals, along, right)
        near = np.linalg.norm(way, axis=1) < ASIDE * blur
        convex = np.einsum("wi,wi->w", other - middle, normals[:, 0]) < 0
        return partOf(RidgeGuess(places + way, along, normals, convex), near)
