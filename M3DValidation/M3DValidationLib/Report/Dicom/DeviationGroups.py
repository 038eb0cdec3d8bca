"""Groups of the measurement report (PS3.16 TID 1501) for deviations: statistics, each with the limit it is judged by.

A statistic that a requirement is about has that requirement's limit, and a distance that none is about has the
tolerance of the intended use. What nothing is asked of has no limit. The verdicts stand in the group as evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.NumberText import exactNumber

from ..Content.ReportContent import deviationsBySegment
from ..Content.ReportReferences import referred
from .MeasurementGroups import addModels, addSegmentation
from .ReportCodes import isNumber, measurement, named, ownCode, requirementId, tracked, verdictOf
from .ReportLimits import NormalRange, findingsOf, isSigned, normalityOf, rangeOf

if TYPE_CHECKING:
    from pydicom import Dataset

_DERIVED = {
    "meanSigned": "Mean",
    "sd": "StandardDeviation",
    "rms": "RootMeanSquare",
    "median": "Median",
    "minSigned": "Minimum",
    "maxSigned": "Maximum",
}
_LENGTHS = {
    "meanAbsolute": "Mean absolute surface deviation",
    "p5": "5th percentile of surface deviation",
    "p25": "25th percentile of surface deviation",
    "p75": "75th percentile of surface deviation",
    "p95Absolute": "95th percentile of absolute surface deviation",
    "p99Absolute": "99th percentile of absolute surface deviation",
    "uncertainty95": "Half width of 95 % interval of one distance",
    "tolerance": "Tolerance of surface deviation",
}
_SHARES = {
    "coverage": "Share of the surface that was measured",
    "withinTolerance": "Share of the measured surface within tolerance",
    "volumeChange": "Change of volume from segment to mesh, as a share",
}
_KINDS = {
    "image": "Mesh against scan",
    "scan": "Scan against mesh",
    "segmentation": "Mesh against segment",
    "surface": "Mesh against mesh",
}
# The requirements that are about a comparison, and which of its figures they judge.
_JUDGED_BY = {
    "image": {
        "deviation-bias": "meanSigned",
        "deviation-p95": "p95Absolute",
        "deviation-max-region": "",
        "deviation-tolerance": "withinTolerance",
        "deviation-coverage": "coverage",
    },
    "scan": {"scan-covered": "withinTolerance", "cut-faces": "cutFacesMm2", "bodies-left-out": "", "bodies-added": ""},
    "segmentation": {
        "segment-deviation-p95": "p95Absolute",
        "segment-parts": "",
        "mesh-volume-change": "volumeChange",
    },
    "surface": {"part-bias": "meanSigned", "part-max-region": "", "part-tolerance": "withinTolerance"},
}
_BODIES = {
    "bodiesLeftOut": ("Body missing in the model", "bodies-left-out"),
    "bodiesAdded": ("Body not in the scan", "bodies-added"),
}
# Distances of the surface, whose limit is the tolerance; with a sign where True.
_DISTANCES = {
    **dict.fromkeys(("median", "minSigned", "maxSigned", "p5", "p25", "p75"), True),
    **dict.fromkeys(("meanAbsolute", "p95Absolute", "p99Absolute"), False),
}
_TOLERANCE = (
    "tolerance of one distance in the intended use; what is asked of the surface as a whole has its own verdicts"
)


def deviationGroups(report: Mapping, headers: Sequence[Dataset]) -> list:
    """Statistics of every deviation, with what was compared as sources, and the place of the largest.

    One image stands for the scan: that of the worst place. All of them are listed as evidence of the report.

    :param headers: of the scan's slices, each once.
    """
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, SourceImageForMeasurementGroup

    groups = []
    frameOfReferenceUid = str(headers[0].get("FrameOfReferenceUID") or "") if headers else ""
    for segment, block in deviationsBySegment(report).items():
        for kind, title in _KINDS.items():
            facts = (block or {}).get(kind)
            if not facts:
                continue
            images, findings = [], findingsOf(report, segment, _JUDGED_BY[kind])
            if kind in ("image", "scan") and headers:
                shown = _headerAt(facts.get("worstPointLps"), headers)
                images = [SourceImageForMeasurementGroup(str(shown.SOPClassUID), str(shown.SOPInstanceUID))]
            group = MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(named(title, segment)),
                finding_type=ownCode("SurfaceDeviation", "Deviation between surfaces"),
                measurements=_statistics(facts, kind, findings, frameOfReferenceUid),
                qualitative_evaluations=_verdicts(findings) or None,
                source_images=images or None,
            )
            if kind == "segmentation":
                addSegmentation(group, referred(report, "segmentations", segment or None))
            addModels(group, report, segment)
            groups.append(group)
    return groups


def _headerAt(point: object, headers: Sequence[Dataset]) -> Dataset:
    """The slice that a place (LPS mm) is in or nearest to; the first where no place is known."""
    placed = [one for one in headers if one.get("ImagePositionPatient") and one.get("ImageOrientationPatient")]
    if not isinstance(point, list) or len(point) != 3 or not placed:
        return headers[0]
    axes = np.array(placed[0].ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    normal = np.cross(*axes)
    along = [float(normal @ np.array(one.ImagePositionPatient, dtype=np.float64)) for one in placed]
    return placed[int(np.abs(np.array(along) - normal @ np.array(point, dtype=np.float64)).argmin())]


def _verdicts(findings: Mapping[str, Mapping]) -> list:
    """The verdicts on a comparison, by the ids of their requirements."""
    found = []
    for requirement, finding in findings.items():
        found += verdictOf(ownCode(requirementId(requirement), finding["title"]), finding["verdict"])
    return found


def _statistics(facts: Mapping, kind: str, findings: Mapping[str, Mapping], frameOfReferenceUid: str) -> list:
    from pydicom.sr.codedict import codes

    found = []
    sure, limits = facts.get("uncertainty95"), _limits(facts, kind, findings)
    for key, derivation in _DERIVED.items():
        name = ownCode("SignedDeviation", "Signed surface deviation, positive: mesh too small")
        more = _worstPlace(facts, key, frameOfReferenceUid) if kind in ("image", "scan") else {}
        more |= limits.get(key, {})
        code = getattr(codes.cid7464, derivation)
        found += measurement(name, facts.get(key), "mm", uncertainty=sure, derivation=code, **more)
    for key, meaning in _LENGTHS.items():
        of = None if key in ("uncertainty95", "tolerance") else sure
        found += measurement(ownCode(key, meaning), facts.get(key), "mm", uncertainty=of, **limits.get(key, {}))
    for key, meaning in _SHARES.items():
        found += measurement(ownCode(key, meaning), facts.get(key), "", **limits.get(key, {}))
    if kind == "scan":
        return found + _completeness(facts, findings, limits)
    return found + measurement(codes.cid7471.SurfaceAreaOfMesh, facts.get("areaMm2"), "mm2")


def _limits(facts: Mapping, kind: str, findings: Mapping[str, Mapping]) -> dict[str, dict]:
    """``limits`` and ``properties`` of the figures that are judged, by their keys.

    What the image does not resolve is not called normal or abnormal, as the verdict on it is none either.
    """
    judged = {
        key: known
        for requirement, key in _JUDGED_BY[kind].items()
        if key and requirement in findings and (known := _limitOf(findings[requirement], key, facts.get(key)))
    }
    tolerance = facts.get("tolerance")
    if isNumber(tolerance):
        isOpen = any(
            finding["verdict"] == "notAssessable" and _JUDGED_BY[kind][requirement] == "withinTolerance"
            for requirement, finding in findings.items()
        )
        for key, signed in _DISTANCES.items():
            if key not in judged and isNumber(facts.get(key)):
                words = f"at most {'±' if signed else ''}{exactNumber(tolerance)} mm"
                limit = NormalRange(-tolerance if signed else None, tolerance, "mm", words, _TOLERANCE)
                judged[key] = _shown(limit, _undetermined() if isOpen else limit.sideOf(facts[key]))
    return judged


def _limitOf(finding: Mapping, key: str, value: object) -> dict | None:
    """The limit of a finding beside the figure that it judged; None where it judged another number."""
    if not isNumber(value):
        return None
    signed = isSigned(finding) or key == "meanSigned"
    limit = rangeOf(finding, signed)
    factor = 0.01 if finding["unit"] == "%" else 1.0
    measured = abs(value) if key == "meanSigned" else value / factor
    known = finding["measured"]
    if limit is None or (isNumber(known) and not math.isclose(known, measured, rel_tol=1e-6, abs_tol=1e-9)):
        return None
    if factor != 1:
        limit = limit.times(factor, "")
    isJudged = finding["verdict"] in ("warning", "fail") and isNumber(known)
    return _shown(limit, limit.sideOf(value) if isJudged and not limit.contains(value) else normalityOf(finding))


def _shown(limit: NormalRange, normality) -> dict:
    return {"limits": limit.ends, "properties": limit.properties(normality)}


def _undetermined():
    from pydicom.sr.codedict import codes

    return codes.cid222.NormalityUndetermined


def _worstPlace(facts: Mapping, key: str, frameOfReferenceUid: str) -> dict:
    """Where the largest deviation is, as the place of the extreme that it is."""
    from highdicom.sr import CoordinatesForMeasurement3D

    point, low, high = facts.get("worstPointLps"), facts.get("minSigned"), facts.get("maxSigned")
    if not (frameOfReferenceUid and isinstance(point, list) and len(point) == 3 and isNumber(low) and isNumber(high)):
        return {}
    if key != ("maxSigned" if abs(high) >= abs(low) else "minSigned"):
        return {}
    place = np.array([point], dtype=np.float64)
    return {"referenced_coordinates": [CoordinatesForMeasurement3D("POINT", place, frameOfReferenceUid)]}


def _completeness(facts: Mapping, findings: Mapping[str, Mapping], limits: Mapping[str, dict]) -> list:
    """Area of the edge in the scan, of cut faces, and volumes of what one of the two has and the other lacks."""
    found = measurement(ownCode("scanEdge", "Area of the edge in the scan"), facts.get("areaMm2"), "mm2")
    cut = limits.get("cutFacesMm2", {})
    found += measurement(ownCode("cutFaces", "Area of faces without an edge"), facts.get("cutFacesMm2"), "mm2", **cut)
    for key, (meaning, requirement) in _BODIES.items():
        limit = rangeOf(findings[requirement]) if requirement in findings else None
        for body in facts.get(key, ()):
            volume, more = body.get("volumeMm3"), {}
            if limit is not None and isNumber(volume):
                isOpen = findings[requirement]["verdict"] in ("notAssessable", "information")
                more = _shown(limit, _undetermined() if isOpen else limit.sideOf(volume))
            found += measurement(ownCode(key, meaning), volume, "mm3", **more)
    return found
