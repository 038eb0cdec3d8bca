"""Reference distances and calibration objects as a user writes them down: CSV, JSON, or Slicer's line markups.

CSV, with a header line; the last four columns may be missing or empty, several caliper readings are separated by
";" or "|" (only "|" where the columns themselves are separated by ";")::

    name,x1,y1,z1,x2,y2,z2,nominal,tolerance,printed,space
    bar length,-25.0,10.2,80.0,25.1,10.2,80.0,50,1,49.8;49.9,LPS

JSON::

    {"coordinateSystem": "LPS",
     "distances": [{"name": "bar length", "start": [-25, 10.2, 80], "end": [25.1, 10.2, 80],
                    "nominal": 50, "tolerance": 1, "printed": [49.8, 49.9]}],
     "objects": [{"name": "bar", "kind": "box", "near": [0, 10, 80], "size": [50, 20, 20]},
                 {"name": "ball", "kind": "sphere", "near": [40, 0, 80], "size": [25.4]},
                 {"name": "rod", "kind": "cylinder", "near": [0, 60, 80], "size": [20, null]}]}

Sizes are in mm: of a box (bar, plate) its edges in any order, of a sphere its diameter, of a cylinder its diameter and
length; null is a size that is not known. Points are LPS mm unless "RAS" is said.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.TextFile import readTextFile

KINDS = {"box": 3, "bar": 3, "plate": 3, "sphere": 1, "cylinder": 2, "rod": 2}
_COLUMNS = ("name", "x1", "y1", "z1", "x2", "y2", "z2")


@dataclass
class ReferenceDistance:
    """A distance to be measured in image, mesh and print.

    :ivar start, end: float64 (3,), LPS mm, near the two surfaces the distance runs between.
    :ivar nominalMm: what it should be, None when not known.
    :ivar toleranceMm: allowed deviation; None for the profile's.
    :ivar printedMm: caliper readings on the printed part.
    """

    name: str
    start: np.ndarray
    end: np.ndarray
    nominalMm: float | None = None
    toleranceMm: float | None = None
    printedMm: list[float] = field(default_factory=list)


@dataclass
class CalibrationObject:
    """A body of known size that was scanned with the patient.

    :ivar kind: "box", "sphere" or "cylinder".
    :ivar near: float64 (3,), a point inside it, LPS mm.
    :ivar sizes: edges of a box, diameter of a sphere, diameter and length of a cylinder, mm; None where not known.
    """

    name: str
    kind: str
    near: np.ndarray
    sizes: list[float | None]


def readReferences(file: Path | str) -> tuple[list[ReferenceDistance], list[CalibrationObject]]:
    """Distances and objects in a ``.csv``, ``.json`` or ``.mrk.json`` file (the format: see above).

    :raises M3DError: every entry that is wrong, with its place in the file.
    """
    path = Path(file)
    text = readTextFile(path)
    problems: list[str] = []
    if path.suffix.lower() == ".csv":
        distances, objects = _fromCsv(text, problems), []
    elif path.suffix.lower() == ".json":
        try:
            data = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise M3DError(f"'{path}' is not JSON: {error}.") from error
        if not isinstance(data, dict):
            raise M3DError(f"'{path}' must hold a JSON object with 'distances', 'objects' or Slicer's 'markups'.")
        name = path.name.removesuffix(".json").removesuffix(".mrk")
        distances, objects = _fromMarkups(data, name, problems) if "markups" in data else _fromJson(data, problems)
    else:
        raise M3DError(f"'{path}' must be a .csv, .json or .mrk.json file.")
    if problems:
        raise M3DError([f"'{path}': {problem}" for problem in problems])
    if not distances and not objects:
        raise M3DError(f"'{path}' holds no reference distance and no calibration object.")
    return distances, objects


def _fromCsv(text: str, problems: list[str]) -> list[ReferenceDistance]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return []
    # A spreadsheet set to a language with decimal commas separates by semicolons.
    separator = ";" if lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    reader.fieldnames = [(name or "").strip().lower() for name in reader.fieldnames or []]
    missing = [column for column in _COLUMNS if column not in reader.fieldnames]
    if missing:
        problems.append(f"the header lacks the column {', '.join(missing)}.")
        return []
    distances = []
    for number, row in enumerate(reader, start=2):
        where = f"row {number}"
        values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
        if separator == ";":
            values = {key: value.replace(",", ".") if key != "name" else value for key, value in values.items()}
        printed = [part for part in values.get("printed", "").replace("|", ";").split(";") if part.strip()]
        entry = {
            "name": values["name"],
            "start": [values[key] for key in ("x1", "y1", "z1")],
            "end": [values[key] for key in ("x2", "y2", "z2")],
            "nominal": values.get("nominal") or None,
            "tolerance": values.get("tolerance") or None,
            "printed": printed,
        }
        distance = _distance(entry, values.get("space") or "LPS", where, problems)
        if distance is not None:
            distances.append(distance)
    return distances


def _fromJson(data: dict, problems: list[str]) -> tuple[list[ReferenceDistance], list[CalibrationObject]]:
    space = data.get("coordinateSystem", "LPS")
    for key in set(data) - {"coordinateSystem", "distances", "objects"}:
        problems.append(f"'{key}' is not known; allowed are coordinateSystem, distances, objects.")
    distances, objects = [], []
    for name, entries, make, target in (
        ("distances", data.get("distances", []), _distance, distances),
        ("objects", data.get("objects", []), _object, objects),
    ):
        if not isinstance(entries, list):
            problems.append(f"{name} must be a list.")
            continue
        for number, entry in enumerate(entries):
            where = f"{name}[{number}]"
            if not isinstance(entry, dict):
                problems.append(f"{where} must be an object.")
                continue
            made = make(entry, space, where, problems)
            if made is not None:
                target.append(made)
    return distances, objects


def _fromMarkups(data: dict, name: str, problems: list[str]) -> tuple[list[ReferenceDistance], list[CalibrationObject]]:
    """Lines of a Slicer markups file; they have no nominal value."""
    distances = []
    markups = data["markups"] if isinstance(data["markups"], list) else []
    lines = [entry for entry in markups if isinstance(entry, dict) and entry.get("type") == "Line"]
    for number, line in enumerate(lines):
        points = [point.get("position") for point in line.get("controlPoints", []) if isinstance(point, dict)]
        where = f"markups[{number}]"
        if len(points) != 2:
            problems.append(f"{where} has {plural(len(points), 'point')}; a line has two.")
            continue
        title = line.get("name") or (name if len(lines) == 1 else f"{name} {number + 1}")
        entry = {"name": title, "start": points[0], "end": points[1]}
        distance = _distance(entry, line.get("coordinateSystem", "LPS"), where, problems)
        if distance is not None:
            distances.append(distance)
    return distances, []


def _distance(entry: dict, space: str, where: str, problems: list[str]) -> ReferenceDistance | None:
    before = len(problems)
    start, end = (_point(entry.get(key), space, f"{where}.{key}", problems) for key in ("start", "end"))
    nominal = _number(entry.get("nominal"), f"{where}.nominal", problems)
    tolerance = _number(entry.get("tolerance"), f"{where}.tolerance", problems)
    printed = entry.get("printed") or []
    printed = printed if isinstance(printed, list) else [printed]
    readings = [_number(value, f"{where}.printed", problems) for value in printed]
    if len(problems) > before:
        return None
    if np.linalg.norm(end - start) < 1e-3:
        problems.append(f"{where}: start and end are the same point.")
        return None
    name = str(entry.get("name") or where)
    return ReferenceDistance(name, start, end, nominal, tolerance, [value for value in readings if value is not None])


def _object(entry: dict, space: str, where: str, problems: list[str]) -> CalibrationObject | None:
    before = len(problems)
    kind = entry.get("kind")
    near = _point(entry.get("near"), space, f"{where}.near", problems)
    sizes = entry.get("size")
    sizes = sizes if isinstance(sizes, list) else [sizes]
    values = [_number(value, f"{where}.size", problems) for value in sizes]
    if kind not in KINDS:
        problems.append(f"{where}.kind is '{kind}'; allowed are {', '.join(KINDS)}.")
    elif len(values) > KINDS[kind]:
        problems.append(f"{where}.size has {plural(len(values), 'value')}; a {kind} has at most {KINDS[kind]}.")
    if not any(value is not None for value in values):
        problems.append(f"{where}.size must hold at least one size in mm.")
    if len(problems) > before:
        return None
    shape = {"bar": "box", "plate": "box", "rod": "cylinder"}.get(kind, kind)
    values += [None] * (KINDS[kind] - len(values))
    return CalibrationObject(str(entry.get("name") or where), shape, near, values)


def _point(value, space: str, where: str, problems: list[str]) -> np.ndarray | None:
    try:
        point = np.array([float(part) for part in value], dtype=np.float64)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        problems.append(f"{where} must be three numbers, not {value!r}.")
        return None
    if str(space).upper() not in ("LPS", "RAS"):
        problems.append(f"{where}: the coordinate system '{space}' is unknown; allowed are LPS and RAS.")
        return None
    return point * ((-1, -1, 1) if str(space).upper() == "RAS" else 1)


def _number(value, where: str, problems: list[str]) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        problems.append(f"{where} must be a number above 0, not {value!r}.")
        return None
    return number
