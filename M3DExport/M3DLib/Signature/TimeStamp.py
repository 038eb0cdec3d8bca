"""Time stamps (RFC 3161): a server's signed word that some bytes existed at a moment."""

from __future__ import annotations

import hashlib
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..Errors import M3DError
from .Certificates import CHANGED, UNREADABLE, SignatureState, nameOf, stateOfSigner
from .CmsSignature import checkCms, requireAsn1

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_SECONDS = 30
_LARGEST_ANSWER = 1 << 20
_GRANTED = ("granted", "granted_with_mods")


def requestTimeStamp(content: bytes, server: str) -> bytes:
    """Ask a server for a time stamp of some bytes; it learns their SHA-256 and nothing else.

    :param server: address, http or https.
    :return: its answer (TimeStampResp, DER), checked to be about these bytes and this request.
    :raises M3DError: the server cannot be reached, refuses, or answers something else.
    """
    requireAsn1()
    from asn1crypto import algos, tsp

    if urllib.parse.urlsplit(server).scheme not in ("http", "https"):
        raise M3DError(f"The time stamp server '{server}' is no http or https address.")
    nonce = secrets.randbits(63)
    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "hashed_message": hashlib.sha256(content).digest(),
    }
    query = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    request = urllib.request.Request(
        server, data=query.dump(), headers={"Content-Type": "application/timestamp-query"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            response = answer.read(_LARGEST_ANSWER + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise M3DError(f"The time stamp server '{server}' does not answer: {reason}.") from error
    token, info = _read(response)
    if info["nonce"].native != nonce:
        raise M3DError(f"The time stamp server '{server}' answered another question (its nonce differs).")
    problem = _problem(token, info, content)[0]
    if problem:
        raise M3DError(f"The time stamp of '{server}' cannot be used: {problem}.")
    return response


def verifyTimeStamp(
    response: bytes, content: bytes, what: str, trusted: Sequence[Certificate] = ()
) -> tuple[SignatureState, datetime | None]:
    """What a time stamp is worth.

    :param trusted: certificates of servers or of those who issue them; empty when nobody said.
    :return: its state, and the moment that it proves; None where it proves none.
    """
    try:
        token, info = _read(response)
    except M3DError as error:
        return SignatureState(what, UNREADABLE, sentence=f"The time stamp of {what} is damaged: {error}"), None
    problem, certificate, others = _problem(token, info, content, trusted)
    moment: datetime = info["gen_time"].native
    if problem:
        name = nameOf(certificate) if certificate else ""
        return SignatureState(what, CHANGED, name, sentence=f"The time stamp of {what} does not fit: {problem}."), None
    state = stateOfSigner(
        f"the time stamp of {what}", certificate, moment, trusted, others=others, time=moment.isoformat()
    )
    return state, None if state.isProblem else moment


def _read(response: bytes):
    """The token in a server's answer, and what it says.

    :raises M3DError: it is no answer of such a server, or a refusal.
    """
    requireAsn1()
    from asn1crypto import tsp

    try:
        answer = tsp.TimeStampResp.load(response, strict=True)
        status = answer["status"]["status"].native
        if status not in _GRANTED:
            words = "; ".join(answer["status"]["status_string"].native or ())
            raise M3DError(f"The time stamp server refused ({status}{': ' if words else ''}{words}).")
        token = answer["time_stamp_token"]
        info = tsp.TSTInfo.load(bytes(token["content"]["encap_content_info"]["content"]), strict=True)
        for name in ("message_imprint", "gen_time", "nonce"):
            _ = info[name].native
    except M3DError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise M3DError(f"The answer of the time stamp server cannot be read ({type(error).__name__}).") from error
    return token, info


def _problem(token, info, content: bytes, trusted: Sequence[Certificate] = ()):
    """What is wrong with a token ("" for nothing), its signer's certificate, and the others in it."""
    from cryptography import x509

    name = info["message_imprint"]["hash_algorithm"]["algorithm"].native
    if name not in ("sha256", "sha384", "sha512"):
        return f"it uses {name}, which is not accepted", None, []
    try:
        signers, others, _inside = checkCms(token.dump(), None, trusted)
    except M3DError as error:
        return str(error), None, []
    certificate = signers[0].certificate
    if signers[0].problem or len(signers) != 1:
        return signers[0].problem or "several have signed it", certificate, others
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        purposes = ()
    if x509.ExtendedKeyUsageOID.TIME_STAMPING not in purposes:
        return "its certificate is not for time stamps", certificate, others
    if info["message_imprint"]["hashed_message"].native != hashlib.new(name, content).digest():
        return "it is of something else", certificate, others
    return "", certificate, others
