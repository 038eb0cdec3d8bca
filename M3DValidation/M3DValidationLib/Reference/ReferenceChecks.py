"""Are known lengths right in image, mesh and print? (ISO/IEC 3532-1, 6.5)"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from M3DLib.Errors import M3DError, noProgress
from M3DLib.NumberText import exactNumber, millimeters, percentage, plural

from ..Check import Case
from ..CheckSupport import placeList, requirementsOf
from ..Requirement import Finding, Requirement, Verdict
from .CalibrationFit import CalibrationResult, fitCalibrationObject
from .ReferenceMeasurement import MeasuredDistance, measureInImage, measureOnMesh
from .ReferenceReader import ReferenceDistance

_ORDER = (Verdict.INFORMATION, Verdict.PASS, Verdict.NOT_ASSESSABLE, Verdict.WARNING, Verdict.FAIL)
_AXES = "ijk"


class ReferenceDistanceCheck:
    """Distances in image, mesh and print against their nominal values, or, without one, against each other."""

    requirementIds = ("reference-image", "reference-mesh", "reference-printed")

    def canRun(self, case: Case) -> bool:
        """Whether the user gave distances."""
        return bool(case.references)

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """One finding per place of measurement, with every distance in its evidence."""
        held = requirementsOf(case, self.requirementIds)
        rows = {id_: [] for id_ in held}
        reasons = {
            "reference-image": "There is no image.",
            "reference-mesh": "There is no mesh.",
            "reference-printed": "There are no readings taken on the printed model.",
        }
        for number, reference in enumerate(case.references):
            progress(number / len(case.references), "Measuring reference distances")
            inImage = self._inImage(case, reference, reasons)
            onMesh = measureOnMesh(case.mesh, reference) if case.mesh is not None else None
            nominal = reference.nominalMm
            lengths = [measured.lengthMm if measured else None for measured in (inImage, onMesh)]
            if "reference-image" in rows and inImage is not None:
                rows["reference-image"].append(_row(reference, lengths[0], nominal, "nominal", inImage))
            if "reference-mesh" in rows and onMesh is not None:
                expected, source = (nominal, "nominal") if nominal else (lengths[0], "image")
                rows["reference-mesh"].append(_row(reference, lengths[1], expected, source, onMesh))
            if "reference-printed" in rows and reference.printedMm:
                choices = [(nominal, "nominal"), (lengths[1], "mesh"), (lengths[0], "image")]
                expected, source = next(((value, name) for value, name in choices if value), (None, ""))
                row = _row(reference, float(np.mean(reference.printedMm)), expected, source, None)
                row["readingsMm"] = list(reference.printedMm)
                if len(reference.printedMm) > 1:
                    row["uncertaintyMm"] = float(np.std(reference.printedMm, ddof=1) / len(reference.printedMm) ** 0.5)
                rows["reference-printed"].append(row)
        progress(1.0, "Measuring reference distances")
        return [
            self._finding(requirement, rows[id_]) if rows[id_] else requirement.notAssessable(reasons[id_])
            for id_, requirement in held.items()
        ]

    def _inImage(self, case: Case, reference: ReferenceDistance, reasons: dict) -> MeasuredDistance | None:
        if case.image is None:
            return None
        if case.image.geometryProblems:
            reasons["reference-image"] = f"The image is no regular grid: {case.image.geometryProblems[0]}"
            return None
        return measureInImage(case.image, reference)

    def _finding(self, requirement: Requirement, rows: list[dict]) -> Finding:
        worst, verdict, parts = None, requirement.worst(Verdict.PASS), []
        for row in rows:
            row["verdict"], limit = self._judge(requirement, row)
            verdict = max(verdict, Verdict(row["verdict"]), key=_ORDER.index)
            deviation = row.get("deviationMm")
            if deviation is None:
                parts.append(f"'{row['name']}' could not be compared ({row['reason']})")
                continue
            sure = row.get("uncertaintyMm")
            length, expected = millimeters(row["measuredMm"], uncertainty=sure), exactNumber(row["expectedMm"])
            off = millimeters(deviation, True, sure)
            said = f"'{row['name']}' {length} for {expected} mm ({off})"
            if limit is not None:
                said = f"'{row['name']}' {length} for {expected} mm ({off}, limit {exactNumber(limit)} mm)"
            parts.append(said)
            if worst is None or abs(deviation) > abs(worst):
                worst = deviation
        message = "; ".join(parts) + "."
        return Finding(requirement, verdict, None if worst is None else abs(worst), message, {"distances": rows})

    def _judge(self, requirement: Requirement, row: dict) -> tuple[str, float | None]:
        """Verdict on one distance and the limit it was judged by: its own tolerance, or the profile's."""
        if row.get("deviationMm") is None:
            return requirement.worst(Verdict.NOT_ASSESSABLE).value, None
        size = abs(row["deviationMm"])
        if row["toleranceMm"] is not None:
            passed = size <= row["toleranceMm"]
            return requirement.worst(Verdict.PASS if passed else Verdict.FAIL).value, row["toleranceMm"]
        return requirement.judge(size).value, requirement.passLimit


class CalibrationCheck:
    """Objects of known size: is a voxel really as long as the header says?"""

    requirementIds = ("calibration-scale",)

    def canRun(self, case: Case) -> bool:
        """Whether the user named objects and there is an image."""
        return bool(case.calibrationObjects) and case.image is not None

    def run(self, case: Case, progress: Callable[[float, str], None] = noProgress) -> list[Finding]:
        """One finding on all objects together."""
        findings = []
        for requirement in requirementsOf(case, self.requirementIds).values():
            if case.image.geometryProblems:
                findings.append(
                    requirement.notAssessable(f"The image is no regular grid: {case.image.geometryProblems[0]}")
                )
                continue
            results, evidence, failures = [], [], []
            for number, target in enumerate(case.calibrationObjects):
                progress(number / len(case.calibrationObjects), "Fitting calibration objects")
                try:
                    result = fitCalibrationObject(case.image, target)
                except M3DError as error:
                    failures.append(f"'{target.name}': {error}")
                    continue
                results.append((target.name, result))
                evidence.append(_calibrationRow(target.name, result))
            findings.append(self._finding(requirement, results, evidence, failures))
        return findings

    def _finding(self, requirement, results, evidence, failures) -> Finding:
        coverage = float(requirement.parameters["coverageFactor"])
        scales = [
            (name, axis, 100 * (result.scale[axis] - 1), 100 * result.scaleUncertainty[axis])
            for name, result in results
            for axis in range(3)
            if np.isfinite(result.scale[axis])
        ]
        sharp = [
            entry for entry in scales if requirement.passLimit is None or coverage * entry[3] <= requirement.passLimit
        ]
        details = {"objects": evidence, "notFound": failures}
        if not sharp:
            reason = " ".join(failures) or "No object is measured precisely enough to judge by."
            return requirement.notAssessable(reason, **details)
        name, axis, off, error = max(sharp, key=lambda entry: abs(entry[2]))
        seen = sorted({_AXES[entry[1]] for entry in sharp})
        message = (
            f"Lengths along the image's axes {', '.join(seen)} agree with {plural(len(results), 'known object')} to "
            f"{percentage(abs(off))} (worst: {percentage(off, True)} ± {percentage(coverage * error)} along "
            f"{_AXES[axis]}, '{name}')."
        )
        missing = [letter for letter in _AXES if letter not in seen]
        if missing:
            message += f" No object says enough about {', '.join(missing)}."
        if failures:
            message += f" Not found: {' '.join(failures)}"
        verdict = requirement.judge(abs(off))
        if failures and verdict is Verdict.PASS:
            verdict = Verdict.NOT_ASSESSABLE
        return Finding(requirement, verdict, float(off), message, {**details, "axesNotSeen": missing})


def _row(reference: ReferenceDistance, measured, expected, source: str, found: MeasuredDistance | None) -> dict:
    row = {
        "name": reference.name,
        "start": placeList([reference.start])[0],
        "end": placeList([reference.end])[0],
        "nominalMm": reference.nominalMm,
        "toleranceMm": reference.toleranceMm,
        "measuredMm": measured,
        "expectedMm": expected,
        "expectedFrom": source,
    }
    if found is not None:
        row["uncertaintyMm"] = found.uncertaintyMm
        row["endsMovedMm"] = [None if np.isnan(value) else round(value, 4) for value in found.movedMm]
    if measured is None:
        row["reason"] = "no surface near one of its ends"
    elif expected is None:
        row["reason"] = f"{millimeters(measured)} measured, no nominal value given"
    else:
        row["deviationMm"] = measured - expected
    return row


def _calibrationRow(name: str, result: CalibrationResult) -> dict:
    def plain(values):
        return [None if np.isnan(value) else float(value) for value in values]

    return {
        "name": name,
        "center": placeList([result.center])[0],
        "sizes": [
            {
                "direction": [round(float(value), 4) for value in size.direction],
                "measuredMm": float(size.measuredMm),
                "nominalMm": size.nominalMm,
                "standardUncertaintyMm": float(size.uncertaintyMm),
            }
            for size in result.sizes
        ],
        "scaleIJK": plain(result.scale),
        "scaleStandardUncertaintyIJK": plain(result.scaleUncertainty),
        "residualMm": float(result.residualMm),
    }


CHECKS = (ReferenceDistanceCheck, CalibrationCheck)
