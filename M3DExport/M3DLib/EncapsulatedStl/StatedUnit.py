"""Where an Encapsulated STL object says its unit or its coordinates twice, differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..Dicom import Codes
from ..Mesh.Remarks import remarkedSpace, remarkedUnit, unitNamed
from ..Mesh.StlFile import HEADER_SIZE

if TYPE_CHECKING:
    import numpy as np
    from pydicom import Dataset


def unitDoubts(items: Sequence[Dataset], unit: str) -> list[str]:
    """Why the unit may be another than the code that was read, one sentence each.

    The code is what counts; its meaning is for people to read (PS3.3, 8.1).

    :param items: of Measurement Units Code Sequence, which may have one. :param unit: code value of the first.
    """
    doubts = []
    others = sorted({Codes.codeOfItem(item)[0] for item in items[1:]} - {unit})
    if others:
        doubts.append(
            f"The object states several units ({', '.join([unit, *others])}) where one is allowed; the first was used."
        )
    meaning = str(items[0].get("CodeMeaning") or "")
    if unitNamed(meaning) not in (None, unit):
        doubts.append(f"The unit's code is '{unit}', and its meaning says '{meaning}'; the code was used.")
    return doubts


def headerDoubts(stl: np.ndarray, unit: str) -> list[str]:
    """What the header within the document says against the object, one sentence each.

    :param stl: uint8 (n,). :param unit: of the object, "um", "mm", "cm" or "m".
    """
    header = stl[:HEADER_SIZE].tobytes()
    doubts = []
    remarked = remarkedUnit(header)
    if remarked not in (None, unit):
        doubts.append(
            f"The STL's own header names the unit '{remarked}', the object '{unit}'; the object's was used. Ask its "
            "maker for a length of the model."
        )
    if remarkedSpace(header) == "RAS":
        doubts.append(
            "The STL's own header says that its coordinates are RAS, and those of an object are LPS; they were read as "
            "LPS. If the header is right, left and right, front and back are exchanged."
        )
    return doubts
