"""For which images the stated uncertainty of a measured edge holds, and what is known of it elsewhere.

The model of ``EdgeUncertainty`` is fitted on phantoms; beyond them it is a guess. What holds where is the output of
``Testing/Benchmarks/fit_edge_uncertainty.py``: its images as the method itself sees them, and by which factor the
interval had to be widened on images with slices of 2 to 5 mm to hold 95 % of the vertices of every phantom.
"""

from __future__ import annotations

import numpy as np

from ..NumberText import exactNumber, millimeters

FWHM = 2 * np.sqrt(2 * np.log(2))
# Largest of the factors found with voxel edges above the fitted range, up to ``WIDEST_EDGE`` (mm) and
# ``WIDEST_BLUR`` (mm), on 174 meshes that the fit has not seen, surfaces of segments among them: 4.46 on a thin wall in
# slices of 5 mm; the next ones were 3.7 and 3.6, also on walls.
WIDENING = 4.5
WIDEST_EDGE = 5.0
WIDEST_BLUR = 6.0
# On 719 meshes of 46 phantoms and scans within the ranges below, half of them surfaces of segments, 299 unknown to the
# fit, the interval held the truth at 96 % of the vertices, on either kind. Of these, 87 were below 93 %, the least at
# 70 %: bars, thin walls and gyroids under cupping of 20 to 30 %, and segments in slices of 1.3 to 1.5 mm with gaps.
HELD = (
    "There the interval held the true distance at 96 % of the points over all phantoms and at 70 to 100 % on single "
    "ones: more often than 97 % mostly in images without noise or with little contrast for it, less often than 93 % "
    "on small parts in grainy noise, beside sharp edges, in slices thicker than the blur, and where values rise "
    "toward the surface."
)
# Name, words, unit, least and largest value of those phantoms, with some room for how the method sees them when few
# vertices show the blur (``deviation_accuracy.py`` has such, and images whose blur differs by a factor of two).
RANGES = (
    ("largestVoxelEdge", "the largest voxel edge", " mm", 0.2, 1.5),
    ("smallestBlurFwhm", "the blur (full width at half maximum) along the sharpest direction", " mm", 0.35, 2.5),
    ("largestBlurFwhm", "the blur (full width at half maximum) along the most blurred direction", " mm", 0.35, 2.5),
    ("blurRatio", "the ratio of the most to the least blurred direction", "", 1.0, 2.1),
    ("contrastToNoise", "the contrast-to-noise ratio", "", 6.2, None),
)
THICK = {"largestVoxelEdge", "largestBlurFwhm", "blurRatio"}


def calibration(settings: dict, interval: float | None) -> dict:
    """What may be said about the uncertainty on an image; plain JSON values.

    :param settings: of a :class:`~.DeviationMap.DeviationMap` made by ``ImageDeviation``.
    :param interval: half width of the 95 % interval by the model, mm, whether it holds here or not; not a number where
        no edge was measured reliably; None for a method without a model.
    :return: ``withinFittedRange`` (null without a model), ``statement`` in words, ``outside`` (names of the quantities
        out of range), ``quantities`` (each value with its range) and ``estimate95``: half width in mm, that of the
        model within its range, a widened one for thicker slices, null where nothing was measured.
    """
    if interval is None:
        return {
            "withinFittedRange": None,
            "statement": f"The method '{settings['method']}' has no model of its uncertainty, so none is stated.",
            "outside": [],
            "quantities": {},
            "estimate95": None,
        }
    quantities = _quantities(settings)
    outside = [name for name, _, _, _, _ in RANGES if not quantities[name]["within"]]
    estimate, statement = _judgement(outside, quantities, float(interval))
    return {
        "withinFittedRange": not outside,
        "statement": statement,
        "outside": outside,
        "quantities": quantities,
        "estimate95": estimate,
    }


def _quantities(settings: dict) -> dict[str, dict]:
    """The values of an image by the names in ``RANGES``, each with its range and whether it is within."""
    blur = FWHM * np.sqrt(np.maximum(np.linalg.eigvalsh(np.asarray(settings["blurCovariance"])), 0))
    noise = settings["noise"]
    values = {
        "largestVoxelEdge": float(max(settings["voxelSpacing"])),
        "smallestBlurFwhm": float(blur[0]),
        "largestBlurFwhm": float(blur[-1]),
        "blurRatio": float(blur[-1] / max(blur[0], 1e-6)),
        # An image without any noise is within every range that has no upper end.
        "contrastToNoise": float(settings["contrast"] / noise) if noise > 0 else None,
    }
    quantities = {}
    for name, _words, _unit, least, largest in RANGES:
        value = values[name]
        # A thousandth of slack for values that were rounded in a header.
        within = value is None or (value >= 0.999 * least and (largest is None or value <= 1.001 * largest))
        quantities[name] = {"value": value, "least": least, "largest": largest, "within": within}
    return quantities


def _judgement(outside: list[str], quantities: dict[str, dict], interval: float) -> tuple[float | None, str]:
    """The half width to be expected, None where it is not known, and the statement about it."""
    if not np.isfinite(interval):
        return None, (
            "No uncertainty is stated: no edge of this surface was measured reliably, so nothing tells how sure one is."
        )
    if not outside:
        return interval, (
            "The stated uncertainty comes from a model fitted on phantoms; this image lies within what they cover "
            f"(voxel edge, blur, contrast-to-noise). {HELD}"
        )
    texts = [
        f"{words} is {quantities[name]['value']:.3g}{unit} (fitted: {_span(unit, least, largest)})"
        for name, words, unit, least, largest in RANGES
        if name in outside
    ]
    why = (
        "No uncertainty is stated: the model of the uncertainty was not fitted on images like this one, "
        f"since {' and '.join(texts)}. "
    )
    known = set(outside) <= THICK and quantities["largestVoxelEdge"]["value"] <= 1.001 * WIDEST_EDGE
    if not known or quantities["largestBlurFwhm"]["value"] > WIDEST_BLUR:
        return None, why + "How far off a measured distance may be was not examined there."
    estimate = WIDENING * interval
    return estimate, why + (
        f"On phantoms with slices of up to {exactNumber(WIDEST_EDGE)} mm the model's interval had to be widened "
        "by up to "
        f"{WIDENING:g} to hold 95 % of the points, which would be {millimeters(estimate)} here."
    )


def _span(unit: str, least: float, largest: float | None) -> str:
    if largest is not None:
        return f"{least:g} to {largest:g}{unit}"
    text = f"{least:g}{unit}"
    return f"at least {text}"
