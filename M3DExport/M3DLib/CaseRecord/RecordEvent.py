"""One event of a case's record, and the line of canonical JSON that stands for it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..Errors import M3DError

# What the first event names as the hash of the one before.
NO_EVENT = "0" * 64
KEYS = ("sequence", "previousSha256", "time", "event", "person", "role", "software", "body", "signature")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RecordEvent:
    """What happened, when, by whom.

    :ivar sequence: 1 for the first event of the case.
    :ivar previousSha256: SHA-256 of the line before, without its line break; zeros for the first.
    :ivar time: UTC, ISO 8601.
    :ivar event: what kind of event, as "opened", "validated" or "confirmed".
    :ivar person, role: who did it, as they named themselves.
    :ivar software: name and version of what wrote the event.
    :ivar body: what there is to say of this kind of event, plain JSON values.
    :ivar signature: of the event without this field, or None.
    """

    sequence: int
    previousSha256: str
    time: str
    event: str
    person: str = ""
    role: str = ""
    software: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    signature: dict[str, str] | None = None

    def line(self) -> bytes:
        """The event as one line of canonical JSON (RFC 8785), without a line break."""
        return canonical(self.content())

    def content(self) -> dict[str, Any]:
        """The event as plain JSON values; without the signature where there is none."""
        values = {key: getattr(self, key) for key in KEYS}
        if self.signature is None:
            del values["signature"]
        return values

    def signedBytes(self) -> bytes:
        """What a signature of this event is of: its line without the signature."""
        return canonical({key: value for key, value in self.content().items() if key != "signature"})


def canonical(values: Any) -> bytes:
    """Canonical JSON after RFC 8785: the same values are always the same bytes.

    :raises M3DError: the package for it is missing, or a value is none of JSON's (NaN, a number too large).
    """
    try:
        import rfc8785
    except ImportError as error:
        raise M3DError("The record of a case needs the Python package rfc8785: pip install rfc8785") from error
    try:
        return rfc8785.dumps(values)
    except rfc8785.CanonicalizationError as error:
        raise M3DError(f"The event cannot be recorded: {error}.") from error


def eventOf(line: bytes) -> RecordEvent:
    """The event that a line stands for.

    :raises M3DError: the line is no event, or is not written canonically, as anything this software writes is.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise M3DError("is no JSON") from error
    if not isinstance(values, dict) or set(values) - {"signature"} != set(KEYS) - {"signature"}:
        raise M3DError("is no event of a case")
    texts = ("time", "event", "person", "role", "software")
    right = (
        type(values["sequence"]) is int
        and isinstance(values["previousSha256"], str)
        and _SHA256.fullmatch(values["previousSha256"])
        and all(isinstance(values[key], str) for key in texts)
        and isinstance(values["body"], dict)
        and isinstance(values.get("signature", {}), dict)
    )
    if not right:
        raise M3DError("is no event of a case")
    event = RecordEvent(**values)
    # The quick way gives the same bytes for nearly everything that is recorded; what differs is asked of the library.
    quick = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
    if quick != line and event.line() != line:
        raise M3DError("is not canonical JSON: it was written or edited by something else")
    return event


def sha256Of(line: bytes) -> str:
    """What the next event says of this line."""
    return hashlib.sha256(line).hexdigest()


def timeNow() -> str:
    """The time of an event, UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
