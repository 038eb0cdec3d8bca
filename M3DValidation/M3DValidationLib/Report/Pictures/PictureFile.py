"""A picture of a report as a file, with what it shows."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np


@dataclass
class Picture:
    """A picture and what it shows.

    :ivar file: its name beside the report.
    :ivar kind: "model", "deviation", "scan", "completeness", "overview", "worst", "fieldOfView" or "thinnestPlace".
    :ivar requirement: whose finding it shows; "" for none in particular.
    :ivar alternative: what it shows, for whoever cannot see it.
    :ivar segment: which segment it shows; "" where there is only one model.
    """

    file: str
    kind: str
    title: str
    alternative: str
    png: bytes
    requirement: str = ""
    segment: str = ""

    def asDict(self) -> dict:
        """The entry of the report's ``pictures``."""
        entry = {
            "file": self.file,
            "kind": self.kind,
            "title": self.title,
            "alternative": self.alternative,
            "sha256": hashlib.sha256(self.png).hexdigest(),
        }
        more = {"requirement": self.requirement, "segment": self.segment}
        return entry | {name: value for name, value in more.items() if value}


def pngBytes(array: np.ndarray) -> bytes:
    """uint8 (height, width, 3 or 4) as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="PNG", compress_level=4)
    return stream.getvalue()
