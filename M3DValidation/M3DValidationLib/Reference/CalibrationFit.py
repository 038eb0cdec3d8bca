"""Sizes of a calibration object fitted to its surface, and the scale of the image's axes that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.NumberText import exactNumber, millimeters

from .BoxFit import fitBox
from .CalibrationFaces import FittedSize
from .CalibrationObjects import objectSurface
from .ReferenceReader import CalibrationObject
from .RoundFit import fitCylinder, fitSphere

# How well the local 50 % level marks an edge, in voxels: blur that is not the same on both sides, beam hardening.
_EDGE_IN_VOXELS = 0.05


@dataclass
class CalibrationResult:
    """An object found and fitted.

    :ivar center: float64 (3,), LPS mm.
    :ivar scale: float64 (3,), measured over nominal length along the image's i, j and k axes; NaN where the object says
        nothing about that axis.
    :ivar scaleUncertainty: float64 (3,), standard uncertainty.
    :ivar residualMm: root mean square distance of the surface points from the fitted shape.
    """

    sizes: list[FittedSize]
    center: np.ndarray
    scale: np.ndarray
    scaleUncertainty: np.ndarray
    residualMm: float


def fitCalibrationObject(image: ImageVolume, target: CalibrationObject) -> CalibrationResult:
    """Find the object near its point, fit its shape and compare its sizes with the nominal ones.

    :raises M3DError: nothing like it is found there.
    """
    known = [size for size in target.sizes if size is not None]
    surface = objectSurface(image, target.near, max(known))
    fit = {"sphere": fitSphere, "cylinder": fitCylinder, "box": fitBox}[target.kind]
    axes = image.ijkToLps[:3, :3] / image.spacing
    sizes, center, residual = fit(surface, target, axes)
    for size in sizes:
        # Scatter says nothing about what all edges have in common; the half level is good to about so much.
        voxel = float(np.abs(np.linalg.solve(axes, size.direction)) @ image.spacing)
        size.uncertaintyMm = float(np.hypot(size.uncertaintyMm, _EDGE_IN_VOXELS * voxel))
    wrong = [size for size in sizes if size.nominalMm and not 0.7 < size.measuredMm / size.nominalMm < 1.4]
    if wrong:
        raise M3DError(
            f"What is found near the point of '{target.name}' measures {millimeters(wrong[0].measuredMm)} where "
            f"{exactNumber(wrong[0].nominalMm)} mm are expected; it is another object or hangs together with one."
        )
    scale, uncertainty = _axisScales(sizes, axes)
    return CalibrationResult(sizes, center, scale, uncertainty, residual)


def _axisScales(sizes: list[FittedSize], axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale of each image axis from stretches along any directions: s^2 of a direction is the mean of the axes' s^2
    weighted by its squared components, to first order.
    """
    known = [size for size in sizes if size.nominalMm]
    scale, uncertainty = np.full(3, np.nan), np.full(3, np.nan)
    if not known:
        return scale, uncertainty
    weight = np.array([(np.linalg.solve(axes, size.direction)) ** 2 for size in known])
    ratio = np.array([size.measuredMm / size.nominalMm for size in known])
    error = np.array([max(size.uncertaintyMm / size.nominalMm, 1e-6) for size in known])
    seen = np.flatnonzero(weight.sum(axis=0) > 0.5)
    design = weight[:, seen] / weight[:, seen].sum(axis=1, keepdims=True)
    if len(seen) and np.linalg.matrix_rank(design, tol=0.2) == len(seen):
        inverse = np.linalg.pinv(design / error[:, None])
        squared = inverse @ (ratio**2 / error)
        scale[seen] = np.sqrt(squared)
        # An error of the ratio r counts twice in its square.
        uncertainty[seen] = np.sqrt((inverse**2).sum(axis=1))
    return scale, uncertainty
