"""Limits that a user changes for a run, and saves as a profile of a name of its own."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from M3DLib.Errors import M3DError

from .Profile import Profile, loadProfile, profileNames, profileOfData, readProfileData

CHANGED_BY = "Set by the user for this run"


def changedProfile(
    profile: Profile, limits: Mapping[str, tuple[float | None, float | None]], tolerance: float | None = None
) -> Profile:
    """A profile with other limits for one run, named so; the profile itself when nothing differs.

    :param limits, tolerance: as in :func:`changedProfileData`.
    :raises M3DError: a limit that does not fit its requirement.
    """
    data = changedProfileData(profile, limits, tolerance)
    return profile if data is None else profileOfData(data, f"profile '{data['profile']}'")


def changedProfileData(
    profile: Profile,
    limits: Mapping[str, tuple[float | None, float | None]],
    tolerance: float | None = None,
    *,
    name: str = "",
    title: str = "",
    source: str = CHANGED_BY,
) -> dict | None:
    """The file of a profile with other limits as JSON values; None when nothing differs and no name is given.

    :param limits: pass limit and warning limit by the requirement's id, in its unit; those that are as in the profile
        count as not changed.
    :param tolerance: mm; the profile's when None.
    :param name: of the new profile; that of the old one with "-changed" when empty.
    :param source: where the changed limits come from.
    """
    changes = {
        id_: {"passLimit": low, "warningLimit": high, "source": source}
        for id_, (low, high) in limits.items()
        if id_ in profile.requirements
        and (low, high) != (profile.requirements[id_].passLimit, profile.requirements[id_].warningLimit)
    }
    newTolerance = tolerance is not None and tolerance != profile.toleranceMm
    if not changes and not newTolerance and not name:
        return None
    builtIn = profile.name in profileNames() and profile.file == loadProfile(profile.name).file
    data = {"base": profile.name} if builtIn else dict(readProfileData(profile.file))
    data |= {
        "profile": name or f"{profile.name}-changed",
        "title": title or (profile.title if name else f"{profile.title}, limits changed"),
        "version": "1" if name else profile.version,
        "description": profile.description,
    }
    if newTolerance:
        data["tolerance"] = {"value": tolerance, "source": source}
    kept = data.get("requirements", {})
    merged = {**kept, **{id_: {**kept.get(id_, {}), **change} for id_, change in changes.items()}}
    if merged:
        data["requirements"] = merged
    return data


def profileNameOf(title: str) -> str:
    """A name for a profile from what a user calls it: small letters, digits and hyphens.

    :raises M3DError: nothing is left of it, or a built-in profile has that name.
    """
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-")
    if not name:
        raise M3DError(f"'{title}' cannot be the name of a profile; use letters or digits.")
    if name in profileNames():
        raise M3DError(f"'{name}' is a built-in profile; choose another name.")
    return name


def saveProfile(data: Mapping, folder: Path) -> Path:
    """Write a profile into a folder, made if needed, under its own name; one of the same name is replaced.

    :return: the file.
    :raises M3DError: the profile is wrong, or the folder cannot be written; nothing half-written stays behind.
    """
    profileOfData(dict(data), f"profile '{data.get('profile')}'")
    file = folder / f"{data['profile']}.json"
    temporary = folder / f".{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        loadProfile(temporary)
        os.replace(temporary, file)
    except OSError as error:
        raise M3DError(f"The profile cannot be written to {folder}: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return file


def siteProfiles(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The profiles saved in a folder by name, and what is wrong with those files there that are none."""
    found, problems = {}, []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found[loadProfile(file).name] = file
        except M3DError as error:
            problems += error.problems
    return found, problems
