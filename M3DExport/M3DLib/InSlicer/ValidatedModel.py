"""A model that was validated: it is exported only as it was validated, and its object refers to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..EncapsulatedStl.DocumentReferences import DocumentReference, addReferencedInstances
from ..EncapsulatedStl.ValidationRecord import recordValidation as recordInObject
from ..EncapsulatedStl.ValidationRecord import requireValidated
from ..Errors import M3DError

if TYPE_CHECKING:
    from ..EncapsulatedStl.ModelExport import Model


@dataclass(frozen=True)
class ValidatedModel:
    """What is known of the validation of a model that is about to be exported.

    :ivar sha256: of the validated surface as binary STL in mm.
    :ivar reportUids: SOP Instance UIDs of the report, which is in the DICOM database.
    :ivar override: why the model is exported although something fails; "" where nothing does.
    :ivar verdict, profile: of the report, as its JSON names them; "" where they are not known.
    """

    sha256: str
    reportUids: tuple[str, ...] = ()
    override: str = ""
    verdict: str = ""
    profile: str = ""


def recordValidation(models: Sequence[Model], validated: ValidatedModel, database) -> None:
    """Let the object of a validated model refer to its report, and say what came of its validation.

    :param models: made, not stored yet.
    :param database: ctkDICOMDatabase that holds the report.
    :raises M3DError: the model is not the one that was validated, or its report is no longer in the database.
    """
    if len(models) != 1:
        raise M3DError("One surface was validated; export that segment alone, or forget the validation.")
    (model,) = models
    requireValidated(model.mesh, validated.sha256)
    addReferencedInstances(model.dataset, [_referenceTo(uid, database) for uid in validated.reportUids])
    verdict = "fail" if validated.override else validated.verdict
    if verdict:
        recordInObject(model.dataset, verdict, validated.profile, validated.override)


def _referenceTo(sopInstanceUid: str, database) -> DocumentReference:
    tags = ("0008,0016", "0020,000E", "0020,000D")
    sopClass, series, study = (database.instanceValue(sopInstanceUid, tag) for tag in tags)
    if not (sopClass and series and study):
        raise M3DError("The report of the validation is no longer in the DICOM database; store it there again.")
    return DocumentReference(sopClass, sopInstanceUid, series, study)
