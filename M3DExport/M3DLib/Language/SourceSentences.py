"""The sentences of messages as they stand in the source of the libraries, for who has to find them again.

The libraries write their messages as f-strings: a sentence has numbered gaps in the places of its values, "Volume '{0}'
holds no image." for example.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

# Fewer letters than this make no sentence: a gap at whose sides nearly nothing stands would fit everything.
_LEAST_LETTERS = 12


@functools.cache
def sentencesOfLibraries() -> frozenset[str]:
    """Sentences of all messages of the libraries; read once, which takes a second or two."""
    specs = [importlib.util.find_spec(name) for name in ("M3DLib", "M3DValidationLib")]
    folders = [Path(folder) for spec in specs if spec is not None for folder in spec.submodule_search_locations]
    return frozenset(sentencesOf(*folders))


def sentencesOf(*folders: Path) -> Iterator[str]:
    """Sentences of the messages in the Python files of folders, with gaps numbered from 0 where values go."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                sentence = _sentenceOf(node)
                if len(re.findall("[a-z]", re.sub(r"\{\d+\}", "", sentence))) >= _LEAST_LETTERS:
                    yield sentence


def _sentenceOf(node: ast.AST) -> str:
    """The sentence of a text or f-string that ends like one, "" of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = [node.value.replace("{", "{{").replace("}", "}}")] if "{" in node.value else [node.value]
    elif isinstance(node, ast.JoinedStr):
        parts, gaps = [], 0
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            else:
                parts.append(f"{{{gaps}}}")
                gaps += 1
    else:
        return ""
    sentence = "".join(parts)
    return sentence if sentence.endswith(".") and "\n" not in sentence and sentence[:1].strip() else ""
