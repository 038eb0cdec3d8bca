"""``m3d verify``: is a package or a signed object whole, and whose is it?"""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.Errors import M3DError
from M3DLib.NumberText import plural

from ...Terminal import Terminal

CANNOT_SAY = 3


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "verify",
        help="say what of a package or signed DICOM object is whole, changed, missing, added",
        description="Compares every file of a package of m3d package with its manifests, and checks seal, signatures "
        "and time stamp; or checks the digital signatures in a DICOM object. Exit status: 0 all is whole, 1 something "
        "is not, 3 it cannot be said (encrypted and no key, or an object without signature).",
    )
    parser.add_argument("file", type=Path, metavar="PACKAGE|FILE", help="package, unpacked package, or DICOM object")
    addTrustOptions(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def addTrustOptions(parser) -> None:
    """Add what opens a package and whom to trust."""
    parser.add_argument(
        "--key",
        type=Path,
        metavar="KEY",
        help="private key of one whom the package is encrypted for (PEM or PKCS#12; its password is taken from "
        "M3D_KEY_PASSWORD or the keyring)",
    )
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="CERT.pem",
        nargs="+",
        action="extend",
        default=[],
        help="certificates of the signers that are expected, or of who issues them; those of others are foreign",
    )


def openedFrom(arguments: argparse.Namespace):
    """The package that a command line names, opened; for a ``with`` statement."""
    from M3DLib.HandOver.OpenedPackage import openPackage
    from M3DLib.Signature.KeyFile import loadKey, passwordFor

    key, certificates = None, []
    if arguments.key is not None:
        key, certificates = loadKey(arguments.key, passwordFor(str(arguments.key)))
    return openPackage(arguments.file, key, certificates, getattr(arguments, "max_file_size", None))


def trustedFrom(arguments: argparse.Namespace) -> list:
    """The certificates that a command line says to trust."""
    from M3DLib.Signature.KeyFile import loadCertificates

    return [certificate for file in arguments.trust for certificate in loadCertificates(file)]


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Verify; the exit status is 0, 1 or 3."""
    from M3DLib.HandOver.OpenedPackage import LockedPackage, isPackage
    from M3DLib.HandOver.PackageVerification import PackageVerification, verifyPackage

    if not arguments.file.exists():
        raise M3DError(f"'{arguments.file}' does not exist.")
    trusted = trustedFrom(arguments)
    if not isPackage(arguments.file):
        return _verifyObject(arguments, trusted, terminal)
    try:
        with openedFrom(arguments) as package:
            found = verifyPackage(package, trusted, terminal.progress)
    except LockedPackage as error:
        found = PackageVerification(remarks=list(error.problems))
        return _said(arguments, found, terminal, CANNOT_SAY)
    except M3DError as error:
        found = PackageVerification(problems=list(error.problems))
    return _said(arguments, found, terminal, 0 if found.isWhole else 1)


def _verifyObject(arguments: argparse.Namespace, trusted: list, terminal: Terminal) -> int:
    from M3DLib.HandOver.PackageVerification import PackageVerification
    from M3DLib.Signature.DicomSignature import verifyDicom

    try:
        states = verifyDicom(arguments.file, f"'{arguments.file.name}'", trusted)
    except M3DError as error:
        raise M3DError([f"{problem} It is no package either." for problem in error.problems]) from error
    found = PackageVerification(signatures=states)
    for state in states:
        (found.problems if state.isProblem else found.remarks).append(state.sentence)
    if not states and trusted:
        found.problems.append("The object carries no digital signature, although one is expected.")
        return _said(arguments, found, terminal, 1)
    if not states:
        found.remarks.append("The object carries no digital signature: whether it was changed cannot be said.")
    return _said(arguments, found, terminal, CANNOT_SAY if not states else 0 if found.isWhole else 1)


def _said(arguments: argparse.Namespace, found, terminal: Terminal, status: int) -> int:
    data = found.asDict() | {"file": str(arguments.file), "exitStatus": status}
    if status == CANNOT_SAY:
        data["whole"] = None
    unchanged = plural(len(found.unchanged), "file")
    counted = f"{unchanged} unchanged, {len(found.changed)} changed, {len(found.missing)} missing, "
    counted += f"{len(found.added)} added"
    lines = [
        {0: f"Whole: {counted}.", 1: f"NOT whole: {counted}.", CANNOT_SAY: "It cannot be said whether it is whole."}[
            status
        ]
    ]
    lines += [f"  {problem}" for problem in found.problems]
    lines += [f"Remark: {remark}" for remark in found.remarks]
    terminal.result(data, "\n".join(lines))
    return status
