"""What an Encapsulated STL object holds, as plain values for JSON and as lines for a person."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import FORMAT_OF_CLASS, classOf, materialReferences
from M3DLib.EncapsulatedStl.DescriptionReader import DescriptionReader
from M3DLib.Errors import M3DError
from M3DLib.Store.FileSetAdditions import DICOMDIR
from M3DLib.Store.FileSetDirectory import FileSetDirectory

if TYPE_CHECKING:
    from M3DLib.EncapsulatedStl.EncapsulatedStlReader import EncapsulatedModel
    from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm
    from M3DLib.EncapsulatedStl.RecordedValidation import RecordedValidation


def modelFacts(model: EncapsulatedModel, file: str) -> dict[str, Any]:
    """The facts of one object; keys and units are part of the command line's contract."""
    reader = DescriptionReader(model.dataset, [])
    return {
        "file": file,
        "sopInstanceUid": model.sopInstanceUid,
        "seriesInstanceUid": reader.text("SeriesInstanceUID"),
        **_meshFacts(model),
        **_titleFacts(model, reader),
        **_placeFacts(reader),
        "source": _sourceFacts(model),
        "sources": [
            {
                "sopClassUid": source.sopClassUid,
                "sopInstanceUid": source.sopInstanceUid,
                "seriesInstanceUid": source.seriesInstanceUid,
                "studyInstanceUid": source.studyInstanceUid,
                "purpose": source.purpose,
            }
            for source in model.sources
        ],
        "predecessors": [_documentFacts(reference) for reference in model.predecessors],
        "identical": [_documentFacts(reference) for reference in model.identical],
        "related": [_documentFacts(reference) for reference in model.related],
        **_descriptionFacts(model),
        "validation": validationFacts(model.validation, Path(file)),
        "hasIcon": bool(reader.items("IconImageSequence")),
        "format": _formatOf(model),
        "documentBytes": len(model.stl),
        "stlBytes": len(model.stl) if _formatOf(model) == "STL" else None,
        "materials": [
            {"sopInstanceUid": one.sopInstanceUid, "name": one.name} for one in materialReferences(model.dataset)
        ],
        "warnings": list(model.warnings),
    }


def _formatOf(model: EncapsulatedModel) -> str:
    return FORMAT_OF_CLASS.get(classOf(model.dataset), "STL")


def _meshFacts(model: EncapsulatedModel) -> dict[str, Any]:
    return {
        "name": model.mesh.name,
        "triangles": len(model.mesh.triangles),
        "volumeMm3": model.mesh.volumeMm3,
        "boundsLps": list(model.mesh.boundsLps),
        "closed": model.mesh.isClosed,
        "unit": model.unit,
    }


def _titleFacts(model: EncapsulatedModel, reader: DescriptionReader) -> dict[str, str]:
    titles = reader.items("ConceptNameCodeSequence")
    titleCode = reader.text("CodeMeaning", titles[0]) if titles else ""
    return {
        "title": model.description.title or titleCode,
        "titleCode": titleCode,
        "description": model.description.contentDescription,
    }


def _placeFacts(reader: DescriptionReader) -> dict[str, dict[str, str]]:
    """Patient, study and series."""
    text = reader.text
    return {
        "patient": {
            "name": text("PatientName"),
            "id": text("PatientID"),
            "birthDate": text("PatientBirthDate"),
            "sex": text("PatientSex"),
        },
        "study": {
            "studyInstanceUid": text("StudyInstanceUID"),
            "date": text("StudyDate"),
            "id": text("StudyID"),
            "accessionNumber": text("AccessionNumber"),
            "description": text("StudyDescription"),
        },
        "series": {
            "number": text("SeriesNumber"),
            "description": text("SeriesDescription"),
            "instanceNumber": text("InstanceNumber"),
        },
    }


def _descriptionFacts(model: EncapsulatedModel) -> dict[str, Any]:
    """What is said of the model, and how it was made."""
    description = model.description
    return {
        "usage": description.usage,
        "modified": description.modified,
        "mirrored": description.mirrored,
        "laterality": description.laterality,
        "burnedInAnnotation": description.burnedInAnnotation,
        "recognizableVisualFeatures": description.recognizableVisualFeatures,
        "verified": description.verified,
        "groupUid": description.groupUid,
        "color": None if description.color is None else list(description.color),
        "opacity": description.opacity,
        "surface": None if model.surface is None else model.surface.asDict(),
        "segmentation": description.segmentation,
        "repairs": description.repairs,
        "part": description.part,
        "algorithm": _algorithmFacts(description.algorithm),
        "software": {
            "manufacturer": description.equipment.manufacturer,
            "model": description.equipment.modelName,
            "serialNumber": description.equipment.deviceSerialNumber,
            "versions": list(description.equipment.softwareVersions),
        },
        "institution": description.equipment.institutionName,
        "created": None if description.contentDateTime is None else description.contentDateTime.isoformat(),
    }


def validationFacts(validation: RecordedValidation, file: Path) -> dict[str, Any] | None:
    """What an object records of its validation, with the files of the reports it refers to; None for nothing.

    The reports are looked for in the file-set that the object's file is in; ``present`` is null where it is in none.
    """
    if not validation:
        return None
    root = next((folder for folder in file.absolute().parents if (folder / DICOMDIR).is_file()), None)
    known = None
    if root is not None:
        known = {}
        # A directory that names files which are gone, or is damaged otherwise, leads to no report.
        with suppress(M3DError):
            known = FileSetDirectory.read(root).paths(root)
    reports = []
    for uid in validation.reports:
        place = None if known is None else known.get(uid)
        present = None if known is None else place is not None and place.is_file()
        reports.append({"sopInstanceUid": uid, "present": present, "file": str(place) if present else None})
    return {
        "verdict": validation.verdict or None,
        "profile": validation.profile,
        "exportedAnyway": validation.exportedAnyway,
        "text": validation.sentence(),
        "reports": reports,
    }


def _sourceFacts(model: EncapsulatedModel) -> dict[str, Any]:
    """The main source in the words that ``export`` uses; what an object does not record is null."""
    series = list(dict.fromkeys(source.seriesInstanceUid for source in model.sources))
    main = series[0] if series else ""
    return {
        "seriesInstanceUid": main or None,
        "frameOfReferenceUid": model.frameOfReferenceUid or None,
        "slices": sum(source.seriesInstanceUid == main for source in model.sources),
        # Files that were left aside when the model was made are not recorded in it.
        "skippedFiles": None,
        "series": len(series),
    }


def _documentFacts(reference) -> dict[str, str]:
    return {
        "sopInstanceUid": reference.sopInstanceUid,
        "seriesInstanceUid": reference.seriesInstanceUid,
        "studyInstanceUid": reference.studyInstanceUid,
        "purpose": reference.purpose,
    }


def modelText(facts: dict[str, Any]) -> str:
    """The facts as lines for a person; what is not said is left out."""
    low, high = facts["boundsLps"][::2], facts["boundsLps"][1::2]
    size = " x ".join(_length(end - start) for start, end in zip(low, high, strict=True))
    place = ", ".join(f"{_length(start)} to {_length(end)}" for start, end in zip(low, high, strict=True))
    patient, study, series, source = facts["patient"], facts["study"], facts["series"], facts["source"]
    software, algorithm = facts["software"], facts["algorithm"]
    form = "" if facts["format"] == "STL" else f"as {facts['format']} "
    rows = [
        ("Model", facts["name"]),
        ("Title", facts["titleCode"]),
        ("Description", facts["description"]),
        ("Patient", _joined(patient["name"], patient["id"], patient["birthDate"], patient["sex"])),
        ("Study", _joined(study["description"], study["date"], study["id"], study["accessionNumber"])),
        ("Series", _joined(series["number"], series["description"], f"instance {series['instanceNumber']}")),
        ("Size", f"{size} mm (stored {form}in {facts['unit']})"),
        ("Place (LPS)", f"{place} mm"),
        ("Triangles", f"{facts['triangles']}, {'closed' if facts['closed'] else 'not closed'}"),
        ("Volume", f"{facts['volumeMm3'] / 1000:.4g} ml" + ("" if facts["closed"] else " (meaningless: not closed)")),
        *[("Materials", _joined(one["name"], one["sopInstanceUid"])) for one in facts["materials"]],
        ("Usage", facts["usage"]),
        ("Laterality", facts["laterality"]),
        ("Modified", _yesNo(facts["modified"])),
        ("Mirrored", _yesNo(facts["mirrored"])),
        ("Recognizable", _yesNo(facts["recognizableVisualFeatures"])),
        ("Engraved text", "identifies the patient" if facts["burnedInAnnotation"] else ""),
        ("Verified", _yesNo(facts["verified"])),
        ("Group", facts["groupUid"]),
        ("Color", "" if facts["color"] is None else ", ".join(f"{part:.3f}" for part in facts["color"]) + " (sRGB)"),
        ("Opacity", "" if facts["opacity"] is None else f"{facts['opacity']:.3g}"),
        ("Made from", _madeFrom(facts)),
        ("Frame of reference", source["frameOfReferenceUid"] or ""),
        ("Surface", _parameters(facts["surface"])),
        ("Segmentation", facts["segmentation"]),
        ("Repairs", facts["repairs"]),
        ("Only a part", facts["part"]),
        ("Validation", facts["validation"]["text"] if facts["validation"] else "none recorded"),
        ("Exported although", facts["validation"]["exportedAnyway"] if facts["validation"] else ""),
        *[("Report", _reportText(report)) for report in (facts["validation"] or {}).get("reports", ())],
        ("Algorithm", algorithm["name"] + " " + _parameters(algorithm["parameters"]) if algorithm else ""),
        *[("Earlier model", _joined(one["sopInstanceUid"], one["purpose"])) for one in facts["predecessors"]],
        *[("Same document", one["sopInstanceUid"]) for one in facts["identical"]],
        *[("Refers to", one["sopInstanceUid"]) for one in facts["related"]],
        ("Software", _joined(software["manufacturer"], software["model"], *software["versions"])),
        ("Institution", facts["institution"]),
        ("Instance", facts["sopInstanceUid"]),
        *[("Warning", warning) for warning in facts["warnings"]],
    ]
    return "\n".join(f"{label + ':':<20}{_printable(value)}" for label, value in rows if value)


def _reportText(report: dict[str, Any]) -> str:
    if report["present"]:
        return report["file"]
    where = "not found in its file-set" if report["present"] is False else "not looked for: the file is in no file-set"
    return f"{report['sopInstanceUid']}, {where}"


def modelTable(models: list[dict[str, Any]], problems: list[dict[str, str]]) -> str:
    """Several objects, a line each, and what could not be read."""
    rows = [("Model", "Size (mm)", "Triangles", "", "Usage", "Patient", "File")]
    for facts in models:
        low, high = facts["boundsLps"][::2], facts["boundsLps"][1::2]
        rows.append(
            (
                facts["name"],
                " x ".join(_length(end - start) for start, end in zip(low, high, strict=True)),
                str(facts["triangles"]),
                "closed" if facts["closed"] else "NOT closed",
                facts["usage"],
                facts["patient"]["id"],
                facts["file"],
            )
        )
    rows = [tuple(_printable(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows if models]
    warned = [facts for facts in models if facts["warnings"]]
    lines += [f"{facts['file']}: {_printable(text)}" for facts in warned for text in facts["warnings"]]
    return "\n".join([*lines, *(f"{one['file']}: {one['problem']}" for one in problems)])


def _printable(text: str) -> str:
    """Without control characters: a header must not be able to steer the terminal it is shown on."""
    return "".join(character if character.isprintable() else " " for character in text)


def _length(value: float) -> str:
    """Millimeters to two decimals, or four digits where that would show nothing."""
    return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"


def _algorithmFacts(algorithm: DerivationAlgorithm | None) -> dict | None:
    if algorithm is None:
        return None
    return {
        "name": algorithm.name,
        "version": algorithm.version,
        "family": algorithm.family,
        "source": algorithm.source,
        "parameters": dict(algorithm.parameters),
    }


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _yesNo(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _madeFrom(facts: dict[str, Any]) -> str:
    count = len(facts["sources"])
    return f"{count} instances of {facts['source']['series']} series" if count else ""


def _parameters(values: dict[str, Any] | None) -> str:
    return "" if not values else ", ".join(f"{key} {value}" for key, value in values.items())
