"""What the tags of Slicer's "Export to DICOM" dialog mean for a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..Dicom.OnePatient import patientConflicts
from ..EncapsulatedStl.ModelDescription import ModelDescription

if TYPE_CHECKING:
    from pydicom import Dataset


def tagConflicts(tags: Mapping[str, str], header: Dataset) -> list[str]:
    """Why a model cannot go to the patient and study that the tags name: one sentence each, none when it can.

    A model goes to the patient and study of its scan, so that nothing can tell them apart later; the dialog's tags are
    copies of those, which somebody may have edited.

    :param header: of an image of the scan.
    """
    from pydicom import Dataset

    asked = Dataset()
    # A scan without Patient ID gets a made-up one in the scene.
    for keyword in ("PatientID", "PatientName", "PatientBirthDate"):
        value = (tags.get(keyword) or "").strip()
        if value and not (keyword == "PatientID" and value.startswith("Patient-")) and value != "No name":
            setattr(asked, keyword, value)
    remedy = "A model is exported to the patient and study of its scan; take back the change in the table of tags."
    problems = patientConflicts([header, asked])
    study = (tags.get("StudyInstanceUID") or "").strip()
    source = str(header.get("StudyInstanceUID") or "")
    if study and study != source:
        problems.append(f"The model's scan is in study {source}, the tags name study {study}.")
    return [f"{problem} {remedy}" for problem in problems]


def descriptionOfTags(tags: Mapping[str, str], description: ModelDescription | None = None) -> ModelDescription:
    """The description of a model as the tags of its series say; what they leave empty stays as it was."""
    description = description or ModelDescription()
    said = {
        "title": tags.get("DocumentTitle"),
        "contentDescription": tags.get("ContentDescription"),
        "seriesDescription": tags.get("SeriesDescription"),
    }
    return replace(description, **{key: value.strip() for key, value in said.items() if value and value.strip()})


def seriesNumberOfTags(tags: Mapping[str, str], neighbors: Iterable[Dataset]) -> int | None:
    """The series number the tags ask for; None when they ask for none, or for one that another series has.

    A segmentation loaded from DICOM carries the number of its own series there.
    """
    text = (tags.get("SeriesNumber") or "").strip()
    if not text.isdigit() or len(text) > 9:
        return None
    number = int(text)
    return None if any(header.get("SeriesNumber") == number for header in neighbors) else number
