"""Bar, rod and plate of a real phantom against their nominal sizes, from its 1 mm and its 5 mm scan.

    python Testing/Benchmarks/deviation_phantom.py

Nominal sizes are inferred from the 1 mm scan and not documented, so that agreement shows consistency, not traceability.
Only sizes across the long axes of bar and rod and the plate's width are known; the rest is printed as found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Edge.ImageDeviation import imageDeviation
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Segmentation.SegmentReader import readSegments
from M3DValidationLib.Deviation.DeviationStatistics import deviationStatistics
from M3DValidationLib.Reference.CalibrationFit import fitCalibrationObject
from M3DValidationLib.Reference.ReferenceReader import CalibrationObject

DATA = ROOT.parent / "shared" / "data"
SCANS = {"1 mm": "phantom_ct_1mm_bone", "5 mm": "phantom_ct_5mm_brain"}
BAR = np.array([13.7, 87.1, 774.6])


def objects(image) -> list[CalibrationObject]:
    """The inserts; positions by voxel of the 1 mm scan, whose frame of reference the 5 mm scan shares."""
    rod, plate = image.indexToLps(np.array([[248, 240, 74], [240, 260, 49]]))
    return [
        CalibrationObject("bar", "box", BAR, [20.0, 20.0, None]),
        CalibrationObject("rod", "cylinder", rod, [20.0, None]),
        CalibrationObject("plate", "box", plate, [70.0, None, None]),
    ]


def sizesTable(images: dict, targets: list[CalibrationObject]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Fitted sizes of every object in every scan; returns errors against nominal and standard uncertainties, mm."""
    print("Sizes fitted to the local 50 % surface, mm (positive error: found larger than nominal)")
    errors = {}
    for target in targets:
        for scan, image in images.items():
            try:
                found = fitCalibrationObject(image, target)
            except M3DError as error:
                print(f"  {target.name:6} {scan}: not measurable: {error}")
                continue
            for size in found.sizes:
                axis = np.linalg.solve(image.ijkToLps[:3, :3] / image.spacing, size.direction)
                tilt = np.degrees(np.arcsin(min(1.0, abs(float(axis[2])))))
                known = "not known"
                if size.nominalMm:
                    error = size.measuredMm - size.nominalMm
                    errors.setdefault((target.name, scan), []).append((error, size.uncertaintyMm))
                    known = f"nominal {size.nominalMm:g}  error {error:+.3f}"
                print(
                    f"  {target.name:6} {scan}: {size.measuredMm:8.3f} +-{2 * size.uncertaintyMm:.3f} (2 standard "
                    f"uncertainties)  {tilt:4.1f} degrees out of the slices  {known}"
                )
            print(f"  {target.name:6} {scan}: surface lies within {found.residualMm:.3f} mm (RMS) of the fitted shape")
    return errors


def barTable(images: dict) -> None:
    """The bar's mesh, made from the 1 mm scan, against both scans: what the deviation says and how sure it is."""
    segment = next(segment for segment in readSegments(DATA / "phantom_slicer.seg.nrrd") if "bar" in segment.name)
    mesh = makeSurface(segment)
    print("\nMesh of the bar's segment (1 mm scan) against each scan, mm (positive: the mesh is too small)")
    for scan, image in images.items():
        facts = deviationStatistics(imageDeviation(mesh, image), 0.5, image)
        shown = "  ".join(f"{key} {facts[key]:+.3f}" for key in ("coverage", "meanSigned", "sd", "p95Absolute"))
        print(f"  {scan}: {shown}  uncertainty95 {facts['uncertainty95']}")
        print(f"        {facts['calibration']['statement']}")


def main() -> None:
    """Print the tables and what follows from them."""
    if not DATA.is_dir():
        print("The real scans are not here, so nothing was measured")
        return
    images = {name: readImage(DATA / folder) for name, folder in SCANS.items()}
    errors = sizesTable(images, objects(images["1 mm"]))
    barTable(images)
    print("\nWhat it means")
    for scan, image in images.items():
        here = [value for (_, which), values in errors.items() if which == scan for value, _ in values]
        if not here:
            print(f"  {scan}: no known size could be measured")
            continue
        pixel, largest = float(image.spacing.min()), max(here, key=abs)
        print(
            f"  {scan}: {len(here)} known sizes, mean error {np.mean(here):+.3f} mm, largest {largest:+.3f} mm, which "
            f"is {abs(largest) / pixel:.2f} pixels of {pixel:.3f} mm. A side moves by half of that."
        )
    for name in ("bar", "rod", "plate"):
        pair = [np.array(errors[name, scan]).mean(axis=0) for scan in SCANS if (name, scan) in errors]
        if len(pair) == 2:
            difference, sure = pair[1][0] - pair[0][0], 2 * np.hypot(pair[0][1], pair[1][1])
            judged = "within" if abs(difference) <= sure else "beyond"
            print(
                f"  {name}: the 5 mm scan differs from the 1 mm scan by {difference:+.3f} mm, {judged} two standard "
                f"uncertainties of both ({sure:.3f} mm)"
            )
    missing = [name for name in ("bar", "rod", "plate") if (name, "5 mm") not in errors]
    if missing:
        print(f"  not measurable against nominal in the 5 mm scan: {', '.join(missing)}")


if __name__ == "__main__":
    main()
