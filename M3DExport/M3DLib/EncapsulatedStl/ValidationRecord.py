"""What an object says of the validation of its model: verdict, profile, and why it was exported all the same."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..Errors import M3DError
from ..Mesh.StlFile import stlBytes
from .EncapsulatedStlWriter import algorithmItem
from .ModelDescription import DerivationAlgorithm, parameterText

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh


def recordValidation(dataset: Dataset, verdict: str, profile: str = "", reason: str = "") -> None:
    """Say in the object's record of how it was made what came of its validation.

    The record is a list of name=value pairs parted by commas, so these two characters are replaced in texts.

    :param verdict: "pass", "warning", "fail" or "notAssessable".
    :param profile: name and version of the profile.
    :param reason: why the model is exported although something fails.
    """
    if not dataset.get("DerivationAlgorithmSequence"):
        made = DerivationAlgorithm("Surface made elsewhere", family="ManualProcessing")
        dataset.DerivationAlgorithmSequence = [algorithmItem(made)]
    pairs = {"validation": verdict, "exportedAnyway": reason, "profile": profile}
    plain = {name: parameterText(text) for name, text in pairs.items() if text}
    item = dataset.DerivationAlgorithmSequence[0]
    said = f"{item.AlgorithmParameters}," if item.get("AlgorithmParameters") else ""
    item.AlgorithmParameters = said + ",".join(f"{name}={text}" for name, text in plain.items())
    if not "".join(plain.values()).isascii() and not dataset.get("SpecificCharacterSet"):
        dataset.SpecificCharacterSet = "ISO_IR 192"


def recordOverride(dataset: Dataset, reason: str) -> None:
    """Say that the model failed validation, and why it was exported all the same."""
    recordValidation(dataset, "fail", reason=reason)


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
