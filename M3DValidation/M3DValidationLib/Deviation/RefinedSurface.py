"""Judging a surface that was moved to the image's edge: by what is independent of that, since agreement is no evidence.

Where it was moved, such a surface agrees with its image by construction. What remains is how sure the edge itself is,
and, where another series shows the same object (another kernel, another scan in the same frame of reference), how far
the surface is from the edge there.
"""

from __future__ import annotations

import math

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.NumberText import millimeters, shareInPercent

from ..Check import Case
from .EdgeSentences import CONTROL, UNSURE, WIDENED

BY_UNCERTAINTY = "It is judged with the uncertainty of the edge added to every distance."
BY_CONTROL = "It is judged by its deviation from the control series."


def isRefined(case: Case) -> bool:
    """Whether the case's surface was moved to the edge that its image shows.

    A model that was brought along names the series whose edge it was moved to; its distance from the edge in another
    series is evidence. Where one of the two is not known, it is taken to be the same.
    """
    refinement = case.mesh.record.get("refinement", {}) if case.mesh is not None else {}
    if not refinement.get("applied"):
        return False
    headers = case.image.headers if case.image is not None else []
    own = str(headers[0].get("SeriesInstanceUID", "")) if headers else ""
    moved = refinement.get("sourceSeries", [])
    return not own or not moved or own in moved


def withMeaning(facts: dict, deviation: DeviationMap, movedShare: float, controlled: bool) -> dict:
    """Facts of a refined surface against its own image, with what they mean and what it is judged by.

    :param movedShare: share of the surface's area that was moved to the edge; elsewhere agreement is evidence.
    """
    meaning = (
        f"On {shareInPercent(movedShare)} of its area the surface was moved to this very edge (refined), so that it "
        "agrees with the image there by construction: that says nothing of how right it is. "
    )
    meaning += BY_CONTROL if controlled else BY_UNCERTAINTY
    return {
        **facts,
        "movedShare": movedShare,
        "meaning": meaning,
        "judgedByControl": controlled,
        "judged": None if controlled else _widened(facts, deviation),
    }


def _widened(facts: dict, deviation: DeviationMap) -> dict | None:
    """The figures to judge by: as far off as the surface may be with 95 % probability; None where nobody knows."""
    sure = facts["uncertainty95"]
    if sure is None:
        sure = (facts.get("calibration") or {}).get("estimate95")
    if sure is None or facts["meanSigned"] is None:
        return None
    good = deviation.reliable
    each = deviation.uncertainty[good] if deviation.uncertainty is not None else sure
    size, areas = np.abs(deviation.distance[good]) + each, deviation.areas[good]
    order = np.argsort(size)
    share = np.cumsum(areas[order]) / areas.sum()
    distance, tolerance = deviation.distance[good], facts["tolerance"]
    within = float(areas[size <= tolerance].sum() / areas.sum())
    over = float(areas[(size > tolerance) & (distance > 0)].sum() / areas.sum())
    p95, p99 = (float(size[order][min(np.searchsorted(share, level), len(size) - 1)]) for level in (0.95, 0.99))
    judged = {
        "meanSigned": math.copysign(abs(facts["meanSigned"]) + sure, facts["meanSigned"]),
        "p95Absolute": p95,
        "p99Absolute": p99,
        "rms": float(np.sqrt(np.average(size**2, weights=areas))),
        "withinTolerance": within,
        "overTolerance": over,
        "underTolerance": 1 - within - over,
    }
    if facts["largest"]["counted"] is not None:
        counted = facts["largest"]["counted"]
        counted = {**counted, "deviation": counted["deviation"] + sure}
        text = (
            f"{facts['largest']['text']} With the uncertainty of the edge that is {millimeters(counted['deviation'])}."
        )
        judged["largest"] = {**facts["largest"], "counted": counted, "text": text}
    return judged


def isJudgedByControl(data: dict) -> bool:
    """Whether a refined surface is to be judged by a control series.

    :param data: of :class:`~.DeviationReport.DeviationReport`.
    """
    return "judged" in data["image"] and data["image"]["judgedByControl"]


def judgedFacts(data: dict) -> tuple[dict, str]:
    """The facts that findings on the deviation from the image are made of, and a sentence where it is not that itself.

    :param data: of :class:`~.DeviationReport.DeviationReport`; a control series that judges has been measured.
    """
    facts = data["image"]
    if "judged" not in facts:
        return facts, ""
    note = f" {facts['meaning']}"
    if facts["judgedByControl"]:
        control = data["control"]
        shift = control["shift"]
        return {**control, CONTROL: True}, note + (f" {shift['text']}" if shift else "")
    if facts["judged"] is not None:
        plain = {
            "deviation-bias": abs(facts["meanSigned"]),
            "deviation-p95": facts["p95Absolute"],
            "deviation-tolerance": 100 * facts["withinTolerance"],
        }
        if facts["largest"]["counted"] is not None:
            plain["deviation-max-region"] = facts["largest"]["counted"]["deviation"]
        return {**facts, **facts["judged"], WIDENED: True, "unwidened": plain}, note
    return {**facts, "meanSigned": None, UNSURE: facts["meanSigned"] is not None}, note
