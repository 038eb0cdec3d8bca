"""How a surface goes where the image asks it to without its noise becoming roughness.

Of all displacements along the normals the one is taken that is least in

    sum w (u - d)**2 + sum ((h + L u - c) / t)**2

where d and w are what the image asks and how sure it is, h is how high each vertex stands over the mean of its
neighbors, L u how the displacements change that, and c the same height averaged over the surroundings: what a surface
has that is curved as evenly as this one, or, at a ridge that is too sharp for the blur, as the segment has it. So a
single uncertain place follows its neighbors, an even curvature costs nothing (a ball does not shrink), and t
grows with the curvature so that ridges stay where the image has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .EdgeTargets import EdgeTargets
from .Neighborhood import Neighborhood
from .SmoothSystem import MOST_STEPS, smoothValues

# Roughness of heights that a real, even surface has between neighboring vertices, mm.
ROUGHNESS = 0.004
# And how much of the height of its curvature may change from vertex to vertex.
CURVATURE_SHARE = 0.3
# Averagings of the heights: of the prescribed ones, and more of the first surface, which shows the steps of the voxels.
ROUNDS, FIRST_ROUNDS, WIDE_ROUNDS = 3, 8, 6
# Say of places without a reliable edge in the mean of their surroundings.
LITTLE_SAY = 0.1
# Share of unclear places in the surroundings from which a ridge begins, and over which it becomes one wholly.
RIDGE_FROM, RIDGE_SPAN = 0.3, 0.3
# The mean over the triangles at a vertex of how far they lie under the curved surface through their corners is a
# quarter of its height over its neighbors: a triangle of sides e lies under a surface of curvature tensor K by the
# sum of e K e / 24 on average, and the height is the mean of e K e / 2 over the sides.
SAG_SHARE = 0.25


@dataclass
class SmoothMotion:
    """Displacements and the shape they lead to.

    :ivar displacement: mm along the direction of each vertex, (n,).
    :ivar sag: how far the triangles lie inside the curved surface through their corners, mm, negative where hollow.
    """

    displacement: np.ndarray
    sag: np.ndarray


def smoothMotion(
    away: np.ndarray,
    umbrellas: np.ndarray,
    directions: np.ndarray,
    targets: EdgeTargets,
    neighborhood: Neighborhood,
    *,
    first: bool,
    steps: int = MOST_STEPS,
    ends: np.ndarray | None = None,
) -> SmoothMotion:
    """The displacements that are nearest to the targets and smooth.

    The corners go beyond the edge by as much as their triangles sag between them, so that it is the surface that lies
    at the edge, not its corners alone.

    :param away: (n, 3) mm, how far the vertices are from where they were at first.
    :param umbrellas: (n, 3) mm, of there: the mean of the neighbors of each less itself.
    :param directions: (n, 3) unit, along which each vertex may go.
    :param first: whether the surface still has the steps of its voxels.
    :param steps: of the search for the displacements.
    :param ends: bool (n,), vertices whose neighbors lie on one side only, so that they tell nothing of the shape.
    """
    # What they have come is exact enough in float32, where they are would not be.
    height = np.einsum("ni,ni->n", directions, neighborhood.difference(away.astype(np.float32)) + umbrellas)
    say = np.where(targets.sure, 1.0, LITTLE_SAY)
    if ends is not None:
        say[ends] = 0
    even = neighborhood.averaged(height, say, FIRST_ROUNDS if first else ROUNDS)
    if not first:
        # At a ridge the image shows less of the shape than the segment does, so that keeps its shape and goes along.
        # Only where there is a whole strip of such places: single ones are noise.
        own = np.einsum("ni,ni->n", directions, umbrellas)
        ridge = np.clip((neighborhood.averaged(targets.unclear, None, 3) - RIDGE_FROM) / RIDGE_SPAN, 0, 1)
        even += ridge * (neighborhood.averaged(own, None, 1) - even)
    sag = -SAG_SHARE * even
    asked = targets.distance + np.where(targets.motion == 0, sag, 0.0)
    stiffness = 1 / (ROUGHNESS**2 + (CURVATURE_SHARE * neighborhood.averaged(even, say, WIDE_ROUNDS)) ** 2)

    bend = even - height
    if ends is not None:
        # They go along with their neighbors, or where they are told to.
        bend[ends] = 0
        stiffness[ends & (targets.weight > 0)] = 0

    found = smoothValues(neighborhood, targets.weight, asked, stiffness, bend, most=steps)
    return SmoothMotion(found, sag)
