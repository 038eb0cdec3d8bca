"""Options that say what a model is: shared by ``m3d export`` and ``m3d encapsulate``."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ..GeneralOptions import COLOR_CHOICES
from .ReportOptions import addInstitutionOption

if TYPE_CHECKING:
    from M3DLib.EncapsulatedStl.EarlierModels import EarlierModels
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription

    from ..CommandParser import CommandParser


def addDescriptionOptions(parser: CommandParser, institution: bool = True) -> None:
    """Everything of ``ModelDescription`` that can be said in words, and references to earlier models.

    :param institution: whether --institution is added too, which the options of a report hold as well.
    """
    _addDocumentOptions(parser, institution)
    _addModelOptions(parser)
    _addRelationOptions(parser)
    parser.acceptOldName("--units", "--unit")
    parser.acceptOldName("--color", lambda value: "--color" if value in COLOR_CHOICES else "--model-color")


def _addDocumentOptions(parser: CommandParser, institution: bool) -> None:
    group = parser.add_argument_group("document", "what is not said is not written, where DICOM allows")
    group.add_argument("--title", default="", metavar="TEXT", help="name of the model (default: the segment's)")
    group.add_argument(
        "--title-code",
        default="",
        metavar="KEYWORD",
        help="coded title of CID 7061, as LaserScanning3DCAMModel (default: what fits the modality of the source)",
    )
    group.add_argument("--description", default="", metavar="TEXT", help="what the model shows, up to 64 characters")
    group.add_argument("--series-description", default="", metavar="TEXT", help="name of the series")
    group.add_argument(
        "--verified",
        action=argparse.BooleanOptionalAction,
        help="whether somebody has confirmed that the model is right",
    )
    group.add_argument(
        "--engraved-identification",
        action="store_true",
        help="text that identifies the patient is engraved or embossed on the model",
    )
    group.add_argument(
        "--recognizable",
        action=argparse.BooleanOptionalAction,
        help="whether the patient could be recognized from the model's shape (a face)",
    )
    group.add_argument("--timezone", default="", metavar="+HHMM", help="time zone of all dates (default: the scan's)")
    group.add_argument(
        "--device-serial-number",
        default="",
        metavar="TEXT",
        help="serial number of this workstation (default: the software's version)",
    )
    if institution:
        addInstitutionOption(group)


def _addModelOptions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--usage",
        default="",
        metavar="KEYWORD",
        help="what it is for: DiagnosticIntent, EducationalIntent, ImplantFabrication, PlanningIntent, "
        "ProstheticFabrication, QualityControlIntent, SimulationIntent or ToolFabrication",
    )
    group.add_argument(
        "--unit",
        default="mm",
        choices=("um", "mm", "cm", "m"),
        help="unit of the STL's coordinates (default: %(default)s)",
    )
    group.add_argument(
        "--laterality",
        type=str.upper,
        choices=("L", "R", "B", "U"),
        default="",
        help="where the printed object is meant to go: left, right, both, unpaired",
    )
    group.add_argument(
        "--modified",
        action=argparse.BooleanOptionalAction,
        help="whether the model differs from the anatomy on purpose",
    )
    group.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="whether it was made by mirroring the other side",
    )
    group.add_argument(
        "--model-color", type=_color, metavar="#RRGGBB", help="color to show it in (default: the segment's)"
    )
    group.add_argument("--opacity", type=float, metavar="F", help="0 (transparent) to 1 (opaque)")
    group.add_argument(
        "--group",
        default="",
        metavar="UID|new",
        help="mark as a part of an assembly; 'new' begins one whose UID is printed",
    )
    group.add_argument(
        "--icon",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="put a small picture into the object when a picture can be made (default: yes)",
    )


def _addRelationOptions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("earlier models")
    group.add_argument(
        "--predecessor",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.dcm",
        help="Encapsulated STL object of which this is a new version; may be given several times",
    )
    group.add_argument(
        "--component",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.dcm",
        help="Encapsulated STL object that is a part of this one; may be given several times",
    )
    group.add_argument(
        "--same-series",
        action="store_true",
        help="put the new version into the series of the first --predecessor (default: a new series)",
    )


def descriptionFrom(arguments: argparse.Namespace) -> ModelDescription:
    """What the command line says about the model.

    :raises M3DError: lists every problem.
    """
    from M3DLib.Dicom import Codes
    from M3DLib.Dicom.Uid import newUid
    from M3DLib.EncapsulatedStl.ModelDescription import Equipment, ModelDescription, parameterText

    problems, keywords = [], {}
    for group, text, what in (
        (Codes.USAGE, arguments.usage, "usage"),
        (Codes.DOCUMENT_TITLE, arguments.title_code, "title code"),
    ):
        try:
            keywords[what] = Codes.findKeyword(group, text, what) if text else ""
        except M3DError as error:
            problems += error.problems
    equipment = Equipment(institutionName=arguments.institution.strip())
    if arguments.device_serial_number:
        equipment = replace(equipment, deviceSerialNumber=arguments.device_serial_number)
    description = ModelDescription(
        title=arguments.title.strip(),
        titleCode=keywords.get("title code", ""),
        contentDescription=arguments.description.strip(),
        usage=keywords.get("usage", ""),
        units=arguments.unit,
        modified=arguments.modified,
        mirrored=arguments.mirrored,
        laterality=arguments.laterality,
        burnedInAnnotation=arguments.engraved_identification,
        recognizableVisualFeatures=arguments.recognizable,
        verified=arguments.verified,
        groupUid=newUid() if arguments.group == "new" else arguments.group,
        color=arguments.model_color,
        opacity=arguments.opacity,
        seriesDescription=arguments.series_description.strip(),
        timezoneOffset=arguments.timezone,
        # Only commands that take the anatomy from a scan let it be a part of that.
        part=parameterText(getattr(arguments, "part", None) or ""),
        equipment=equipment,
    )
    problems += description.problems()
    if problems:
        raise M3DError(problems)
    return description


def earlierModelsFrom(arguments: argparse.Namespace) -> EarlierModels:
    """The earlier models that the command line names.

    :raises M3DError: one of them is no Encapsulated STL object, or there is no series to continue.
    """
    from M3DLib.EncapsulatedStl.EarlierModels import readEarlierModels

    if arguments.same_series and not arguments.predecessor:
        raise M3DError("--same-series needs --predecessor FILE.dcm, the model whose series is meant.")
    return readEarlierModels(arguments.predecessor, arguments.component, arguments.same_series)


def _color(text: str) -> tuple[float, float, float]:
    if not re.fullmatch(r"#?[0-9A-Fa-f]{6}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a color; write it as #RRGGBB, as in #E6DCC8")
    digits = text.lstrip("#")
    return tuple(int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4))
