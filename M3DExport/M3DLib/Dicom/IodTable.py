"""Which attributes the modules of the Encapsulated STL IOD have (PS3.3 A.85.1), from a table in this folder.

``EncapsulatedStlIod.json`` is generated from the tables that highdicom ships; a test compares the two.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

MANDATORY = "M"

# What an object made from images takes over from them as it stands: everything about patient and study.
COPIED_MODULES = (
    "patient",
    "clinical-trial-subject",
    "general-study",
    "patient-study",
    "clinical-trial-study",
    "clinical-trial-series",
)


@functools.cache
def _modules() -> dict:
    return json.loads((Path(__file__).parent / "EncapsulatedStlIod.json").read_text(encoding="utf-8"))["modules"]


def attributes(module: str) -> dict[str, str]:
    """Keyword to type ("1", "1C", "2", "2C", "3") of a module's top-level attributes."""
    return _modules()[module]["attributes"]


def mandatoryModules() -> list[str]:
    """Names of the modules that every object has."""
    return [name for name, module in _modules().items() if module["usage"] == MANDATORY]


def missingAttributes(dataset: Dataset) -> list[str]:
    """Keywords of type 1 (absent or empty) and type 2 (absent) attributes that a dataset lacks.

    Looks at mandatory modules, and at optional ones of which at least one attribute is there.
    """
    missing = []
    for module in _modules().values():
        if module["usage"] != MANDATORY and not any(keyword in dataset for keyword in module["attributes"]):
            continue
        for keyword, kind in module["attributes"].items():
            if (kind in ("1", "2") and keyword not in dataset) or (kind == "1" and dataset[keyword].is_empty):
                missing.append(keyword)
    return list(dict.fromkeys(missing))
