"""The steps that thick slices leave on a surface, taken off before the image is asked where its edge is.

A segment of thick slices is a staircase: its outline in each slice, and level treads halfway between two of them. The
outlines are where the slices show them; between them nothing speaks for a tread. So each tread is slanted from the
outline of the slice below to that of the slice above, which is what interpolating between the slices' distances from
their outlines gives (Raya and Udupa 1990), but along the surface itself: the height between the slices is the harmonic
function that is whole at every outline. Vertices go along the slices' axis only, and stay between the same two slices,
so that nothing can fold; the triangles stay as they are.
"""

from __future__ import annotations

import numpy as np

from ..Image.ImageVolume import ImageVolume

# Say of an outline against that of a neighboring vertex.
OUTLINE_SAY = 100.0
# Steps of solving, enough for treads of a hundred vertices.
MOST_STEPS, TOLERANCE = 200, 1e-4
# Rounding of a height in slices, of float32 positions.
ROUNDING = 1e-4


def slantedSteps(points: np.ndarray, triangles: np.ndarray, image: ImageVolume) -> np.ndarray:
    """Vertices (n, 3) of a surface made of voxels, LPS mm, with its treads slanted from slice to slice.

    The slices are those along the image's longest voxel edge. A tread with one outline only is the end of a body (a
    pole): it becomes a dome as high as the tread was. Beyond the centers of the first and last slice all stays.
    """
    axis = int(np.argmax(image.spacing))
    toLps = image.ijkToLps[:3, axis]
    height = image.lpsToIndex(points)[:, axis]
    one, other = _edges(triangles, len(points))
    low = np.minimum(height[one], height[other])
    outline = np.ceil(low)
    crosses = (outline <= np.maximum(height[one], height[other])) & (height[one] != height[other])
    stays = (height < 0) | (height > image.dimensions[axis] - 1)
    edges = one, other, _weights(points, one, other, image, axis)
    matrix, right = _equations(height, edges, (one[crosses], other[crosses], outline[crosses]), stays)
    new = height + _solved(matrix, right - matrix @ height)
    new += _domes(matrix, height, _pieces(height, one, other, crosses, outline), stays)
    new[stays] = height[stays]
    new = np.clip(new, np.floor(height + ROUNDING), np.ceil(height - ROUNDING))
    return points + (new - height)[:, None] * toLps


def _edges(triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of every edge, each edge once: those of an open rim too, of which ``MeshEdges`` has only half."""
    ends = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), axis=1)
    return np.divmod(np.unique(ends[:, 0] * count + ends[:, 1]), count)


def _weights(points, one, other, image: ImageVolume, axis: int) -> np.ndarray:
    """How much the ends of each edge are to be at one height, by how far apart they lie within the slice."""
    direction = image.ijkToLps[:3, axis] / image.spacing[axis]
    edges = points[other] - points[one]
    least = 0.5 * float(image.spacing.min())
    across2 = np.einsum("ei,ei->e", edges, edges) - (edges @ direction) ** 2
    return least / np.sqrt(np.maximum(across2, 0) + least**2)


def _equations(height, edges, outlines, stays):
    """Matrix and right side of the heights that change least along the edges and are whole where an edge crosses one.

    :param height: (n,) in slices. :param edges: both ends and the weight of each edge.
    :param outlines: both ends of the edges that cross a slice's center, and which slice. :param stays: bool (n,).
    """
    from scipy.sparse import coo_matrix, diags

    def rows(first, second, values):
        number = np.arange(len(first))
        place = np.concatenate([number, number]), np.concatenate([first, second])
        return coo_matrix((np.concatenate(values), place), shape=(len(first), len(height))).tocsr()

    one, other, weights = edges
    change = rows(one, other, (np.ones(len(one)), -np.ones(len(one))))
    one, other, slices = outlines
    share = (slices - height[one]) / (height[other] - height[one])
    at = rows(one, other, (1 - share, share))
    stay = OUTLINE_SAY * stays
    matrix = change.T @ diags(weights) @ change + OUTLINE_SAY * (at.T @ at) + diags(stay)
    return matrix.tocsr(), OUTLINE_SAY * (at.T @ slices) + stay * height


def _solved(matrix, right) -> np.ndarray:
    """Solution (n,), to a share of the right side or after so many steps, which leaves what is far from an outline."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import cg

    scaling = diags(1 / (matrix.diagonal() + 1e-12))
    return cg(matrix, right, rtol=TOLERANCE, maxiter=MOST_STEPS, M=scaling)[0]


def _pieces(height, one, other, crosses, outline):
    """Number (n,) of the piece between two slices that each vertex is of; which pieces have an outline below, above."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    within = ~crosses
    links = coo_matrix((np.ones(within.sum()), (one[within], other[within])), shape=(len(height), len(height)))
    count, piece = connected_components(links, directed=False)
    below, above = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for ends in (one[crosses], other[crosses]):
        isBelow = outline[crosses] <= np.floor(height[ends])
        below[piece[ends[isBelow]]] = True
        above[piece[ends[~isBelow]]] = True
    return piece, below, above


def _domes(matrix, height, pieces, stays) -> np.ndarray:
    """Heights (n,) to be added, in slices, that make a dome of each tread that has an outline on one side only."""
    piece, below, above = pieces
    end = (below != above)[piece] & ~stays
    if not end.any():
        return np.zeros(len(height))
    dome = np.maximum(_solved(matrix, end * 1.0), 0)
    dome[~end] = 0
    top, rise = np.zeros(len(below)), np.zeros(len(below))
    np.maximum.at(top, piece, dome)
    np.maximum.at(rise, piece, np.abs(height - np.rint(height)))
    return np.where(below, 1, -1)[piece] * dome * (rise / np.maximum(top, 1e-30))[piece]
