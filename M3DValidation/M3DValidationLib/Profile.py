"""Profiles: which requirements hold for an intended use, with which limits, and where these come from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from M3DLib.Errors import M3DError

from .Requirement import AT_LEAST, AT_MOST, STATED, Requirement
from .SchemaValidation import schemaProblems

DEFAULT_PROFILE = "anatomical-model"
_HERE = Path(__file__).parent
_LIMITS = ("passLimit", "warningLimit", "parameters")


@dataclass(frozen=True)
class Profile:
    """The requirements of one intended use.

    :ivar name: "implant"; of a site's own file what it calls itself.
    :ivar requirements: by id, in the order of the catalogue; a requirement that is not here is not asked for.
    :ivar toleranceMm: how far the model's surface may lie from the anatomy, mm.
    :ivar toleranceSource: where that comes from.
    :ivar sha256: hash of everything that was read to make it, so that a report can name exactly what it was judged by.
    """

    name: str
    title: str
    version: str
    requirements: dict[str, Requirement]
    toleranceMm: float
    toleranceSource: str
    description: str = ""
    base: str = ""
    sha256: str = ""
    file: Path | None = field(default=None, compare=False)

    def requirement(self, identifier: str) -> Requirement | None:
        """The requirement, None when this profile does not ask for it.

        :raises KeyError: no requirement of this id exists at all, a mistake in the program.
        """
        if identifier not in loadCatalogue():
            raise KeyError(identifier)
        return self.requirements.get(identifier)

    def asDict(self) -> dict:
        """Name, version and hash for reports, with all limits."""
        return {
            "name": self.name,
            "title": self.title,
            "version": self.version,
            "base": self.base,
            "sha256": self.sha256,
            "tolerance": {"value": self.toleranceMm, "source": self.toleranceSource},
            "requirements": {
                requirement.id: {
                    "title": requirement.title,
                    "clause": requirement.clause,
                    "sense": requirement.sense,
                    "passLimit": requirement.passLimit,
                    "warningLimit": requirement.warningLimit,
                    "unit": requirement.unit,
                    "severity": requirement.severity,
                    "required": requirement.required,
                    "source": requirement.source,
                    "seeAlso": list(requirement.seeAlso),
                    "parameters": dict(requirement.parameters),
                }
                for requirement in self.requirements.values()
            },
        }


_catalogue: dict[str, Requirement] = {}


def loadCatalogue() -> dict[str, Requirement]:
    """Every requirement there is, by id, with the limits of the default profile; read once."""
    if not _catalogue:
        schema = _readSchema("Requirement")
        for file in sorted((_HERE / "Requirements").glob("*.json")):
            entries = _readJson(file)
            problems = schemaProblems(entries, schema)
            problems += [f"{entry['id']} is there twice." for entry in entries if entry["id"] in _catalogue]
            if problems:
                raise M3DError([f"{file.name}: {problem}" for problem in problems])
            for entry in entries:
                _catalogue[entry["id"]] = Requirement(**{**entry, "seeAlso": tuple(entry.get("seeAlso", ()))})
    return dict(_catalogue)


def profileNames() -> list[str]:
    """Names of the built-in profiles, the default one first."""
    names = sorted(file.stem for file in (_HERE / "Profiles").glob("*.json"))
    return [DEFAULT_PROFILE, *(name for name in names if name != DEFAULT_PROFILE)]


def loadProfile(nameOrFile: str | Path = DEFAULT_PROFILE) -> Profile:
    """A built-in profile by name, or a site's own profile from a JSON file.

    :raises M3DError: no such profile or file, or a file with wrong entries; names the JSON path of each and what is
        allowed there.
    """
    name = str(nameOrFile)
    if name in profileNames():
        return _loadFile(_HERE / "Profiles" / f"{name}.json")
    file = Path(nameOrFile)
    if not file.is_file():
        raise M3DError(
            f"There is no profile and no file '{name}'; the built-in profiles are {', '.join(profileNames())}."
        )
    return _loadFile(file)


def _readSchema(name: str) -> dict:
    return json.loads((_HERE / f"{name}.schema.json").read_text(encoding="utf-8"))


def _readJson(file: Path):
    def unique(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise M3DError(f"{file} has the entry {', '.join(twice)} twice in one object; keep one of them.")
        return dict(pairs)

    try:
        return json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=unique)
    except OSError as error:
        raise M3DError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise M3DError(f"{file} is not a text file in UTF-8.") from error
    except json.JSONDecodeError as error:
        raise M3DError(f"{file} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise M3DError(f"{file} is not a profile: its entries are nested too deeply.") from error


def _loadFile(file: Path) -> Profile:
    return profileOfData(readProfileData(file), str(file), file)


def readProfileData(file: Path) -> dict:
    """What a profile's file says, not checked yet.

    :raises M3DError: the file cannot be read or is not JSON.
    """
    return _readJson(file)


def profileOfData(data: dict, where: str, file: Path | None = None) -> Profile:
    """The profile that a file, or whoever has changed limits, describes.

    :param data: by ``Profile.schema.json``.
    :param where: what the data came from, for the messages.
    :raises M3DError: wrong entries, as :func:`loadProfile` does.
    """
    problems = schemaProblems(data, _readSchema("Profile"))
    if isinstance(data, dict):
        problems += _meaningProblems(data)
    if problems:
        raise M3DError([f"{where}: {problem}" for problem in problems])
    catalogue = loadCatalogue()
    base = loadProfile(data["base"]) if "base" in data else None
    start = base.requirements if base else {}
    changes = data.get("requirements", {})
    # The default profile is the catalogue itself.
    isDefault = file == _HERE / "Profiles" / f"{DEFAULT_PROFILE}.json"
    held = set(start) | set(changes) | (set(catalogue) if isDefault else set())
    held -= {name for name, change in changes.items() if change.get("enabled") is False}
    requirements = {
        name: _changed(start.get(name, entry), changes.get(name, {}))
        for name, entry in catalogue.items()
        if name in held
    }
    _checkLimits(requirements, where)
    tolerance = data.get("tolerance") or {"value": base.toleranceMm, "source": base.toleranceSource}
    content = json.dumps([[r.id, repr(r)] for r in requirements.values()] + [data, tolerance], sort_keys=True)
    return Profile(
        name=data["profile"],
        title=data["title"],
        version=data["version"],
        requirements=requirements,
        toleranceMm=float(tolerance["value"]),
        toleranceSource=tolerance["source"],
        description=data.get("description", ""),
        base=data.get("base", ""),
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        file=file,
    )


def _meaningProblems(data: dict) -> list[str]:
    """What a schema cannot say: names that exist, and limits with their source."""
    problems = []
    catalogue = loadCatalogue()
    if "base" in data and data["base"] not in profileNames():
        problems.append(f"base must be one of {', '.join(profileNames())}, not '{data['base']}'.")
    if "base" not in data and "tolerance" not in data:
        problems.append("tolerance is missing; a profile without a base needs its own.")
    changes = data.get("requirements", {})
    for name, change in changes.items() if isinstance(changes, dict) else ():
        path = f"requirements.{name}"
        if name not in catalogue:
            problems.append(f"{path} is not a known requirement; allowed are {', '.join(catalogue)}.")
            continue
        if not isinstance(change, dict):
            continue
        if any(key in change for key in _LIMITS) and "source" not in change:
            problems.append(f"{path}.source is missing; whoever changes a limit says where it comes from.")
        if catalogue[name].sense == STATED and any(change.get(key) is not None for key in _LIMITS[:2]):
            problems.append(f"{path} has no limit that could be set: its check says yes or no itself.")
        parameters = change.get("parameters", {})
        known = catalogue[name].parameters
        for key in parameters if isinstance(parameters, dict) else ():
            if key not in known:
                allowed = f"allowed are {', '.join(known)}" if known else "this requirement has none"
                problems.append(f"{path}.parameters.{key} is not known; {allowed}.")
    return problems


def _changed(requirement: Requirement, change: dict) -> Requirement:
    values = {key: value for key, value in change.items() if key not in ("enabled", "parameters")}
    if "passLimit" in values and "warningLimit" not in values:
        # The base's warning zone belongs to the base's limit; it stays only where it still lies beyond the new one.
        values["warningLimit"] = requirement.warningLimit if _isOrdered(replace(requirement, **values)) else None
    if "parameters" in change:
        values["parameters"] = {**requirement.parameters, **change["parameters"]}
    return replace(requirement, **values)


def _isOrdered(requirement: Requirement) -> bool:
    """Whether the warning limit, where there is one, is the less strict of the two."""
    low, high = requirement.passLimit, requirement.warningLimit
    if high is None:
        return True
    if low is None:
        return False
    return {AT_MOST: low <= high, AT_LEAST: low >= high}.get(requirement.sense, True)


def _checkLimits(requirements: dict[str, Requirement], where: str) -> None:
    problems = [
        f"{where}: requirements.{requirement.id}.warningLimit ({requirement.warningLimit:g}) must not be stricter than "
        f"passLimit ({requirement.passLimit if requirement.passLimit is None else format(requirement.passLimit, 'g')})."
        for requirement in requirements.values()
        if not _isOrdered(requirement)
    ]
    if problems:
        raise M3DError(problems)
