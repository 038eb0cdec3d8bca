"""Takes out of a report what would say who the patient is, or link it with the patient's other data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Identifying import namesPatient

if TYPE_CHECKING:
    from pydicom import Dataset

WITHHELD = "(withheld)"
# What page one says is left out, in this order.
LEFT_OUT = (
    "name, number, birth date and sex of the patient",
    "description, date and numbers of the study",
    "date and time of the acquisition (the age of the scan in days stays)",
    "serial number of the device",
    "names and hashes of the files that were read",
    "unique identifiers",
    "free texts of the headers",
)
_DATES_AND_TIMES = ("DA", "TM", "DT")
_TEXTS = ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE")
# Texts of scanner and reconstruction by which an image is judged; they are many patients' alike.
_TECHNICAL = {
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "FilterType",
}
# Shorter values are found in any text; where they stand alone, the attribute they belong to tells.
_SHORTEST = 4

# Words of the report's own, which no patient's name may change: a Mr. Pass is no reason to lose the verdicts.
_OWN = {
    "verdict",
    "requirement",
    "sense",
    "unit",
    "clause",
    "source",
    "step",
    "sha256",
    "signConvention",
    "limitsOfMethod",
    "schemaVersion",
    "intendedUse",
    "profile",
    "case",
    "made",
    "counts",
    "keyword",
    "attribute",
    "kind",
}


def withheld(content: dict, headers: Sequence[Dataset], files: Iterable[Path] = ()) -> dict:
    """The report without what identifies the patient, the study or the device, or links it with other data.

    Texts that name the patient are replaced as a whole; dates, times, identifiers and free texts of the headers where
    they stand in a text.

    :param headers: of the image, whose values are sought.
    :param files: segmentation and mesh that were read, whose names are sought too.
    """
    secrets = _secretsOf(headers)
    # Those of digits are looked up, the others sought in every text, longest first.
    wordy = sorted((one for one in secrets if not re.fullmatch(r"[0-9.:\-]+", one)), key=len, reverse=True)
    distinct = list({_identity(header): header for header in headers}.values())
    names = {text for file in files for text in (Path(file).name, Path(file).stem, Path(file).name.partition(".")[0])}
    names = {name for name in names if len(name) >= 2}

    def cleanText(text: str) -> str:
        if namesPatient(text, distinct) or text in names:
            return WITHHELD
        for name in names:
            text = text.replace(f"'{name}'", f"'{WITHHELD}'")
        return _withoutSecrets(text, secrets, wordy)

    def clean(value, key=""):
        if key in _OWN:
            return value
        if isinstance(value, dict):
            named = key == "segments"
            return {
                f"segment {number}" if named and cleanText(name) != name else name: clean(item, name)
                for number, (name, item) in enumerate(value.items(), start=1)
            }
        if isinstance(value, list):
            return [clean(item, key) for item in value]
        return cleanText(value) if isinstance(value, str) else value

    return clean(_withoutRecords(content))


def isWithheld(keyword: str) -> bool:
    """Whether the value of an attribute identifies, links, or is a text that a person may have typed."""
    from pydicom.datadict import dictionary_VR

    vr = dictionary_VR(keyword)
    return vr in _DATES_AND_TIMES or vr == "UI" or (vr in _TEXTS and keyword not in _TECHNICAL)


def _withoutRecords(content: dict) -> dict:
    """The report without the values of attributes and files that have a place of their own in it."""
    changed = dict(content)
    changed["acquisition"] = [
        {**entry, "value": WITHHELD} if entry["value"] is not None and isWithheld(entry["keyword"]) else entry
        for entry in content.get("acquisition", ())
    ]
    changed["findings"] = [_finding(entry) for entry in content.get("findings", ())]
    changed["dataFlow"] = [_step(entry) for entry in content.get("dataFlow", ())]
    if "image" in (content.get("input") or {}):
        image = dict(content["input"]["image"])
        if image.get("seriesInstanceUid"):
            image["seriesInstanceUid"] = WITHHELD
        image["skippedFiles"] = [{**entry, "file": WITHHELD} for entry in image.get("skippedFiles", ())]
        changed["input"] = {**content["input"], "image": image}
    return changed


def _finding(entry: dict) -> dict:
    evidence = entry.get("evidence") or {}
    keyword = evidence.get("attribute")
    if entry.get("requirement") == "acquisition-record" and keyword and entry["measured"] is not None:
        if isWithheld(keyword):
            attribute = entry["message"].partition(":")[0]
            return {**entry, "measured": WITHHELD, "message": f"{attribute}: {WITHHELD}."}
    elif "date" in evidence:
        kept = {key: value for key, value in evidence.items() if key != "date"}
        return {**entry, "message": entry["message"].replace(evidence["date"], WITHHELD), "evidence": kept}
    return entry


def _step(entry: dict) -> dict:
    changed = {**entry, "files": []}
    if entry.get("files"):
        changed["parameters"] = {**entry.get("parameters", {}), "files read": len(entry["files"])}
    if entry.get("step") == "image":
        changed["time"] = ""
    if entry.get("step") == "stl" and entry.get("files") and "sha256OfBinaryStlInMm" in entry.get("parameters", {}):
        # A model that was brought along may have the same hash as its file.
        changed["parameters"]["sha256OfBinaryStlInMm"] = WITHHELD
    return changed


def _identity(header: Dataset) -> tuple[str, ...]:
    return tuple(str(header.get(name) or "") for name in ("PatientName", "PatientID", "AccessionNumber", "StudyID"))


def _secretsOf(headers: Sequence[Dataset]) -> set[str]:
    """Values of the headers, sequences included, that identify or link, as they may stand in a text."""
    found: set[str] = set()

    def gather(dataset) -> None:
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value or ():
                    gather(item)
            elif element.VR in (*_DATES_AND_TIMES, *_TEXTS, "UI") and element.keyword not in _TECHNICAL:
                values = [element.value] if isinstance(element.value, str) else element.value or ()
                values = values if hasattr(values, "__iter__") and not isinstance(values, str) else [values]
                for value in values:
                    found.update(_forms(element.VR, str(value)))

    for header in headers:
        gather(header)
    return found


@lru_cache(4096)
def _forms(vr: str, text: str) -> frozenset[str]:
    """The ways in which a value may be written in a report."""
    text = text.strip()
    forms = {text}
    if vr == "UI" and text.startswith("1.2.840.10008."):
        # DICOM's own: a class, a transfer syntax, a coding scheme.
        return frozenset()
    if vr in ("DA", "DT") and re.match(r"\d{8}", text):
        forms |= {text[:8], f"{text[:4]}-{text[4:6]}-{text[6:8]}"}
    if vr in ("TM", "DT"):
        clock = text if vr == "TM" else text[8:]
        if re.match(r"\d{6}", clock):
            forms |= {clock[:6], f"{clock[:2]}:{clock[2:4]}:{clock[4:6]}"}
    return frozenset(form for form in forms if len(form) >= _SHORTEST)


def _withoutSecrets(text: str, secrets: set[str], wordy: Sequence[str]) -> str:
    """The text with every secret that stands in it as a word of its own replaced."""
    if text in secrets:
        return WITHHELD
    text = re.sub(r"[0-9][0-9.:\-]{2,}[0-9]", lambda found: WITHHELD if found[0] in secrets else found[0], text)
    for secret in wordy:
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", WITHHELD, text)
    return text
