"""The error budget of a printed model: segmentation, digital editing and printing told apart, and what dominates.

The terms are those of the literature (Schulze 2024, doi 10.1186/s41205-024-00210-5): SegE, the model against the scan;
DEE, the model against the one it was edited from; PrE, the printed part against the model. The total of part against
patient is measured where there is a scan of both; else it can only be said what follows if the errors know nothing of
each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from M3DLib.Errors import M3DError

TERMS = {
    "SegE": "Segmentation error: model against the scan",
    "DEE": "Digital editing error: model against the one before",
    "PrE": "Printing error: part against the model",
}
TOTAL, EXPECTED = "Total", "Expected"
# Which deviation of a report measures which term, the best first.
_KINDS = {"SegE": ("image", "segmentation"), "DEE": ("surface",), "PrE": ("surface",), TOTAL: ("surface", "image")}


def errorBudget(measured: Mapping[str, Mapping]) -> dict | None:
    """The table of errors, plain JSON values; None where nothing was measured.

    :param measured: by term ("SegE", "DEE", "PrE", "Total") an entry of :func:`budgetEntry`.
    :return: ``rows`` with ``term``, ``title``, ``biasMm`` (positive: too small), ``sdMm``, ``p95Mm``,
        ``uncertaintyMm``, ``source``, each null where it is not known; ``dominant``, the term with the largest root
        mean square, and its ``share`` of the sum of the squares; ``missing``, the terms that nothing was given for.
    """
    known = {term: measured[term] for term in TERMS if term in measured}
    if not known:
        return None
    rows = [{"term": term, "title": title, **known.get(term, _unknown())} for term, title in TERMS.items()]
    if len(known) > 1:
        rows.append({"term": EXPECTED, "title": "Expected of these together, if independent", **_together(known)})
    if TOTAL in measured:
        rows.append({"term": TOTAL, "title": "Total, measured: part against the scan", **measured[TOTAL]})
    squares = {term: entry["biasMm"] ** 2 + entry["sdMm"] ** 2 for term, entry in known.items()}
    dominant = max(squares, key=squares.get)
    total = sum(squares.values())
    return {
        "rows": rows,
        "dominant": dominant if len(known) > 1 else None,
        "share": squares[dominant] / total if len(known) > 1 and total > 0 else None,
        "missing": [term for term in TERMS if term not in known],
    }


def budgetEntry(facts: Mapping, source: str, uncertainty: float | None) -> dict:
    """One row from the figures of a deviation.

    :param facts: as the report has them. :param uncertainty: half width of a 95 % interval, mm, where it is known.
    :raises M3DError: nothing could be measured.
    """
    if facts["meanSigned"] is None:
        raise M3DError(f"{source} measured nothing, so it has no place in the error budget.")
    return {
        "biasMm": facts["meanSigned"],
        "sdMm": facts["sd"],
        "p95Mm": facts["p95Absolute"],
        "uncertaintyMm": uncertainty,
        "source": source,
    }


def budgetFrom(file: Path, term: str) -> dict:
    """A row of the budget from a report (JSON) of ``m3d validate`` or ``m3d compare``.

    :raises M3DError: no such report, or one without the deviation the term is about.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise M3DError(f"{file} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise M3DError(f"{file} is no report: it is not JSON.") from error
    block = (data.get("deviation") if isinstance(data, dict) else None) or {}
    facts = next((block[kind] for kind in _KINDS[term] if block.get(kind)), None)
    if facts is None:
        wanted = " or ".join(_KINDS[term])
        raise M3DError(f"{file} has no deviation of the kind {wanted}, which {term} is measured by.")
    registration = data.get("registration") or {}
    if registration.get("doubtful"):
        raise M3DError(f"{file} rests on a doubtful alignment, so it has no place in the error budget.")
    sure = [value for value in (facts.get("uncertainty95"), registration.get("uncertaintyMm")) if value is not None]
    return budgetEntry(facts, file.name, max(sure) if sure else None)


def _unknown() -> dict:
    return {"biasMm": None, "sdMm": None, "p95Mm": None, "uncertaintyMm": None, "source": "not given"}


def _together(known: Mapping[str, Mapping]) -> dict:
    """Biases add up; spreads of independent errors add up by their squares."""
    bias = sum(entry["biasMm"] for entry in known.values())
    spread = float(np.sqrt(sum(entry["sdMm"] ** 2 for entry in known.values())))
    sure = [entry["uncertaintyMm"] for entry in known.values()]
    return {
        "biasMm": bias,
        "sdMm": spread,
        "p95Mm": _p95(bias, spread),
        "uncertaintyMm": None if None in sure else float(np.sqrt(sum(value**2 for value in sure))),
        "source": "bias added, spread by squares, 95 % of a normal distribution: " + ", ".join(known),
    }


def _p95(bias: float, spread: float) -> float:
    """What 95 % of normally distributed errors stay below in size, mm."""
    from scipy.special import ndtr

    if spread <= 0:
        return abs(bias)
    low, high = 0.0, abs(bias) + 5 * spread
    for _ in range(60):
        middle = (low + high) / 2
        share = ndtr((middle - bias) / spread) - ndtr((-middle - bias) / spread)
        low, high = (middle, high) if share < 0.95 else (low, middle)
    return float(high)
