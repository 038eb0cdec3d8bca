"""Validates JSON data against the published schemas, as far as they use JSON Schema; Slicer bundles no library for it.

The keywords used by this project's schemas are understood: type, const, enum, properties, required,
additionalProperties, propertyNames, items, minItems, minLength, pattern, minimum, exclusiveMinimum, maximum, $ref into
$defs. A schema that uses another keyword is refused, so that nothing is silently left unchecked.
"""

from __future__ import annotations

import math
import re
from typing import Any

_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "examples"}


def schemaProblems(data: Any, schema: dict, path: str = "", root: dict | None = None) -> list[str]:
    """What is wrong with ``data``: one sentence each that begins with the JSON path of the wrong entry.

    :param path: path of ``data`` in the whole document ("requirements.slice-thickness").
    :raises NotImplementedError: the schema uses a keyword that is not understood here.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return schemaProblems(data, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], path, root)
    where = path or "the file"
    if "type" in schema:
        allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_isOfType(data, name) for name in allowed):
            return [f"{where} must be {' or '.join(allowed)}, not {_shown(data)}."]
    problems = []
    for keyword, value in schema.items():
        if keyword in _ANNOTATIONS or keyword == "type":
            continue
        if keyword not in _KEYWORDS:
            raise NotImplementedError(f"JSON Schema keyword '{keyword}' is not understood.")
        problems += _KEYWORDS[keyword](data, value, path, schema, root)
    return problems


def _isOfType(data: Any, name: str) -> bool:
    if name in ("number", "integer"):
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
            return False
        return name == "number" or float(data).is_integer()
    return isinstance(data, _TYPES[name])


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _join(path: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _properties(data, value, path, schema, root):
    if not isinstance(data, dict):
        return []
    return [
        problem
        for name, part in value.items()
        if name in data
        for problem in schemaProblems(data[name], part, _join(path, name), root)
    ]


def _additionalProperties(data, value, path, schema, root):
    if not isinstance(data, dict):
        return []
    known = schema.get("properties", {})
    others = [name for name in data if name not in known]
    if value is False:
        return [f"{_join(path, name)} is not known here; allowed are {', '.join(known)}." for name in others]
    if value is True:
        return []
    return [problem for name in others for problem in schemaProblems(data[name], value, _join(path, name), root)]


def _required(data, value, path, schema, root):
    if not isinstance(data, dict):
        return []
    return [f"{_join(path, name)} is missing." for name in value if name not in data]


def _propertyNames(data, value, path, schema, root):
    if not isinstance(data, dict):
        return []
    return [
        f"{_join(path, name)} is not a known name; allowed are {', '.join(value['enum'])}."
        for name in data
        if "enum" in value and name not in value["enum"]
    ]


def _items(data, value, path, schema, root):
    if not isinstance(data, list):
        return []
    return [p for index, item in enumerate(data) for p in schemaProblems(item, value, _join(path, index), root)]


def _when(applies, violated, sentence):
    """A keyword that compares: ``applies(data)``, ``violated(data, value)``, and what must hold in words."""

    def check(data, value, path, schema, root):
        if applies(data) and violated(data, value):
            return [f"{path or 'the file'} must {sentence.format(value)}, not {_shown(data)}."]
        return []

    return check


def _isNumber(data: Any) -> bool:
    return _isOfType(data, "number")


def _isText(data: Any) -> bool:
    return isinstance(data, str)


def _enum(data, value, path, schema, root):
    if data in value:
        return []
    return [f"{path or 'the file'} must be one of {', '.join(map(str, value))}, not {_shown(data)}."]


_KEYWORDS = {
    "properties": _properties,
    "additionalProperties": _additionalProperties,
    "required": _required,
    "propertyNames": _propertyNames,
    "items": _items,
    "enum": _enum,
    "const": _when(lambda data: True, lambda data, value: data != value, "be {}"),
    "minItems": _when(lambda data: isinstance(data, list), lambda data, value: len(data) < value, "have {} items"),
    "minLength": _when(_isText, lambda data, value: len(data) < value, "have at least {} characters"),
    "pattern": _when(_isText, lambda data, value: re.search(value, data) is None, "match {}"),
    "minimum": _when(_isNumber, lambda data, value: data < value, "be at least {}"),
    "exclusiveMinimum": _when(_isNumber, lambda data, value: data <= value, "be greater than {}"),
    "maximum": _when(_isNumber, lambda data, value: data > value, "be at most {}"),
}
