"""Projects of printers' programs: parts that lie among the model's and are no part of it.

PrusaSlicer, Bambu Studio, OrcaSlicer and Cura keep negative volumes, modifiers and aids for support as meshes beside
the model's, and say only in settings of their own that they are none. 3MF and AMF know no such parts.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..Errors import M3DError

_MODEL = ("", "modelpart", "normal_part")
# One part: PrusaSlicer's <volume> with entries, Bambu's and Orca's <part> with an attribute.
_PART = re.compile(rb"<(?:volume|part)\b([^>]*)>(.*?)(?=<(?:volume|part|object)\b|</object>|\Z)", re.DOTALL)
_SUBTYPE = re.compile(rb"""\bsubtype\s*=\s*["']([^"']*)["']""")
_ENTRY = re.compile(rb"""\bkey\s*=\s*["'](volume_type|modifier)["']\s+value\s*=\s*["']([^"']*)["']""")
_CURA = re.compile(
    rb"""cura:(anti_overhang_mesh|infill_mesh|cutting_mesh|support_mesh)["'][^>]*>\s*true""", re.IGNORECASE
)
# Where PrusaSlicer says in an AMF file that a volume is not the model.
VOLUME_SETTINGS = ("slic3r.modifier", "slic3r.volume_type")
_SETTINGS = ("metadata/slic3r_pe_model.config", "metadata/model_settings.config")


def isPrintSettings(name: str) -> bool:
    """Whether an entry of a 3MF archive holds what a printer's program says of the parts of the model."""
    return name.lower().lstrip("/") in _SETTINGS


def otherParts(settings: bytes) -> set[str]:
    """Kinds of parts that settings name and that are not the model ("NegativeVolume", "modifier_part" ...)."""
    found = set()
    for attributes, content in _PART.findall(settings):
        entries = dict(_ENTRY.findall(content))
        subtype = _SUBTYPE.search(attributes)
        kind = (subtype[1] if subtype else entries.get(b"volume_type", b"")).decode("latin-1").strip()
        if not kind and entries.get(b"modifier", b"").strip() == b"1":
            kind = "modifier"
        if _isOtherPart(kind):
            found.add(kind)
    return found


def otherVolume(setting: str, value: str) -> set[str]:
    """The kind of a volume of an AMF file that is not the model, from one of ``VOLUME_SETTINGS``; else nothing."""
    if setting == VOLUME_SETTINGS[0]:
        return {"modifier"} if value.strip() == "1" else set()
    return {value.strip()} if _isOtherPart(value) else set()


def _isOtherPart(kind: str) -> bool:
    return kind.strip().lower() not in _MODEL


def otherMeshesOfCura(model: bytes) -> set[str]:
    """Kinds of meshes of Cura's that are not the model, from (a piece of) a model part of a 3MF archive."""
    return {match.decode("latin-1").lower() for match in _CURA.findall(model)}


def refuseOtherParts(kinds: Collection[str]) -> None:
    """Refuse a project whose triangles are not those of the model alone.

    :raises M3DError: names the kinds.
    """
    if kinds:
        raise M3DError(
            f"This is a printing project with parts that are not the model ({', '.join(sorted(kinds))}): they cut it, "
            "support it or change how it is printed, and their triangles lie among its own. Export the model alone."
        )
