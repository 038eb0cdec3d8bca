"""A case as one HTML page: its state, what is open, and its history as a timeline."""

from __future__ import annotations

from pathlib import Path

from ..Errors import M3DError
from .AcquisitionRecord import acquisitionText
from .CaseText import BESIDE, caseFacts, placeOf, requirementText
from .CaseVerification import CaseVerification


def casePage(found: CaseVerification) -> str:
    """A complete HTML document that needs no other file.

    :param found: what verifying the case has found; its problems stand at the top.
    :raises M3DError: Jinja2 is not installed, or the record is so broken that it has no state.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise M3DError("A case as HTML needs Jinja2; install it with: pip install jinja2") from error
    if found.state is None:
        raise M3DError(found.problems)
    facts = caseFacts(found.state, found.events)
    void = {one["event"] for one in facts["confirmations"] if one["void"]}
    for event, entry in zip(found.events, facts["events"], strict=True):
        result = event.body.get("result", {})
        failed = result.get("verdict") == "fail" or bool(result.get("error"))
        entry["mark"] = "void" if event.sequence in void else "fail" if failed else event.event
    current = [{**entry, "place": placeOf(entry), "beside": entry["kind"] in BESIDE} for entry in facts["current"]]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("CasePage.html.j2").render(
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
