"""A case as one HTML page: its state, what is open, and its history as a timeline."""

from __future__ import annotations

from pathlib import Path

from ..Errors import M3DError
from ..PageTemplates import pageTemplates
from .AcquisitionRecord import acquisitionText
from .CaseText import BESIDE, caseFacts, placeOf, requirementText
from .CaseVerification import CaseVerification


def casePage(found: CaseVerification) -> str:
    """A complete HTML document that needs no other file.

    :param found: what verifying the case has found; its problems stand at the top.
    :raises M3DError: Jinja2 is not installed, or the record is so broken that it has no state.
    """
    templates = pageTemplates(Path(__file__).parent, "A case as HTML")
    if found.state is None:
        raise M3DError(found.problems)
    facts = caseFacts(found.state, found.events)
    void = {one["event"] for one in facts["confirmations"] if one["void"]}
    for event, entry in zip(found.events, facts["events"], strict=True):
        result = event.body.get("result", {})
        failed = result.get("verdict") == "fail" or bool(result.get("error"))
        entry["mark"] = "void" if event.sequence in void else "fail" if failed else event.event
    current = [{**entry, "place": placeOf(entry), "beside": entry["kind"] in BESIDE} for entry in facts["current"]]
    return templates.get_template("CasePage.html.j2").render(
        {
            **facts,
            "current": current,
            "scans": [acquisitionText(one) for one in found.state.acquisition.values()],
            "requirement": requirementText(found.state.requirement),
            "problems": found.problems,
            "remarks": found.remarks,
            "head": found.head,
        }
    )
