"""Places of a report in words: those that a 3D view can be turned to, and those of sections that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from M3DLib.NumberText import exactNumber

from .ComparisonView import isComparison
from .ReportContent import deviationsBySegment
from .ReportText import millimeters, place
from .WorstPlaces import worstPlaces


def modelView(entry: Mapping, report: Mapping) -> dict:
    """What is said of a 3D model, and the places it can be turned to: those of the pictures of the worst places."""
    block = deviationsBySegment(report).get(entry["segment"]) or {}
    facts = block.get(entry["kind"])
    places = worstPlaces(facts) if facts else []
    asked = [
        (section["number"], model["deviationMm"], model["surfacePointLps"])
        for section in report.get("sections", ())
        for model in section["models"]
        if model["deviationMm"] is not None and _isOf(model, entry, report)
    ]
    shown, all_ = (f"{entry[key]:,}".replace(",", " ") for key in ("triangles", "ofTriangles"))
    if entry["triangles"] < entry["ofTriangles"]:
        made = (
            f"Shown with {shown} of {all_} triangles, for this view only; each corner has the value of the nearest "
            "point of the model, and all figures come from the whole model."
        )
    else:
        made = f"All {all_} triangles of the model are shown."
    return {
        "file": entry["file"],
        "title": entry["title"],
        "rangeMm": entry["rangeMm"],
        "rangeText": f"{exactNumber(entry['rangeMm'])} mm",
        "made": made,
        "places": [point for _distance, point in places] + [point for _number, _distance, point in asked],
        "placeTexts": [_recorded(distance, point) for distance, point in places]
        + [_recorded(distance, point) for _number, distance, point in asked],
        "placeValues": [millimeters(distance, signed=True) for distance, _point in places],
        "sections": [
            {"number": number_, "value": millimeters(distance, signed=True)} for number_, distance, _point in asked
        ],
    }


def _isOf(model: Mapping, entry: Mapping, report: Mapping) -> bool:
    """Whether the surface in a section is the one that a 3D model shows."""
    if isComparison(report):
        return entry["kind"] == "surface"
    return entry["kind"] == "image" and model["segment"] == entry["segment"]


def sectionView(entry: Mapping) -> dict:
    """One entry of the report's ``sections`` in words: the place, and what is known of the surface near it."""
    where = f"Section {entry['number']} at {place(entry['pointLps'])} mm"
    if entry["slice"] is not None:
        where = f"Section {entry['number']} at {place(entry['pointLps'])} mm, slice {entry['slice']}"
    return {"where": where, "texts": sectionTexts(entry["models"])}


def sectionTexts(models: Sequence[Mapping]) -> list[str]:
    """What is known of the surface nearest to the place of a section, a sentence for each model.

    :param models: of an entry of the report's ``sections``.
    """
    said = []
    for model in models:
        name = f" of '{model['segment']}'" if model["segment"] else ""
        away = millimeters(model["surfaceMm"])
        deviation = "" if model["deviationMm"] is None else millimeters(model["deviationMm"], signed=True)
        if of := model.get("of", ""):
            said.append(
                f"The nearest point of the {of} is {away} away; its deviation is {deviation}."
                if deviation
                else f"The nearest point of the {of} is {away} away; its deviation was not measured."
            )
        elif not deviation:
            said.append(f"The nearest point of the surface{name} is {away} away; its deviation was not measured.")
        else:
            said.append(f"The nearest point of the surface{name} is {away} away; its deviation is {deviation}.")
    return said


def _recorded(distance: float, point) -> str:
    """What the report has of a place."""
    side = "small" if distance > 0 else "large"
    return f"{millimeters(distance, signed=True)} (mesh too {side}) at {place(point)} mm, as recorded"
