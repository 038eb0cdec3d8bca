"""What the report says beyond the findings, as plain JSON values; every face of the report is laid out from these."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...Acquisition.IdentityChecks import RECORD
from ...Acquisition.ImageCheck import headersOf, inOne, valuesOf
from .DataFlow import dataFlow
from .Pseudonym import LEFT_OUT, withheld
from .ReportReferences import KEY, segmentationReferences

if TYPE_CHECKING:
    from ...Check import Case

SCHEMA_VERSION = "1.0"
SIGN_CONVENTION = (
    "A positive deviation means that the reference (the edge in the image, the segment, the other mesh) lies outside "
    "the mesh: the mesh is too small there. A negative one means that the mesh is too large there."
)
LIMITS_OF_METHOD = (
    "The report says which clauses of ISO/IEC 3532-1 were looked at and how.",
    "It is a record of measurements, not a certificate, and does not replace the judgment of the clinician in charge.",
    "The limits are those of the profile, each with its source; the standard sets no numbers for them here.",
    "The edge in the image is where the value crosses the middle between its surroundings inside and outside.",
    "Where the image does not show one clear edge, nothing is measured and the area is counted as not measured.",
    "What the model lacks is looked for, without the model, in bodies whose values are those within its own edges.",
    "Marrow and other spaces with entrances below some 3 mm may be filled or not: that is listed and not judged.",
    "Deviations are measured at the vertices of the mesh and weighted with the area each of them stands for.",
    "Nothing was aligned before deviations were measured, unless the registration says otherwise.",
    "What is said of the scan's acquisition is what the headers say; it was not verified on the device.",
)
_MORE_RECORD = {
    "AcquisitionDate": "Acquisition Date (0008,0022)",
    "SeriesDescription": "Series Description (0008,103E)",
    "SliceThickness": "Slice Thickness (0018,0050), mm",
    "SpacingBetweenSlices": "Spacing Between Slices (0018,0088), mm",
    "GantryDetectorTilt": "Gantry/Detector Tilt (0018,1120), degrees",
    "PixelSpacing": "Pixel Spacing (0028,0030), mm",
    "ConvolutionKernel": "Convolution Kernel (0018,1210)",
    "ReconstructionDiameter": "Reconstruction Diameter (0018,1100), mm",
}
_PATIENT = {
    "name": "PatientName",
    "id": "PatientID",
    "birthDate": "PatientBirthDate",
    "sex": "PatientSex",
}
_STUDY = {
    "description": "StudyDescription",
    "date": "StudyDate",
    "id": "StudyID",
    "accessionNumber": "AccessionNumber",
    "studyInstanceUid": "StudyInstanceUID",
}
_ORDER = ("fail", "notAssessable", "warning", "pass", "information")


def reportContent(
    data: dict,
    cases: Sequence[Case],
    *,
    pseudonym: str = "",
    person: str = "",
    time: str = "",
    files: Sequence[Path] = (),
    pictures: Sequence[dict] = (),
    models: Sequence[dict] = (),
) -> dict:
    """The whole report.

    :param data: verdict, counts, profile, findings, deviation, input: what the checks said, as plain JSON values.
    :param cases: what was checked; one per segment.
    :param pseudonym: stands in for the patient; nothing that the headers say of patient and study is then repeated.
    :param person: who is responsible for the run, if said.
    :param time: when the report was made, ISO 8601 with offset.
    :param files: further files that were read (segmentation, mesh), for their hashes.
    :param pictures, models: entries of the pictures and 3D models beside the report.
    :return: ``data`` and, after it, the blocks of the published schema (``Report.schema.json``).
    """
    first = cases[0]
    content = {
        **data,
        "schemaVersion": SCHEMA_VERSION,
        "made": {"time": time, "person": person},
        "case": caseOf(first, pseudonym),
        **({"declaredPart": first.part} if first.part else {}),
        "intendedUse": {"title": first.profile.title, "description": first.profile.description},
        "clauses": clausesOf(data["findings"]),
        "acquisition": acquisitionRecord(first),
        "dataFlow": dataFlow(cases, files, time=time, person=person),
        "notAssessable": [
            {"requirement": entry["requirement"], "title": entry["title"], "reason": entry["message"]}
            for entry in data["findings"]
            if entry["verdict"] == "notAssessable"
        ],
        "signConvention": SIGN_CONVENTION,
        "limitsOfMethod": list(LIMITS_OF_METHOD),
        "pictures": list(pictures),
        "models3d": list(models),
    }
    if not pseudonym:
        content[KEY] = segmentationReferences(cases)
    if pseudonym:
        content = withheld(content, [] if first.image is None else first.image.headers, files)
    return content


def caseOf(case: Case, pseudonym: str = "") -> dict:
    """Patient and study as the headers of the image have them, or the pseudonym and nothing else."""
    header = case.image.headers[0] if case.image is not None and case.image.headers else {}
    if pseudonym:
        header = {}
    patient = {key: str(header.get(keyword, "") or "") for key, keyword in _PATIENT.items()}
    study = {key: str(header.get(keyword, "") or "") for key, keyword in _STUDY.items()}
    return {
        "pseudonymized": bool(pseudonym),
        "patient": {**patient, "name": pseudonym or patient["name"]},
        "study": study,
        "leftOut": list(LEFT_OUT) if pseudonym else [],
    }


def clausesOf(findings: Sequence[dict]) -> list[dict]:
    """Which clauses were looked at, with how many findings and the worst verdict, in the order of their numbers."""
    clauses: dict[str, list[str]] = {}
    for finding in findings:
        clauses.setdefault(finding["clause"], []).append(finding["verdict"])
    return [
        {
            "clause": clause,
            "verdict": min(verdicts, key=_ORDER.index),
            "counts": {verdict: verdicts.count(verdict) for verdict in reversed(_ORDER)},
        }
        for clause, verdicts in sorted(clauses.items())
    ]


def acquisitionRecord(case: Case) -> list[dict]:
    """How the scan was made, one entry per attribute; ``value`` is null where the headers do not say."""
    headers = headersOf(case) if case.image is not None else []
    if not headers:
        return []
    record = []
    for keyword, attribute in {**_MORE_RECORD, **RECORD}.items():
        texts = [text for text in valuesOf(headers, keyword) if text]
        # The backslash parts the values of one attribute in DICOM, and nothing else.
        value = inOne(text.replace("\\", " x " if keyword == "PixelSpacing" else ", ") for text in texts)
        record.append({"keyword": keyword, "attribute": attribute, "value": value or None})
    return record


def deviationsBySegment(report: dict) -> dict[str, dict]:
    """The report's deviations by the name of the segment; by "" where there is only one model."""
    block = report["deviation"] or {}
    return block.get("segments") or {"": block}


def readSchema() -> dict:
    """The published JSON schema of the report."""
    file = Path(__file__).with_name("Report.schema.json")
    return json.loads(file.read_text(encoding="utf-8"))
