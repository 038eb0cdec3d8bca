"""What the edges of a control series are worth as evidence: of the same exposure, derived, or shifted as a whole."""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.NumberText import millimeters

from ..CheckSupport import sidesText

# Shorter shifts, mm, are not told from the difference of two kernels.
LEAST_SHIFT = 0.1
# A shift is named where without it the distances spread so much less (share of their variance).
EXPLAINED = 0.5
# A direction that so little of the surface faces (mean square of the normals along it) has no say in a shift.
FACED = 0.02
# Distances beyond so many standard deviations of the rest count little, and how often that is decided anew.
FAR_OFF, ROUNDS = 2.0, 8
# By these an exposure is named in the headers of its reconstructions.
_EXPOSURE = ("IrradiationEventUID", "AcquisitionUID")
_TIME = ("AcquisitionDate", "AcquisitionTime")

SAME_EXPOSURE = (
    "It is another reconstruction of the same exposure: noise, motion and the traces of metal can be in both, and say "
    "nothing here."
)
UNKNOWN_EXPOSURE = (
    "Whether it is a reconstruction of the same exposure, with the same noise and motion, its headers do not say."
)
DERIVED = (
    "It says of itself that it was computed from other images (Image Type DERIVED); if these are the scan's, it is no "
    "evidence of its own."
)


def meaningOfControl(control: ImageVolume, image: ImageVolume) -> str:
    """What to know of distances from a control series by its headers, in whole sentences; "" for nothing."""
    said = [DERIVED] if _isDerived(control) else []
    same = isSameExposure(control, image)
    if same is not False:
        said.append(SAME_EXPOSURE if same else UNKNOWN_EXPOSURE)
    return " ".join(said)


def shiftOfControl(deviation: DeviationMap) -> dict | None:
    """That a control series lies elsewhere as a whole, as JSON values; None where no shift explains the distances.

    :param deviation: of the surface from the edges in the control series.
    """
    shift = commonShift(deviation)
    if shift is None:
        return None
    text = (
        f"Its edges lie {millimeters(float(np.linalg.norm(shift)))} away as a whole ({sidesText(shift)} mm), as after "
        "a motion of patient or table between the two: the distances are those of this motion first."
    )
    return {"lps": [round(float(value), 3) for value in shift], "text": text}


def isSameExposure(control: ImageVolume, image: ImageVolume) -> bool | None:
    """Whether two series come of one exposure, by event, acquisition or time; None where the headers do not say."""
    for names in (*((name,) for name in _EXPOSURE), _TIME):
        ours, theirs = (_values(one, names) for one in (image, control))
        if ours and theirs:
            return bool(ours & theirs)
    return None


def _values(image: ImageVolume, names: tuple[str, ...]) -> set[tuple[str, ...]]:
    found = {tuple(str(header.get(name, "") or "") for name in names) for header in image.headers}
    return {values for values in found if all(values)}


def _isDerived(image: ImageVolume) -> bool:
    kinds = {str(value) for header in image.headers for value in list(header.get("ImageType", None) or [])[:1]}
    return "DERIVED" in kinds


def commonShift(deviation: DeviationMap) -> np.ndarray | None:
    """By what the edges lie away from the surface as a whole, LPS mm (3,); None where no shift explains the distances.

    Least squares of the distances as normal times shift and one bias for all, far-off ones having little say (Huber):
    a kernel moves an edge inward or outward everywhere, a motion moves it to one side.
    """
    good = deviation.reliable
    if good.sum() < 10:
        return None
    normals = deviation.normals[good].astype(np.float64)
    distance, areas = deviation.distance[good].astype(np.float64), deviation.areas[good].astype(np.float64)
    design = np.column_stack([normals, np.ones(len(normals))])
    weights = areas.copy()
    rest = distance
    for _ in range(ROUNDS):
        matrix = (design.T * weights) @ design / weights.sum()
        sizes, axes = np.linalg.eigh(matrix)
        inverse = np.where(sizes > FACED, 1 / np.maximum(sizes, FACED), 0.0)
        found = axes @ (inverse * (axes.T @ ((design.T * weights) @ distance / weights.sum())))
        rest = distance - design @ found
        spread = 1.4826 * float(np.median(np.abs(rest)))
        weights = areas * np.minimum(1, FAR_OFF * spread / np.maximum(np.abs(rest), 1e-9))
    mean = np.average(distance, weights=weights)
    before = float(np.average((distance - mean) ** 2, weights=weights))
    after = float(np.average(rest**2, weights=weights))
    if np.linalg.norm(found[:3]) < LEAST_SHIFT or after > (1 - EXPLAINED) * before:
        return None
    return found[:3]
