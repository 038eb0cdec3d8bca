"""The report on a printed part: its content and pictures, in the same faces as that of a validation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress

from ..Check import Case
from ..Profile import Profile
from ..Reference.ReferenceChecks import ReferenceDistanceCheck
from ..Reference.ReferenceMeasurement import measureOnMesh
from ..Report.Pictures.DeviationModel import deviationModels
from ..Report.Pictures.Pictures import makePictures
from ..Report.Report import Report, conclude, makeReport
from ..Requirement import Verdict
from ..Validation import runChecks
from .AskedSections import sectionsOfBoth
from .PartChecks import PrintedPartCheck
from .PartComparison import KEY, PartComparison, partCase
from .SectionPictures import PART_AND_MODEL, TWO_VERSIONS, sectionPictures

if TYPE_CHECKING:
    from pydicom import Dataset

    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    from ..Reference.ReferenceReader import ReferenceDistance

LIMITS_OF_COMPARISON = (
    "It is a record of measurements, not a certificate, and does not replace the judgment of the clinician in charge.",
    "The limits are those of the profile, each with its source; the standard sets no numbers for them here.",
    "The part is compared with the model: whether the model shows the anatomy is not said here.",
    "Deviations are measured at the points of the part's mesh and weighted with the area each of them stands for.",
    "Nothing was aligned before deviations were measured, unless the registration says otherwise.",
    "How well the scan of a part shows it is not in the distances; the error budget has that where it was given.",
)
LIMITS_OF_VERSIONS = (
    "It is a record of measurements; whether the changes were meant, and are good, is not said here.",
    "Deviations are measured at the points of both meshes and weighted with the area each of them stands for.",
    "Volumes are counted on a grid, within some 2 % for what is larger than its cells.",
    "Nothing was aligned before deviations were measured, unless the registration says otherwise.",
)


def addReferences(case: Case, references: Sequence[ReferenceDistance]) -> None:
    """Give a case known distances; without a nominal value, the model's own is what the part is held against."""
    model = case.measurements[KEY].model
    for reference in references:
        if reference.nominalMm is None:
            reference.nominalMm = measureOnMesh(model, reference).lengthMm
    case.references = list(references)


def partReport(
    case: Case,
    facts: Mapping,
    *,
    showing: bool,
    person: str = "",
    pseudonym: str = "",
    files: Sequence[Path] = (),
    header: Dataset | None = None,
    sections: Sequence[Sequence[float]] = (),
    progress: Callable[[float, str], None] = noProgress,
) -> Report:
    """Check a part, make the pictures, and put the report together.

    :param case: of :func:`~.PartComparison.partCase`.
    :param facts: what the report says of the comparison beyond findings and deviation: ``A``, ``B``, ``registration``,
        ``before``, ``shape``, ``errorBudget``.
    :param showing: whether pictures and the 3D model are made.
    :param files: the meshes' files, for their hashes. :param header: of the model, when it is a DICOM object.
    :param sections: places through which sections of both are shown, LPS mm, see :func:`~.AskedSections.requireNear`.
    """
    progress(0.0, "Checking the part")
    findings = runChecks(case, checks=[PrintedPartCheck(), ReferenceDistanceCheck()])
    shown = _shown(case, PART_AND_MODEL, showing, sections, progress)
    report = makeReport([case], [findings], **shown, person=person, pseudonym=pseudonym, files=files)
    _complete(report, facts, LIMITS_OF_COMPARISON, None if pseudonym else header)
    progress(1.0, "Part judged")
    return report


def versionReport(
    comparison: PartComparison,
    mesh: TriangleMesh,
    tolerance: float,
    facts: Mapping,
    *,
    showing: bool,
    person: str = "",
    pseudonym: str = "",
    files: Sequence[Path] = (),
    header: Dataset | None = None,
    sections: Sequence[Sequence[float]] = (),
    progress: Callable[[float, str], None] = noProgress,
) -> Report:
    """The report on what changed from one version of a model to another; nothing is judged.

    :param mesh: the new version, aligned where it is. :param facts: as for :func:`partReport`, with ``changes`` of
        :func:`~.VersionChanges.versionChanges`.
    """
    case = partCase(comparison, mesh, _versionProfile(tolerance), tolerance)
    shown = _shown(case, TWO_VERSIONS, showing, sections, progress)
    report = makeReport([case], [[]], **shown, person=person, pseudonym=pseudonym, files=files)
    verdict = {"verdict": Verdict.INFORMATION.value}
    _complete(report, {**facts, **verdict}, LIMITS_OF_VERSIONS, None if pseudonym else header)
    progress(1.0, "Versions compared")
    return report


def _complete(report: Report, facts: Mapping, limits: Sequence[str], header: Dataset | None) -> None:
    """Put into a report what it says beyond findings and deviation, the limits of the method, and the patient."""
    report.data.update(_plain(facts))
    report.data["limitsOfMethod"] = list(limits)
    if header is not None:
        _name(report.data["case"], header)
    conclude(report.data)


def _versionProfile(tolerance: float) -> Profile:
    """A profile that asks for nothing: two versions differ as they were meant to."""
    title, description = "Comparison of two versions", "What changed from one version of a model to another."
    text = f"versions 1.0: {description} Nothing is judged."
    return Profile(
        name="versions",
        title=title,
        version="1.0",
        requirements={},
        toleranceMm=tolerance,
        toleranceSource="Set for this run; deviations beyond it are listed as regions",
        description=f"{description} Nothing is judged.",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _shown(
    case: Case,
    names: tuple[str, str],
    showing: bool,
    places: Sequence[Sequence[float]],
    progress: Callable[[float, str], None],
) -> dict[str, list]:
    """Pictures, 3D models and sections that were asked for of two surfaces, where they could be compared."""
    comparison: PartComparison = case.measurements[KEY]
    pictures, models, sections = [], [], []
    if comparison.surfaces is not None:
        compared = comparison.surfaces.forward, comparison.model, comparison.facts, names
        if showing:
            pictures += makePictures([case], lambda done, text: progress(0.2 + 0.4 * done, text))
            pictures += sectionPictures(*compared)
            models = deviationModels([case], lambda done, text: progress(0.7 + 0.2 * done, text))
        sections, asked = sectionsOfBoth(*compared, places)
        pictures += asked
    return {"pictures": pictures, "models": models, "sections": sections}


def _name(block: dict, header: Dataset) -> None:
    """Patient and study of the model that the part was printed from."""
    patient = {"name": "PatientName", "id": "PatientID", "birthDate": "PatientBirthDate", "sex": "PatientSex"}
    study = {
        "description": "StudyDescription",
        "date": "StudyDate",
        "id": "StudyID",
        "accessionNumber": "AccessionNumber",
        "studyInstanceUid": "StudyInstanceUID",
    }
    for names, key in ((patient, "patient"), (study, "study")):
        block[key] = {name: str(header.get(keyword, "") or "") for name, keyword in names.items()}


def _plain(value):
    """Plain JSON values; what is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
