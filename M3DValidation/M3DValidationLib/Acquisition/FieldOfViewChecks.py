"""Is what matters inside the reconstructed field (ISO/IEC 3532-1, 6.2)? Extent, anatomy, body, mesh."""

from __future__ import annotations

import numpy as np

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.NumberText import exactNumber, millimeters, squareMillimeters

from ..Check import Case
from ..CheckSupport import placeText
from ..Requirement import Finding, Requirement, Verdict
from .ImageCheck import ImageCheck, headersOf, limitOf, numberOrNone
from .ImageRegions import bodyMask, outsideField, segmentMask, thickAtSides, thickWithin

_PATIENT_DIRECTIONS = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))


def faceNames(image: ImageVolume) -> list[str]:
    """Patient terms for the faces of the array in the order low i, high i, low j, high j, low k, high k.

    An oblique face has the name of the patient direction it faces most.
    """
    names = []
    for axis in range(3):
        column = image.ijkToLps[:3, axis]
        main = int(np.abs(column).argmax())
        up = _PATIENT_DIRECTIONS[main][0 if column[main] > 0 else 1]
        down = _PATIENT_DIRECTIONS[main][1 if column[main] > 0 else 0]
        names += [down, up]
    return names


def faceAreas(image: ImageVolume) -> np.ndarray:
    """Area of one voxel face across i, j and k, mm2, float64 (3,)."""
    edges = image.ijkToLps[:3, :3]
    return np.array([np.linalg.norm(np.cross(edges[:, (a + 1) % 3], edges[:, (a + 2) % 3])) for a in range(3)])


class FieldOfViewCheck(ImageCheck):
    """Extent by pixels against Reconstruction Diameter and Data Collection Diameter."""

    requirementIds = ("field-of-view",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["field-of-view"]
        image = case.image
        size = image.spacing * image.dimensions
        headers = headersOf(case)
        stated = headers[0].number("ReconstructionDiameter") if headers else None
        collected = headers[0].number("DataCollectionDiameter") if headers else None
        evidence = {
            "extentMm": [round(float(length), 3) for length in size],
            "reconstructionDiameterMm": stated,
            "dataCollectionDiameterMm": collected,
        }
        text = f"The image covers {size[0]:.1f} x {size[1]:.1f} x {millimeters(size[2])}"
        if not stated:
            yield requirement.notAssessable(f"{text}; Reconstruction Diameter (0018,1100) is missing.", **evidence)
            return
        width = float(size[:2].max())
        # Scanners write the diameter in whole millimeters.
        difference = max(0.0, abs(width - stated) - 0.5) / stated * 100
        if collected and width > collected * 1.01:
            message = f"{text}, more than the {exactNumber(collected)} mm from which data were collected (0018,0090)."
            yield requirement.stated(False, (width - collected) / collected * 100, message, **evidence)
            return
        of = f" of {exactNumber(collected)} mm collected" if collected else ""
        word = "as" if difference <= limitOf(requirement) else "but"
        message = f"{text}, {word} the header's reconstruction diameter says {exactNumber(stated)} mm{of}."
        yield requirement.finding(difference, message, **evidence)


class AnatomyInsideCheck(ImageCheck):
    """Does the anatomy of interest touch the edge of the field, or come near it?"""

    requirementIds = ("anatomy-inside-field-of-view",)

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["anatomy-inside-field-of-view"]
        if case.segment is None and case.mesh is None:
            yield requirement.notAssessable("Neither a segment nor a mesh says what the anatomy of interest is.")
            return
        mask = segmentMask(case)
        if mask is not None and not mask.any():
            yield requirement.notAssessable("The segment has no voxel within the image.")
            return
        faces = faceNames(case.image)
        if mask is not None:
            cut, distance = cutByFaces(case.image, mask)
            masked, radial = cutByField(case, mask)
        else:
            cut, distance = _meshCutByFaces(case)
            masked, radial = 0.0, np.inf
        total = float(cut.sum() + masked)
        margin = requirement.parameters["marginMm"]
        evidence = {
            "cutMm2": {face: round(float(area), 2) for face, area in zip(faces, cut, strict=True) if area},
            "distanceMm": {face: round(float(gap), 2) for face, gap in zip(faces, distance, strict=True)},
            "cutByFieldEdgeMm2": round(masked, 2),
            "distanceToFieldEdgeMm": numberOrNone(radial),
            "marginMm": margin,
        }
        if total > limitOf(requirement):
            where = [f"{squareMillimeters(area)} {face}" for face, area in zip(faces, cut, strict=True) if area]
            if masked:
                where.append(
                    f"{squareMillimeters(masked)} at the edge of the reconstructed field ({outsideField(case).reason})"
                )
            yield requirement.finding(total, f"The anatomy is cut off: {', '.join(where)}.", **evidence)
            return
        nearest = min(float(distance.min()), float(radial))
        if nearest < margin:
            place = faces[int(distance.argmin())] if distance.min() <= radial else "the edge of the reconstructed field"
            message = (
                f"The anatomy comes within {millimeters(nearest)} of the image's edge ({place}); "
                f"{exactNumber(margin)} mm are wanted."
            )
            yield Finding(requirement, requirement.worst(Verdict.WARNING), total, message, evidence)
            return
        yield requirement.finding(
            total, f"The anatomy ends at least {millimeters(nearest)} inside the image.", **evidence
        )


def cutByFaces(image: ImageVolume, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area on each of the six faces of the array, mm2, and distance of the anatomy from each, mm."""
    areas, cut, distance = faceAreas(image), [], []
    volume = abs(np.linalg.det(image.ijkToLps[:3, :3]))
    for axis in range(3):
        arrayAxis = 2 - axis
        present = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != arrayAxis)))
        # Across the axis, not along it: in a sheared stack these differ.
        height = volume / areas[axis]
        for index, gap in ((0, present[0]), (mask.shape[arrayAxis] - 1, mask.shape[arrayAxis] - 1 - present[-1])):
            cut.append(np.count_nonzero(np.take(mask, index, axis=arrayAxis)) * areas[axis])
            distance.append(gap * height)
    return np.array(cut), np.array(distance, dtype=np.float64)


def cutByField(case: Case, mask: np.ndarray) -> tuple[float, float]:
    """Area of the anatomy that borders on voxels outside the reconstructed field, mm2, and its distance from it."""
    outside = outsideField(case)
    if outside.mask is None:
        return 0.0, np.inf
    areas, total = faceAreas(case.image), 0.0
    beyond = np.broadcast_to(_withoutSpecks(outside.mask), mask.shape)
    within = mask & ~beyond
    for axis in range(3):
        arrayAxis = 2 - axis
        if outside.mask.shape[arrayAxis] == 1:
            continue
        low = tuple(slice(None, -1) if a == arrayAxis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == arrayAxis else slice(None) for a in range(3))
        faces = np.count_nonzero(within[low] & beyond[high]) + np.count_nonzero(within[high] & beyond[low])
        total += faces * areas[axis]
    distance = np.inf
    if outside.circleRadiusPixels is not None:
        j, i = np.nonzero(mask.any(axis=0))
        rows, columns = mask.shape[1:]
        reach = np.hypot(j - (rows - 1) / 2, i - (columns - 1) / 2).max()
        distance = max(0.0, (outside.circleRadiusPixels - reach - 1) * float(case.image.spacing[:2].min()))
    return float(total), distance


def _withoutSpecks(mask: np.ndarray) -> np.ndarray:
    """The mask opened within slices: a single voxel that happens to have the padding's value is none."""
    for grow in (False, True):
        for axis in (1, 2):
            low = [slice(None)] * 3
            high = [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            before, after = mask[tuple(low)].copy(), mask[tuple(high)].copy()
            mask = mask.copy()
            if grow:
                mask[tuple(high)] |= before
                mask[tuple(low)] |= after
            else:
                mask[tuple(high)] &= before
                mask[tuple(low)] &= after
    return mask


def _meshCutByFaces(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The same for a mesh alone: area of triangles that lie flat on a face of the image, and distances from it."""
    image, mesh = case.image, case.mesh
    if not len(mesh.triangles):
        return np.zeros(6), np.full(6, np.inf)
    index = image.lpsToIndex(mesh.points)
    corners = mesh.corners()
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    areas = faceAreas(image)
    volume = abs(np.linalg.det(image.ijkToLps[:3, :3]))
    cut, distance = [], []
    for axis in range(3):
        height = volume / areas[axis]
        last = image.dimensions[axis] - 1
        for inward in (index[:, axis] + 0.5, last + 0.5 - index[:, axis]):
            # A cut surface lies within the last voxel, and flat but for what smoothing did: its corners equally deep.
            depth = inward[mesh.triangles]
            flat = (depth.max(axis=1) < 1.0) & (np.ptp(depth, axis=1) < 0.25)
            cut.append(float(area[flat].sum()))
            distance.append(max(0.0, float(inward.min())) * height)
    return np.array(cut), np.array(distance)


class BodyInsideCheck(ImageCheck):
    """Whether the body itself is cut at the sides of the slices."""

    requirementIds = ("body-inside-field-of-view",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["body-inside-field-of-view"]
        # The array is not the field: outside the circle of reconstruction there is padding, whatever the body does.
        outside = outsideField(case).mask
        mask = bodyMask(case) if outside is None else bodyMask(case) & ~outside
        if not mask.any():
            yield requirement.notAssessable("No body is seen in the image.")
            return
        thinMm = requirement.parameters["thinMm"]
        cut, thin = _areasAtSides(case.image, mask, thickAtSides(mask, case.image.spacing, thinMm))
        edge = f"at the edge of the reconstructed field ({outsideField(case).reason})"
        cut[edge], thin[edge] = _areasAtField(case, mask, thinMm)
        sides = [f"{squareMillimeters(area)} {face}" for face, area in cut.items() if area]
        message = "The body ends inside the slices on all sides."
        if sides:
            message = f"The body reaches the sides of the slices: {', '.join(sides)}."
        others = [f"{squareMillimeters(area)} {face}" for face, area in thin.items() if area]
        if others:
            message += (
                f" What is thinner than {exactNumber(thinMm)} mm, as couch and head holder are, reaches them too "
                "and is not "
                f"counted: {', '.join(others)}."
            )
        evidence = {
            name: {face: round(area, 1) for face, area in areas.items() if face != edge}
            for name, areas in (("cutMm2", cut), ("thinMm2", thin))
        }
        evidence["cutByFieldEdgeMm2"] = round(cut[edge], 1)
        yield requirement.finding(sum(cut.values()), message, **evidence)


def _areasAtSides(image: ImageVolume, mask: np.ndarray, thick: np.ndarray) -> tuple[dict, dict]:
    """Area on the four sides of the slices, mm2 by face, of what is thick and of the rest of the mask."""
    faces, areas = faceNames(image), faceAreas(image)
    cut, thin = {}, {}
    for number, side in enumerate((np.s_[:, :, 0], np.s_[:, :, -1], np.s_[:, 0], np.s_[:, -1])):
        # Of these sides only: all of a large scan would take longer than the rest of the check.
        parts = mask[side], thick[side] & mask[side]
        whole, body = (np.count_nonzero(part) * float(areas[number // 2]) for part in parts)
        cut[faces[number]], thin[faces[number]] = body, whole - body
    return cut, thin


def _areasAtField(case: Case, mask: np.ndarray, thinMm: float) -> tuple[float, float]:
    """Area that borders on what was not reconstructed, mm2, of what is thick and of the rest of the mask."""
    whole, _ = cutByField(case, mask)
    if not whole:
        return 0.0, 0.0
    body, _ = cutByField(case, thickWithin(mask, case.image.spacing, thinMm))
    return body, whole - body


class MeshInsideCheck(ImageCheck):
    """Whether the mesh lies within the image it is said to come from."""

    requirementIds = ("mesh-inside-image",)

    def canRun(self, case: Case) -> bool:
        """Whether there are an image and a mesh."""
        return case.image is not None and case.mesh is not None

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement: Requirement = held["mesh-inside-image"]
        if not len(case.mesh.points):
            yield requirement.notAssessable("The mesh has no points.")
            return
        index = case.image.lpsToIndex(case.mesh.points)
        last = np.array(case.image.dimensions) - 1
        beyond = np.maximum(-0.5 - index, index - (last + 0.5))
        heights = abs(np.linalg.det(case.image.ijkToLps[:3, :3])) / faceAreas(case.image)
        depth = np.maximum(beyond * heights, 0).max(axis=1)
        outside = depth > limitOf(requirement)
        worst = int(depth.argmax())
        message = "The mesh lies within the image."
        if outside.any():
            message = (
                f"Outside the image: {np.count_nonzero(outside)} of {len(depth)} points of the mesh, by up to "
                f"{millimeters(depth[worst])} at {placeText(case.mesh.points[worst])}."
            )
            if outside.all():
                message += " It belongs to another image or coordinate system."
        elif depth[worst] > 0:
            message = f"The mesh lies within the image, but for a bulge of up to {millimeters(depth[worst])}."
        yield requirement.finding(
            round(float(depth[worst]), 4),
            message,
            pointsOutside=int(np.count_nonzero(outside)),
            worstPointLps=[round(float(value), 3) for value in case.mesh.points[worst]],
        )


CHECKS = (FieldOfViewCheck, AnatomyInsideCheck, BodyInsideCheck, MeshInsideCheck)
