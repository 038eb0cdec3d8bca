"""Parts of a model's surface where the image shows no edge: inside its material (cut, erased, cropped), or outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.ProfileSampling import VolumeSampler
from ..Mesh.MeshGeometry import MeshEdges
from ..TwoThreads import inTwoThreads
from .BlockImage import grown
from .Material import Material
from .ModelSpace import Neighborhood
from .Surroundings import outsideOf

BLOCK = 4096
# The image is read at these distances on either side of the surface, mm, or in blurs where that is wider.
DISTANCES = (0.5, 1.0, 1.5, 2.0)
NEAREST = (-0.25, 0.0, 0.25)
# Within the solid, material with the spaces it encloses, the values on the two sides of a cut differ by no more than
# this share of a step.
MOST_FALL = 0.35
# A face is followed towards its rim so far, and over so many rings of triangles.
RIM_BLURS, RIM_VOXELS, MOST_RINGS = 1.5, 1.0, 6
# Cosine of the angle to the edge at which a corner that turns by 90 degrees has turned by a radian.
LEAN = float(np.sin(1.0))
ELSEWHERE, IN_MATERIAL, IN_SPACE = 0, 1, 2


@dataclass
class Face:
    """A connected part of the surface: area in mm2, the vertex nearest to its middle and that place, mean normal."""

    areaMm2: float
    center: np.ndarray
    normal: np.ndarray
    vertices: np.ndarray


def surfacesWithoutEdge(
    deviation: DeviationMap, sampler: VolumeSampler, scene: Neighborhood, edges: MeshEdges
) -> np.ndarray:
    """For every vertex whether the surface there lies within material or within space, uint8 (n,).

    ``IN_MATERIAL``: the image holds material on both sides, or both lie within material and the spaces it encloses;
    ``IN_SPACE``: neither side holds material. A vertex at which the image shows an edge is neither, nor is one at the
    border of the scan, nor one that borders on another segment.

    :param edges: of the deviation's mesh.
    """
    material, blocks, outside = scene.found, scene.blocks, scene.outside
    state = np.zeros(len(deviation.mesh.points), dtype=np.uint8)
    settled = (Quality.RELIABLE, Quality.OUTSIDE_IMAGE, Quality.NO_SURFACE)
    chosen = np.flatnonzero(~np.isin(deviation.quality, settled))
    unit = max(1.0, 1.2 * material.scale.width)
    distances = np.array(DISTANCES) * unit
    steps = np.concatenate([-distances[::-1], NEAREST, distances])
    sides = slice(0, len(distances)), slice(len(steps) - len(distances), len(steps))
    aroundModel = outsideOf(scene.space.model, blocks.spacing)

    def work(start: int) -> None:
        which = chosen[start : start + BLOCK]
        points = deviation.mesh.points[which].astype(np.float64)
        normals = deviation.normals[which].astype(np.float64)
        begin, along = sampler.toIndices(points), sampler.toIndex @ normals.T
        low, high = sampler.rangeInside(begin, along)
        profiles = sampler.profiles(begin, along, steps) * material.scale.polarity
        inner, outer = (profiles[side].mean(axis=0) for side in sides)
        # At the wall of a pore both sides are material, and the place itself is not.
        full = (np.minimum(inner, outer) > material.full) & (profiles.min(axis=0) > material.level)
        bare = (np.maximum(inner, outer) < material.bare) & (profiles.max(axis=0) < material.level)
        places = [points + sign * distances[1] * normals for sign in (-1, 1)]
        reached = [blocks.at(outside, place, True) for place in places]
        # Surfaces between trabeculae lie within the solid too, but in spaces that the model encloses as well.
        leaves = blocks.at(aroundModel, places[1], True)
        solid = ~reached[0] & ~reached[1] & leaves & (inner - outer < MOST_FALL * material.step)
        found = np.zeros(len(which), dtype=np.uint8)
        found[full] = IN_MATERIAL
        found[bare] = IN_SPACE
        found[solid] = IN_MATERIAL
        found[(low > -distances[1]) | (high < distances[1])] = ELSEWHERE
        state[which] = found

    inTwoThreads(work, range(0, len(chosen), BLOCK))
    rims = _Rims(deviation, sampler, material, edges)
    for kind in (IN_MATERIAL, IN_SPACE):
        rims.reach(state, kind)
    if scene.others is not None:
        state[blocks.at(grown(scene.others, (1, 1, 1)), deviation.mesh.points, False)] = ELSEWHERE
    return state


class _Rims:
    """Where faces without an edge turn into the image's edge.

    Near its rim a cut lies within the blur of the edge it ends at, and the corner there is rounded. What adjoins a
    face belongs to it until the surface has turned by one radian towards the edge in the image: so far along a corner
    rounded with some radius lies as much of the surface as the sharp corner had.
    """

    def __init__(self, deviation: DeviationMap, sampler: VolumeSampler, material: Material, edges: MeshEdges):
        self.deviation, self.sampler, self.material, self.edges = deviation, sampler, material, edges
        reach = RIM_BLURS * material.scale.width + RIM_VOXELS * float(sampler.spacing.max())
        spread = float(np.sqrt(np.median(deviation.areas[deviation.areas > 0])))
        self.rings = int(np.clip(np.ceil(reach / max(spread, 1e-6)), 1, MOST_RINGS))

    def reach(self, state: np.ndarray, kind: int) -> None:
        """Let the faces of a kind reach to their rims."""
        front = state == kind
        for _ in range(self.rings):
            if not front.any():
                return
            touched = np.zeros(len(state), dtype=bool)
            for start, end in self.edges.blocks():
                touched[end[front.take(start)]] = True
                touched[start[front.take(end)]] = True
            ring = np.flatnonzero(touched & (state == ELSEWHERE) & (self.deviation.quality != Quality.OUTSIDE_IMAGE))
            ring = ring[self._leans(ring)]
            state[ring] = kind
            front = np.zeros(len(state), dtype=bool)
            front[ring] = True

    def _leans(self, which: np.ndarray) -> np.ndarray:
        """Whether the surface at vertices (k,) leans so far from the edge in the image there that it is none of it."""
        sampler, width = self.sampler, self.material.scale.width
        step = np.array([-1.0, 1.0]) * max(0.5 * float(sampler.spacing.min()), 0.7 * width)
        begin = sampler.toIndices(self.deviation.mesh.points[which].astype(np.float64))
        gradient = np.empty((3, len(which)))
        for axis in range(3):
            along = np.repeat(sampler.toIndex[:, axis : axis + 1], len(which), axis=1)
            ends = sampler.profiles(begin, along, step) * self.material.scale.polarity
            gradient[axis] = ends[0] - ends[1]
        length = np.sqrt((gradient**2).sum(axis=0))
        cosine = (gradient * self.deviation.normals[which].T).sum(axis=0) / np.maximum(length, 1e-9)
        return (cosine < LEAN) | (length < 0.1 * self.material.step)


def faces(deviation: DeviationMap, chosen: np.ndarray, least: float, edges: MeshEdges) -> list[Face]:
    """Connected parts of the chosen vertices (bool (n,)) with at least ``least`` mm2, the largest first.

    :param edges: of the deviation's mesh.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    vertices = np.flatnonzero(chosen)
    if not len(vertices):
        return []
    number = np.full(len(chosen), -1, dtype=np.int64)
    number[vertices] = np.arange(len(vertices))
    starts, ends = [], []
    for start, end in edges.blocks():
        both = np.flatnonzero(chosen.take(start) & chosen.take(end))
        starts.append(number[start[both]])
        ends.append(number[end[both]])
    starts, ends = np.concatenate(starts), np.concatenate(ends)
    links = coo_matrix((np.ones(len(starts), dtype=np.int8), (starts, ends)), shape=(len(vertices),) * 2)
    count, labels = connected_components(links, directed=False)
    areas = np.bincount(labels, deviation.areas[vertices], count)
    found = []
    for label in np.argsort(-areas):
        if areas[label] < least:
            break
        members = vertices[labels == label]
        weights = deviation.areas[members]
        points = deviation.mesh.points[members].astype(np.float64)
        middle = np.average(points, axis=0, weights=weights)
        normal = np.average(deviation.normals[members].astype(np.float64), axis=0, weights=weights)
        nearest = points[((points - middle) ** 2).sum(axis=1).argmin()]
        found.append(Face(float(areas[label]), nearest, normal, members))
    return found
