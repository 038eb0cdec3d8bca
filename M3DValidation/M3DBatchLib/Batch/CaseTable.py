"""The table of ``m3d batch``: a CSV or JSON file with a case per row, held against its published schema."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from M3DLib.Errors import M3DError

SCHEMA_FILE = Path(__file__).with_name("CaseTable.schema.json")
# Columns of millimeters.
LENGTHS = ("refine-range", "max-error")
_SEVERAL = ("segment", "references", "section-at")
_YES, _NO = ("yes", "true", "1", "x"), ("no", "false", "0")
_DELIMITERS = (",", ";", "\t")
_MOST_SHOWN = 40


@cache
def tableSchema() -> dict:
    """The schema of the table; do not change it."""
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


@cache
def columns() -> tuple[str, ...]:
    """Names of the columns, in the order of the schema."""
    return tuple(tableSchema()["$defs"]["case"]["properties"])


@dataclass
class CheckedTable:
    """Rows of a table and what is wrong with it.

    :ivar rows: as (number, values), each value as the schema has it. The number is that of the row in a spreadsheet,
        whose header is row 1; in JSON it counts the cases from 1.
    :ivar problems: a sentence each, with row and column.
    :ivar unsound: numbers of rows of which something could not be read, so that what seems to lack may not.
    """

    rows: list[tuple[int, dict[str, Any]]]
    problems: list[str]
    unsound: set[int]


def readTable(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Rows of a table in which nothing is wrong, see :class:`CheckedTable`.

    :raises M3DError: lists everything that is wrong, with row and column.
    """
    table = checkTable(file)
    if table.problems:
        raise M3DError(table.problems)
    return table.rows


def checkTable(file: Path) -> CheckedTable:
    """Read a table and hold it against its schema.

    :raises M3DError: it cannot be read at all.
    """
    if not file.is_file():
        raise M3DError(f"There is no table '{file}'.")
    text = _decoded(file)
    read = _fromJson if file.suffix.lower() == ".json" else _fromCsv
    rows, problems = read(text, file)
    # Without the names of all columns no row can be said to lack something.
    isWhole = not any(" column " in problem for problem in problems)
    unsound = set() if isWhole else {number for number, _values in rows}
    for number, values in rows:
        found = _schemaProblems(values)
        unsound |= {number} if found or any(problem.startswith(f"Row {number}:") for problem in problems) else set()
        hasNoId = isWhole or not any("no column 'id'" in problem for problem in problems)
        problems += [f"Row {number}: {one}" for one in found if hasNoId or not one.startswith("id is missing")]
        wrong = {re.match(r"[\w-]*", problem)[0] for problem in found}
        for name in wrong & set(values):
            del values[name]
    if not rows and not problems:
        problems = [f"The table '{file}' holds no case."]
    return CheckedTable(rows, problems, unsound)


def _decoded(file: Path) -> str:
    """Text of a table as UTF-8, or as the UTF-16 that Excel calls Unicode text."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise M3DError(f"The table '{file}' cannot be read: {error.strerror or error}.") from error
    encoding = "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in content[:4]:
        encoding = "utf-16-be" if content[0] == 0 else "utf-16-le"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise M3DError(
            f"The table '{file}' is not in UTF-8 (line {row}): save it as 'CSV UTF-8', so that no name is read wrongly."
        ) from error
    if "\x00" in text:
        raise M3DError(f"The table '{file}' is no text: it holds zero bytes. Give a CSV or JSON file.")
    return text


def _fromJson(text: str, file: Path) -> tuple[list[tuple[int, dict]], list[str]]:
    try:
        data = json.loads(text, object_pairs_hook=_onceEach)
    except (json.JSONDecodeError, RecursionError) as error:
        raise M3DError(f"The table '{file}' is not JSON: {error}.") from error
    except _Twice as error:
        raise M3DError(f"The table '{file}': '{error}' stands twice in one entry.") from error
    problems = []
    if isinstance(data, dict):
        problems = [f"'{name}' is not known beside 'cases'." for name in data if name not in ("cases", "$schema")]
        data = data.get("cases")
    if not isinstance(data, list):
        raise M3DError(f"The table '{file}' must be a list of cases, or an object with the list 'cases'.")
    rows = []
    for number, entry in enumerate(data, start=1):
        if not isinstance(entry, dict):
            problems.append(f"Row {number}: a case is an object with the columns {', '.join(columns())}.")
            continue
        problems += [f"Row {number}: {_unknown(name)}" for name in entry if name not in columns()]
        known = {name: value for name, value in entry.items() if name in columns()}
        rows.append((number, {name: _plain(name, value) for name, value in known.items() if not _isEmpty(value)}))
    return rows, problems


class _Twice(Exception):
    pass


def _onceEach(pairs: list[tuple[str, Any]]) -> dict:
    names = [name for name, _value in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _Twice(name)
    return dict(pairs)


def _isEmpty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _plain(name: str, value: Any) -> Any:
    """A value of JSON as the schema has it: numbers where a text is meant, one text where there may be several."""
    if isinstance(value, str):
        value = value.strip()
    if name in _SEVERAL and isinstance(value, str):
        return [value]
    isNumber = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isNumber and name in ("id", "series", "threshold"):
        return _numberText(value)
    return value


def _numberText(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _fromCsv(text: str, file: Path) -> tuple[list[tuple[int, dict]], list[str]]:
    text, delimiter = _delimiterOf(text)
    # Line ends are left to the reader, which keeps those within quotes.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows = _records(reader, file)
    header = [name.strip() for name in next(rows, (0, []))[1]]
    if not any(header):
        raise M3DError(f"The table '{file}' is empty; its first row holds the names of the columns.")
    problems = [f"Row 1: {_unknown(name)}" for name in dict.fromkeys(header) if name and name not in columns()]
    problems += [f"Row 1: the column '{name}' stands there twice." for name in columns() if header.count(name) > 1]
    if "id" not in header:
        problems.append("Row 1: there is no column 'id'.")
    names, header = header, [name if name in columns() else "" for name in header]
    found = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        more = [cell for cell in cells[len(header) :] if cell.strip()]
        if more:
            problems.append(
                f"Row {number}: there are more cells than columns ('{more[0].strip()[:_MOST_SHOWN]}'); put what holds "
                f"the character that separates the columns into quotes."
            )
        nameless = [cell for name, cell in zip(names, cells, strict=False) if not name and cell.strip()]
        problems += [
            f"Row {number}: '{cell.strip()[:_MOST_SHOWN]}' is in a column without a name." for cell in nameless
        ]
        values, wrong = _fromCells(dict(zip(header, cells, strict=False)))
        problems += [f"Row {number}: {one}" for one in wrong]
        found.append((number, values))
    return found, problems


def _delimiterOf(text: str) -> tuple[str, str]:
    """The text without a line that only names the delimiter, and the delimiter: the one that gives known columns."""
    declared = re.match(r"sep=(.)\r?\n", text)
    if declared:
        # The row of the spreadsheet is the one after this line, which spreadsheets do not show.
        return text[declared.end() :], declared[1]
    first = text.lstrip("\r\n").splitlines()[:1]
    line = first[0] if first else ""

    def known(delimiter: str) -> tuple[int, int]:
        names = [name.strip().strip('"') for name in line.split(delimiter)]
        return sum(name in columns() for name in names), len(names)

    return text, max(_DELIMITERS, key=known)


def _records(reader, file: Path) -> Iterator[tuple[int, list[str]]]:
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise M3DError(
                f"The table '{file}' cannot be read from row {number + 1} (line {reader.line_num}) on: {error}."
            ) from error
        number += 1
        yield number, cells


def _fromCells(cells: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Values of a row as the schema has them, and what cannot be read, in sentences."""
    values, problems = {}, []
    for name, cell in cells.items():
        text = cell.strip()
        if not text or not name:
            continue
        values[name] = text
        if name in _SEVERAL:
            values[name] = [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
            if not values[name]:
                problems.append(f"{name} holds nothing but separators.")
                del values[name]
        elif name == "largest":
            if re.fullmatch(r"\d{1,9}(\.0+)?", text):
                values[name] = int(float(text))
            else:
                problems.append(f"largest must be a whole number, not '{text[:_MOST_SHOWN]}'.")
                del values[name]
        elif name == "refine":
            if text.lower() in (*_YES, *_NO):
                values[name] = text.lower() in _YES
            else:
                problems.append(f"refine must be yes or no, not '{text[:_MOST_SHOWN]}'.")
                del values[name]
        elif name in LENGTHS:
            if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
                values[name] = float(text)
            else:
                problems.append(
                    f"{name} must be millimeters as a number with a decimal point, as 0.5, not '{text[:_MOST_SHOWN]}'."
                )
                del values[name]
    return values, problems


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name.lower().strip(), columns(), 1, 0.6)
    meant = f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(columns())}."
    return f"the column '{name}' is not known. {meant}"


def _schemaProblems(values: dict[str, Any]) -> list[str]:
    from M3DValidationLib.SchemaValidation import schemaProblems

    schema = tableSchema()
    problems = schemaProblems(values, schema["$defs"]["case"], "", schema)
    return [_inWords(problem, values) for problem in problems]


def _inWords(problem: str, values: dict[str, Any]) -> str:
    """A problem of a pattern, which nobody can read, as what is wanted."""
    name = problem.partition(" ")[0]
    if " must match " in problem and name == "threshold":
        return f"threshold must be LOW or LOW:HIGH, as 300 or 300:2000, not '{values[name][:_MOST_SHOWN]}'."
    if " must match " in problem and name == "series":
        return f"series must be a number or a UID, not '{values[name][:_MOST_SHOWN]}'."
    return problem
