"""Unpacking a package: verified first, then whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..Errors import M3DError, noProgress
from ..FileSize import inWords
from ..WritablePlace import requireWritableFolder
from .BagFiles import MANIFEST, TAG_MANIFEST, readManifest
from .OpenedPackage import OpenedPackage

_SPARE_BYTES = 64 << 20


@contextlib.contextmanager
def newFolder(output: Path):
    """A hidden folder beside ``output``, which takes its name when all went well, and is removed otherwise.

    :raises M3DError: ``output`` exists and holds something, or the system refuses.
    """
    output = output.absolute()
    requireWritableFolder(output)
    if output.exists() and any(output.iterdir()):
        raise M3DError(f"The folder '{output}' is not empty; name a new one, so that nothing is mixed up.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".m3d-partial-", dir=output.parent))
    except OSError as error:
        raise M3DError(f"'{output}' cannot be written: {error.strerror}.") from error
    try:
        yield staging
        try:
            staging.chmod(0o755)
            if output.exists():
                output.rmdir()
            os.replace(staging, output)
        except OSError as error:
            raise M3DError(f"'{output}' cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def unpackInto(package: OpenedPackage, folder: Path, progress: Callable[[float, str], None] = noProgress) -> list[str]:
    """Write all files of a verified package into a folder that is empty; returns their names.

    What is written is compared with the manifests once more: the package may have been replaced since it was verified.

    :raises M3DError: there is no room, a file is not what the manifest says, or the system refuses.
    """
    size = sum(_size(package, name) for name in package.members)
    free = shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise M3DError(f"The package takes {inWords(size)}, and only {inWords(free)} are free there.")
    listed = {}
    for manifest in (MANIFEST, TAG_MANIFEST):
        listed |= readManifest(package.read(manifest), manifest)
    names = sorted(package.members)
    for number, name in enumerate(names):
        progress(number / len(names), "Unpacking")
        target = folder.joinpath(*name.split("/"))
        if not target.resolve().is_relative_to(folder.resolve()):
            raise M3DError(f"'{name}' would be written outside of the folder. Nothing was unpacked.")
        digest = hashlib.sha256()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as stream:
                for block in package.chunks(name):
                    digest.update(block)
                    stream.write(block)
        except OSError as error:
            raise M3DError(f"'{name}' cannot be written: {error.strerror}. Nothing was unpacked.") from error
        if name in listed and digest.hexdigest() != listed[name]:
            raise M3DError(f"'{name}' was changed while it was unpacked. Nothing was unpacked.")
    requireBag(folder)
    return names


def requireBag(folder: Path) -> None:
    """Let the BagIt library look at what was unpacked.

    :raises M3DError: it finds something wrong, or is not installed.
    """
    try:
        import bagit
    except ImportError as error:
        raise M3DError("Packages need the Python package bagit: pip install SlicerM3D[handover]") from error
    try:
        bagit.Bag(str(folder)).validate(fast=True)
    except (bagit.BagError, OSError, ValueError) as error:
        raise M3DError(f"What was unpacked is no valid bag ({error}). Nothing was unpacked.") from error


def _size(package: OpenedPackage, name: str) -> int:
    if isinstance(package.source, Path):
        return (package.source / package.members[name]).stat().st_size
    return package.source.getinfo(package.members[name]).file_size
