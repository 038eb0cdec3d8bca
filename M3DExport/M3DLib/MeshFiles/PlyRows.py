"""The values of a PLY file's elements, row by row, as text or as bytes; lists may have another length in every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Errors import M3DError
from ..NumberText import plural

_SHORT = "This PLY file is cut short or damaged: it holds fewer values than its header announces ('{}')."


@dataclass
class PlyProperty:
    """:ivar type: numpy's name of the values' type. :ivar countType: that of a list's length; "" for no list."""

    name: str
    type: str
    countType: str = ""


def asciiRows(body: memoryview) -> AsciiRows:
    """Rows of a text file."""
    return AsciiRows(body)


def binaryRows(body: memoryview, order: str) -> BinaryRows:
    """Rows of a binary file; ``order`` is "<" or ">"."""
    return BinaryRows(body, order)


class AsciiRows:
    """One line for each row."""

    def __init__(self, body: memoryview):
        self._lines = [line for line in bytes(body).splitlines() if line.strip()]
        self._next = 0

    def remaining(self) -> str:
        """What is left after the last element, in words; "" when nothing is."""
        left = len(self._lines) - self._next
        return plural(left, "line") if left else ""

    def read(self, name: str, count: int, properties: list[PlyProperty], wanted: tuple[str, ...]) -> dict:
        """Wanted properties of the next rows: an array (n,) for a value, (values, lengths) for a list."""
        lines = self._lines[self._next : self._next + count]
        if len(lines) < count:
            raise M3DError(_SHORT.format(name))
        self._next += count
        if not wanted or not count:
            return {}
        try:
            rows = [line.split() for line in lines]
            if not any(part.countType for part in properties):
                table = np.array([row[: len(properties)] for row in rows], dtype="S").astype(np.float64)
                return {part.name: table[:, column] for column, part in enumerate(properties) if part.name in wanted}
            return _listsOfText(rows, properties, wanted)
        except (ValueError, IndexError) as error:
            raise M3DError(f"This PLY file has a value in '{name}' that is missing or cannot be read.") from error


def _listsOfText(rows: list[list[bytes]], properties: list[PlyProperty], wanted: tuple[str, ...]) -> dict:
    found: dict[str, tuple[list, list]] = {part.name: ([], []) for part in properties if part.name in wanted}
    for row in rows:
        place = 0
        for part in properties:
            length = int(row[place]) if part.countType else 1
            place += 1 if part.countType else 0
            if length < 0 or place + length > len(row):
                raise ValueError
            if part.name in found:
                found[part.name][0].extend(row[place : place + length])
                found[part.name][1].append(length)
            place += length
    result = {}
    for part in properties:
        if part.name in found:
            values, lengths = found[part.name]
            numbers = np.array(values, dtype="S" if values else "S1")
            if part.countType:
                result[part.name] = numbers.astype(np.int64), np.array(lengths, dtype=np.int64)
            else:
                result[part.name] = numbers.astype(np.float64)
    return result


class BinaryRows:
    """Rows of bytes without anything between them."""

    def __init__(self, body: memoryview, order: str):
        self._bytes = np.frombuffer(body, dtype=np.uint8) if len(body) else np.empty(0, np.uint8)
        self._order = order
        self._place = 0

    def remaining(self) -> str:
        """What is left after the last element, in words; "" when nothing is."""
        left = len(self._bytes) - self._place
        return plural(left, "byte") if left else ""

    def read(self, name: str, count: int, properties: list[PlyProperty], wanted: tuple[str, ...]) -> dict:
        """Wanted properties of the next rows: an array (n,) for a value, (values, lengths) for a list."""
        smallest = sum(np.dtype(part.countType or part.type).itemsize for part in properties)
        if count * smallest > len(self._bytes) - self._place:
            raise M3DError(_SHORT.format(name))
        if not properties:
            return {}
        lists = [part for part in properties if part.countType]
        if not lists or count == 0:
            return self._equalRows(count, properties, [0] * len(properties), wanted)
        lengths = self._lengths(self._place, properties, name)
        if self._allHave(lengths, count, properties):
            return self._equalRows(count, properties, lengths, wanted)
        return self._unequalRows(count, properties, wanted, name)

    def _lengths(self, place: int, properties: list[PlyProperty], name: str) -> list[int]:
        """Lengths of the lists in the row that begins at a place; 0 for values."""
        lengths = []
        for part in properties:
            if not part.countType:
                lengths.append(0)
                place += np.dtype(part.type).itemsize
                continue
            length, place = self._number(part.countType, place, name)
            if length < 0:
                raise M3DError(f"This PLY file is damaged: a list of '{name}' has the length {length}.")
            lengths.append(length)
            place += length * np.dtype(part.type).itemsize
        return lengths

    def _number(self, kind: str, place: int, name: str) -> tuple[int, int]:
        size = np.dtype(kind).itemsize
        if place + size > len(self._bytes):
            raise M3DError(_SHORT.format(name))
        return int(self._bytes[place : place + size].view(self._order + kind)[0]), place + size

    def _rowType(self, properties: list[PlyProperty], lengths: list[int]) -> np.dtype:
        fields = []
        for number, (part, length) in enumerate(zip(properties, lengths, strict=True)):
            if part.countType:
                fields.append((f"count{number}", self._order + part.countType))
                fields.append((f"value{number}", self._order + part.type, (length,)))
            else:
                fields.append((f"value{number}", self._order + part.type))
        return np.dtype(fields)

    def _allHave(self, lengths: list[int], count: int, properties: list[PlyProperty]) -> bool:
        """Whether every row has lists as long as those of the first."""
        kind = self._rowType(properties, lengths)
        if self._place + count * kind.itemsize > len(self._bytes):
            return False
        rows = self._bytes[self._place : self._place + count * kind.itemsize].view(kind)
        return all(
            bool((rows[f"count{number}"] == length).all())
            for number, (part, length) in enumerate(zip(properties, lengths, strict=True))
            if part.countType
        )

    def _equalRows(self, count, properties, lengths, wanted) -> dict:
        kind = self._rowType(properties, lengths)
        rows = self._bytes[self._place : self._place + count * kind.itemsize].view(kind) if count else np.empty(0, kind)
        self._place += count * kind.itemsize
        result = {}
        for number, (part, length) in enumerate(zip(properties, lengths, strict=True)):
            if part.name not in wanted:
                continue
            values = rows[f"value{number}"]
            if part.countType:
                result[part.name] = values.reshape(-1).astype(np.int64), np.full(count, length, np.int64)
            else:
                result[part.name] = values
        return result

    def _unequalRows(self, count, properties, wanted, name) -> dict:
        places = {part.name: ([], []) for part in properties if part.name in wanted}
        place = self._place
        for _ in range(count):
            for part in properties:
                length = 1
                if part.countType:
                    length, place = self._number(part.countType, place, name)
                size = length * np.dtype(part.type).itemsize
                if length < 0 or place + size > len(self._bytes):
                    raise M3DError(_SHORT.format(name))
                if part.name in places:
                    places[part.name][0].append(self._bytes[place : place + size])
                    places[part.name][1].append(length)
                place += size
        self._place = place
        result = {}
        for part in properties:
            if part.name in places:
                pieces, lengths = places[part.name]
                values = np.frombuffer(b"".join(piece.tobytes() for piece in pieces), dtype=self._order + part.type)
                if part.countType:
                    result[part.name] = values.astype(np.int64), np.array(lengths, dtype=np.int64)
                else:
                    result[part.name] = values
        return result
