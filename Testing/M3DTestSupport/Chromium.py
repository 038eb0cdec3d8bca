"""Opens a page in headless Chromium and says what the browser says of it."""

import re
import shutil
import subprocess

import pytest

# WebGL without a graphics card, asked for by name: the browser warns of falling back to it by itself.
SOFTWARE_GRAPHICS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

# Where the browser looks for updates, dictionaries and the time on its own account.
_OWN_HOSTS = (".google.com", ".googleapis.com", ".gvt1.com")


def requireChromium():
    """Path of the browser; the test is skipped when there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("Chromium is not installed")
    return None


def browserCommand(folder):
    """Start of a command line for the browser without a window; every host name leads nowhere.

    :param folder: for the browser's profile.
    """
    return [
        requireChromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
    ]


def openPage(file, folder, width=1200, height=2000):
    """Open a file; what came of it.

    Every host name leads nowhere, and the browser's own log of requests is kept.

    :param folder: an empty one for the browser's profile.
    :return: the page's HTML after its scripts have run, the console's messages, the addresses of all requests that left
        the file, and the screenshot's path.
    """
    screenshot = folder / "screenshot.png"
    log = folder / "net.json"
    common = [
        *browserCommand(folder),
        *SOFTWARE_GRAPHICS,
        "--enable-logging=stderr",
        "--v=0",
        f"--window-size={width},{height}",
    ]
    shown = subprocess.run(
        [*common, f"--log-net-log={log}", "--dump-dom", f"--screenshot={screenshot}", file.as_uri()],
        capture_output=True,
        check=True,
        timeout=120,
    )
    errors = shown.stderr.decode("utf-8", "replace")
    console = [line for line in errors.splitlines() if "CONSOLE" in line]
    requests = re.findall(r'"url":"((?:https?|wss?|ftp)://[^"]*)"', log.read_text(encoding="utf-8", errors="replace"))
    requests = [url for url in requests if not url.split("/")[2].endswith(_OWN_HOSTS)]
    return shown.stdout.decode("utf-8"), console, requests, screenshot
