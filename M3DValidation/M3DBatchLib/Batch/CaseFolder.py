"""The folder of a case: made under another name, and put in its place when it is whole.

Who is there first wins: a case that two workers have done, because one was taken for lost, is in its place once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

OUTCOME_FILE = "outcome.json"
LOG_FILE, EVENTS_FILE = "log.txt", "log.jsonl"
WORK_FOLDER = ".m3d-batch"
SCHEMA_VERSION = 1
# Outcomes that say something of the case; others are tried again.
FINISHED = ("pass", "warning", "fail", "notAssessable")
_MOST_TRIES = 20


def makeWorkFolder(output: Path, token: str) -> Path:
    """A new folder for a case in the making, below the output folder.

    :param token: of the run of the batch that the case belongs to.
    """
    folder = output / WORK_FOLDER / f"{token}-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    return folder


def clearWorkFolders(output: Path) -> None:
    """Take away what runs have left that did not end by themselves."""
    shutil.rmtree(output / WORK_FOLDER, ignore_errors=True)


def readOutcome(folder: Path) -> dict[str, Any] | None:
    """What the record of a case folder says; None when there is none, or none of this program."""
    try:
        outcome = json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(outcome, dict) or outcome.get("schemaVersion") != SCHEMA_VERSION:
        return None
    return outcome if isinstance(outcome.get("files"), list) and {"verdict", "run"} <= set(outcome) else None


def finishedOutcome(folder: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a case that is finished with these inputs, settings and versions, and whole; else None."""
    outcome = readOutcome(folder)
    if outcome is None or outcome["verdict"] not in FINISHED or outcome.get("fingerprint") != fingerprint:
        return None
    for entry in outcome["files"]:
        try:
            if _entryOf(folder / entry["name"], entry["name"]) != entry:
                return None
        except (OSError, TypeError, KeyError):
            return None
    return outcome


def strayFolders(output: Path, folders: Collection[str]) -> list[str]:
    """Folders of cases below the output folder that belong to none of the cases named, with "/" between their parts.

    :param folders: of the cases, as :class:`~.CasePlan.CasePlan` has them.
    """
    # By what they are: some file systems make no difference between names that this program does.
    known, found = {_identity(output / folder) for folder in folders}, []
    for place, below, names in os.walk(output):
        if OUTCOME_FILE in names and readOutcome(Path(place)) is not None:
            # What lies in the folder of a case is the case's.
            below.clear()
            if _identity(Path(place)) not in known:
                found.append(Path(place).relative_to(output).as_posix())
        below[:] = [name for name in below if name != WORK_FOLDER]
    return sorted(found)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def writeOutcome(folder: Path, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Write the record into a folder whose other files are all there; returns it, with the files and their hashes."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    files = [_entryOf(folder / name, name) for name in names if name != OUTCOME_FILE]
    complete = {"schemaVersion": SCHEMA_VERSION, **outcome, "files": files}
    text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / OUTCOME_FILE).write_text(text + "\n", encoding="utf-8")
    return complete


def publish(work: Path, target: Path, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Put a folder that is whole into its place; returns the record that is there afterwards.

    A finished case of the same inputs, settings and versions stays where it is, and ``work`` is removed; anything else
    that m3d batch has made there is replaced.

    :raises M3DError: the place is taken by a folder that m3d batch has not made, or cannot be written.
    """
    for _try in range(_MOST_TRIES):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(work, target)
            return dict(outcome)
        except OSError as error:
            if not target.exists():
                raise M3DError(f"The case cannot be put into '{target}': {error.strerror or error}.") from error
        there = _better(target, outcome)
        if there is not None:
            shutil.rmtree(work, ignore_errors=True)
            return there
        requireReplaceable(target)
        aside = work.with_name(f"{work.name}-old-{uuid.uuid4().hex[:8]}")
        try:
            os.rename(target, aside)
        except OSError:
            # Another worker has just done the same.
            continue
        shutil.rmtree(aside, ignore_errors=True)
    raise M3DError(f"The case cannot be put into '{target}': others write there all the time.")


def _better(target: Path, outcome: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of what is in a case's place already, when that is to stay there."""
    if outcome.get("fingerprint"):
        return finishedOutcome(target, outcome["fingerprint"])
    # A second worker that could not do what the first has done takes nothing away.
    there = readOutcome(target)
    return there if there is not None and there["run"] == outcome["run"] and there["verdict"] in FINISHED else None


def requireReplaceable(target: Path) -> None:
    """Refuse a folder that is there and was not made by ``m3d batch``.

    :raises M3DError: names it.
    """
    if not target.exists() or readOutcome(target) is not None:
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    raise M3DError(f"'{target}' was not made by m3d batch and is not replaced; move it, or choose another folder.")


def _entryOf(file: Path, name: str) -> dict[str, Any]:
    content = file.read_bytes()
    return {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
