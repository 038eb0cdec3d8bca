"""All deviations of a case, measured once: the JSON block ``deviation``, the maps behind it, the findings on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Edge.ImageDeviation import HALF_HEIGHT, imageDeviation
from M3DLib.Errors import M3DError, noProgress
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshRefinement import refined
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from ..Check import Case
from ..CheckSupport import onPurpose
from .ControlMeaning import meaningOfControl, shiftOfControl
from .DeviationHistogram import deviationHistogram
from .DeviationRegions import deviationRegions, largestDeviation
from .DeviationStatistics import deviationStatistics, mainFigures
from .RefinedSurface import isRefined, withMeaning
from .SegmentationDeviation import LEAST_VOLUME, segmentationDeviation

# Edges longer than this many of the largest voxel edges get further points for the comparison with the image.
COARSE = 2.0
KINDS = ("image", "scan", "segmentation", "surface")
# Less of the surface than this, mm2, is a point and no part, where the profile says nothing else.
LEAST_AREA = 1.0
COMPUTED = (
    "Distances between two surfaces are computed, not measured: what is uncertain is how well either surface shows the "
    "object."
)
SELF_REFERRING = (
    "The mesh was made from this segment: this says what conversion, smoothing and decimation changed, and nothing of "
    "whether the segment shows what the scan shows."
)


@dataclass
class DeviationReport:
    """Deviations of the mesh of a case.

    :ivar data: the JSON block: ``image``, ``scan`` (filled in by :mod:`~M3DValidationLib.Completeness`),
        ``segmentation``, ``surface``, each the values of
        :func:`~.DeviationStatistics.deviationStatistics` (plus ``regions``, ``histogram``,
        and what the kind adds), or null.
    :ivar maps: the distances at the vertices, by the same keys; only those that were measured.
    :ivar problems: why a kind could not be measured although its input is there, one sentence each.
    :ivar key: the parts and settings it was measured with.
    """

    data: dict = field(default_factory=lambda: dict.fromkeys(KINDS))
    maps: dict[str, DeviationMap] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    key: tuple = ()

    def add(self, kind: str, facts: dict, deviation: DeviationMap) -> None:
        """Take in what was measured of one kind."""
        self.data[kind], self.maps[kind] = facts, deviation


def deviationReport(
    case: Case,
    progress: Callable[[float, str], None] = noProgress,
    reference: TriangleMesh | None = None,
) -> DeviationReport:
    """Measure the mesh of a case against its image, its segment and another mesh, whichever are there.

    The report is kept in the case's measurements: a second call with the same parts and settings does not measure
    again.

    :param case: options: ``tolerance`` (mm, default: the profile's), ``searchRange`` (mm), ``method``
        ("half-height" or "gradient").
    :param reference: a mesh to compare with ("surface"), already aligned, LPS mm.
    """
    tolerance = toleranceOf(case)
    method = case.options.get("method") or HALF_HEIGHT
    searchRange = float(case.options.get("searchRange") or 3.0)
    parts = (case.image, case.segment, case.mesh, reference, case.control)
    key = (*map(id, parts), tolerance, method, searchRange)
    known = case.measurements.get("deviation")
    if known is not None and known.key == key:
        return known
    report = DeviationReport(key=key)
    if case.mesh is not None and case.image is not None:
        with kept(report, "image"):
            facts, deviation = _imageFacts(
                case, tolerance, method, searchRange, lambda done, text: progress(0.5 * done, text)
            )
            report.add("image", facts, deviation)
    if case.mesh is not None and case.control is not None:
        with kept(report, "control"):
            report.data["control"] = _controlFacts(case, tolerance, method=method, searchRange=searchRange)
    if case.mesh is not None and case.segment is not None:
        with kept(report, "segmentation"):
            known = report.maps.get("image")
            deviation, facts = segmentationDeviation(
                case.mesh,
                case.segment,
                tolerance,
                _leastVolume(case),
                lambda done, text: progress(0.5 + 0.3 * done, text),
                image=case.image,
                normals=known.normals if known is not None and known.mesh is case.mesh else None,
            )
            # A mesh from elsewhere may have been made of anything.
            facts["meaning"] = SELF_REFERRING if case.surfaceParameters is not None else ""
            if isRefined(case):
                facts["movedShare"] = case.mesh.record["refinement"]["movedShare"]
                facts["meaning"] = onPurpose(facts["movedShare"])
            facts = withPlaces(facts, deviation, tolerance, case.image, leastAreaOf(case))
            report.add("segmentation", facts, deviation)
    if case.mesh is not None and reference is not None:
        with kept(report, "surface"):
            comparison = compareEvenly(
                case.mesh, reference, progress=lambda done, text: progress(0.8 + 0.2 * done, text)
            )
            report.add("surface", surfaceFacts(comparison, tolerance), comparison.forward)
    progress(1.0, "Deviations measured")
    case.measurements["deviation"] = report
    return report


def _imageFacts(case, tolerance, method, searchRange, progress) -> tuple[dict, DeviationMap]:
    """Figures and map of the deviation from the image; coarse meshes are measured between their vertices too."""
    deviation = imageDeviation(
        refined(case.mesh, COARSE * float(case.image.spacing.max())),
        case.image,
        method=method,
        searchRange=searchRange,
        progress=progress,
    )
    facts = deviationStatistics(deviation, tolerance, case.image)
    facts = withPlaces(facts, deviation, tolerance, case.image, leastAreaOf(case))
    if isRefined(case):
        moved = case.mesh.record["refinement"]["movedShare"]
        facts = withMeaning(facts, deviation, moved, case.control is not None)
    return facts, deviation


def toleranceOf(case: Case) -> float:
    """Tolerance of a run, else of its profile, mm."""
    return float(case.options.get("tolerance") or getattr(case.profile, "toleranceMm", None) or 1.0)


def _controlFacts(case: Case, tolerance: float, **settings) -> dict:
    """JSON values of the deviation of the mesh from the control series."""
    mesh = refined(case.mesh, COARSE * float(case.control.spacing.max()))
    deviation = imageDeviation(mesh, case.control, **settings)
    facts = deviationStatistics(deviation, tolerance, case.control)
    facts = withPlaces(facts, deviation, tolerance, case.control, leastAreaOf(case))
    header = case.control.headers[0] if case.control.headers else {}
    return {
        **facts,
        "meaning": meaningOfControl(case.control, case.image),
        "shift": shiftOfControl(deviation),
        "seriesInstanceUid": str(header.get("SeriesInstanceUID", "")),
    }


def _leastVolume(case: Case) -> float:
    """Volume in mm3 below which parts of the segment do not count."""
    requirement = case.profile.requirements.get("segment-parts") if case.profile else None
    return requirement.parameters.get("leastVolumeMm3", LEAST_VOLUME) if requirement else LEAST_VOLUME


def leastAreaOf(case: Case) -> float:
    """Area in mm2 below which a region of large deviation does not count."""
    requirement = case.profile.requirements.get("deviation-max-region") if case.profile else None
    return requirement.parameters.get("leastAreaMm2", LEAST_AREA) if requirement else LEAST_AREA


def withPlaces(
    facts: dict,
    deviation: DeviationMap,
    tolerance: float,
    image: ImageVolume | None = None,
    leastArea: float = LEAST_AREA,
) -> dict:
    """JSON values with the regions, the largest deviation and the histogram of their map added.

    :param leastArea: mm2; a smaller region does not count for the largest deviation.
    """
    regions = deviationRegions(deviation, tolerance, image)
    return {
        **facts,
        "regions": regions,
        "largest": largestDeviation(deviation, regions, leastArea, image),
        "histogram": deviationHistogram(deviation, tolerance),
    }


def surfaceFacts(comparison, tolerance: float) -> dict:
    """JSON values of a comparison of two meshes: figures, regions, and the other direction under ``reverse``."""
    facts = deviationStatistics(comparison.forward, tolerance)
    facts["reverse"] = mainFigures(comparison.reverse, tolerance)
    return withPlaces({**facts, "meaning": COMPUTED}, comparison.forward, tolerance)


class kept:
    """Keep the reason when one kind of deviation cannot be measured, and go on with the others."""

    def __init__(self, report: DeviationReport, kind: str):
        self.report, self.kind = report, kind

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, M3DError):
            self.report.problems[self.kind] = str(error)
            return True
        return False
