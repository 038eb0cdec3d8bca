"""What a failure matters for whoever wants to use the model: the order in which findings are named on the first page.

First what the model lacks and how far it lies from the anatomy, then whether the scan can show it, then whether it
can be printed, then what is only kept on record. The clause of the standard has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS = ("model", "image", "print", "record")
# Within a group, what changes the use of the model most comes first.
_ORDER = {
    "model": (
        "belong-together",
        "bodies-left-out",
        "cut-faces",
        "bodies-added",
        "scan-covered",
        "part-alignment",
        "part-missing",
        "mesh-inside-image",
        "mesh-unit",
        "deviation-max-region",
        "part-max-region",
        "deviation-tolerance",
        "part-tolerance",
        "deviation-p95",
        "deviation-bias",
        "part-bias",
        "part-scale",
        "part-warp",
        "part-roughness",
        "deviation-coverage",
        "reference-mesh",
        "reference-printed",
        "segment-not-empty",
        "segment-inside-image",
        "segment-parts",
        "segment-deviation-p95",
        "mesh-volume-change",
        "threshold-plausibility",
        "segment-overlap",
        "segment-bridges",
        "segment-islands",
        "segment-holes",
        "labelmap-spacing",
        "stair-steps",
    ),
    # Slices of two patients or of two positions are no image of anything: that comes before how good the image is.
    "image": (
        "single-patient",
        "single-frame-of-reference",
        "single-study",
        "image-consistency",
        "anatomy-inside-field-of-view",
        "missing-slices",
        "duplicate-slices",
        "slice-uniformity",
        "slice-contiguity",
        "orientation-consistency",
        "gantry-tilt",
        "slice-alignment",
        "header-geometry",
        "calibration-scale",
        "reference-image",
        "slice-thickness",
        "slice-distance",
        "thickness-consistency",
        "in-plane-pixel",
        "voxel-anisotropy",
        "through-plane-resolution",
        "in-plane-resolution",
        "contrast-to-noise",
        "noise",
        "saturation",
        "image-values",
        "body-inside-field-of-view",
        "field-of-view",
        "modality-scope",
        "original-image",
        "lossy-compression",
        "scan-age",
        "reconstruction-kernel",
    ),
    "print": (
        "mesh-finite",
        "mesh-closed",
        "mesh-outward",
        "mesh-orientation",
        "mesh-manifold-edges",
        "mesh-manifold-points",
        "mesh-self-intersections",
        "wall-thickness",
        "gap-width",
        "build-volume",
        "mesh-specks",
        "mesh-inner-shells",
        "mesh-components",
        "overhang",
        "mesh-degenerate-triangles",
        "mesh-duplicate-triangles",
        "mesh-unreferenced-points",
        "mesh-duplicate-points",
        "mesh-file-format",
        "stl-rounding",
        "stl-size",
        "mesh-size",
        "mesh-edge-lengths",
    ),
    "record": ("surface-record", "acquisition-record"),
}
_PLACES = {
    requirement: (GROUPS.index(group), place)
    for group, requirements in _ORDER.items()
    for place, requirement in enumerate(requirements)
}
_UNKNOWN = (len(GROUPS), 0)
# What could not be assessed although the profile requires it weighs more than a warning: nobody has looked there.
_VERDICTS = ("fail", "required", "warning", "notAssessable", "information", "pass")


def groupOf(requirement: str) -> str:
    """Name of the group, one of GROUPS; "" for a requirement that is in none."""
    place = _PLACES.get(requirement, _UNKNOWN)[0]
    return GROUPS[place] if place < len(GROUPS) else ""


def byImportance(finding: Mapping) -> tuple:
    """Sorting key of an entry of the report's ``findings``: verdict first, then what it matters for the use."""
    verdict = finding["verdict"]
    if verdict == "notAssessable" and finding.get("required"):
        verdict = "required"
    return _VERDICTS.index(verdict), *_PLACES.get(finding["requirement"], _UNKNOWN)
