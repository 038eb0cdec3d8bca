"""Options of the commands that can send what they store to a PACS."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural
from M3DLib.Store.Servers.Credentials import PASSWORD_VARIABLE

from ..Terminal import Terminal

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.Store.DicomWebStore import PacsStore

# What --pacs without an address stands for.
PACS_OF_SETTINGS = "settings"


def addPacsOptions(parser: argparse.ArgumentParser) -> None:
    """--pacs and --pacs-user; a password on the command line would be seen by everybody on the computer.

    The address can be a setting; nothing is sent without --pacs all the same.
    """
    group = parser.add_argument_group("PACS", "what is stored is sent too, all in one request")
    group.add_argument(
        "--pacs",
        nargs="?",
        const=PACS_OF_SETTINGS,
        default="",
        metavar="URL|NAME",
        help="DICOMweb service, as https://pacs.example.org/dicom-web, or a server of the settings by its name; "
        "without either, the address of the settings",
    )
    group.add_argument(
        "--pacs-user",
        default="",
        metavar="NAME",
        help=f"user there; the password is taken from the environment variable {PASSWORD_VARIABLE}",
    )


def pacsFrom(arguments: argparse.Namespace) -> PacsStore | None:
    """The PACS as said on the command line, None without one; to be asked before any work.

    :raises M3DError: the address is none, the password is not set, or dicomweb-client is not installed.
    """
    if not arguments.pacs:
        if arguments.pacs_user:
            raise M3DError("--pacs-user is a user of the PACS; give its address with --pacs URL too.")
        return None
    if arguments.pacs == PACS_OF_SETTINGS:
        raise M3DError("--pacs needs the address of the PACS: --pacs URL, or 'pacs' in the settings (see m3d config).")
    from M3DLib.Store.DicomWebStore import PacsStore
    from M3DLib.Store.Servers.PacsServer import dicomWebServer
    from M3DLib.Store.Servers.ServerList import namedServer

    servers = getattr(arguments, "pacsServers", {})
    if arguments.pacs in servers:
        server = namedServer(servers, arguments.pacs)
        return PacsStore(replace(server, user=arguments.pacs_user) if arguments.pacs_user else server)
    return PacsStore(dicomWebServer(arguments.pacs, user=arguments.pacs_user, timeout=120.0))


def send(pacs: PacsStore | None, objects: Sequence[Dataset], place: Path, terminal: Terminal) -> str:
    """Send objects that are stored already; returns a sentence for the result, "" without a PACS or objects.

    :param place: where the objects are stored, which a failure to send does not undo.
    :raises M3DError: they could not be sent, or did not all arrive; says where they are.
    :raises KeyboardInterrupt: the user stopped it; says where they are.
    """
    if pacs is None or not objects:
        return ""
    kept = f"All of it is stored in {place} and can be sent from there; nothing has to be made again."
    try:
        pacs.add(objects, terminal.progress)
    except M3DError as error:
        raise M3DError(f"{' '.join(error.problems)} {kept}") from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"Interrupted while sending to {pacs.server}. {kept}") from error
    return f"Sent {plural(len(objects), 'object')} to {pacs.server}."
