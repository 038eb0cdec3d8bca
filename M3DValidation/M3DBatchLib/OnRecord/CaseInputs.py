"""What the event of a command says of the files and scans that its options name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from M3DLib.CaseRecord.CaseFiles import OWN_FILES, fileEntry, placeIn, seriesEntry
from M3DLib.Errors import M3DError

# Options that name inputs, by their destination, and what the record calls these.
INPUTS = {
    "image": "series",
    "also_from": "series",
    "control_series": "series",
    "segmentation": "segmentation",
    "mesh": "model",
    "reference": "model",
    "file": "model",
    "predecessor": "model",
    "component": "model",
    "paths": "other",
    "references": "other",
    "profile": "other",
    "segmentation_report": "other",
    "editing_report": "other",
    "total_report": "other",
}
# In a comparison the first is what was printed (or scanned after printing). To package, a table is an output.
_OF_COMMAND = {"compare": {"mesh": "part"}, "batch": {"table": "other"}}
_SCANS = ("series", "part")


def inputEntries(arguments: argparse.Namespace, folder: Path) -> tuple[list[dict], list[dict]]:
    """Entries of every file and series that the command reads, and how the scans were acquired.

    :param folder: of the case.
    :raises M3DError: one of them cannot be read.
    """
    entries: list[dict] = []
    acquired: list[dict] = []
    kinds = INPUTS | _OF_COMMAND.get(arguments.command, {})
    for destination, kind in kinds.items():
        for place in _places(getattr(arguments, destination, None)):
            if destination == "paths":
                entries += _below(place, folder)
            elif place.is_dir() or (kind in _SCANS and _isDicom(place) and not _isModel(place)):
                found, records = seriesEntries(place, _chosen(arguments, destination), folder, kind)
                entries += found
                acquired += records
            else:
                entries.append(fileEntry(place, folder, "image" if kind == "series" else kind, **_uidOf(place)))
    return _unique(entries), acquired


def _below(place: Path, folder: Path) -> list[dict]:
    """Entries of a file, or of all files in a folder but those of the record itself, each with its UID in DICOM."""
    found = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
    return [fileEntry(one, folder, "other", **_uidOf(one)) for one in found if placeIn(one, folder) not in OWN_FILES]


def seriesEntries(place: Path, series: str | None, folder: Path, kind: str = "series") -> tuple[list[dict], list[dict]]:
    """The entry of the image series in a folder or file, and how it was acquired, in a list each.

    :param series: which one, where the folder holds several.
    :raises M3DError: there is none, or several without a choice.
    """
    from M3DLib.CaseRecord.AcquisitionRecord import acquisitionOf
    from M3DLib.Image.DicomSeries import chooseSeries, findFiles, scanFiles

    files, _skipped = scanFiles(findFiles(place))
    chosen, _others = chooseSeries(files, series, place)
    headers, paths = [file.header for file in chosen], [file.path for file in chosen]
    return [seriesEntry(headers, kind, paths, folder)], [acquisitionOf(headers)] if kind == "series" else []


def _chosen(arguments: argparse.Namespace, destination: str) -> str | None:
    given = getattr(arguments, "series", None)
    if destination not in ("image", "mesh") or not given:
        return None
    return given if isinstance(given, str) else given[0]


def _places(value: Any) -> Iterator[Path]:
    """The files and folders that an option names; what is no place (the name of a profile) is left out."""
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, (str, Path)) and str(one) not in ("", "-") and Path(one).exists():
            yield Path(one)


def _isDicom(place: Path) -> bool:
    with place.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _isModel(place: Path) -> bool:
    return str(headerOf(place).get("SOPClassUID") or "").startswith("1.2.840.10008.5.1.4.1.1.104.")


def _uidOf(place: Path) -> dict[str, str]:
    if not _isDicom(place):
        return {}
    uid = str(headerOf(place).get("SOPInstanceUID") or "")
    return {"sopInstanceUid": uid} if uid else {}


def headerOf(place: Path):
    """Class and instance of a DICOM file; empty where they cannot be read."""
    from pydicom import Dataset, dcmread

    try:
        return dcmread(place, specific_tags=["SOPClassUID", "SOPInstanceUID"], stop_before_pixels=True, force=True)
    except Exception:
        # A damaged file makes pydicom raise nearly anything; the work itself says what is wrong with it.
        return Dataset()


def _unique(entries: list[dict]) -> list[dict]:
    """Each thing once, also when two options name it."""
    found: dict[tuple, dict] = {}
    for entry in entries:
        found.setdefault((entry["kind"], entry["sha256"]), entry)
    return list(found.values())


def requireInputs(arguments: argparse.Namespace) -> None:
    """Refuse a case of which an input's place is the record itself."""
    folder = Path(arguments.case).resolve()
    for destination in set(INPUTS) - {"paths"}:
        for place in _places(getattr(arguments, destination, None)):
            if place.resolve() == folder:
                raise M3DError(f"'{place}' is the case itself; name the scan or file in it.")
