"""What a deviation is made of: even growth, scale per axis, warp, and the roughness that is left.

Growth is what every surface does alike (a line of plastic too wide); scale is what grows with the distance along an
axis (shrinkage); warp is the rest of a field of second order (bent, twisted, sheared). They are fitted together to the
distances along the normals, by least squares with Tukey's weights; what moves the part as a whole is fitted too and
left out, so that an alignment by other surfaces changes nothing. Vertices on sharp edges say nothing of a direction and
are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.WeightedPercentiles import weightedPercentiles

MOST, ROUNDS, TUKEY = 40_000, 4, 4.685
# No distance within this is left out, mm: exact parts of a surface must not outvote the rest.
FINEST = 0.05
# Surface is divided into about so many patches whose deviations count as independent of each other.
PATCHES = 150
LEAST_VERTICES = 200
# The mean of the normals around a vertex on a sharp edge is shorter than this.
EVEN = 0.985
# A scan may show the whole surface, or all that is curved, so far off, mm: on a block, scale or growth.
SYSTEMATIC = 0.1


@dataclass
class DeviationShape:
    """The shape of a deviation; signs as of the part: positive is too large.

    :ivar scale: float64 (3,), by how much the part is too large along x, y, z of the model, as shares (0.01 is 1 %).
    :ivar scaleUncertainty: half widths of their 95 % intervals, from the spread between patches, the fit's
        order, and what cannot be told from growth.
    :ivar growthMm, growthUncertaintyMm: how much the surface lies too far out everywhere.
    :ivar warpMm: 95 % of the surface is bent by less than this, mm. :ivar warpLargestMm: the largest.
    :ivar roughnessMm: root mean square of what is left, mm.
    :ivar vertices: how many were used.
    """

    scale: np.ndarray
    scaleUncertainty: np.ndarray
    growthMm: float
    growthUncertaintyMm: float
    warpMm: float
    warpLargestMm: float
    roughnessMm: float
    vertices: int

    def asDict(self) -> dict:
        """Plain JSON values; scales as factors."""
        return {
            "scale": [1 + float(value) for value in self.scale],
            "scaleUncertainty95": [float(value) for value in self.scaleUncertainty],
            "growthMm": self.growthMm,
            "growthUncertainty95Mm": self.growthUncertaintyMm,
            "warpP95Mm": self.warpMm,
            "warpLargestMm": self.warpLargestMm,
            "roughnessRmsMm": self.roughnessMm,
            "vertices": self.vertices,
        }


def deviationShape(deviation: DeviationMap) -> DeviationShape | None:
    """The shape of a deviation between two surfaces; None where too few vertices were measured to tell.

    :param deviation: of the part, positive where the model lies outside.
    """
    good, around = _chosen(deviation)
    if len(good) < LEAST_VERTICES:
        return None
    normals = deviation.normals if deviation.normals is not None else vertexGeometry(around).normals
    normals = normals[good].astype(np.float64)
    places = deviation.mesh.points[good].astype(np.float64)
    # Positive is too large from here on.
    distance, areas = -deviation.distance[good].astype(np.float64), deviation.areas[good]
    middle = np.average(places, axis=0, weights=areas)
    size = float(np.sqrt(np.average(((places - middle) ** 2).sum(axis=1), weights=areas)))
    arm = (places - middle) / size
    columns = _columns(arm, normals)
    # A little of a ridge for what a shape leaves open: growth and scale are one on a ball.
    ridge = 1e-5 * np.diag((columns**2 * areas[:, None]).sum(axis=0))
    weight, limit = areas.copy(), np.inf
    for _ in range(ROUNDS):
        system = columns.T @ (columns * weight[:, None]) + ridge
        coefficients = np.linalg.solve(system, columns.T @ (weight * distance))
        left = distance - columns @ coefficients
        spread = 1.4826 * float(weightedPercentiles(np.abs(left), areas, [50])[0])
        limit = max(TUKEY * spread, FINEST)
        weight = areas * np.maximum(0, 1 - (left / limit) ** 2) ** 2
    inverse = np.linalg.inv(system)
    patch = _patches(arm)
    pulls = np.stack([np.bincount(patch, column * weight * left) for column in columns.T], axis=1)
    freedom = max(len(pulls) - len(inverse), 1)
    spread2 = 4 * np.diag(inverse @ (pulls.T @ pulls) @ inverse) * len(pulls) / freedom
    half = np.sqrt(np.maximum(spread2, 0))
    warp = columns[:, 10:] @ coefficients[10:]
    # A warp has no part that moves, scales or grows the whole: that is the other columns' share.
    warp -= columns[:, :10] @ np.linalg.lstsq(columns[:, :10] * areas[:, None] ** 0.5, warp * areas**0.5, rcond=None)[0]
    # By how much the scale would be another if the growth, as far as it may be the scan's, were none.
    confused = np.abs(inverse[6:9, 9] / inverse[9, 9]) * min(abs(float(coefficients[9])), SYSTEMATIC)
    # The distances grow with the place on the part, which is scaled already: x' - x = s x = s / (1 + s) x'.
    scale = 1 / (1 - coefficients[6:9] / size) - 1
    return DeviationShape(
        scale=scale,
        # Normals turn with an uneven scale; a fit of first order leaves the square of it out.
        scaleUncertainty=(half[6:9] + confused) / size + np.abs(scale).max() ** 2,
        growthMm=float(coefficients[9]),
        growthUncertaintyMm=float(half[9]),
        warpMm=float(weightedPercentiles(np.abs(warp), areas, [95])[0]),
        warpLargestMm=float(np.abs(warp).max()),
        roughnessMm=float(np.sqrt(np.average(left[weight > 0] ** 2, weights=areas[weight > 0]))),
        vertices=len(good),
    )


def _chosen(deviation: DeviationMap) -> tuple[np.ndarray, TriangleMesh]:
    """Measured vertices on no sharp edge, ``MOST`` of them by chance, rising; and the mesh with the triangles at them.

    Of many vertices some more than are wanted are looked at, and all only where too few of those lie on no sharp edge.
    """
    mesh = deviation.mesh
    good = np.flatnonzero(deviation.reliable & np.isfinite(deviation.distance))
    if len(good) > MOST:
        good = np.random.default_rng(0).permutation(good)
    for count in (2 * MOST, len(good)):
        some = good[:count]
        around = _around(mesh, some)
        even = some[evenVertices(around)[some]]
        if len(even) >= MOST or count >= len(good):
            break
    return np.sort(even[:MOST]), around


def _around(mesh: TriangleMesh, vertices: np.ndarray) -> TriangleMesh:
    """The mesh with only the triangles that have one of the vertices."""
    wanted = np.zeros(len(mesh.points), dtype=bool)
    wanted[vertices] = True
    if wanted.all():
        return mesh
    held = np.logical_or.reduce([wanted.take(corner) for corner in mesh.triangles.T])
    return TriangleMesh(mesh.points, mesh.triangles[held], mesh.name)


def evenVertices(mesh: TriangleMesh) -> np.ndarray:
    """Which vertices lie on no sharp edge, bool (n,)."""
    corners = mesh.points.take(mesh.triangles.T, axis=0)
    normals = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    areas = np.linalg.norm(normals, axis=1)
    index, count = mesh.triangles.ravel(), len(mesh.points)
    around = np.bincount(index, np.repeat(areas, 3), count)
    mean = [np.bincount(index, np.repeat(normals[:, axis], 3), count) for axis in range(3)]
    return np.sqrt(sum(values**2 for values in mean)) > EVEN * np.maximum(around, 1e-12)


def _columns(arm: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Distances along the normals by unit turns, shifts, scales, growth (10), shears and second order (21 more)."""
    turns = np.cross(arm, normals)
    scales = arm * normals
    shears = np.stack(
        [arm[:, i] * normals[:, j] + arm[:, j] * normals[:, i] for i, j in ((0, 1), (1, 2), (2, 0))], axis=1
    )
    products = np.stack([arm[:, i] * arm[:, j] for i in range(3) for j in range(i, 3)], axis=1)
    second = (products[:, :, None] * normals[:, None, :]).reshape(len(arm), -1)
    return np.concatenate([turns, normals, scales, np.ones((len(arm), 1)), shears, second], axis=1)


def _patches(arm: np.ndarray) -> np.ndarray:
    cells = np.floor((arm - arm.min(axis=0)) / np.sqrt(12 / PATCHES)).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()
