"""Size and shape of the voxels of the image."""

from __future__ import annotations

import numpy as np

from M3DLib.NumberText import millimeters, plural

from .ImageCheck import ImageCheck, stackOf


class VoxelCheck(ImageCheck):
    """Pixel spacing and the ratio of the voxel's longest to its shortest edge."""

    requirementIds = ("in-plane-pixel", "voxel-anisotropy")
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        stack = stackOf(case)
        missing = np.zeros(0) if stack is None else np.flatnonzero(~(stack.pixelSpacings > 0).all(axis=1))
        if len(missing):
            for requirement in held.values():
                yield requirement.notAssessable(
                    f"Pixel Spacing (0028,0030) is missing or not positive in {plural(len(missing), 'slice')}."
                )
            return
        spacing = case.image.spacing.copy()
        if stack is not None:
            spacing[:2] = stack.pixelSpacings.max(axis=0)[::-1]
            spacing[2] = stack.typicalDistance()
        columns, rows, slices = case.image.dimensions
        evidence = {
            "columnSpacingMm": round(float(spacing[0]), 5),
            "rowSpacingMm": round(float(spacing[1]), 5),
            "matrix": [columns, rows],
        }
        if requirement := held.get("in-plane-pixel"):
            largest = round(float(spacing[:2].max()), 6)
            message = f"Pixels are {spacing[0]:.3g} x {millimeters(spacing[1])} ({columns} x {rows} matrix)."
            yield requirement.finding(largest, message, **evidence)
        if requirement := held.get("voxel-anisotropy"):
            if slices < 2 or not np.isfinite(spacing[2]):
                yield requirement.notAssessable("The distance between slices is not known.", **evidence)
                return
            ratio = float(spacing.max() / spacing.min())
            size = " x ".join(f"{length:.3g}" for length in spacing)
            message = f"Voxels are {size} mm: the longest edge is {ratio:.2f} times the shortest."
            yield requirement.finding(ratio, message, sliceDistanceMm=round(float(spacing[2]), 5), **evidence)


CHECKS = (VoxelCheck,)
