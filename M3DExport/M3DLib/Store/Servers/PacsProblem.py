"""What can go wrong on the way to a PACS: whether it may pass, and why, in words that name nobody."""

from __future__ import annotations

import ssl

from ...Errors import M3DError

# Statuses of a server that may take the same request later (RFC 9110).
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)
# Failure Reason (0008,1197) and C-STORE statuses: PS3.4 B.2.3, PS3.18 I.2.2, PS3.7 C.
_REASONS = {
    0x0110: "processing failure",
    0x0111: "it has another instance with this UID",
    0x0117: "not a valid instance UID",
    0x0122: "it does not take objects of this SOP class",
    0x0124: "not authorized",
    0x0212: "it does not know this operation",
    0xA700: "it has no room left",
    0xA900: "the object does not match its SOP class",
    0xC000: "it cannot understand the object",
    0xC122: "it does not take this transfer syntax",
}


class PacsError(M3DError):
    """A PACS that cannot be reached, refuses or breaks off.

    :ivar mayPass: whether the same may work a moment later.
    :ivar wait: seconds the server has asked to wait before, 0 for nothing asked.
    :ivar answered: whether the server was reached and says no to this alone, and may well do other things.
    """

    def __init__(self, problem: str, mayPass: bool = False, wait: float = 0.0, answered: bool = False):
        self.mayPass = mayPass
        self.answered = answered
        self.wait = wait
        super().__init__(problem)


def reasonText(code: int) -> str:
    """A DICOM failure status in words with its number."""
    text = _REASONS.get(code) or {
        0xA7: "it has no room left",
        0xA9: "the object does not match its SOP class",
    }.get(code >> 8, "it cannot understand the object" if code >> 12 == 0xC else "")
    return f"{text} (0x{code:04X})" if text else f"reason 0x{code:04X}"


def statusMayPass(code: int) -> bool:
    """Whether a DIMSE failure status may be another one later: the server was out of resources, or just failed."""
    return code >> 8 == 0xA7 or code == 0x0110


def httpProblem(server: str, what: str, status: int, retryAfter: str = "") -> PacsError:
    """The error of a status that says no.

    :param what: begins the sentence after the server's name, as "did not take the objects".
    """
    if status in (401, 403):
        why = f"it refuses access (HTTP {status}); check user name and password, or the token"
    elif status in (413, 507):
        why = f"it has no room for so much (HTTP {status})"
    elif 300 <= status < 400:
        why = f"it sends on to another address (HTTP {status}), which is not followed; give the final one"
    else:
        why = f"it answers HTTP {status}"
    wait = float(retryAfter) if retryAfter.isdigit() else 0.0
    return PacsError(f"{server} {what}: {why}.", status in _PASSING_STATUSES, wait, status not in (401, 403))


def connectionProblem(server: str, what: str, error: BaseException) -> PacsError:
    """The error of a connection that could not be made or broke off, of requests or of the system."""
    tls = _tlsReason(error)
    if tls:
        # A server that ends a connection between two requests without a word may well take the next one.
        return PacsError(f"{server} {what}: {tls}.", mayPass=_endsWithoutReason(error))
    names = {type(one).__name__ for one in _chain(error)}
    if names & {"ConnectTimeout", "ReadTimeout", "ConnectTimeoutError", "ReadTimeoutError", "TimeoutError", "timeout"}:
        return PacsError(f"{server} {what}: it does not answer in time.", mayPass=True)
    if names & {"NameResolutionError", "gaierror"}:
        return PacsError(f"{server} {what}: it cannot be reached, its name is not known.")
    if names & {"NewConnectionError", "ConnectionRefusedError"}:
        return PacsError(f"{server} {what}: it cannot be reached.", mayPass=True)
    if names & {"ProtocolError", "ChunkedEncodingError", "IncompleteRead", "ConnectionResetError", "BrokenPipeError"}:
        return PacsError(f"{server} {what}: the connection broke off.", mayPass=True)
    if names & {"ConnectionError", "MaxRetryError", "OSError"}:
        return PacsError(f"{server} {what}: it cannot be reached.", mayPass=True)
    return PacsError(f"{server} {what}: {type(error).__name__}.")


def _chain(error: BaseException):
    """An error and those it was made of: requests and urllib3 hand them on as arguments."""
    found, waiting = [], [error]
    while waiting and len(found) < 20:
        one = waiting.pop()
        if one in found:
            continue
        found.append(one)
        candidates = [one.__cause__, one.__context__, getattr(one, "reason", None), *getattr(one, "args", ())]
        waiting += [other for other in candidates if isinstance(other, BaseException)]
    return found


def _endsWithoutReason(error: BaseException) -> bool:
    text = " ".join(str(one) for one in _chain(error)).lower()
    return ("eof occurred" in text or "unexpected_eof" in text) and "alert" not in text


def _tlsReason(error: BaseException) -> str:
    chain = _chain(error)
    if not any(isinstance(one, ssl.SSLError) or type(one).__name__ == "SSLError" for one in chain):
        return ""
    text = " ".join(str(one) for one in chain).lower()
    if "hostname mismatch" in text or "doesn't match" in text or "ip address mismatch" in text:
        return "its certificate is not accepted: it is for another name"
    if "expired" in text and "certificate" in text:
        return "its certificate is not accepted: it has expired"
    if "alert" in text or "certificate required" in text or "eof occurred" in text or "unexpected_eof" in text:
        return "it ends the TLS connection; it may want a client certificate (--client-cert, --client-key)"
    if "certificate_verify_failed" in text or "certificate verify failed" in text:
        return "its certificate is not accepted: nobody known has signed it (--ca-file names who is trusted)"
    if "wrong_version_number" in text or "record layer" in text:
        return "it does not speak TLS at this port"
    return "its certificate is not accepted, or TLS failed otherwise"
