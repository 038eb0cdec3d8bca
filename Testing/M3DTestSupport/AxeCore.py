"""What axe-core, by npm, finds of a page's accessibility."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_PACKAGE = "axe-core@4"


@functools.cache
def axeSource():
    """The library's script; the test is skipped where npm is missing or cannot fetch it."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which fetches axe-core, is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", _PACKAGE]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        script = Path(folder) / "node_modules" / "axe-core" / "axe.min.js"
        if done.returncode or not script.exists():
            pytest.skip("npm cannot fetch axe-core here")
        return script.read_text(encoding="utf-8")


def violations(page):
    """Rules that an open :class:`ChromiumPage` breaks, each with the elements it is about."""
    page.evaluate(f"{axeSource()}; 0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return {entry["id"]: [node["html"][:120] for node in entry["nodes"]][:5] for entry in found}
