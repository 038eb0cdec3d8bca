"""The answer in sentences. Every sentence is one of the texts below with named places, so that it can be translated."""

from __future__ import annotations

from collections.abc import Mapping

from M3DLib.NumberText import exactNumber, measuredText, withUnit

from ..Content.ReportText import number, percent, place

MOST_REASONS = 2
# So many models have their own sentence, the worst first.
MOST_TOLD = 3
MORE_MODELS = "Further models: {count}, failing: {failing}."

# What follows for the intended use; {reasons} says why.
VERDICTS = {
    "fail": "Do not use as intended ({use}): {reasons}.",
    "notAssessable": "Not shown to be fit for the intended use ({use}): {reasons}.",
    "warning": "Nothing fails for the intended use ({use}), but with reservations: {reasons}.",
    "pass": "All limits set for the intended use ({use}) are met.",
    "unchecked": "All limits that could be checked for the intended use ({use}) are met; {count} could not be checked.",
}
# Of several models, in one sentence each.
MODELS = {
    "fail": "Do not use '{name}' as intended ({use}): {reasons}.",
    "notAssessable": "'{name}' is not shown to be fit for the intended use ({use}): {reasons}.",
    "warning": "Nothing fails for '{name}' ({use}), but with reservations: {reasons}.",
    "pass": "'{name}' meets all limits set for the intended use ({use}).",
    "unchecked": (
        "'{name}' meets all limits that could be checked for the intended use ({use}); {count} could not be checked."
    ),
}
SCAN = {
    "fail": "The scan they were made from fails: {reasons}.",
    "notAssessable": "The scan they were made from could not be judged: {reasons}.",
    "warning": "The scan they were made from has reservations: {reasons}.",
    "pass": "The scan they were made from meets all its limits.",
    "unchecked": "The scan they were made from meets all limits that could be checked; {count} could not be checked.",
}
# Two versions of a model.
UNCHANGED = "Nothing changed: no point of the surface has moved by more than {moved}. Nothing is judged."
CHANGED = "From the old version to the new one {share} of the surface has moved, in {count} places."
CHANGED_VOLUMES = "{added} were added, {removed} removed."
CHANGED_OPEN = "A mesh is open, so nothing is said of volumes."
CHANGED_MOST = "The largest place was {kind}, by up to {far} at {place}."
NOT_JUDGED = "Nothing is judged."
SCAN_ALONE = "There is no model: only the scan was looked at."
# By requirement; what is measured and allowed is put in with its unit.
REASONS = {
    "bodies-left-out": "the scan shows {measured} of the same material that the model lacks{side}",
    "cut-faces": "the model is cut through the material, on {measured}{side}",
    "bodies-added": "the model has {measured} that the scan does not show{side}",
    "scan-covered": "the model covers only {measured} of the edge that the scan shows of it ({limit} asked for)",
    "deviation-max-region": "a part of the surface lies {measured} from the edge in the scan ({limit} allowed)",
    "deviation-tolerance": "only {measured} of the measured surface lies within the tolerance ({limit} asked for)",
    "deviation-p95": "95 % of the measured surface lies within {measured} only ({limit} allowed)",
    "deviation-bias": "the model is too {direction} by {measured} on the whole ({limit} allowed)",
    "deviation-coverage": "only {measured} of the surface could be measured ({limit} asked for)",
    "anatomy-inside-field-of-view": "the scan cuts the anatomy off, on {measured}",
    "scan-age": "the scan is {measured} old ({limit} allowed)",
    "slice-thickness": "slices are {measured} thick ({limit} allowed)",
    "slice-distance": "slices lie {measured} apart ({limit} allowed)",
    "wall-thickness": "walls are as thin as {measured} ({limit} asked for)",
    "gap-width": "gaps are as narrow as {measured} ({limit} asked for)",
    "part-tolerance": "only {measured} of the part's surface lies within the tolerance ({limit} asked for)",
    "part-bias": "the part is too {direction} by {measured} on the whole ({limit} allowed)",
    "part-max-region": "a region of the part lies {measured} from the model ({limit} allowed)",
    "part-missing": "the part lacks {measured} of the model's surface ({limit} allowed)",
    "part-warp": "the part is warped by {measured} ({limit} allowed)",
    "part-scale": "the part's size is off by {measured} along an axis ({limit} allowed)",
    "mesh-closed": "the surface is not closed ({measured})",
}
# For every other requirement: with a limit, with a value alone, and for what could not be assessed.
NOT_MET = "not met: \N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK} ({measured}; {limit})"
NOT_MET_ALONE = "not met: \N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK} ({measured})"
NOT_MET_BARE = "not met: \N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK}"
NOT_ASSESSED = "not assessable: \N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK}"
MORE_REASONS = "{reasons}; and {count} more"
LIMITS = {"atMost": "at most {limit}", "atLeast": "at least {limit}"}
SIDES = {
    "left": " at the left",
    "right": " at the right",
    "anterior": " at the front",
    "posterior": " at the back",
    "superior": " at the top",
    "inferior": " at the bottom",
    "": "",
}
DIRECTIONS = {True: "small", False: "large"}
REFERENCES = {
    "image": "the edge in the scan",
    "surface": "the model it is held against",
    "segmentation": "the segment it was made from, which says nothing of the anatomy",
}
WITHIN = (
    "95 % of the measured surface lies within {within} of {reference} ({uncertainty}), the worst place is {worst} off "
    "at {place}."
)
WITHIN_ELSEWHERE = (
    "Elsewhere 95 % of the measured surface lies within {within} of {reference} ({uncertainty}), the worst place is "
    "{worst} off at {place}."
)
REFINED = "On {share} of its area the surface was moved to that edge (refined): this agreement is no evidence there."
UNCERTAINTY = "uncertainty {value}"
NO_UNCERTAINTY = "uncertainty not known"
WHERE = "{point} mm, slice {slice}"
WHERE_NO_SLICE = "{point} mm"
SMALL_AREA = "{where}, on {area} only"
UNMEASURED = "{share} of the surface was not measured."
COVERED = (
    "Of the edge that the scan shows, {share} lies within {tolerance} of the model, the farthest place {farthest} away."
)
COVERED_SHORT = "The model covers {share} of the edge that the scan shows."
DECLARED_PART = "The model is declared to be a part only ({part}); what it leaves out is not judged."
NOT_MEASURED = {
    "noScan": "There is no scan to hold it against: how far the model is from the anatomy was not measured.",
    "nothing": "Nothing of the surface could be measured: how far the model is from the scan is not known.",
    "notMeasured": "How far the model is from the scan was not measured.",
    "noModel": "There is no model.",
}
NOT_MEASURED_REASON = "How far the model is from the scan was not measured: {reason}"
NOT_LOOKED_FOR = "Whether the model lacks something that the scan shows is not known: {reason}"
NOT_LOOKED_FOR_BARE = "Whether the model lacks something that the scan shows was not looked for."


def changesSentence(changes: Mapping) -> str:
    """What changed between two versions of a model; nothing is judged.

    :param changes: of the report.
    """
    if not changes["places"] and not changes["movedShare"]:
        return UNCHANGED.format(moved=length(changes["movedMm"]))
    said = [CHANGED.format(share=percent(changes["movedShare"]), count=changes["placeCount"])]
    if changes["addedMm3"] is None:
        said.append(CHANGED_OPEN)
    else:
        volumes = (quantity(changes[key], "mm3") for key in ("addedMm3", "removedMm3"))
        said.append(CHANGED_VOLUMES.format(**dict(zip(("added", "removed"), volumes, strict=True))))
    if changes["places"]:
        first = changes["places"][0]
        said.append(CHANGED_MOST.format(kind=first["kind"], far=length(first["largestMm"]), place=placeOf(first)))
    return " ".join([*said, NOT_JUDGED])


def sentenceOf(block: Mapping, use: str) -> str:
    """The answer on one model: what follows, why, how far off it is, and what is not known.

    :param block: of :func:`~.Answer.answerOf`.
    :param use: title of the intended use.
    """
    return " ".join([_verdict(VERDICTS, block, use), *measuredTexts(block)])


def verdictOf(block: Mapping, use: str, named: bool) -> str:
    """The answer on one model without figures: what follows for its use, and why."""
    return _verdict(MODELS if named else VERDICTS, block, use)


def wholeSentence(answer: Mapping) -> str:
    """The answer of the whole report; of several models, what follows for each, the worst first, and for their scan."""
    if answer.get("changes"):
        return answer["changes"]
    models, use = answer["models"], answer["use"]
    if len(models) == 1:
        return sentenceOf(models[0], use)
    if not models:
        return f"{_verdict(VERDICTS, answer['scan'], use)} {SCAN_ALONE}"
    order = tuple(VERDICTS)
    worst = sorted(models, key=lambda block: order.index(block["verdict"]))
    said = [_verdict(MODELS, block, use) for block in worst[:MOST_TOLD]]
    rest = worst[MOST_TOLD:]
    if rest:
        failing = sum(block["verdict"] == "fail" for block in rest)
        said.append(MORE_MODELS.format(count=len(rest), failing=failing))
    said.append(_verdict(SCAN, answer["scan"], use))
    return " ".join(said)


def measuredTexts(block: Mapping) -> list[str]:
    """What was measured of a model, and what was not."""
    said = []
    deviation = block["deviation"]
    if deviation is not None:
        lacks = any(entry["verdict"] == "fail" and entry["requirement"] in _COMPLETENESS for entry in block["limits"])
        said.append(
            (WITHIN_ELSEWHERE if lacks else WITHIN).format(
                within=length(deviation["within95Mm"]),
                reference=REFERENCES[deviation["kind"]],
                uncertainty=uncertaintyText(deviation),
                worst=length(abs(deviation["worst"]["mm"])),
                place=placeOf(deviation["worst"]),
            )
        )
        if deviation.get("refinedShare"):
            said.append(REFINED.format(share=percent(deviation["refinedShare"])))
        if deviation["measuredShare"] < 1:
            said.append(UNMEASURED.format(share=percent(1 - deviation["measuredShare"])))
    else:
        reason = block["notMeasured"]
        said.append(NOT_MEASURED.get(reason) or NOT_MEASURED_REASON.format(reason=reason))
    missing = block["notLookedFor"]
    if missing == "notMeasured":
        said.append(NOT_LOOKED_FOR_BARE)
    elif missing and missing != "noScan":
        said.append(NOT_LOOKED_FOR.format(reason=missing))
    if block["covered"] is not None and not any(entry["requirement"] in _COMPLETENESS for entry in block["limits"]):
        said.append(COVERED_SHORT.format(share=percent(block["covered"]["withinTolerance"])))
    if block["declaredPart"]:
        said.append(DECLARED_PART.format(part=block["declaredPart"]))
    return said


_COMPLETENESS = ("bodies-left-out", "cut-faces", "scan-covered", "part-missing")


def uncertaintyText(deviation: Mapping) -> str:
    """How sure one distance is; what is not known is said to be so."""
    value = deviation["uncertainty95Mm"]
    return NO_UNCERTAINTY if value is None else UNCERTAINTY.format(value=length(value))


def placeOf(entry: Mapping) -> str:
    """Coordinates by the patient's sides and number of the slice; of a place too small to count, its area."""
    point = place(entry["pointLps"])
    number_ = entry.get("slice")
    where = WHERE_NO_SLICE.format(point=point) if not number_ else WHERE.format(point=point, slice=number_)
    if entry.get("counts") is False and entry.get("areaMm2"):
        return SMALL_AREA.format(where=where, area=f"{number(round(entry['areaMm2'], 2))} mm²")
    return where


def length(value: float) -> str:
    """A length on the first page, to 0.01 mm: less is known of it; what is not zero is not written as zero."""
    rounded = f"{value:.2f}"
    if float(rounded) == 0 and value:
        return "< 0.01 mm"
    return f"{rounded} mm"


def quantity(value: object, unit: str, limits: tuple = ()) -> str:
    """A measured value or a limit with its unit, with the digits that tell a measured value from its limits."""
    if value is None:
        return ""
    return measuredText(value, unit, limits)


def measuredOf(entry: Mapping) -> str:
    """The measured value of an entry of ``limits``; "" where there is none."""
    limits = tuple(value for value in (entry["limit"], entry.get("warningLimit")) if value is not None)
    return quantity(entry["measured"], entry["unit"] or "", (*limits, *(-value for value in limits)))


def limitText(entry: Mapping) -> str:
    """The limit of an entry of ``limits``, with its sense; "" where there is none."""
    if entry["limit"] is None or entry["sense"] not in LIMITS:
        return ""
    return LIMITS[entry["sense"]].format(limit=withUnit(exactNumber(entry["limit"]), entry["unit"] or ""))


def _verdict(texts: Mapping[str, str], block: Mapping, use: str) -> str:
    unchecked = block["counts"]["notAssessable"]
    key = "unchecked" if block["verdict"] == "pass" and unchecked else block["verdict"]
    reasons = _reasons(block["limits"], block)
    return texts[key].format(use=use, reasons=reasons, name=block.get("name", ""), count=unchecked)


def _reasons(limits, block: Mapping) -> str:
    """Why: what weighs most, and how many there are besides."""
    wanted = [entry for entry in limits if entry["verdict"] == limits[0]["verdict"]] if limits else []
    said = "; ".join(_reason(entry, block) for entry in wanted[:MOST_REASONS])
    if len(wanted) > MOST_REASONS:
        return MORE_REASONS.format(reasons=said, count=len(wanted) - MOST_REASONS)
    return said


def _reason(entry: Mapping, block: Mapping) -> str:
    if entry["verdict"] == "notAssessable":
        return NOT_ASSESSED.format(title=entry["title"])
    measured, limit = measuredOf(entry), limitText(entry)
    template = REASONS.get(entry["requirement"])
    if template is None or not isinstance(entry["measured"], (int, float)):
        template = NOT_MET if measured and limit else NOT_MET_ALONE if measured else NOT_MET_BARE
    lacks = block.get("lacks") or {}
    side = lacks.get("side", "") if lacks.get("what") == _PIECES.get(entry["requirement"]) else ""
    mean = (block.get("deviation") or {}).get("meanSignedMm") or 0.0
    return template.format(
        title=entry["title"], measured=measured, limit=limit, side=SIDES[side], direction=DIRECTIONS[mean > 0]
    )


_PIECES = {"bodies-left-out": "bodiesLeftOut", "cut-faces": "cutFaces", "bodies-added": "bodiesAdded"}
