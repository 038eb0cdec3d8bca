"""Which files a command has written or taken away, and what the record of a case calls them."""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.CaseRecord.CaseFiles import OWN_FILES, fileEntry, placeIn

from .CaseInputs import headerOf

# Options that name what is written, by their destination.
OUTPUTS = ("output", "points_csv", "log_file", "html")
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_PDF_CLASS, _REPORT_CLASS = f"{_DOCUMENTS}1", "1.2.840.10008.5.1.4.1.1.88."
_PRINT_FILES = (".stl", ".3mf", ".amf", ".obj", ".mtl", ".ply", ".glb")

Snapshot = dict[Path, tuple[int, int, int]]


class Outputs:
    """What lies in the places that a command writes to, before and after it.

    :param jsonFile: of the command's result, or None.
    """

    def __init__(self, arguments: argparse.Namespace, jsonFile: Path | None):
        names = [getattr(arguments, destination, None) for destination in OUTPUTS] + [jsonFile]
        if arguments.command == "package":
            names.append(arguments.table)
        self.places = [Path(name).absolute() for name in names if name and str(name) != "-"]
        self.command = arguments.command
        self.folder = Path(arguments.case)
        self.before = self._look()

    def changes(self) -> tuple[list[dict], list[str]]:
        """Entries of the files that are new or were written since, and the places in the case that are gone."""
        after = self._look()
        written = sorted(file for file, state in after.items() if self.before.get(file) != state)
        gone = sorted(file for file in self.before if file not in after)
        entries = [self._entry(file) for file in written]
        return entries, [place for file in gone if (place := placeIn(file, self.folder)) is not None]

    def _look(self) -> Snapshot:
        found: Snapshot = {}
        own = {(self.folder / name).resolve() for name in OWN_FILES}
        for place in self.places:
            for file in place.rglob("*") if place.is_dir() else self._besideOf(place):
                hidden = any(part.startswith(".") for part in file.relative_to(place.parent).parts)
                if file.is_file() and not hidden and file.resolve() not in own:
                    state = file.stat()
                    found[file] = (state.st_mtime_ns, state.st_size, state.st_ino)
        return found

    def _besideOf(self, place: Path) -> list[Path]:
        """A file that is written, with what comes with it: the materials of an OBJ, the table of a package."""
        if self.command == "package" and place.parent.is_dir():
            return [file for file in place.parent.iterdir() if file.name.startswith(place.stem)]
        return [place, place.with_suffix(".mtl")] if place.suffix.lower() == ".obj" else [place]

    def _entry(self, file: Path) -> dict:
        kind, more = self._kindOf(file)
        return fileEntry(file, self.folder, kind, **more)

    def _kindOf(self, file: Path) -> tuple[str, dict[str, str]]:
        """What the record calls a file, and the UID of a DICOM object."""
        report = "comparison" if self.command == "compare" else "report"
        suffix = file.suffix.lower()
        if file.name == "DICOMDIR":
            return "directory", {}
        if suffix in ("", ".dcm"):
            header = headerOf(file)
            sopClass, uid = str(header.get("SOPClassUID") or ""), str(header.get("SOPInstanceUID") or "")
            more = {"sopInstanceUid": uid} if uid else {}
            if sopClass == _PDF_CLASS or sopClass.startswith(_REPORT_CLASS):
                return report, more
            if sopClass.startswith(_DOCUMENTS):
                return "model", more
            return ("copy" if sopClass else "other"), more
        if file.stem == "report" and suffix in (".json", ".html", ".pdf"):
            return report, {}
        # Files for printers lie beside the objects; a report has pictures and models to look at.
        if suffix in _PRINT_FILES and (file.parent / "DICOMDIR").exists():
            return "printFile", {}
        if suffix in (".png", ".glb"):
            return "picture", {}
        if suffix in _PRINT_FILES and self.command == "repair":
            return "model", {}
        return ("package" if self.command == "package" and file in self.places[:1] else "other"), {}
