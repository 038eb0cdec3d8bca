"""HTML pages from templates: one set of rules for all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .Errors import M3DError

if TYPE_CHECKING:
    from jinja2 import Environment


def pageTemplates(folder: Path, page: str, prepared: Callable[[str], str] = str) -> Environment:
    """Where the templates of a folder come from.

    What is filled in is text and never markup, and a name that nobody filled is an error rather than an empty place.

    :param page: what is made, as an error names it: "A report in HTML".
    :param prepared: what becomes of a template's text before it is read: its translation, for example.
    :raises M3DError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise M3DError(f"{page} needs Jinja2; install it with: pip install jinja2") from error
    return Environment(
        loader=FunctionLoader(lambda name: prepared((folder / name).read_text(encoding="utf-8"))),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
