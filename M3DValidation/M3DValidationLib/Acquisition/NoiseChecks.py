"""Noise, and contrast to noise across the anatomy's surface (ISO/IEC 3532-1, 6.2)."""

from __future__ import annotations

import numpy as np

from M3DLib.NumberText import fixed, number

from ..Check import Case
from .ImageCheck import ImageCheck, numberOrNone
from .ImageRegions import SOFT_HU, looksLikeCt
from .NoiseMeasurement import NoiseLevel, findBlocks, noiseLevel
from .ResolutionChecks import edgesOf, surfaceName

AIR_HU = -900


def noiseOf(case: Case) -> dict[str, NoiseLevel | None]:
    """Noise in "tissue" and in "air"; air alone counts where it is not clipped to one value."""
    if "noise" not in case.measurements:
        array = case.image.array
        blocks = findBlocks(array, case.image.spacing)
        if looksLikeCt(case.image):
            soft = (blocks.mean > SOFT_HU[0]) & (blocks.mean < SOFT_HU[1])
            clipped = blocks.constant | (blocks.mean - 3 * blocks.sd < float(array.min()))
            air = (blocks.mean < AIR_HU) & ~clipped
        else:
            soft = blocks.mean > (np.median(blocks.mean) if len(blocks.mean) else 0.0)
            air = np.zeros_like(soft)
        case.measurements["noise"] = {
            "tissue": noiseLevel(blocks, soft),
            "air": noiseLevel(blocks, air),
        }
    return case.measurements["noise"]


class NoiseCheck(ImageCheck):
    """Standard deviation in uniform tissue, and contrast at the surface in multiples of it."""

    requirementIds = ("noise", "contrast-to-noise")
    needsNoMesh = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        if case.image.derived:
            reason = f"{case.image.derived} Its noise is not that of the scan."
            yield from (requirement.notAssessable(reason) for requirement in held.values())
            return
        progress(0.0, "Measuring noise")
        tissue, air = noiseOf(case)["tissue"], noiseOf(case)["air"]
        level, place = (tissue, "uniform tissue") if tissue else (air, "air")
        evidence = {
            "tissueSd": numberOrNone(tissue.sd, 2) if tissue else None,
            "tissueLevel": numberOrNone(tissue.level, 1) if tissue else None,
            "tissueBlocks": tissue.blocks if tissue else 0,
            "airSd": numberOrNone(air.sd, 2) if air else None,
            "airBlocks": air.blocks if air else 0,
        }
        none = "No uniform region of tissue or unclipped air is large enough to measure noise."
        if requirement := held.get("noise"):
            if level is None:
                yield requirement.notAssessable(none)
            elif not looksLikeCt(case.image):
                # The limit is in Hounsfield units; other values have no unit.
                yield requirement.notAssessable(
                    f"The noise is {number(level.sd)}, but the image's values are no Hounsfield units.", **evidence
                )
            else:
                unit = requirement.unit
                message = (
                    f"The noise is {requirement.written(level.sd)} in {place} (around {fixed(level.level, 0)} {unit})."
                )
                yield requirement.finding(level.sd, message, **evidence)
        if requirement := held.get("contrast-to-noise"):
            within = edgesOf(case)["within"] or edgesOf(case)["through"]
            if level is None or within is None:
                reason = none if level is None else f"Too few clean edges at {surfaceName(case)} to measure contrast."
                yield requirement.notAssessable(reason, **evidence)
                return
            if level.sd < 1e-6:
                yield requirement.notAssessable(
                    "The image has no noise at all; it is computed, not measured.", **evidence
                )
                return
            ratio = within.contrast / level.sd
            contrast, times = fixed(within.contrast, 0), requirement.written(ratio).removesuffix(" ×")
            message = f"The contrast at {surfaceName(case)} is {contrast}, {times} times the noise."
            yield requirement.finding(ratio, message, contrast=numberOrNone(within.contrast, 1), **evidence)


CHECKS = (NoiseCheck,)
