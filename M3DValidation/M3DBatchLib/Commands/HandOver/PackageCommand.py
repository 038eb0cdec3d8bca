"""``m3d package``: what leaves the house, without the patient's identity, whole, signed and encrypted."""

from __future__ import annotations

import argparse
from pathlib import Path

from M3DLib.NumberText import plural
from M3DLib.Signature.KeyFile import KEY_PASSWORD

from ...Options.CaseOptions import addCaseOptions
from ...Terminal import Terminal


def addParser(subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "package",
        help="pack scans, models and reports to be handed over: de-identified, sealed, signed, encrypted",
        description="Packs DICOM objects, model files and reports of m3d validate into one file that can be checked: a "
        "BagIt bag in a sealed ZIP. With --pseudonym the patient's identity is taken out after PS3.15 Annex E, "
        "everything is searched for what is left of it, and a table of replacements is written beside the package, "
        "which stays in the house. What cannot be cleaned is left out and named.",
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="files, or folders with all that is in them"
    )
    parser.add_argument("--output", type=Path, metavar="CASE.zip", required=True, help="the package")
    _addIdentityOptions(parser.add_argument_group("identity"))
    _addTrustOptions(parser.add_argument_group("signature and encryption"))
    addCaseOptions(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def _addIdentityOptions(identity) -> None:
    identity.add_argument("--pseudonym", metavar="ID", default="", help="stands in for the patient everywhere")
    identity.add_argument("--with-identity", action="store_true", help="pack the files as they are, with the identity")
    identity.add_argument(
        "--keep-images",
        action="store_true",
        help="pack the scans as well, de-identified; their pixels stay as they are",
    )
    identity.add_argument(
        "--face-is-needed",
        metavar="REASON",
        default="",
        help="why a model that shows a face must be handed over; refused otherwise",
    )
    identity.add_argument(
        "--no-face",
        metavar="REASON",
        default="",
        help="who says that no model shows a face, for models of which the program cannot know it",
    )
    identity.add_argument(
        "--table", type=Path, metavar="FILE", help="where the table of replacements goes (default: beside the package)"
    )
    identity.add_argument(
        "--table-for",
        type=Path,
        metavar="CERT.pem",
        nargs="+",
        action="extend",
        default=[],
        help="encrypt the table for the holders of these certificates (default: with the password in "
        "M3D_TABLE_PASSWORD or the keyring, else with a new key beside the table)",
    )


def _addTrustOptions(trust) -> None:
    trust.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        nargs="+",
        action="extend",
        default=[],
        help="sign the package and its DICOM objects with the key and certificate in this file (PEM with both, or "
        f"PKCS#12; its password is taken from {KEY_PASSWORD} or the keyring); may be given several times",
    )
    trust.add_argument(
        "--encrypt-for",
        type=Path,
        metavar="CERT.pem",
        nargs="+",
        action="extend",
        default=[],
        help="encrypt the package (CMS, AES-256) for the holders of these certificates; the output is a CMS message",
    )
    trust.add_argument("--timestamp", metavar="URL", default="", help="have a time stamp server (RFC 3161) say when")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Make the package; the exit status is 0."""
    from M3DLib.HandOver.PackageRequest import PackageRequest
    from M3DLib.HandOver.Packing import makePackage
    from M3DValidationLib.Report.ReportFiles import faces

    request = PackageRequest(
        paths=arguments.paths,
        output=arguments.output,
        pseudonym=arguments.pseudonym,
        withIdentity=arguments.with_identity,
        keepImages=arguments.keep_images,
        faceIsNeeded=arguments.face_is_needed,
        noFace=arguments.no_face,
        signers=arguments.sign,
        recipients=arguments.encrypt_for,
        timeStampServer=arguments.timestamp,
        table=arguments.table,
        tableFor=arguments.table_for,
        faces=faces,
    )
    made = makePackage(request, terminal.progress)
    for warning in made.warnings:
        terminal.warn(warning)
    reasons: dict[str, list[str]] = {}
    for file, why in made.leftOut:
        reasons.setdefault(why, []).append(file.name)
    for why, names in reasons.items():
        shown = ", ".join(f"'{name}'" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        terminal.warn(f"Left out: {shown}: {why}.")
    data = {
        "file": str(made.output),
        "bytes": made.output.stat().st_size,
        "pseudonym": request.pseudonym,
        "encrypted": bool(request.recipients),
        "signed": bool(request.signers),
        "files": made.files,
        "leftOut": [{"file": str(file), "reason": why} for file, why in made.leftOut],
        "warnings": made.warnings,
        "table": str(made.table) if made.table else None,
        "tableKey": str(made.tableKey) if made.tableKey else None,
        "searched": {"files": made.searched.files, "texts": made.searched.texts} if made.searched else None,
    }
    lines = [f"Packed {plural(len(made.files), 'file')} into '{made.output}'."]
    if made.searched:
        lines.append(
            f"Searched {made.searched.texts} texts in {plural(made.searched.files, 'file')}: nothing of the originals."
        )
    if made.table:
        lines.append(f"The way back to the patient: '{made.table}'; it stays in the house.")
    terminal.result(data, "\n".join(lines))
    return 0
