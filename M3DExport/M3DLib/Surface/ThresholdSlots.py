"""Slots that a threshold cut into a body between thick slices, spanned over where the image shows no gap.

Where a wall slants so far that its outlines in two slices hardly overlap, the voxels between them are too dark for the
threshold, though brighter than the middle between wall and air: the segment has a slot there, and its surface goes in
and out again. No place of it has an edge. It is drawn flat over the mouth of the slot, as a soap film would be, which
also makes room for what lies beside it. The triangles stay: a slot that goes through the wall remains an opening.
"""

from __future__ import annotations

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.ProfileSampling import VolumeSampler
from .Neighborhood import Neighborhood

# Places with an edge whose mean gray tells what the middle between inside and outside is.
EDGES_AROUND = 8
# The wall opposite lies no farther than the largest voxel edge; looked for in so many steps.
STEPS_ACROSS = 6
# Cosine of the angle between both walls' normals, at most.
FACING = -0.3
# Steps of solving and its end: a slot is some ten vertices deep.
MOST_STEPS, TOLERANCE = 200, 1e-3


def slotPlaces(deviation: DeviationMap, sampler: VolumeSampler, neighborhood: Neighborhood) -> np.ndarray:
    """Vertices of a surface that lie in slots of which the image shows nothing, bool (n,).

    No edge is found at them, the image is on the inner side of the middle that the edges around them have, and another
    wall of the surface faces them within a slice. What lacks the last is where a body was cut off, and stays.

    :param deviation: from the image of ``sampler``, whose longest voxel edge is the distance of its slices.
    """
    reliable = np.flatnonzero(deviation.quality == Quality.RELIABLE)
    silent = np.flatnonzero(deviation.quality == Quality.NO_EDGE)
    slot = np.zeros(len(deviation.quality), dtype=bool)
    if len(reliable) < EDGES_AROUND or not len(silent):
        return slot
    from scipy.spatial import cKDTree

    points, normals = deviation.mesh.points.astype(np.float64), deviation.normals.astype(np.float64)
    edges = points[reliable] + deviation.distance[reliable, None] * normals[reliable]
    around = cKDTree(edges).query(points[silent], k=EDGES_AROUND, workers=2)[1]
    middle = grayAt(sampler, edges)[around].mean(axis=1)
    inside = deviation.settings["polarity"] * (grayAt(sampler, points[silent]) - middle) > 0
    silent = silent[inside]
    farthest = np.full(len(silent), sampler.spacing.max())
    slot[silent[facedWithin(points, normals, silent, farthest, STEPS_ACROSS)]] = True
    # Where a wall of the slot meets its floor or its mouth, normals look past it.
    return slot | (neighborhood.mean(slot) > 0)


def grayAt(sampler: VolumeSampler, points: np.ndarray) -> np.ndarray:
    """Values of the image, (m,), at positions (m, 3) in LPS mm."""
    start = sampler.toIndices(points)
    return sampler.profiles(start, np.zeros_like(start), np.zeros(1))[0]


def facedWithin(points, normals, which: np.ndarray, ways: np.ndarray, looks: int) -> np.ndarray:
    """At which of some vertices another wall faces them on a way along their normal, bool (m,).

    :param points: (n, 3) of all vertices. :param normals: (n, 3) outward. :param which: numbers (m,).
    :param ways: (m,) how long the ways are, mm, negative inward. :param looks: places on each that are looked at.
    """
    from scipy.spatial import cKDTree

    faced = np.zeros(len(which), dtype=bool)
    tree = cKDTree(points)
    for share in np.linspace(0, 1, looks + 1)[1:]:
        nearest = tree.query(points[which] + share * ways[:, None] * normals[which], workers=2)[1]
        faced |= np.einsum("mi,mi->m", normals[nearest], normals[which]) < FACING
    return faced


def spanned(points: np.ndarray, which: np.ndarray, neighborhood: Neighborhood) -> np.ndarray:
    """Positions (n, 3) with those of some vertices, bool (n,), each in the middle of its neighbors; the others stay."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import cg

    numbers = np.flatnonzero(which)
    if not len(numbers):
        return points
    result, degree = points.copy(), neighborhood.degree[numbers].astype(np.float64)
    adjacent = diags(degree) @ neighborhood.meanAt(numbers)
    matrix = (diags(degree) - adjacent[:, numbers]).tocsr()
    others = np.where(which[:, None], 0, points)
    for axis in range(3):
        # What is asked for is how far each goes, which is small beside where it is.
        lacking = adjacent @ others[:, axis] - matrix @ points[numbers, axis]
        way = cg(matrix, lacking, rtol=TOLERANCE, maxiter=MOST_STEPS, M=diags(1 / degree))[0]
        result[numbers, axis] += way
    return result
