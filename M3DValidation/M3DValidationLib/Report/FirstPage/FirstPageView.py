"""The first page in words: what both HTML and PDF lay out, no longer than fits on one sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from M3DLib.NumberText import exactNumber

from ..Content.ComparisonView import comparedNames
from ..Content.PictureGroups import keyPictures
from ..Content.ReportContent import deviationsBySegment
from ..Content.ReportText import date, moment, number, percent, personName
from ..Content.ReportView import ICONS, WORDS
from .Answer import answerOf
from .AnswerText import length, limitText, measuredOf, measuredTexts, placeOf, verdictOf, wholeSentence
from .Document import documentOf

# Rows that a first page has room for; what is left is counted and found on a later one.
MOST_LIMITS, MOST_MODELS, MOST_LIMITS_OF_MANY, MOST_UNCHECKED = 5, 3, 2, 4
LABELS = {
    "comparedPart": "Part",
    "comparedModel": "Model",
    "newVersion": "New version",
    "oldVersion": "Old version",
    "model": "Model",
    "madeFrom": "Made from",
    "patient": "Patient",
    "id": "Patient ID",
    "study": "Study",
    "use": "Intended use",
    "tolerance": "Tolerance",
    "part": "Only a part of the anatomy, as declared",
    "number": "Report",
    "made": "Made",
    "software": "Software",
}
ROLES = {"author": "Author", "reviewer": "Reviewed by", "approver": "Approved by"}
MADE_FROM = {
    "scan": "{modality} of {slices} slices with voxels of {spacing} mm",
    "threshold": "threshold {name}",
    "segment": "segment '{name}'",
    "surface": "surface by {method}",
    "refined": "refined to the scan's edge on {share} of its area",
    "file": "{format} file that was brought along",
}
NUMBER = "{number}, revision {revision}"
REPLACES = "{number}, replaces {replaces}"
AND_MORE = "and {count} more"
UNNAMED = "not named"
# Kinds of pictures whose colors are those of the scale.
_COLORED = ("deviation", "scan", "worst", "section")


def firstPage(report: Mapping) -> dict:
    """Texts of the first page.

    :param report: content that follows ``Report.schema.json``; what earlier versions lack of it is made from the rest.
    :return: ``sentence``, ``facts`` (name and value), ``blocks`` (one per model, or one for a scan alone),
        ``moreModels``,
        ``notChecked`` with ``moreNotChecked``, ``signatures``, ``document``.
    """
    answer = answerOf(report)
    document = report.get("document") or documentOf(report)
    several = len(answer["models"]) > 1
    order = ("fail", "notAssessable", "warning", "pass")
    models = sorted(answer["models"], key=lambda block: order.index(block["verdict"]))
    most = MOST_LIMITS if not several else MOST_LIMITS_OF_MANY if len(answer["models"]) == 2 else 1
    blocks = [_block(block, answer["use"], several, most) for block in models[:MOST_MODELS]]
    for block in blocks:
        block["pictures"] = list(keyPictures(report["pictures"], report["findings"], block["name"] if several else ""))
        if several:
            block["pictures"] = block["pictures"][:2]
    if answer.get("changes"):
        blocks = [_changesBlock(report)]
    if answer["scan"] is not None:
        blocks.append(_scanBlock(answer["scan"], most))
        if not models:
            blocks[-1]["pictures"] = list(keyPictures(report["pictures"], report["findings"]))
    unchecked = list(dict.fromkeys(entry["title"] for entry in answer["notChecked"]))
    return {
        "sentence": wholeSentence(answer),
        "facts": _facts(report, answer, document),
        "blocks": blocks,
        "several": several,
        "moreModels": max(0, len(models) - MOST_MODELS),
        "notChecked": unchecked[:MOST_UNCHECKED],
        "moreNotChecked": max(0, len(unchecked) - MOST_UNCHECKED),
        "signatures": _signatures(report),
        "scale": _scale(report),
        "document": {**document, "text": _number(document)},
    }


def _block(block: Mapping, use: str, named: bool, most: int) -> dict:
    deviation = block["deviation"]
    worst = deviation["worst"] if deviation else None
    return {
        "name": block["name"],
        "verdict": block["verdict"],
        "word": WORDS[block["verdict"]],
        "icon": ICONS[block["verdict"]],
        "answer": verdictOf(block, use, named),
        "measured": measuredTexts(block),
        **_limits(block["limits"], most),
        "worst": "" if not worst else f"{length(abs(worst['mm']))}, {placeOf(worst)}",
    }


def _changesBlock(report: Mapping) -> dict:
    """Two versions of a model: pictures, and nothing that is judged."""
    verdict = report["verdict"]
    shown = {"name": "", "verdict": verdict, "answer": "", "measured": [], "worst": ""}
    shown |= {"word": WORDS[verdict], "icon": ICONS[verdict], "pictures": list(keyPictures(report["pictures"], []))}
    return shown | _limits([], 0)


def _scanBlock(scan: Mapping, most: int) -> dict:
    shown = {"name": "", "verdict": scan["verdict"], "answer": "", "measured": [], "worst": "", "pictures": []}
    shown |= {"word": WORDS[scan["verdict"]], "icon": ICONS[scan["verdict"]]}
    return shown | _limits(scan["limits"], most)


def _limits(limits, most: int) -> dict:
    rows = [
        {
            "verdict": entry["verdict"],
            "title": entry["title"],
            "measured": measuredOf(entry) or "–",
            "limit": limitText(entry) or "–",
            "requirement": entry["requirement"],
            "word": WORDS[entry["verdict"]],
            "icon": ICONS[entry["verdict"]],
        }
        for entry in limits
    ]
    return {"limits": rows[:most], "moreLimits": max(0, len(rows) - most)}


def _facts(report: Mapping, answer: Mapping, document: Mapping) -> list[dict]:
    case = report["case"]
    models = report.get("models") or []
    compared = comparedNames(report)
    rows = {
        **compared,
        "model": "" if compared else _few([model["name"] for model in models if model["name"]], ", "),
        "madeFrom": _few(list(dict.fromkeys(filter(None, map(_madeFrom, models)))), "; "),
        "patient": personName(case["patient"]["name"]) or UNNAMED,
        "id": case["patient"]["id"],
        "study": ", ".join(filter(None, (case["study"]["description"], date(case["study"]["date"])))),
        "use": answer["use"],
        "tolerance": f"{exactNumber(report['toleranceMm'])} mm",
        "part": report.get("declaredPart", ""),
        "number": _number(document),
        "made": moment(report["made"]["time"]),
        "software": document["software"][0] if document["software"] else "",
    }
    return [{"key": key, "name": LABELS[key], "value": value} for key, value in rows.items() if value]


def _scale(report: Mapping) -> dict | None:
    """Where the colors of the maps end, and the tolerance, mm; None where nothing is shown in colors."""
    for block in deviationsBySegment(report).values():
        for kind in ("image", "surface", "segmentation", "scan"):
            facts = (block or {}).get(kind)
            if facts:
                return {"reach": facts["histogram"]["edges"][-1], "tolerance": facts["tolerance"]}
    return None


def hasColors(blocks: Sequence[Mapping]) -> bool:
    """Whether a picture of the first page is in the colors of the scale, so that the scale belongs beside it."""
    return any(picture["kind"] in _COLORED for block in blocks for picture in block["pictures"])


def _number(document: Mapping) -> str:
    text = NUMBER.format(number=document["number"], revision=document["revision"])
    return REPLACES.format(number=text, replaces=document["replaces"]) if document["replaces"] else text


def _few(texts: list[str], between: str) -> str:
    """As many texts as there are models on the page, and how many there are besides."""
    more = [AND_MORE.format(count=len(texts) - MOST_MODELS)] if len(texts) > MOST_MODELS else []
    return between.join([*texts[:MOST_MODELS], *more])


def _madeFrom(model: Mapping) -> str:
    made = model["madeFrom"]
    said = []
    if "file" in made:
        said.append(MADE_FROM["file"].format(format=made["file"]["format"]))
    if "surface" in made:
        said.append(MADE_FROM["surface"].format(method=made["surface"]["method"]))
        if "refinedShare" in made["surface"]:
            said.append(MADE_FROM["refined"].format(share=percent(made["surface"]["refinedShare"])))
    if "segment" in made:
        kind = "threshold" if made["segment"]["from"] == "threshold" else "segment"
        said.append(MADE_FROM[kind].format(name=made["segment"]["name"]))
    if "scan" in made:
        spacing = " x ".join(number(round(step, 3)) for step in made["scan"]["spacingMm"])
        said.append(
            MADE_FROM["scan"].format(
                modality=made["scan"]["modality"] or "Scan", slices=made["scan"]["slices"], spacing=spacing
            )
        )
    return ", ".join(said)


def _signatures(report: Mapping) -> list[dict]:
    """Lines to be signed; the author's name stands there where it is known."""
    names = {"author": report["made"]["person"]}
    return [{"role": role, "name": names.get(key, "")} for key, role in ROLES.items()]
