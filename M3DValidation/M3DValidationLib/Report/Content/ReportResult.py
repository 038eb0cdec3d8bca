"""What the checks said, as the plain JSON values the report begins with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from M3DLib.Mesh.TriangleMesh import lowAndHigh

from ...Requirement import Verdict
from ...Validation import aboutImageAlone, overallVerdict

if TYPE_CHECKING:
    from ...Check import Case
    from ...Requirement import Finding

EXIT_PASSED = 0
EXIT_FAILED = 1
EXIT_INCOMPLETE = 3


def exitStatusOf(verdict: Verdict) -> int:
    """0 pass or warning, 1 fail, 3 not assessable."""
    return {Verdict.FAIL: EXIT_FAILED, Verdict.NOT_ASSESSABLE: EXIT_INCOMPLETE}.get(verdict, EXIT_PASSED)


def resultOf(cases: list[Case], results: list[list[Finding]]) -> dict:
    """The report's content as plain JSON values."""
    findings = [finding for found in results for finding in found]
    verdict = overallVerdict(findings)
    case = cases[0]
    alike = aboutImageAlone()
    described = []
    for one, found in zip(cases, results, strict=True):
        for finding in found:
            entry = finding.asDict()
            if len(cases) > 1 and one.name and finding.requirement.id not in alike:
                entry["segment"] = one.name
            described.append(entry)
    data = {
        "verdict": verdict.value,
        "exitStatus": exitStatusOf(verdict),
        "counts": {v.value: sum(finding.verdict is v for finding in findings) for v in Verdict},
        "profile": {
            "name": case.profile.name,
            "title": case.profile.title,
            "version": case.profile.version,
            "sha256": case.profile.sha256,
        },
        "toleranceMm": case.options.get("tolerance") or case.profile.toleranceMm,
        "models": [_modelOf(one) for one in cases if one.mesh is not None or one.segment is not None],
        "findings": described,
        "deviation": _deviationOf(cases),
        "input": _inputOf(cases),
    }
    return _plain(data)


def _deviationOf(cases: list[Case]) -> dict | None:
    """How far the model lies from scan and segment; of several, that of the first, and under ``segments`` of each."""
    reports = [case.measurements.get("deviation") for case in cases]
    blocks = [None if report is None else {**report.data, "problems": report.problems} for report in reports]
    measured = [block for block in blocks if block is not None]
    if not measured:
        return None
    if len(cases) == 1:
        return measured[0]
    named = zip(cases, blocks, strict=True)
    return {**measured[0], "segments": {case.name: block for case, block in named if block is not None}}


def _inputOf(cases: list[Case]) -> dict:
    """What was looked at."""
    image, first = cases[0].image, cases[0]
    data: dict = {}
    if image is not None:
        data["image"] = {
            "modality": image.modality,
            "dimensions": list(image.dimensions),
            "spacingMm": [round(float(step), 5) for step in image.spacing],
            "seriesInstanceUid": str(image.headers[0].get("SeriesInstanceUID", "")) if image.headers else "",
            "valueUnit": image.valueUnit,
            "warnings": image.warnings,
            "geometryProblems": image.geometryProblems,
            "skippedFiles": [{"file": item.file.name, "reason": item.reason} for item in image.skippedFiles],
        }
    described = [_segmentOf(case) for case in cases if case.segment is not None]
    if described:
        data["segments"] = described
    if first.leftOut:
        data["leftOut"] = first.leftOut
    if first.mesh is not None and first.meshNotes is not None:
        data["mesh"] = {"format": first.meshNotes.format, "triangles": len(first.mesh.triangles)}
    if len(cases) > 1 and first.meshNotes is not None:
        data["meshes"] = [
            {"name": case.name, "format": case.meshNotes.format, "triangles": len(case.mesh.triangles)}
            for case in cases
        ]
    if first.surfaceParameters is not None:
        data["surface"] = first.surfaceParameters.asDict()
    return data


def _segmentOf(case: Case) -> dict:
    """The segment of a case, and what was done to its surface since."""
    segment = case.segment
    described = {"name": segment.name, "volumeMm3": segment.volumeMm3, "from": segment.source.kind}
    return {**described, **(case.mesh.record if case.mesh is not None else {})}


def _modelOf(case: Case) -> dict:
    """A model: what it is called, what it was made from, where it lies and how large it is."""
    mesh, segment = case.mesh, case.segment
    described: dict = {"name": case.name, "title": case.title, "segment": segment.name if segment is not None else ""}
    described["madeFrom"] = _madeFrom(case)
    if mesh is not None and len(mesh.points):
        described["boundsLps"] = list(lowAndHigh(mesh.points))
        described["triangles"] = len(mesh.triangles)
    return described


def _madeFrom(case: Case) -> dict:
    """``scan``, ``segment``, ``surface`` and ``file`` of a model, as far as there are any: facts, not sentences."""
    made: dict = {}
    if case.image is not None:
        made["scan"] = {
            "modality": case.image.modality,
            "slices": int(case.image.dimensions[2]),
            "spacingMm": [round(float(step), 5) for step in case.image.spacing],
        }
    if case.segment is not None:
        made["segment"] = {"name": case.segment.name, "from": case.segment.source.kind}
    if case.surfaceParameters is not None:
        made["surface"] = case.surfaceParameters.asDict()
        if case.mesh is not None and "refinement" in case.mesh.record:
            made["surface"]["refinedShare"] = case.mesh.record["refinement"]["movedShare"]
    if case.meshNotes is not None:
        made["file"] = {"format": case.meshNotes.format, "name": case.mesh.name}
    return made


def _plain(value):
    """Plain JSON values: numpy numbers as numbers, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
