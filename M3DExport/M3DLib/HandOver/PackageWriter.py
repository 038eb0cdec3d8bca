"""A package while it is written: files with their hashes, then the files that make it a bag, then the seal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from ..Signature.Certificates import fingerprintOf, nameOf
from ..Signature.CmsSignature import signCms
from ..Signature.TimeStamp import requestTimeStamp
from .BagFiles import (
    BAG_FILE,
    DECLARATION,
    INFO_FILE,
    MANIFEST,
    PAYLOAD,
    SIGNATURE_SUFFIX,
    TAG_MANIFEST,
    TIME_STAMP_SUFFIX,
    infoBytes,
    manifestBytes,
    sha256,
)
from .SealedZip import SealedZip

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class PackageWriter:
    """Writes a package into a stream that can be read and positioned; use in a ``with`` block.

    :ivar sizes: bytes by name of all files of the payload.
    """

    def __init__(self, stream: BinaryIO, name: str):
        self._zip = SealedZip(stream)
        self._name = name
        self._hashes: dict[str, str] = {}
        self.sizes: dict[str, int] = {}

    def __enter__(self) -> PackageWriter:
        self._zip.__enter__()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._zip.__exit__(kind, error, trace)

    def add(self, place: str, content: bytes) -> None:
        """Add a file of the payload.

        :param place: in the payload, as "models/model-1.dcm".
        """
        name = PAYLOAD + place
        self._hashes[name] = sha256(content)
        self.sizes[name] = len(content)
        self._zip.add(f"{self._name}/{name}", content)

    def finish(
        self,
        info: dict[str, str],
        tags: dict[str, bytes],
        signers: Sequence[tuple[Any, Certificate]] = (),
        timeStampServer: str = "",
    ) -> list[str]:
        """Add manifests and tag files, signed where there are keys; returns the names of the tag files.

        :param tags: further tag files, as the page of contents.
        :raises M3DError: a key cannot sign, or the time stamp server does not answer.
        """
        if signers:
            info = {
                **info,
                "Signed-By": "; ".join(f"{nameOf(one)} ({fingerprintOf(one)})" for _key, one in signers),
            }
        manifest = manifestBytes(self._hashes)
        files = {BAG_FILE: DECLARATION, INFO_FILE: infoBytes(self.sizes, info), MANIFEST: manifest, **tags}
        if signers:
            files[MANIFEST + SIGNATURE_SUFFIX] = signCms(manifest, signers)
        tagManifest = manifestBytes({name: sha256(content) for name, content in files.items()})
        files[TAG_MANIFEST] = stamped = tagManifest
        place = TAG_MANIFEST
        if signers:
            place += SIGNATURE_SUFFIX
            files[place] = stamped = signCms(tagManifest, signers)
        if timeStampServer:
            files[place + TIME_STAMP_SUFFIX] = requestTimeStamp(stamped, timeStampServer)
        for name, content in files.items():
            self._zip.add(f"{self._name}/{name}", content)
        return list(files)
