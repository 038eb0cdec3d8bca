"""Everything that can be wrong with a mesh by itself, each defect told apart from its consequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Intersection.MeshTopology import connectedComponents
from M3DLib.Intersection.SelfIntersection import seamPoints, selfIntersections
from M3DLib.Mesh.TriangleMesh import TriangleMesh, lowAndHigh

from .MeshDefects import CleanedMesh, cleanedMesh
from .MeshShells import MeshShells, meshShells


@dataclass
class Hole:
    """A connected run of edges that have a triangle on one side only.

    :ivar edgeCount: number of edges.
    :ivar lengthMm: their length, mm.
    :ivar center: float64 (3,), mean of their points, LPS mm.
    :ivar extentMm: longest side of their bounding box, mm.
    """

    edgeCount: int
    lengthMm: float
    center: np.ndarray
    extentMm: float


class MeshSoundness:
    """Defects and figures of one mesh, worked out when first asked for.

    Triangle and point numbers are those of the mesh. ``progress`` is told of the long parts.
    """

    def __init__(self, mesh: TriangleMesh, progress: Callable[[float, str], None] = noProgress):
        self.mesh = mesh
        self.progress = progress

    @classmethod
    def of(cls, mesh: TriangleMesh, progress: Callable[[float, str], None] = noProgress) -> MeshSoundness:
        """The soundness of a mesh, worked out once however many checks ask."""
        soundness = mesh.cached("soundness", lambda: cls(mesh))
        soundness.progress = progress
        return soundness

    @cached_property
    def cleaned(self) -> CleanedMesh:
        """Useless triangles and points, and the topology of the others."""
        return cleanedMesh(self.mesh.points, self.mesh.triangles)

    @cached_property
    def fins(self) -> np.ndarray:
        """Patches that hang on an edge of other triangles without closing anything, numbers as in ``patches``.

        Their free edges are no holes: without them the surface around is whole.
        """
        topology = self.cleaned.topology
        edge, there = topology.crowdedHalfEdges
        if not len(edge):
            return np.empty(0, dtype=np.int64)
        sizes = np.bincount(topology.patches)
        free = np.zeros(len(sizes), dtype=bool)
        free[topology.patches[topology.boundaryHalfEdges // 3]] = True
        patch = topology.patches[there // 3]
        _, place, own = np.unique(edge * len(sizes) + patch, return_inverse=True, return_counts=True)
        others = topology.edgeUse[edge] - own[place.reshape(-1)]
        largest = np.zeros(len(topology.edgeUse), dtype=np.int64)
        np.maximum.at(largest, edge, sizes[patch])
        return np.unique(patch[free[patch] & (others >= 2) & (sizes[patch] < largest[edge])])

    @cached_property
    def holes(self) -> list[Hole]:
        """Holes, longest first."""
        topology = self.cleaned.topology
        holes = []
        for loop in topology.boundaryLoops:
            edges = loop[~np.isin(topology.patches[loop // 3], self.fins)]
            if len(edges):
                points = topology.points[np.unique(np.concatenate(topology.edgeEnds(edges)))]
                extent = float((points.max(axis=0) - points.min(axis=0)).max())
                holes.append(Hole(len(edges), topology.lengthMm(edges), points.mean(axis=0), extent))
        return holes

    @cached_property
    def _meeting(self):
        """Pairs of working triangles that intersect (see :attr:`intersections`), and whether they cross."""
        cleaned = self.cleaned
        topology = cleaned.topology
        solid = np.flatnonzero(~cleaned.thin)
        known = seamPoints(topology) if len(solid) == len(topology.triangles) else None
        meeting = selfIntersections(topology.points, topology.triangles[solid], self.progress, known)
        pairs = solid[meeting.pairs]
        if not len(pairs):
            return pairs, meeting.crossing
        keep = np.ones(len(pairs), dtype=bool)
        touching = np.flatnonzero(~meeting.crossing)
        keep[touching[self._sameCluster(self._degenerateCorners(), pairs[touching])]] = False
        keep[touching[self._sameCluster(self._rimPoints(), pairs[touching])]] = False
        return pairs[keep], meeting.crossing[keep]

    @property
    def intersections(self) -> np.ndarray:
        """Pairs of triangles that pass through or touch one another beyond common corners and edges; int64 (k, 2).

        A needle without area lies on its neighbor's edge, and a point left over at the rim of a crack lies on the
        other side's edge: where triangles merely touch for such a reason, the needle or the hole is the defect.
        """
        return self.cleaned.topology.original[self._meeting[0]]

    @property
    def crossing(self) -> np.ndarray:
        """Whether each of the pairs in ``intersections`` crosses, not only touches; bool (k,)."""
        return self._meeting[1]

    def _degenerateCorners(self) -> list[np.ndarray]:
        """Points of each connected group of triangles without area."""
        cleaned = self.cleaned
        triangles = cleaned.topology.triangles[cleaned.thin]
        if not len(triangles):
            return []
        points, compact = np.unique(triangles, return_inverse=True)
        compact = compact.reshape(-1, 3)
        group = connectedComponents(
            len(points), np.r_[compact[:, 0], compact[:, 0]], np.r_[compact[:, 1], compact[:, 2]]
        )
        return [points[group == number] for number in range(int(group.max()) + 1)]

    def _rimPoints(self) -> list[np.ndarray]:
        """Points of each hole's rim."""
        topology = self.cleaned.topology
        return [np.unique(np.concatenate(topology.edgeEnds(loop))) for loop in topology.boundaryLoops]

    def _sameCluster(self, clusters: list[np.ndarray], pairs: np.ndarray) -> np.ndarray:
        """Pairs of working triangles that both have a corner in the same cluster of points."""
        topology = self.cleaned.topology
        both = np.zeros(len(pairs), dtype=bool)
        if not len(pairs):
            return both
        one, other = topology.triangles[pairs[:, 0]], topology.triangles[pairs[:, 1]]
        for cluster in clusters:
            both |= np.isin(one, cluster).any(axis=1) & np.isin(other, cluster).any(axis=1)
        return both

    @cached_property
    def shells(self) -> MeshShells:
        """The pieces of surface, their volumes and nesting."""
        return meshShells(self.cleaned.topology, self._meeting[0])

    @cached_property
    def bodyVolumes(self) -> np.ndarray:
        """Volume of each outermost or free-standing body (not its cavities), largest first, mm3; see ``bodyShells``."""
        return np.abs(self.shells.volume[self.bodyShells])

    @cached_property
    def bodyShells(self) -> np.ndarray:
        """Numbers of the shells that are the outside of a body, largest first; those joined in a point or an edge count
        once each.
        """
        solids = self.shells.solids
        return solids[np.argsort(-np.abs(self.shells.volume[solids]), kind="stable")]

    def forgetEdges(self) -> None:
        """Let go of the list of all edges, when what follows asks for shells, fins and intersections only."""
        self.fins, self.shells  # noqa: B018
        self.cleaned.topology.forgetEdges()

    def trianglesOfShells(self, shells: np.ndarray) -> np.ndarray:
        """Numbers of the mesh's triangles that belong to some shells, integers (k,)."""
        topology = self.cleaned.topology
        return topology.original[np.isin(topology.patches, shells)]

    def centerOfShell(self, shell: int) -> np.ndarray:
        """Middle of the bounding box of a shell, LPS mm."""
        topology = self.cleaned.topology
        points = topology.points[topology.triangles[topology.patches == shell].reshape(-1)]
        low, high = lowAndHigh(points)
        return (low + high) / 2

    def edgeLengths(self) -> np.ndarray:
        """Lengths of the edges of the working triangles, float64 (e,), mm."""
        topology = self.cleaned.topology
        start, end = topology.edgePoints.T
        squares = np.zeros(len(start))
        for axis in range(3):
            values = np.ascontiguousarray(topology.points[:, axis])
            squares += np.square(values.take(end) - values.take(start))
        return np.sqrt(squares, out=squares)
