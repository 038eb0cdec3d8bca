"""How far the edge in the image lies from the mesh, at every vertex, below the size of a voxel.

The surface is where the image passes the middle between the plateaus next to it (local, adaptive 50 % threshold, as in
dimensional computed tomography). It is found on a profile along each vertex's normal and refined by fitting a blurred
step to the voxels around it. Blur draws the 50 % surface of a curved object toward the center of its curvature; that is
corrected to second order with the mesh's curvatures and the blur measured in the image itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..Distance.DeviationMap import DeviationMap, Quality
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import vertexGeometry
from ..Mesh.TriangleMesh import TriangleMesh
from ..WeightedPercentiles import weightedPercentiles
from .EdgeCalibration import calibration
from .EdgeMeasurement import EdgeMeasurement, edgeMeasurement
from .MeasuredEdges import EarlierEdges

HALF_HEIGHT = "half-height"
GRADIENT = "gradient"
METHODS = (HALF_HEIGHT, GRADIENT)
TEXT = "Measuring the mesh against the image"
SIGN_MEANING = "Positive: the edge in the image lies outside the mesh (the mesh is too small there)."


def imageDeviation(
    mesh: TriangleMesh,
    image: ImageVolume,
    *,
    method: str = HALF_HEIGHT,
    searchRange: float = 3.0,
    polarity: int | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> DeviationMap:
    """Signed distance from every vertex along its normal to the edge in the image.

    :param mesh: LPS mm, triangles facing outward.
    :param image: the scan; its grid may be oblique, sheared, left-handed and anisotropic.
    :param method: "half-height", or "gradient" for the place of steepest fall on the profile, for comparison: without
        refinement and correction for curvature (on a ball of 20 mm with a blur of 0.8 mm a bias of -0.013 mm instead of
        0.000, four times the spread), and without a stated uncertainty.
    :param searchRange: edges farther from the vertex are not found, mm.
    :param polarity: 1 when the inside of the mesh is brighter, -1 when it is darker, None to find out.
    :raises M3DError: when the image is no regular grid, the mesh has no surface, or the two do not meet.
    """
    if method not in METHODS:
        raise M3DError(f"Deviation method '{method}' is unknown; choose one of {', '.join(METHODS)}.")
    if not searchRange > 0:
        raise M3DError(f"The search range must be above 0 mm, not {searchRange}.")
    return deviationAndEdges(
        mesh,
        image,
        searchRange=searchRange,
        polarity=polarity,
        steepest=method == GRADIENT,
        progress=progress,
    )[0]


def deviationAndEdges(
    mesh: TriangleMesh,
    image: ImageVolume,
    *,
    steepest: bool = False,
    progress: Callable[[float, str], None] = noProgress,
    **settings,
) -> tuple[DeviationMap, EarlierEdges]:
    """What :func:`imageDeviation` finds, and the edges as they were found, for a later look at the same vertices.

    :param steepest: the method "gradient". :param settings: further ones of :func:`~.EdgeMeasurement.edgeMeasurement`.
    :raises M3DError: when the image is no regular grid, the mesh has no surface, or the two do not meet.
    """
    image.requireRegular()
    progress(0.0, TEXT)
    geometry = vertexGeometry(mesh)
    measured = edgeMeasurement(
        mesh,
        geometry.normals,
        image,
        steepest=steepest,
        progress=lambda done: progress(0.1 + 0.85 * done, TEXT),
        **settings,
    )
    deviation = _deviationMap(mesh, geometry.areas, GRADIENT if steepest else HALF_HEIGHT, measured)
    progress(1.0, TEXT)
    return deviation, measured.found


def _deviationMap(mesh: TriangleMesh, areas: np.ndarray, method: str, measured: EdgeMeasurement) -> DeviationMap:
    # The model was fitted on the half-height method; of the other nothing of the kind is claimed.
    uncertainty = measured.uncertainty() if method == HALF_HEIGHT else None
    reader, edges = measured.reader, measured.edges
    settings = {
        "method": method,
        "searchRange": float(reader.searchRange),
        "polarity": reader.scale.polarity,
        "noise": float(reader.scale.noise),
        "noiseCorrelation": list(reader.scale.noiseCorrelation),
        "contrast": float(reader.scale.contrast),
        "edgeWidthSd": float(reader.scale.width),
        "blurCovariance": measured.imageBlur.covariance.tolist(),
        "voxelSpacing": [float(value) for value in reader.sampler.spacing],
    }
    certainty = _certainty(settings, uncertainty, edges.quality, areas)
    return DeviationMap(
        kind="image",
        mesh=mesh,
        distance=edges.distance,
        quality=edges.quality,
        areas=areas,
        uncertainty=uncertainty if certainty["withinFittedRange"] else None,
        calibration=certainty,
        normals=measured.surface.normals,
        contrastToNoise=edges.contrast / np.float32(max(reader.scale.noise, 1e-6)),
        edgeWidth=edges.width,
        reference="edge in the image, local 50 % threshold" if method == HALF_HEIGHT else "steepest fall in the image",
        signMeaning=SIGN_MEANING,
        settings=settings,
    )


def _certainty(settings: dict, uncertainty: np.ndarray | None, quality: np.ndarray, areas: np.ndarray) -> dict:
    """Calibration statement with the typical interval of the reliable vertices."""
    if uncertainty is None:
        return calibration(settings, None)
    good = quality == Quality.RELIABLE
    middle = float(weightedPercentiles(uncertainty[good], areas[good], [50])[0])
    return calibration(settings, middle)
