"""A scan of a part without the table it lay on: what is no part is not compared with the model."""

from __future__ import annotations

import numpy as np

from ..Distance.ClosestSurface import ClosestSurface
from ..Mesh.TriangleMesh import TriangleMesh
from .Search.LargePlanes import onPlanes
from .SurfaceAlignment import SurfaceAlignment

# Points of each piece that are looked at.
ASKED = 3000


def withoutTable(
    mesh: TriangleMesh, alignment: SurfaceAlignment, reference: TriangleMesh, within: float
) -> tuple[TriangleMesh, float]:
    """The mesh without the planes that its alignment set aside, and without pieces that have no surface of B near.

    Such pieces (the edges of a table, a clamp) are looked for only where planes were set aside.

    :param mesh: A as it came in, LPS mm. :param within: pieces that come this near to B stay, mm.
    :return: the mesh itself and 0 where nothing was set aside; else what is left, and the share of A's area that is
        left out.
    """
    if not alignment.setAside:
        return mesh, 0.0
    corners = mesh.exactPoints[mesh.triangles].astype(np.float64)
    vectors = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(vectors, axis=1)
    normals = vectors / np.maximum(doubled, 1e-30)[:, None]
    if mesh.isClosed and mesh.volumeMm3 < 0:
        normals = -normals
    kept = ~onPlanes(alignment.setAside, corners.mean(axis=1), normals)
    left = _only(mesh, kept)
    if len(left.triangles):
        far = _farPieces(alignment.apply(left), reference, within)
        kept[np.flatnonzero(kept)[far]] = False
        left = _only(mesh, kept)
    share = 1 - float(doubled[kept].sum() / max(doubled.sum(), 1e-30))
    return (left, share) if len(left.triangles) else (mesh, 0.0)


def _only(mesh: TriangleMesh, kept: np.ndarray) -> TriangleMesh:
    used, number = np.unique(mesh.triangles[kept], return_inverse=True)
    precise = None if mesh.precise is None else mesh.precise[used]
    return TriangleMesh(mesh.points[used], number.reshape(-1, 3), mesh.name, mesh.color, mesh.opacity, precise)


def _farPieces(mesh: TriangleMesh, reference: TriangleMesh, within: float) -> np.ndarray:
    """Which triangles belong to pieces that are nowhere near a reference, bool (m,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    one, other = mesh.triangles[:, [0, 1]].ravel(), mesh.triangles[:, [1, 2]].ravel()
    links = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(len(mesh.points),) * 2)
    count, pieceOf = connected_components(links, directed=False)
    piece = pieceOf[mesh.triangles[:, 0]]
    rng = np.random.default_rng(0)
    nearest = np.full(count, np.inf)
    order = rng.permutation(len(piece))
    order = order[np.argsort(piece[order], kind="stable")]
    rank = np.arange(len(order)) - np.searchsorted(piece[order], piece[order])
    asked = order[rank < ASKED]
    points = mesh.points[mesh.triangles[asked]].mean(axis=1)
    np.minimum.at(nearest, piece[asked], ClosestSurface.of(reference).query(points).distance)
    return nearest[piece] > within
