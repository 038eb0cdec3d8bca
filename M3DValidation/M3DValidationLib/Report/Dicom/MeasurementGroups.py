"""Groups of the measurement report (PS3.16 TID 1501, TID 1411): segments and models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..Content.ReportContent import deviationsBySegment
from ..Content.ReportReferences import referred
from .ReportCodes import measurement, named, ownCode, plainMeaning, tracked


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
        addSegmentation(group, [source] if source is not None else [])
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
        addModels(group, report, segment)
        groups.append(group)
    return groups


def addModels(group, report: Mapping, segment: str) -> None:
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


def addSegmentation(group, entries: Iterable[Mapping]) -> None:
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
