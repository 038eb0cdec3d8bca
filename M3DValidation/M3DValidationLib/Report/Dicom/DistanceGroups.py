"""Groups of the measurement report for known distances and objects of known size, each with its places in the scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from .ReportCodes import isNumber, measurement, ownCode, plainMeaning, tracked, verdictOf

_PLACES = {"reference-image": "in the scan", "reference-mesh": "on the mesh", "reference-printed": "on the print"}
_MORE = {
    "nominalMm": "Nominal distance",
    "expectedMm": "Distance that was expected",
    "deviationMm": "Measured minus expected distance",
    "toleranceMm": "Tolerance of the distance",
    "uncertaintyMm": "Standard uncertainty of the distance",
}
_AXES = "ijk"


def distanceGroups(report: Mapping, frameOfReferenceUid: str) -> list:
    """One group per known distance and place of measurement, one per known object and direction.

    :param frameOfReferenceUid: of the scan; without it no places are written.
    """
    groups = []
    for finding in report["findings"]:
        evidence, segment = finding["evidence"], str(finding.get("segment") or "")
        place = _PLACES.get(finding["requirement"])
        if place:
            for row in _rows(evidence, "distances"):
                groups.append(_distanceGroup(row, place, segment, frameOfReferenceUid))
        elif finding["requirement"] == "calibration-scale":
            for target in _rows(evidence, "objects"):
                groups += _objectGroups(target)
    return groups


def _rows(evidence: Mapping, key: str) -> Iterable[Mapping]:
    """Rows of evidence; the schema leaves it open what is in it."""
    rows = evidence.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _distanceGroup(row: Mapping, place: str, segment: str, frame: str):
    from highdicom.sr import CoordinatesForMeasurement3D, MeasurementsAndQualitativeEvaluations
    from pydicom.sr.codedict import codes

    readings = [reading for reading in row.get("readingsMm") or [] if isNumber(reading)]
    more = {}
    ends = _measuredEnds(row)
    if frame and ends is not None:
        more["referenced_coordinates"] = [CoordinatesForMeasurement3D("POLYLINE", ends, frame)]
    if len(readings) > 1:
        more["derivation"] = codes.cid7464.Mean
    measurements = measurement(codes.cid7470.Distance, row.get("measuredMm"), "mm", **more)
    for reading in readings if len(readings) > 1 else ():
        measurements += measurement(codes.cid7470.Distance, reading, "mm")
    for key, meaning in _MORE.items():
        measurements += measurement(ownCode(key, meaning), row.get(key), "mm")
    name = f"Distance {place}: {plainMeaning(str(row.get('name', '')))}"
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracked(f"{name}, {plainMeaning(segment)}" if segment else name),
        finding_type=ownCode("KnownDistance", "Known distance"),
        measurements=measurements or None,
        qualitative_evaluations=verdictOf(ownCode("verdict", "Verdict on the distance"), row.get("verdict")) or None,
    )


def _measuredEnds(row: Mapping) -> np.ndarray | None:
    """Where the distance was measured from and to, float64 (2, 3), LPS mm; None on a print, or where not found."""
    start, end = _point(row.get("start")), _point(row.get("end"))
    moved = row.get("endsMovedMm")
    if start is None or end is None or not isinstance(moved, list) or len(moved) != 2 or not all(map(isNumber, moved)):
        return None
    length = float(np.linalg.norm(end - start))
    if not length:
        return None
    direction = (end - start) / length
    return np.stack([start - direction * moved[0], end + direction * moved[1]])


def _point(value: object) -> np.ndarray | None:
    if not isinstance(value, list) or len(value) != 3 or not all(map(isNumber, value)):
        return None
    return np.array(value, dtype=np.float64)


def _objectGroups(target: Mapping) -> list:
    from highdicom.sr import MeasurementsAndQualitativeEvaluations
    from pydicom.sr.codedict import codes

    name = f"Known object: {plainMeaning(str(target.get('name', '')))}"
    kind = ownCode("KnownObject", "Object of known size")
    scales = []
    for key, meaning in (("scaleIJK", "Scale"), ("scaleStandardUncertaintyIJK", "Standard uncertainty of scale")):
        values = target.get(key)
        for axis, value in zip(_AXES, values if isinstance(values, list) else (), strict=False):
            scales += measurement(ownCode(f"{key}-{axis}", f"{meaning} along image axis {axis}"), value, "")
    scales += measurement(ownCode("residualMm", "Residual of the fit"), target.get("residualMm"), "mm")
    groups = [
        MeasurementsAndQualitativeEvaluations(tracking_identifier=tracked(name), finding_type=kind, measurements=scales)
    ]
    for number, size in enumerate(_rows(target, "sizes"), start=1):
        measurements = [
            *measurement(codes.cid7470.Length, size.get("measuredMm"), "mm"),
            *measurement(ownCode("nominalMm", "Nominal length"), size.get("nominalMm"), "mm"),
            *measurement(
                ownCode("standardUncertaintyMm", "Standard uncertainty of the length"),
                size.get("standardUncertaintyMm"),
                "mm",
            ),
        ]
        groups.append(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(f"{name}, size {number}"), finding_type=kind, measurements=measurements
            )
        )
    return groups
