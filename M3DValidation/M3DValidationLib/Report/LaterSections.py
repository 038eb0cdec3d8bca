"""Sections added to a report that is there already, from its scan and the 3D models beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import M3DError

from .Content.ComparisonView import isComparison
from .Content.DataFlow import fileEntry
from .Pictures.AskedSections import SectionedModel, askedSections, requireInside
from .Pictures.ColorScale import deviationColors
from .Pictures.GlbFile import readDeviationGlb
from .Pictures.SlicePicture import Outline

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume


def addSections(
    data: dict, attachments: dict[str, bytes], image: ImageVolume, places: Sequence[Sequence[float]]
) -> list[str]:
    """Put sections through places into a report, behind those that it has, and their pictures among its files.

    :param data: by ``Report.schema.json``; changed.
    :param attachments: pictures and 3D models of the report; the new pictures are added.
    :param image: the scan that the report is about. :param places: LPS mm; those that the report has are left out.
    :return: what could not be checked, in sentences.
    :raises M3DError: another scan, a place outside it, or a report without the surface of its models.
    """
    remarks = _requireSameScan(data, image)
    requireInside(image, places)
    known = data.get("sections") or []
    there = {tuple(entry["pointLps"]) for entry in known}
    wanted = [place for place in places if tuple(round(float(value), 3) for value in place) not in there]
    if not wanted:
        return remarks
    models = _models(data, attachments, image)
    entries, pictures = askedSections(image, models, wanted, max((entry["number"] for entry in known), default=0) + 1)
    data["sections"] = [*known, *entries]
    data["pictures"] = [*data["pictures"], *(picture.asDict() for picture in pictures)]
    attachments.update({picture.file: picture.png for picture in pictures})
    return remarks


def _requireSameScan(data: Mapping, image: ImageVolume) -> list[str]:
    """Refuse any scan but the one that the report is about."""
    if isComparison(data):
        raise M3DError(
            "The report is about two surfaces: sections of them are made with it, by m3d compare --section-at."
        )
    steps = [step for step in data["dataFlow"] if step["step"] == "image"]
    if not steps:
        raise M3DError("The report is about a model alone: there is no scan to show sections of.")
    recorded = {entry["sha256"] for entry in steps[0]["files"]}
    if recorded:
        found = {fileEntry(file)["sha256"] for file in dict.fromkeys(image.files) if file.is_file()}
        if found != recorded:
            raise M3DError(
                f"--image is not the scan that the report is about: {len(recorded - found)} of its {len(recorded)} "
                "files are not there or have changed (by their SHA-256)."
            )
        return []
    facts = (data.get("input") or {}).get("image") or {}
    spacing = [round(float(value), 5) for value in image.spacing]
    recordedSpacing = [round(float(value), 5) for value in facts.get("spacingMm") or ()]
    if list(facts.get("dimensions") or ()) != list(image.dimensions) or recordedSpacing != spacing:
        raise M3DError("--image is not the scan that the report is about: its voxels are others.")
    remark = (
        "The report does not say which files its scan was read from, so only the number and size of the voxels of "
        "--image were compared with it."
    )
    return [remark]


def _models(data: Mapping, attachments: Mapping[str, bytes], image: ImageVolume) -> list[SectionedModel]:
    """The surfaces of the 3D views; one without a surface where the report is about a scan alone."""
    named = data.get("models") or []
    if not named:
        return [SectionedModel()]
    shown = data.get("models3d") or []
    if len(shown) < len(named):
        raise M3DError(
            "The report has no 3D model of every model beside it, from which their outlines would be drawn; validate "
            "again with --section-at, or with --formats html to have them."
        )
    models = []
    for entry in shown:
        points, triangles, distance, measured = readDeviationGlb(attachments[entry["file"]])
        outline = Outline(
            image.lpsToIndex(points), triangles, deviationColors(distance, entry["rangeMm"], measured), measured
        )
        fewer = ""
        if entry["triangles"] < entry["ofTriangles"]:
            fewer = (
                f"The outline is that of the 3D view, which has {entry['triangles']} of the {entry['ofTriangles']} "
                "triangles of the model, and is a little coarser than the model."
            )
        ending = entry["file"].removeprefix("deviation").removesuffix(".glb")
        known = np.where(measured, distance, np.nan) if entry["kind"] == "image" else None
        models.append(SectionedModel(outline, points, triangles, known, entry["segment"], ending, fewer))
    return models
