"""Where a finding is to be looked at: places in the patient, from the evidence of the finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...Acquisition.FieldOfViewChecks import faceNames
from ...Acquisition.ImageRegions import segmentMask
from .WorstPlaces import worstFirst

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume

    from ...Check import Case

MOST = 50
# Findings on all of the surface are looked at where it deviates most.
_ON_DEVIATION = {"deviation-bias", "deviation-p95", "deviation-tolerance"}


def placesOf(finding: Mapping, case: Case) -> list[list[float]]:
    """Places of one finding, the worst first, LPS mm; none where it is about no place.

    :param finding: entry of the report's ``findings``.
    :param case: what it is about.
    """
    evidence = finding["evidence"]
    places: list = []
    for key in ("pointLps", "thinnestPlace"):
        if _isPoint(evidence.get(key)):
            places.append(evidence[key])
    if evidence.get("pointsOutside") and _isPoint(evidence.get("worstPointLps")):
        places.append(evidence["worstPointLps"])
    if isinstance(evidence.get("largest"), Mapping) and _isPoint(evidence["largest"].get("pointLps")):
        places.append(evidence["largest"]["pointLps"])
    places += [place for place in evidence.get("places") or [] if _isPoint(place)]
    places += [hole["center"] for hole in evidence.get("holes") or [] if _isPoint(hole.get("center"))]
    for row in evidence.get("distances") or []:
        places += [row[end] for end in ("start", "end") if _isPoint(row.get(end))]
    places += [entry["center"] for entry in evidence.get("objects") or [] if _isPoint(entry.get("center"))]
    if finding["requirement"] in _ON_DEVIATION:
        places += _worstOfDeviation(case)
    if case.image is not None:
        places += _cutFaces(evidence.get("cutMm2"), case)
        places += [_middleOfSlice(case.image, number) for number in _slices(evidence)]
    distinct = dict.fromkeys(tuple(round(float(value), 3) for value in place) for place in places)
    return [list(place) for place in distinct][:MOST]


def _isPoint(value) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(isinstance(x, (int, float)) for x in value)


def _worstOfDeviation(case: Case) -> list:
    report = case.measurements.get("deviation")
    facts = report.data["image"] if report is not None else None
    if not facts:
        return []
    places = [region["worstPointLps"] for region in worstFirst(facts["regions"]["largest"])]
    return places or [facts["worstPointLps"]] * (facts["worstPointLps"] is not None)


def _cutFaces(cut, case: Case) -> list:
    """The middle of what lies on each face of the image that cuts it, the largest first."""
    if not isinstance(cut, Mapping):
        return []
    image = case.image
    mask = segmentMask(case) if case.segment is not None else None
    faces = faceNames(image)
    places = []
    for face in sorted((name for name, area in cut.items() if area), key=lambda name: -cut[name]):
        if face not in faces:
            continue
        axis, isHigh = divmod(faces.index(face), 2)
        index = (np.array(image.dimensions) - 1) / 2.0
        index[axis] = image.dimensions[axis] - 1 if isHigh else 0
        if mask is not None:
            plane = np.take(mask, int(index[axis]), axis=2 - axis)
            rows, columns = np.nonzero(plane)
            if len(rows):
                across, down = (other for other in range(3) if other != axis)
                index[across], index[down] = columns.mean(), rows.mean()
        places.append(image.indexToLps(index[None])[0].tolist())
    return places


def _slices(evidence: Mapping) -> list[int]:
    """Numbers of slices (from 1) that the evidence names."""
    numbers = []
    for key in ("slices", "outside"):
        value = evidence.get(key)
        numbers += [number for number in value if isinstance(number, int)] if isinstance(value, list) else []
    numbers += [gap["afterSlice"] for gap in evidence.get("gaps") or [] if isinstance(gap, Mapping)]
    numbers += [pair[0] for pair in evidence.get("betweenSlices") or [] if isinstance(pair, (list, tuple))]
    return numbers


def _middleOfSlice(image: ImageVolume, number: int) -> list[float]:
    index = (np.array(image.dimensions) - 1) / 2.0
    index[2] = np.clip(number - 1, 0, image.dimensions[2] - 1)
    return image.indexToLps(index[None])[0].tolist()
