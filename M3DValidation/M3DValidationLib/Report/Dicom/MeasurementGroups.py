"""Groups of the measurement report (PS3.16 TID 1501, TID 1411): segments, models, deviations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..Content.ReportContent import deviationsBySegment
from ..Content.ReportReferences import referred
from .ReportCodes import isNumber, measurement, named, ownCode, plainMeaning, tracked

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


def segmentGroups(report: Mapping) -> list:
    """The volume of every segment; one from a DICOM Segmentation is a region of interest that names it (TID 1411)."""
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        ReferencedSegment,
        SourceSeriesForSegmentation,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )
    from pydicom.sr.codedict import codes

    groups = []
    sources: dict[str, list[dict]] = {}
    for entry in referred(report, "segmentations"):
        sources.setdefault(entry["segment"], []).append(entry)
    for segment in report["input"].get("segments") or []:
        name = str(segment["name"])
        content = {
            "tracking_identifier": tracked(f"Segment: {plainMeaning(name)}"),
            "finding_type": ownCode("Segment", "Segment"),
            "measurements": measurement(
                codes.SCT.Volume,
                segment.get("volumeMm3"),
                "mm3",
                method=codes.cid7474.SumOfSegmentedVoxelMethodForVolume,
            ),
        }
        # Segments of the same name are in the same order there as here.
        source = sources[name].pop(0) if sources.get(name) else None
        if source is not None and source["segmentNumber"] and source["imageSeriesUid"]:
            roi = ReferencedSegment(
                source["sopClassUid"],
                source["sopInstanceUid"],
                source["segmentNumber"],
                source_series=SourceSeriesForSegmentation(source["imageSeriesUid"]),
            )
            groups.append(VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=roi, **content))
            continue
        group = MeasurementsAndQualitativeEvaluations(**content)
        _addSegmentation(group, [source] if source is not None else [])
        groups.append(group)
    return groups


def modelGroups(report: Mapping) -> list:
    """Volume and surface of every model that was measured."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations
    from pydicom.sr.codedict import codes

    groups = []
    for segment, block in deviationsBySegment(report).items():
        # The comparison with the segment has the mesh as it is; that with the scan may have it refined.
        facts = [known for kind in ("segmentation", "image", "surface") if (known := (block or {}).get(kind))]
        if not facts:
            continue
        measurements = [
            *measurement(codes.SCT.Volume, facts[0].get("meshVolumeMm3"), "mm3"),
            *measurement(codes.cid7471.SurfaceAreaOfMesh, facts[0].get("areaMm2"), "mm2"),
        ]
        group = MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracked(named("Model", segment)),
            finding_type=ownCode("Model", "3D model"),
            measurements=measurements or None,
        )
        _addModels(group, report, segment)
        groups.append(group)
    return groups


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
            images = []
            if kind in ("image", "scan") and headers:
                shown = _headerAt(facts.get("worstPointLps"), headers)
                images = [SourceImageForMeasurementGroup(str(shown.SOPClassUID), str(shown.SOPInstanceUID))]
            group = MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(named(title, segment)),
                finding_type=ownCode("SurfaceDeviation", "Deviation between surfaces"),
                measurements=_statistics(facts, kind, frameOfReferenceUid),
                source_images=images or None,
            )
            if kind == "segmentation":
                _addSegmentation(group, referred(report, "segmentations", segment or None))
            _addModels(group, report, segment)
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


def _statistics(facts: Mapping, kind: str, frameOfReferenceUid: str) -> list:
    from pydicom.sr.codedict import codes

    found = []
    sure = facts.get("uncertainty95")
    for key, derivation in _DERIVED.items():
        name = ownCode("SignedDeviation", "Signed surface deviation, positive: mesh too small")
        more = _worstPlace(facts, key, frameOfReferenceUid) if kind in ("image", "scan") else {}
        code = getattr(codes.cid7464, derivation)
        found += measurement(name, facts.get(key), "mm", uncertainty=sure, derivation=code, **more)
    for key, meaning in _LENGTHS.items():
        of = None if key in ("uncertainty95", "tolerance") else sure
        found += measurement(ownCode(key, meaning), facts.get(key), "mm", uncertainty=of)
    for key, meaning in _SHARES.items():
        found += measurement(ownCode(key, meaning), facts.get(key), "")
    if kind == "scan":
        return found + _completeness(facts)
    return found + measurement(codes.cid7471.SurfaceAreaOfMesh, facts.get("areaMm2"), "mm2")


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


def _completeness(facts: Mapping) -> list:
    """Area of the edge in the scan, of cut faces, and volumes of what one of the two has and the other lacks."""
    found = measurement(ownCode("scanEdge", "Area of the edge in the scan"), facts.get("areaMm2"), "mm2")
    found += measurement(ownCode("cutFaces", "Area of faces without an edge"), facts.get("cutFacesMm2"), "mm2")
    for key, meaning in (("bodiesLeftOut", "Body missing in the model"), ("bodiesAdded", "Body not in the scan")):
        for body in facts.get(key, ()):
            found += measurement(ownCode(key, meaning), body.get("volumeMm3"), "mm3")
    return found


def _addModels(group, report: Mapping, segment: str) -> None:
    """Refer to the models that were measured (TID 1501 is extensible)."""
    from highdicom.sr import CompositeContentItem, RelationshipTypeValues
    from pydicom.sr.codedict import codes

    for entry in referred(report, "models", segment or None):
        group[0].ContentSequence.append(
            CompositeContentItem(
                name=codes.DCM.SourceOfMeasurement,
                referenced_sop_class_uid=entry["sopClassUid"],
                referenced_sop_instance_uid=entry["sopInstanceUid"],
                relationship_type=RelationshipTypeValues.CONTAINS,
            )
        )


def _addSegmentation(group, entries: Iterable[Mapping]) -> None:
    """Refer to segments of DICOM Segmentations, which are images; without a number, to the whole of one."""
    from highdicom.sr import ImageContentItem, RelationshipTypeValues
    from pydicom.sr.codedict import codes

    for entry in entries:
        group[0].ContentSequence.append(
            ImageContentItem(
                name=codes.DCM.SourceOfMeasurement,
                referenced_sop_class_uid=entry["sopClassUid"],
                referenced_sop_instance_uid=entry["sopInstanceUid"],
                referenced_segment_numbers=entry["segmentNumber"] or None,
                relationship_type=RelationshipTypeValues.CONTAINS,
            )
        )
