"""The faces a report can have, and what they need."""

from __future__ import annotations

from M3DLib.Errors import M3DError

FORMATS = ("json", "html", "pdf", "sr")
SHOWING_PICTURES = {"html", "pdf"}


def formatsOf(text: str) -> tuple[str, ...]:
    """The formats in a list as "json,html", each once; JSON is always among them.

    :raises M3DError: one of them is unknown.
    """
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FORMATS]
    if unknown:
        raise M3DError(f"--formats: '{unknown[0]}' is unknown; choose from {', '.join(FORMATS)}.")
    return tuple(name for name in FORMATS if name in wanted or name == "json")


def requireFormats(formats: tuple[str, ...]) -> None:
    """Refuse formats whose library is missing, before any work is done.

    :raises M3DError: names the package to install.
    """
    import importlib.util

    problems = [
        f"The report as {name.upper()} needs the Python package {package}; install it with: pip install {package}"
        for name, package in (("html", "jinja2"), ("pdf", "typst"))
        if name in formats and importlib.util.find_spec(package) is None
    ]
    if problems:
        raise M3DError(problems)
