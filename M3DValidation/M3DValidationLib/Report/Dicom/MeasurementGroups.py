"""Groups of the measurement report (PS3.16 TID 1501, TID 1411): segments, models, deviations, findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..Content.ReportContent import deviationsBySegment
from ..Content.ReportReferences import referred
from .ReportCodes import measurement, ownCode, plainMeaning, tracked, verdictOf

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
            tracking_identifier=tracked(_named("Model", segment)),
            finding_type=ownCode("Model", "3D model"),
            measurements=measurements or None,
        )
        _addModels(group, report, segment)
        groups.append(group)
    return groups


def deviationGroups(report: Mapping, headers: Sequence[Dataset]) -> list:
    """Statistics of every deviation, with what was compared as sources.

    :param headers: of the scan's slices, each once.
    """
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, SourceImageForMeasurementGroup

    groups = []
    for segment, block in deviationsBySegment(report).items():
        for kind, title in _KINDS.items():
            facts = (block or {}).get(kind)
            if not facts:
                continue
            images = []
            if kind in ("image", "scan"):
                images = [
                    SourceImageForMeasurementGroup(str(header.SOPClassUID), str(header.SOPInstanceUID))
                    for header in headers
                ]
            group = MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(_named(title, segment)),
                finding_type=ownCode("SurfaceDeviation", "Deviation between surfaces"),
                measurements=_statistics(facts, kind),
                source_images=images or None,
            )
            if kind == "segmentation":
                _addSegmentation(group, referred(report, "segmentations", segment or None))
            _addModels(group, report, segment)
            groups.append(group)
    return groups


def _named(title: str, segment: str) -> str:
    return f"{title}: {plainMeaning(segment)}" if segment else title


def _statistics(facts: Mapping, kind: str) -> list:
    from pydicom.sr.codedict import codes

    found = []
    for key, derivation in _DERIVED.items():
        name = ownCode("SignedDeviation", "Signed surface deviation, positive: mesh too small")
        found += measurement(name, facts.get(key), "mm", derivation=getattr(codes.cid7464, derivation))
    for names, unit in ((_LENGTHS, "mm"), (_SHARES, "")):
        for key, meaning in names.items():
            found += measurement(ownCode(key, meaning), facts.get(key), unit)
    if kind == "scan":
        return found + _completeness(facts)
    return found + measurement(codes.cid7471.SurfaceAreaOfMesh, facts.get("areaMm2"), "mm2")


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


def findingGroups(report: Mapping) -> list:
    """Every finding, in one group for the scan and one for each of several segments; the first has the verdict."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations

    bySegment: dict[str, list] = {"": []}
    for finding in report["findings"]:
        bySegment.setdefault(str(finding.get("segment") or ""), []).append(finding)
    groups = []
    for segment, findings in bySegment.items():
        evaluations, measurements = [], []
        if not segment:
            evaluations += verdictOf(ownCode("verdict", "Verdict of the validation"), report["verdict"])
        for finding in findings:
            identifier = re.sub(r"[^A-Za-z0-9._-]+", "-", finding["requirement"])[:64] or "unnamed"
            name = ownCode(identifier, finding["title"])
            evaluations += verdictOf(name, finding["verdict"])
            measurements += measurement(name, finding["measured"], finding["unit"])
        groups.append(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracked(_named("Findings", segment)),
                finding_type=ownCode("ValidationFindings", "Findings of the validation"),
                measurements=measurements or None,
                qualitative_evaluations=evaluations,
            )
        )
    if report.get("override"):
        _addOverride(groups[0], str(report["override"]["reason"]))
    return groups


def _addOverride(group, reason: str) -> None:
    """Why the model was exported although something fails, beside the verdict."""
    from highdicom.sr import RelationshipTypeValues, TextContentItem

    group[0].ContentSequence.append(
        TextContentItem(
            name=ownCode("override", "Exported although something fails, because"),
            value="".join(letter if letter.isprintable() else " " for letter in reason),
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )
