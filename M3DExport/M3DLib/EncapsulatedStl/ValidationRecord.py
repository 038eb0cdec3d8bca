"""What an object says of the validation of its model: that it is the surface which was validated, or that it failed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..Errors import M3DError
from ..Mesh.StlFile import stlBytes
from .EncapsulatedStlWriter import algorithmItem
from .ModelDescription import DerivationAlgorithm

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

# An algorithm parameter is a long text, but nobody reads a page there.
_MOST_LETTERS = 400


def recordOverride(dataset: Dataset, reason: str) -> None:
    """Say in the object's record of how it was made that it failed validation, and why it was exported all the same.

    The record is a list of name=value pairs parted by commas, so these two characters are replaced in the reason.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in reason)
    plain = plain.replace(",", ";").replace("=", ":").replace("\\", "/")[:_MOST_LETTERS]
    if not dataset.get("DerivationAlgorithmSequence"):
        made = DerivationAlgorithm("Surface made elsewhere", family="ManualProcessing")
        dataset.DerivationAlgorithmSequence = [algorithmItem(made)]
    item = dataset.DerivationAlgorithmSequence[0]
    said = f"{item.AlgorithmParameters}," if item.get("AlgorithmParameters") else ""
    item.AlgorithmParameters = f"{said}validation=fail,exportedAnyway={plain}"
    if not plain.isascii() and not dataset.get("SpecificCharacterSet"):
        dataset.SpecificCharacterSet = "ISO_IR 192"


def requireValidated(mesh: TriangleMesh, sha256: str) -> None:
    """Refuse a surface that is not the one that was validated.

    :param mesh: LPS mm.
    :param sha256: of the validated surface as binary STL in mm.
    """
    if hashlib.sha256(stlBytes(mesh)).hexdigest() != sha256:
        raise M3DError(
            f"The surface of '{mesh.name}' is not the one that was validated: the segment, its smoothing or its place "
            "has changed since. Validate it again, or forget the validation in M3D Export."
        )
