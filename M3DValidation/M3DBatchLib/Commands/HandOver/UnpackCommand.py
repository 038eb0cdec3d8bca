"""``m3d unpack``: a package verified, and unpacked whole or not at all."""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural

from ...Terminal import Terminal
from .VerifyCommand import addTrustOptions, openedFrom, trustedFrom


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "unpack",
        help="verify a package and unpack it; bring its data back to the patient",
        description="Decrypts, verifies and unpacks a package of m3d package. Nothing is written unless all of it is "
        "whole. With --restore-identity the data are brought back to the patient.",
    )
    parser.add_argument("file", type=Path, metavar="PACKAGE", help="the package")
    parser.add_argument("--output", type=Path, metavar="DIR", required=True, help="folder to unpack to, new or empty")
    addTrustOptions(parser)
    parser.add_argument(
        "--restore-identity",
        type=Path,
        metavar="TABLE",
        help="the table of replacements of the package that went out: UIDs, patient, study and reports come back",
    )
    parser.add_argument(
        "--table-key",
        type=Path,
        metavar="KEY",
        help="what opens the table: its key file, or the private key of a certificate (default: the password in "
        "M3D_TABLE_PASSWORD or the keyring, or the key file beside the table)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Unpack; the exit status is 0."""
    from M3DLib.DeIdentification.IdentityTable import TABLE_PASSWORD
    from M3DLib.HandOver.PackageVerification import verifyPackage
    from M3DLib.HandOver.Restoring import loadTable, restoreFolder
    from M3DLib.HandOver.Unpacking import newFolder, unpackInto
    from M3DLib.Signature.KeyFile import passwordFor
    from M3DValidationLib.Report.ReportFiles import faces

    if not arguments.file.is_file():
        raise M3DError(f"The package '{arguments.file}' does not exist.")
    table = None
    if arguments.restore_identity is not None:
        password = passwordFor("identity-table", TABLE_PASSWORD)
        table = loadTable(arguments.restore_identity, arguments.table_key, password)
    trusted = trustedFrom(arguments)
    restored: list[str] = []
    with newFolder(arguments.output) as folder, openedFrom(arguments) as package:
        found = verifyPackage(package, trusted, lambda done, text: terminal.progress(0.5 * done, text))
        if not found.isWhole:
            raise M3DError(["Nothing was unpacked, because the package is not whole:", *found.problems])
        names = unpackInto(package, folder, lambda done, text: terminal.progress(0.5 + 0.5 * done, text))
        if table is not None:
            restored = restoreFolder(folder / "data", table, faces)
            if not restored:
                raise M3DError("Nothing in the package is of the pseudonym in the table; nothing was unpacked.")
            _dropBag(folder)
    for remark in found.remarks:
        terminal.note(remark)
    data = found.asDict() | {"folder": str(arguments.output), "files": names, "restored": restored}
    text = f"Unpacked {plural(len(names), 'file')} into '{arguments.output}'."
    if table is not None:
        text += f" {len(restored)} of them were brought back to the patient; the folder is no bag any more."
    terminal.result(data, text)
    return 0


def _dropBag(folder: Path) -> None:
    """Take away the manifests and signatures, which are of what was unpacked and not of what was brought back."""
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()
