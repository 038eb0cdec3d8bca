"""By what a finished case is recognized: what its inputs hold, what was asked for, and what program did it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError
from M3DLib.Software import NAME, VERSION

from .CasePlan import CasePlan

# What has a hand in the figures and the files that are written.
_PARTS = ("slicer-core", "vtk", "SimpleITK", "pydicom", "highdicom", "numpy", "scipy", "lib3mf", "jinja2", "typst")
_PACKAGES = ("M3DLib", "M3DValidationLib", "M3DBatchLib")
_CODE = (".py", ".json", ".j2", ".css", ".js", ".typ", ".po", ".mo")
# Files whose header may name others that hold the values.
_HEADERS = (".nhdr", ".mhd", ".hdr", ".img", ".nrrd")
_LARGEST_HEADER = 1 << 16
_NAMED_DATA = re.compile(rb"^(?:data ?file:|ElementDataFile *=) *(.+?) *\r?$", re.MULTILINE | re.IGNORECASE)
_CHUNK = 1 << 20


@cache
def programVersions() -> dict[str, str]:
    """Versions of this program and of what it works with; of its own code the hash too, as a checkout changes between
    two versions.
    """
    versions = {NAME: VERSION, "code": _codeHash()}
    for part in _PARTS:
        try:
            versions[part] = metadata.version(part)
        except metadata.PackageNotFoundError:
            versions[part] = ""
    return versions


def _codeHash() -> str:
    digest = hashlib.sha256()
    roots = _packageFolders()
    for package in _PACKAGES:
        for file in sorted(roots[package].rglob("*")):
            if file.suffix in _CODE and file.is_file():
                digest.update(file.relative_to(roots[package].parent).as_posix().encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _packageFolders() -> dict[str, Path]:
    import importlib

    return {name: Path(importlib.import_module(name).__file__).parent for name in _PACKAGES}


class InputFiles:
    """The files of a case, hashed; says afterwards whether they are still the same.

    :raises M3DError: a file cannot be read.
    """

    def __init__(self, plan: CasePlan, progress: Callable[[], None] = lambda: None):
        self._progress = progress
        self._stats: dict[Path, tuple[int, int]] = {}
        self.digests = {role: [self._digest(Path(path)) for path in paths] for role, paths in plan.inputs.items()}

    def changed(self) -> list[Path]:
        """Files that were changed, or that came or went, since they were hashed."""
        return [file for file, before in self._stats.items() if _statOf(file) != before]

    def _digest(self, path: Path) -> str:
        """Of a file its name and content; of a folder the names and contents of all files below it."""
        digest = hashlib.sha256()
        for name, file in _filesOf(path):
            self._stats[file] = _statOf(file)
            digest.update(f"{name}\0".encode("utf-8", "surrogateescape"))
            digest.update(self._content(file))
        return digest.hexdigest()

    def _content(self, file: Path) -> bytes:
        digest = hashlib.sha256()
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
                    self._progress()
        except OSError as error:
            raise M3DError(f"'{file}' cannot be read: {error.strerror or error}.") from error
        return digest.digest()


def fingerprintOf(plan: CasePlan, inputs: InputFiles) -> dict[str, Any]:
    """What has to be the same for a case to have the result that it has: as JSON values."""
    return {"inputs": inputs.digests, "settings": plan.settings(), "versions": programVersions()}


def _filesOf(path: Path) -> Iterator[tuple[str, Path]]:
    """Names and places of the files that belong to an input, in a fixed order.

    :raises M3DError: a folder of it cannot be read.
    """
    if not path.is_dir():
        yield path.name, path
        if path.suffix.lower() in _HEADERS:
            yield from ((file.name, file) for file in sorted(_dataFilesOf(path)))
        return

    def refuse(error: OSError):
        raise M3DError(f"'{error.filename}' cannot be read: {error.strerror}.") from error

    found = []
    for folder, _folders, names in os.walk(path, onerror=refuse, followlinks=True):
        found += [Path(folder, name) for name in names]
    # The name of the folder itself is in reports and on models nowhere.
    yield from sorted((file.relative_to(path).as_posix(), file) for file in found if file.is_file())


def _dataFilesOf(header: Path) -> set[Path]:
    """Files that a header names for its values; where it names a list or a pattern, all that lie beside it."""
    found = {
        file for file in header.parent.glob(f"{_escaped(header.stem)}.*") if header.suffix.lower() in (".hdr", ".img")
    }
    with header.open("rb") as stream:
        text = stream.read(_LARGEST_HEADER)
    for match in _NAMED_DATA.finditer(text):
        name = match[1].decode("utf-8", "replace")
        if name.upper() == "LOCAL":
            continue
        if name.upper().startswith("LIST") or "%" in name:
            found |= {file for file in header.parent.iterdir() if file.is_file()}
        else:
            found.add(header.parent / name)
    return {file for file in found if file.is_file() and file != header}


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", name)


def _statOf(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
