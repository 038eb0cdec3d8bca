"""The servers of a site by name: tables ``[pacs.NAME]`` of the settings file."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...Errors import M3DError
from ..Servers.PacsServer import DEFAULT_CALLING_AET, PacsServer, dicomWebServer, dimseServer

SETTINGS_FILE = "m3d.toml"
_TEXTS = ("url", "dimse", "aet", "ca-file", "client-cert", "client-key", "user", "retrieve", "move-destination")
_SWITCHES = ("tls", "token")
_KEYS = (*_TEXTS, *_SWITCHES, "listen", "timeout", "attempts")
_SECRETS = ("password", "passwd", "secret", "bearer")
PROTOCOLS = ("dicomweb", "dimse")


def searchedFiles(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where a file of settings is looked for when none is named; the first one that exists holds."""
    if sys.platform == "win32":
        folder = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        folder = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [Path(SETTINGS_FILE), folder / "m3d" / SETTINGS_FILE]


def readTables(file: Path) -> dict[str, Any]:
    """The content of a settings file.

    :raises M3DError: it cannot be read or is no TOML.
    """
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise M3DError(f"The settings file '{file}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise M3DError(f"The settings file '{file}' is not TOML: {error}.") from error


def serverTables(values: Mapping[str, Any], file: Path) -> dict[str, dict[str, Any]]:
    """The tables of servers in a settings file, looked through; paths in them are made relative to the file.

    :raises M3DError: a table is no table, or has an entry that is none; names every problem.
    """
    tables = values.get("pacs")
    if not isinstance(tables, Mapping):
        return {}
    problems = []
    for name, table in tables.items():
        where = f"The settings file '{file}': [pacs.{name}]"
        if not isinstance(table, Mapping):
            problems.append(f"The settings file '{file}': 'pacs.{name}' must be a table, [pacs.{name}].")
            continue
        for key, value in table.items():
            if any(word in key for word in _SECRETS) or (key == "token" and not isinstance(value, bool)):
                problems.append(f"{where} holds a secret ('{key}'); put it into the environment or the keyring.")
            elif key not in _KEYS:
                close = difflib.get_close_matches(key.replace("_", "-"), _KEYS, 1)
                hint = f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(_KEYS)}."
                problems.append(f"{where} has an entry '{key}', which is none. {hint}")
            elif isinstance(value, bool) != (key in _SWITCHES) or not isinstance(value, (str, int, float)):
                problems.append(
                    f"{where} '{key}' must be {'true or false' if key in _SWITCHES else 'a text or number'}."
                )
            elif key in _TEXTS and not isinstance(value, str):
                problems.append(f"{where} '{key}' must be a text.")
        if not (table.get("url") or table.get("dimse")):
            problems.append(f"{where} has no address: url (DICOMweb) or dimse (AET@HOST:PORT).")
    if problems:
        raise M3DError(problems)
    return {name: _withPaths(table, file) for name, table in tables.items()}


def namedServer(tables: Mapping[str, Mapping[str, Any]], name: str, protocol: str = "") -> PacsServer:
    """A server of the settings.

    :param protocol: "dicomweb" or "dimse", for one that has both; DICOMweb when "".
    :raises M3DError: there is none of that name, it does not have the protocol, or its entries do not fit.
    """
    if name not in tables:
        known = f"there are {', '.join(sorted(tables))}" if tables else "there are none"
        raise M3DError(f"The settings have no server '{name}' ([pacs.{name}]); {known}.")
    table = tables[name]
    isDicomWeb = protocol != "dimse" if table.get("url") else False
    if (protocol == "dicomweb" and not table.get("url")) or (protocol == "dimse" and not table.get("dimse")):
        raise M3DError(f"The server '{name}' of the settings has no address for {protocol}.")
    try:
        return _made(table, name, isDicomWeb)
    except M3DError as error:
        raise M3DError([f"[pacs.{name}]: {problem}" for problem in error.problems]) from error


def serversOfUser(environment: Mapping[str, str] = os.environ) -> tuple[dict[str, dict[str, Any]], Path | None]:
    """The servers of the settings file that holds, and that file; for the panels, which read nothing else of it.

    :raises M3DError: the file cannot be read, or a table has an entry that is none.
    """
    named = environment.get("M3D_CONFIG", "")
    files = [Path(named)] if named else [file for file in searchedFiles(environment) if file.is_file()]
    if not files:
        return {}, None
    return serverTables(readTables(files[0]), files[0]), files[0]


def parseListen(text: str) -> tuple[str, int]:
    """Host, "" for every interface, and port of ``[HOST:]PORT``.

    :raises M3DError: it is none.
    """
    host, _, port = str(text).strip().rpartition(":")
    if not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65536:
        raise M3DError(f"'{text}' is no port to listen at; it looks like 11112 or 192.168.1.20:11112.")
    return host.strip("[]"), int(port)


def _made(table: Mapping[str, Any], name: str, isDicomWeb: bool) -> PacsServer:
    def file(key: str) -> Path | None:
        return Path(table[key]) if table.get(key) else None

    host, port = parseListen(table["listen"]) if table.get("listen") else ("", 0)
    url = str(table.get("url") or "")
    isEncrypted = url.startswith("https") if isDicomWeb else bool(table.get("tls"))
    # Where a server has both protocols, certificates are those of the one that is encrypted.
    both = bool(url and table.get("dimse"))
    own = not both or isEncrypted
    more: dict[str, Any] = {
        "name": name,
        "caFile": file("ca-file") if own else None,
        "clientCert": file("client-cert") if own else None,
        "clientKey": file("client-key") if own else None,
        "user": str(table.get("user", "")),
        "usesToken": bool(table.get("token")),
        "timeout": float(table.get("timeout", 60.0)),
        "attempts": int(table.get("attempts", 3)),
    }
    if isDicomWeb:
        return dicomWebServer(url, **more)
    return dimseServer(
        str(table["dimse"]),
        tls=bool(table.get("tls")),
        callingAet=str(table.get("aet") or DEFAULT_CALLING_AET),
        retrieve=str(table.get("retrieve") or "auto"),
        moveDestination=str(table.get("move-destination", "")),
        listenHost=host,
        listenPort=port,
        **more,
    )


def _withPaths(table: Mapping[str, Any], file: Path) -> dict[str, Any]:
    places = ("ca-file", "client-cert", "client-key")
    return {key: str(file.parent / value) if key in places else value for key, value in table.items()}
