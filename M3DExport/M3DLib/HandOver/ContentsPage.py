"""The page of contents of a package, to be read in any browser, and the same as JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

from ..Software import NAME, VERSION

PAGE, DATA = "contents.html", "contents.json"
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3em .6em;text-align:left}"
    "td.n{text-align:right}code{font-size:90%}@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}}"
)
_HOW_TO_CHECK = (
    "<p>Each file is named with its SHA-256 in <code>manifest-sha256.txt</code> or <code>tagmanifest-sha256.txt</code> "
    "(BagIt, RFC 8493). <code>m3d verify</code> compares them all; so does any program that knows BagIt. Signatures "
    "(<code>.p7s</code>) are CMS, for <code>openssl cms -verify</code>.</p>"
)
NOT_DONE = (
    "The day of a scan that was packed on the same day cannot be told from the day of the package.",
    "Pixels of images were neither changed nor searched: a scan of a head shows a face.",
    "Words that stand in every report, as many family names do, are looked for beside the other parts of a name only.",
    "Who sees the same anatomy elsewhere can recognize it by its shape.",
    "What the originals' headers do not say cannot be searched for.",
)


def contentsFiles(
    title: str,
    entries: Sequence[Mapping[str, str]],
    facts: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    anonymous: bool,
) -> dict[str, bytes]:
    """The page and its JSON by their names.

    :param title: of the package.
    :param entries: of each file: "file", "what", and "remark" where there is one.
    :param facts: of the whole, as name to text.
    :param sizes: bytes by the name of the file.
    :param anonymous: whether the identity was taken out, with what that does not cover.
    """
    data = {"title": title, "software": f"{NAME} {VERSION}", "facts": dict(facts), "files": list(entries)}
    if anonymous:
        data["notCovered"] = list(NOT_DONE)
    rows = [_row(entry, sizes) for entry in entries]
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        "<table>",
        *(f"<tr><th>{_text(key)}</th><td>{_text(value)}</td></tr>" for key, value in facts.items()),
        "</table>",
        "<h2>Files</h2>",
        "<table><tr><th>file</th><th>what it is</th><th>bytes</th></tr>",
        *rows,
        "</table>",
    ]
    if anonymous:
        lines += ["<h2>What the de-identification does not cover</h2><ul>"]
        lines += [f"<li>{_text(sentence)}</li>" for sentence in NOT_DONE]
        lines += ["</ul>"]
    lines += [
        "<h2>How to check this package</h2>",
        _HOW_TO_CHECK,
        "</body></html>",
    ]
    page = "\n".join(lines).encode("utf-8")
    return {PAGE: page, DATA: json.dumps(data, indent=2, ensure_ascii=False).encode("utf-8")}


def _row(entry: Mapping[str, str], sizes: Mapping[str, int]) -> str:
    name = entry["file"]
    link = f'<a href="{html.escape(name, quote=True)}">{_text(name)}</a>'
    what = entry["what"] + (f". {entry['remark']}" if entry.get("remark") else "")
    return f'<tr><td>{link}</td><td>{_text(what)}</td><td class="n">{sizes.get(name, 0)}</td></tr>'


def _text(value: str) -> str:
    return html.escape(str(value))
