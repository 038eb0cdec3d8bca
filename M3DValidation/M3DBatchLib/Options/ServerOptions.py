"""Which PACS is meant, for the commands that talk to one: address, protocol, certificates, user."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from M3DLib.Errors import M3DError
from M3DLib.Store.Servers.Credentials import PASSWORD_VARIABLE, TOKEN_VARIABLE
from M3DLib.Store.Servers.PacsServer import DEFAULT_CALLING_AET
from M3DLib.Store.Servers.ServerList import PROTOCOLS

if TYPE_CHECKING:
    from M3DLib.Store.Pacs.PacsConnection import PacsConnection
    from M3DLib.Store.Pacs.PacsQuery import PacsQuery


def addServerOptions(parser: argparse.ArgumentParser, receives: bool = False) -> None:
    """--dicomweb, --dimse or --server, and what protects the way there.

    :param receives: whether the server may have to send something by a connection of its own.
    """
    group = parser.add_argument_group("server", "one of the first three")
    group.add_argument("--dicomweb", default="", metavar="URL", help="DICOMweb service: https://host/dicom-web")
    group.add_argument("--dimse", default="", metavar="AET@HOST:PORT", help="DIMSE server: its AE title, host and port")
    group.add_argument(
        "--server", default="", metavar="NAME", help="server of the settings file: its table [pacs.NAME]"
    )
    group.add_argument(
        "--protocol", choices=PROTOCOLS, default="", help="which one, for a server of the settings that has both"
    )
    group.add_argument("--aet", default="", metavar="TITLE", help=f"our own AE title ({DEFAULT_CALLING_AET})")
    group.add_argument("--tls", action="store_true", help="DIMSE over TLS; DICOMweb does with an https address")
    group.add_argument(
        "--ca-file", type=Path, metavar="FILE.pem", help="certificates that are trusted, instead of the system's"
    )
    group.add_argument("--client-cert", type=Path, metavar="FILE.pem", help="certificate that this side shows")
    group.add_argument("--client-key", type=Path, metavar="FILE.pem", help="its key")
    group.add_argument(
        "--pacs-user",
        default="",
        metavar="NAME",
        help=f"user there; the password is taken from the environment variable {PASSWORD_VARIABLE} or the keyring",
    )
    group.add_argument(
        "--token",
        action="store_true",
        help=f"show a token instead, taken from the environment variable {TOKEN_VARIABLE} or the keyring",
    )
    group.add_argument("--timeout", type=float, metavar="SECONDS", help="how long an answer is waited for (60)")
    group.add_argument("--attempts", type=int, metavar="N", help="how often a transfer that breaks off is tried (3)")
    if receives:
        group.add_argument(
            "--listen",
            default="",
            metavar="[HOST:]PORT",
            help="where this computer waits for what the server sends by a connection of its own",
        )
        group.add_argument(
            "--move-destination",
            default="",
            metavar="AET",
            help="AE title by which the server knows this computer (that of --aet)",
        )


def connectionFrom(arguments: argparse.Namespace) -> PacsConnection:
    """The PACS as said on the command line; nothing is sent yet.

    :raises M3DError: no server or several are named, an option does not fit, a secret or a package is missing.
    """
    from M3DLib.Store.Pacs.PacsConnection import connect
    from M3DLib.Store.Servers.PacsServer import dicomWebServer, dimseServer
    from M3DLib.Store.Servers.ServerList import namedServer

    named = [one for one in ("dicomweb", "dimse", "server") if getattr(arguments, one)]
    if len(named) != 1:
        many = "; only one of them" if named else ""
        raise M3DError(f"Say which PACS is meant: --dicomweb URL, --dimse AET@HOST:PORT or --server NAME{many}.")
    if arguments.protocol and named != ["server"]:
        raise M3DError("--protocol chooses for a server of the settings; it goes with --server NAME.")
    more = _given(arguments)
    if named == ["dicomweb"]:
        forDimse = [f"--{one.replace('_', '-')}" for one in _FOR_DIMSE if getattr(arguments, one, "")]
        if forDimse:
            raise M3DError(f"{forDimse[0]} is for DIMSE; leave it out.")
        return connect(dicomWebServer(arguments.dicomweb, **more))
    more |= _givenForDimse(arguments)
    if named == ["dimse"]:
        return connect(dimseServer(arguments.dimse, **more))
    server = namedServer(arguments.pacsServers, arguments.server, arguments.protocol)
    if server.isDicomWeb:
        more = _given(arguments)
    return connect(_again(replace(server, **more)))


_FOR_DIMSE = ("aet", "tls", "listen", "move_destination")


def _again(server):
    """A server whose attributes were changed, checked as a new one is."""
    from M3DLib.Store.Servers.PacsServer import checked

    return checked(server)


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    values = {
        "caFile": arguments.ca_file,
        "clientCert": arguments.client_cert,
        "clientKey": arguments.client_key,
        "user": arguments.pacs_user,
        "usesToken": arguments.token,
        "timeout": arguments.timeout,
        "attempts": arguments.attempts,
    }
    return {name: value for name, value in values.items() if value not in (None, "", False)}


def _givenForDimse(arguments: argparse.Namespace) -> dict[str, Any]:
    from M3DLib.Store.Servers.ServerList import parseListen

    retrieve = getattr(arguments, "retrieve", "")
    values: dict[str, Any] = {
        "callingAet": arguments.aet,
        "tls": arguments.tls,
        "retrieve": retrieve if retrieve != "auto" else "",
        "moveDestination": getattr(arguments, "move_destination", ""),
    }
    if getattr(arguments, "listen", ""):
        values["listenHost"], values["listenPort"] = parseListen(arguments.listen)
    return {name: value for name, value in values.items() if value or name == "listenHost"}


def queryFrom(arguments: argparse.Namespace) -> PacsQuery:
    """What is looked for, as said on the command line; an option that the command does not have asks for nothing.

    :raises M3DError: a value is no UID, no date, or holds characters that would ask for something else.
    """
    from M3DLib.Store.Pacs.PacsQuery import PacsQuery

    options = {
        "studyInstanceUid": "study",
        "seriesInstanceUid": "series",
        "accessionNumber": "accession",
        "patientId": "patient",
        "patientName": "name",
        "studyDate": "date",
        "modality": "modality",
    }
    return PacsQuery(**{attribute: getattr(arguments, option, "") for attribute, option in options.items()})
