"""A report's content without identity: the same values replaced as in the DICOM objects it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .AnnexE import actionFor
from .OriginalValues import OriginalValues
from .Replacements import WITHHELD, Replacements

_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){3,}(?![\d])")
# Places of files on the machine where the report was made.
_PLACES = ("report", "exported", "printFiles", "files")
# Values in which nothing of a patient can stand, and that must stay what they are.
_OWN = ("verdict", "requirement", "sense", "unit", "clause", "step", "signConvention", "schemaVersion", "kind")
LEFT_OUT = (
    "name, number, birth date and sex of the patient",
    "description, date and numbers of the study",
    "date and time of the acquisition (the age of the scan in days stays)",
    "names of persons and institutions",
    "serial number of the device",
    "names and hashes of the files that were read",
    "free texts of the headers",
)


def isReport(data: Any) -> bool:
    """Whether JSON is a report of ``m3d validate``."""
    return isinstance(data, dict) and {"schemaVersion", "verdict", "findings", "case", "pictures"} <= set(data)


def addReportValues(data: Mapping, originals: OriginalValues) -> None:
    """Take over what a report says of patient, study, persons and institution."""
    case, made = data.get("case") or {}, data.get("made") or {}
    patient, study = case.get("patient") or {}, case.get("study") or {}
    if not case.get("pseudonymized"):
        originals.names.update(filter(None, [patient.get("name")]))
        originals.texts.update(filter(None, [patient.get("id"), study.get("id"), study.get("accessionNumber")]))
        originals.texts.update(filter(None, [study.get("description")]))
        days = (patient.get("birthDate"), study.get("date"))
        originals.dates.update(re.sub(r"\D", "", day)[:8] for day in days if day)
    originals.names.update(filter(None, [made.get("person")]))
    originals.texts.update(filter(None, [made.get("institution")]))
    originals.uids.update(_uidsIn(data))


def _uidsIn(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*map(_uidsIn, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_uidsIn, value)) if value else set()
    if isinstance(value, str):
        return {uid for uid in _UID.findall(value) if not uid.startswith("1.2.840.10008.") and len(uid) > 12}
    return set()


def deIdentifiedReport(data: Mapping, replacements: Replacements) -> dict:
    """The report without identity; what it measured stays as it is."""

    def clean(value: Any, key: str = "") -> Any:
        if key in _OWN and isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            return {replacements.text(name): clean(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [clean(item, key) for item in value]
        return replacements.text(value) if isinstance(value, str) else value

    changed = {key: value for key, value in data.items() if key not in _PLACES}
    case = data["case"]
    study = dict.fromkeys(case["study"], "")
    study["studyInstanceUid"] = case["study"].get("studyInstanceUid", "")
    changed["case"] = {
        "pseudonymized": True,
        "patient": {"name": replacements.pseudonym, "id": "", "birthDate": "", "sex": ""},
        "study": study,
        "leftOut": list(LEFT_OUT),
    }
    made = dict(data.get("made") or {})
    for name in ("person", "institution"):
        if made.get(name):
            made[name] = WITHHELD
    time = str(made.get("time") or "")
    # The day of the scan, half hidden, would be worse to read than none.
    made["time"] = time if replacements.text(time) == time else WITHHELD
    changed["made"] = made
    changed["acquisition"] = [_attribute(entry) for entry in data.get("acquisition", ())]
    changed["findings"] = [_finding(entry) for entry in data.get("findings", ())]
    changed["dataFlow"] = [_step(entry) for entry in data.get("dataFlow", ())]
    image = (data.get("input") or {}).get("image")
    if image:
        skipped = [{**entry, "file": WITHHELD} for entry in image.get("skippedFiles", ())]
        changed["input"] = {**data["input"], "image": {**image, "skippedFiles": skipped}}
    return clean(changed)


def _isWithheld(keyword: str) -> bool:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    # The contrast agent is a finding of the scan, not of the person.
    return tag is not None and keyword != "ContrastBolusAgent" and actionFor(tag) not in (None, "map")


def _attribute(entry: Mapping) -> dict:
    if entry.get("value") is not None and _isWithheld(entry["keyword"]):
        return {**entry, "value": WITHHELD}
    return dict(entry)


def _finding(entry: Mapping) -> dict:
    evidence = entry.get("evidence") or {}
    keyword = evidence.get("attribute") if isinstance(evidence, Mapping) else None
    if keyword and entry.get("measured") is not None and _isWithheld(keyword):
        attribute = entry["message"].partition(":")[0]
        return {**entry, "measured": WITHHELD, "message": f"{attribute}: {WITHHELD}."}
    return dict(entry)


def _step(entry: Mapping) -> dict:
    changed = {**entry, "files": []}
    if entry.get("files"):
        changed["parameters"] = {**entry.get("parameters", {}), "files read": len(entry["files"])}
    if entry.get("step") == "image":
        changed["time"] = ""
    return changed
