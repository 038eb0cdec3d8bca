"""The surface whose edge is looked for, at its vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Mesh.CurvatureTensor import curvatureTensors
from ..Mesh.MeshGeometry import MeshEdges, ridgeCurvature
from .ProfileSampling import VolumeSampler
from .VertexParts import inParts

# Edge length of the cubes in which vertices that face one way count as each other's surroundings, mm.
SURROUNDINGS = 4.0
# Up to so many numbers a table of them is quicker than sorting.
MOST_NUMBERS = 1 << 23


@dataclass
class EdgeSurface:
    """Arrays (n, ...) of the vertices.

    :ivar points: float32 (n, 3), LPS mm.
    :ivar normals: float32 (n, 3), unit, outward; zero where a vertex has no surface.
    :ivar ridge: float32 (n,), 1/mm, of :func:`~.MeshGeometry.ridgeCurvature`; None until it is known.
    :ivar curvature: float32 (n, 6), 1/mm, of :func:`~.CurvatureTensor.curvatureTensors`; None where nothing needs it.
    """

    points: np.ndarray
    normals: np.ndarray
    ridge: np.ndarray | None
    curvature: np.ndarray | None

    @classmethod
    def of(cls, points: np.ndarray, normals: np.ndarray, edges: MeshEdges, withCurvature: bool) -> EdgeSurface:
        """The surface with vertices (n, 3) and edges, whose ridges are not known yet."""
        return cls(points, normals, None, curvatureTensors(edges, points, normals) if withCurvature else None)

    def ridges(self, edges: MeshEdges, blur: float) -> np.ndarray:
        """What is to become of ``ridge``, seen through a typical blur (standard deviation in mm)."""
        return ridgeCurvature(edges, self.points, self.normals, 1.2 * blur)

    def surroundings(self, sampler: VolumeSampler) -> Surroundings:
        """The vertices in groups: those in one cube of the image's grid whose normals face one way along its axes."""
        cells = np.floor(sampler.dimensions * sampler.spacing / SURROUNDINGS)[:, None] + 1

        def numbers(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
            places = np.floor(sampler.toIndices(points) * (sampler.spacing / SURROUNDINGS)[:, None])
            i, j, k = np.clip(places, -1, cells).astype(np.int64) + 1
            along = normals @ sampler.axes
            axis = np.abs(along).argmax(axis=1)
            outward = np.take_along_axis(along, axis[:, None], axis=1)[:, 0] > 0
            wide, high = cells[:2, 0].astype(np.int64) + 2
            return ((k * high + j) * wide + i) * 6 + 2 * axis + outward

        return Surroundings(_inOrder(inParts(numbers, self.points, self.normals)))


def _inOrder(numbers: np.ndarray) -> np.ndarray:
    """Numbers (n,) from 0 on, of their order, none left out, int32 (n,)."""
    most = int(numbers.max(initial=0)) + 1
    if most > MOST_NUMBERS:
        return np.unique(numbers, return_inverse=True)[1].astype(np.int32)
    used = np.zeros(most, dtype=bool)
    used[numbers] = True
    return (np.cumsum(used, dtype=np.int32) - 1).take(numbers)


@dataclass
class Surroundings:
    """Vertices in groups of such that lie together and face one way.

    :ivar group: number of the group of every vertex, int (n,).
    """

    group: np.ndarray

    def mean(self, values: np.ndarray, counting: np.ndarray) -> np.ndarray:
        """Mean of the values (n,) of those that count (bool (n,)) around each vertex, float32 (n,); 0 without any."""
        total = np.bincount(self.group, np.where(counting, values, 0))
        return (total / np.maximum(np.bincount(self.group, counting), 1)).astype(np.float32)[self.group]
