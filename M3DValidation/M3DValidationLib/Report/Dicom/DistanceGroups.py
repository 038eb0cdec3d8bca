"""Groups of the measurement report for known distances and objects of known size, each with its places in the scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from M3DLib.NumberText import exactNumber

from .ReportCodes import isNumber, measurement, ownCode, plainMeaning, tracked, verdictOf
from .ReportLimits import NormalRange, rangeOf

_PLACES = {"reference-image": "in the scan", "reference-mesh": "on the mesh", "reference-printed": "on the print"}
_MORE = {
    "nominalMm": "Nominal distance",
    "expectedMm": "Distance that was expected",
    "deviationMm": "Measured minus expected distance",
    "toleranceMm": "Tolerance of the distance",
    "uncertaintyMm": "Standard uncertainty of the distance",
}
_AXES = "ijk"
_TOLERANCE = "tolerance that was given with the distance"


def distanceGroups(report: Mapping, frameOfReferenceUid: str) -> list:
    """One group per known distance and place of measurement, one per known object and direction.

    :param frameOfReferenceUid: of the scan; without it no places are written.
    """
    groups = []
    for finding in report["findings"]:
        evidence, segment = finding["evidence"], str(finding.get("segment") or "")
        if finding["requirement"] in _PLACES:
            for row in _rows(evidence, "distances"):
                groups.append(_distanceGroup(row, finding, segment, frameOfReferenceUid))
        elif finding["requirement"] == "calibration-scale":
            for target in _rows(evidence, "objects"):
                groups += _objectGroups(target, finding)
    return groups


def _rows(evidence: Mapping, key: str) -> Iterable[Mapping]:
    """Rows of evidence; the schema leaves it open what is in it."""
    rows = evidence.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _distanceGroup(row: Mapping, finding: Mapping, segment: str, frame: str):
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
        limit = _deviationLimit(row, finding) if key == "deviationMm" else {}
        measurements += measurement(ownCode(key, meaning), row.get(key), "mm", **limit)
    name = f"Distance {_PLACES[finding['requirement']]}: {plainMeaning(str(row.get('name', '')))}"
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracked(f"{name}, {plainMeaning(segment)}" if segment else name),
        finding_type=ownCode("KnownDistance", "Known distance"),
        measurements=measurements or None,
        qualitative_evaluations=verdictOf(ownCode("verdict", "Verdict on the distance"), row.get("verdict")) or None,
    )


def _deviationLimit(row: Mapping, finding: Mapping) -> dict:
    """The limit of what a distance is off: its own tolerance, or the requirement's where it has none."""
    tolerance = row.get("toleranceMm")
    limit = rangeOf(finding, True)
    if isNumber(tolerance):
        limit = NormalRange(-tolerance, tolerance, "mm", f"at most ±{exactNumber(tolerance)} mm", _TOLERANCE)
    return _beside(limit, row.get("deviationMm"), row.get("verdict"))


def _scaleLimit(finding: Mapping, scale: object) -> dict:
    """The limit of a scale: 1 and what the requirement allows it to be off."""
    limit = rangeOf(finding, True) if finding["unit"] == "%" else None
    if limit is None:
        return {}
    words = f"1 with a deviation of {limit.words}"
    scaled = NormalRange(1 + limit.low / 100, 1 + limit.high / 100, "", words, limit.authority)
    return _beside(scaled, scale, finding["verdict"])


def _beside(limit: NormalRange | None, value: object, verdict: object) -> dict:
    """A limit beside a number; what could not be judged is called neither normal nor abnormal."""
    from pydicom.sr.codedict import codes

    if limit is None or not isNumber(value):
        return {}
    isJudged = verdict in ("pass", "warning", "fail")
    normality = limit.sideOf(value) if isJudged else codes.cid222.NormalityUndetermined
    return {"limits": limit.ends, "properties": limit.properties(normality)}


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


def _objectGroups(target: Mapping, finding: Mapping) -> list:
    from highdicom.sr import MeasurementsAndQualitativeEvaluations
    from pydicom.sr.codedict import codes

    name = f"Known object: {plainMeaning(str(target.get('name', '')))}"
    kind = ownCode("KnownObject", "Object of known size")
    scales = []
    for key, meaning in (("scaleIJK", "Scale"), ("scaleStandardUncertaintyIJK", "Standard uncertainty of scale")):
        values = target.get(key)
        for axis, value in zip(_AXES, values if isinstance(values, list) else (), strict=False):
            more = _scaleLimit(finding, value) if key == "scaleIJK" else {}
            scales += measurement(ownCode(f"{key}-{axis}", f"{meaning} along image axis {axis}"), value, "", **more)
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
