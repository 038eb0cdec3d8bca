"""Reads what an Encapsulated STL object says about its model back into the objects it was written from."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..Dicom import Codes
from ..Dicom.CieLab import decodeLab, rgbFromLab
from ..Errors import M3DError
from ..Mesh.SurfaceParameters import SurfaceParameters
from ..Surface.SurfaceRecord import refinementOf, simplificationOf
from .DocumentReferences import DocumentReference
from .ModelDescription import (
    LATERALITIES,
    PART_PARAMETER,
    REPAIRS_PARAMETER,
    SEGMENTATION_PARAMETER,
    SURFACE_ALGORITHM,
    DerivationAlgorithm,
    Equipment,
    ModelDescription,
)
from .ModelSources import SourceReference
from .RecordedValidation import RecordedValidation, recordedValidation
from .StatedUnit import unitDoubts

if TYPE_CHECKING:
    from pydicom import Dataset


class DescriptionReader:
    """Reads attributes of one dataset and gathers a warning for each that cannot be read.

    :param warnings: the list that gets them.
    """

    def __init__(self, dataset: Dataset, warnings: list[str]):
        self.dataset = dataset
        self.warnings = warnings

    def value(self, keyword: str, dataset: Dataset | None = None) -> Any:
        """An attribute's value, None when it is absent, empty or cannot be read."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's remarks on odd values are for programmers
                value = (self.dataset if dataset is None else dataset).get(keyword)
            return None if value is None or value == "" else value
        except Exception as error:
            # pydicom decodes a value when it is first asked for; a damaged one makes it raise nearly anything.
            self.warnings.append(f"{keyword} cannot be read ({type(error).__name__}).")
            return None

    def text(self, keyword: str, dataset: Dataset | None = None) -> str:
        """An attribute's value as text; several values are joined as DICOM writes them."""
        value = self.value(keyword, dataset)
        if value is None:
            return ""
        if not isinstance(value, str) and hasattr(value, "__iter__") and type(value).__name__ == "MultiValue":
            return "\\".join(str(part) for part in value).strip()
        return str(value).strip()

    def number(self, keyword: str, dataset: Dataset | None = None) -> float | None:
        """A single number, None when there is none."""
        value = self.value(keyword, dataset)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            self.warnings.append(f"{keyword} is not a number.")
            return None
        return number

    def items(self, keyword: str, dataset: Dataset | None = None) -> list[Dataset]:
        """Items of a sequence, none when it is absent or is no sequence."""
        from pydicom import Dataset, Sequence

        value = self.value(keyword, dataset)
        if value is None:
            return []
        if not isinstance(value, Sequence):
            self.warnings.append(f"{keyword} is not a sequence.")
            return []
        return [item for item in value if isinstance(item, Dataset)]

    def flag(self, keyword: str) -> bool | None:
        """YES or NO as True or False, else None."""
        text = self.text(keyword).upper()
        return {"YES": True, "NO": False}.get(text)

    def name(self) -> str:
        """The model's name: title, else description, else series description, else what it is."""
        for keyword in ("DocumentTitle", "ContentDescription", "SeriesDescription"):
            if text := self.text(keyword):
                return " ".join(text.split())
        for item in self.items("ConceptNameCodeSequence"):
            if text := self.text("CodeMeaning", item):
                return text
        return "3D model"

    def keyword(self, group: int, item: Dataset) -> str:
        """Keyword of a code item in a context group, "" when it is none of them."""
        try:
            return Codes.keywordFromItem(group, item)
        except Exception as error:
            self.warnings.append(f"A code cannot be read ({type(error).__name__}).")
            return ""

    def unit(self) -> str:
        """The unit of the coordinates.

        :raises M3DError: when it is not one that DICOM allows here.
        """
        items = self.items("MeasurementUnitsCodeSequence")
        if not items:
            self.warnings.append("The object does not say its unit; millimeters were assumed.")
            return "mm"
        try:
            value, scheme = Codes.codeOfItem(items[0])
        except Exception as error:
            raise M3DError("The model's unit cannot be read, so its size is unknown.") from error
        if value in Codes.UNIT_MM and not scheme:
            self.warnings.append(f"The unit code '{value}' has no coding scheme; UCUM was assumed.")
        elif value not in Codes.UNIT_MM or scheme != "UCUM":
            allowed = ", ".join(Codes.UNIT_MM)
            raise M3DError(
                f"The model's unit is '{value}' ({scheme}), which is not one of DICOM's ({allowed}), so its size is "
                "unknown; extract the STL to look at it all the same.",
            )
        self.warnings += unitDoubts(items, value)
        return value

    def description(self, unit: str) -> ModelDescription:
        """Everything a user has said about the model."""
        verification = self.text("VerificationFlag").upper()
        laterality = self.text("ImageLaterality").upper()
        titles = [self.keyword(Codes.DOCUMENT_TITLE, item) for item in self.items("ConceptNameCodeSequence")]
        usages = [self.keyword(Codes.USAGE, item) for item in self.items("ModelUsageCodeSequence")]
        return ModelDescription(
            title=self.text("DocumentTitle"),
            titleCode=next(iter(titles), ""),
            contentDescription=self.text("ContentDescription"),
            usage=next(iter(usages), ""),
            units=unit,
            modified=self.flag("ModelModification"),
            mirrored=self.flag("ModelMirroring"),
            laterality=laterality if laterality in LATERALITIES else "",
            burnedInAnnotation=bool(self.flag("BurnedInAnnotation")),
            recognizableVisualFeatures=self.flag("RecognizableVisualFeatures"),
            verified={"VERIFIED": True, "UNVERIFIED": False}.get(verification),
            groupUid=self.text("ModelGroupUID"),
            color=self._color(),
            opacity=self._opacity(),
            seriesDescription=self.text("SeriesDescription"),
            algorithm=next((found for found in self._algorithms() if found.name != SURFACE_ALGORITHM), None),
            segmentation=self._recorded(SEGMENTATION_PARAMETER),
            repairs=self._recorded(REPAIRS_PARAMETER),
            part=self._recorded(PART_PARAMETER),
            contentDateTime=self._contentDateTime(),
            timezoneOffset=self.text("TimezoneOffsetFromUTC"),
            equipment=Equipment(
                self.text("Manufacturer"),
                self.text("ManufacturerModelName"),
                self.text("DeviceSerialNumber"),
                tuple(version for version in self.text("SoftwareVersions").split("\\") if version),
                self.text("InstitutionName"),
            ),
        )

    def surface(self) -> SurfaceParameters | None:
        """The surface parameters recorded by this software, None when there are none or they are not understood."""
        for step in self._algorithms():
            if step.name == SURFACE_ALGORITHM:
                try:
                    return SurfaceParameters.fromTexts(dict(step.parameters))
                except ValueError:
                    self.warnings.append("The parameters of the surface cannot be understood.")
        return None

    def refinement(self) -> dict | None:
        """What this software recorded of moving the surface to the edge of its image; None when it was not moved."""
        return self._understood(
            refinementOf,
            "The object says that its surface was moved to the edge in its image (refined), but not on what share of "
            "it: agreement with that image is no evidence.",
        )

    def simplification(self) -> dict | None:
        """What this software recorded of taking triangles away; None when it took none or the figures are none."""
        return self._understood(simplificationOf, "How far the surface was simplified cannot be understood.")

    def _understood(self, recordOf: Callable[[dict[str, str]], dict | None], problem: str) -> dict | None:
        """What the parameters of the first algorithm that has it record; a warning for each that is not understood."""
        for step in self._algorithms():
            try:
                if record := recordOf(dict(step.parameters)):
                    return record
            except ValueError:
                self.warnings.append(problem)
        return None

    def sources(self) -> list[SourceReference]:
        """Items of Source Instance Sequence, with study and series from Common Instance Reference."""
        places = self._places()
        found = []
        for item in self.items("SourceInstanceSequence"):
            sopInstanceUid = self.text("ReferencedSOPInstanceUID", item)
            purposes = [
                self.keyword(Codes.SOURCE_PURPOSE, code) for code in self.items("PurposeOfReferenceCodeSequence", item)
            ]
            series, study = places.get(sopInstanceUid, ("", ""))
            found.append(
                SourceReference(
                    self.text("ReferencedSOPClassUID", item),
                    sopInstanceUid,
                    series,
                    study,
                    next(iter(purposes), ""),
                ),
            )
        return found

    def documents(self, keyword: str) -> list[DocumentReference]:
        """Items of Predecessor or Identical Documents Sequence."""
        found = []
        for studyItem in self.items(keyword):
            for seriesItem in self.items("ReferencedSeriesSequence", studyItem):
                for item in self.items("ReferencedSOPSequence", seriesItem):
                    purposes = [
                        self.keyword(Codes.PREDECESSOR_PURPOSE, code)
                        for code in self.items("PurposeOfReferenceCodeSequence", item)
                    ]
                    found.append(
                        DocumentReference(
                            self.text("ReferencedSOPClassUID", item),
                            self.text("ReferencedSOPInstanceUID", item),
                            self.text("SeriesInstanceUID", seriesItem),
                            self.text("StudyInstanceUID", studyItem),
                            next(iter(purposes), ""),
                        ),
                    )
        return found

    def referencedInstances(self) -> list[DocumentReference]:
        """Items of Referenced Instance Sequence, with study and series from Common Instance Reference."""
        places = self._places()
        found = []
        for item in self.items("ReferencedInstanceSequence"):
            sopInstanceUid = self.text("ReferencedSOPInstanceUID", item)
            place = places.get(sopInstanceUid, ("", ""))
            found.append(DocumentReference(self.text("ReferencedSOPClassUID", item), sopInstanceUid, *place))
        return found

    def validation(self) -> RecordedValidation:
        """What the object records of its validation."""
        parameters = {name: text for step in self._algorithms() for name, text in step.parameters}
        return recordedValidation(parameters, self.referencedInstances())

    def _places(self) -> dict[str, tuple[str, str]]:
        """SOP Instance UID to series and study, from the Common Instance Reference Module."""
        places = {}
        others = self.items("StudiesContainingOtherReferencedInstancesSequence")
        for study, container in [(self.text("StudyInstanceUID"), None)] + [
            (self.text("StudyInstanceUID", item), item) for item in others
        ]:
            for seriesItem in self.items("ReferencedSeriesSequence", container):
                series = self.text("SeriesInstanceUID", seriesItem)
                for item in self.items("ReferencedInstanceSequence", seriesItem):
                    places[self.text("ReferencedSOPInstanceUID", item)] = (series, study)
        return places

    def _algorithms(self) -> list[DerivationAlgorithm]:
        found = []
        for item in self.items("DerivationAlgorithmSequence"):
            families = [
                self.keyword(Codes.ALGORITHM_FAMILY, code) for code in self.items("AlgorithmFamilyCodeSequence", item)
            ]
            pairs = [part.partition("=") for part in self.text("AlgorithmParameters", item).split(",") if part]
            found.append(
                DerivationAlgorithm(
                    self.text("AlgorithmName", item),
                    self.text("AlgorithmVersion", item),
                    next(iter(families), ""),
                    tuple((key.strip(), value.strip()) for key, _, value in pairs),
                    self.text("AlgorithmSource", item),
                ),
            )
        return found

    def _recorded(self, parameter: str) -> str:
        """What this software has recorded beside the surface's parameters; "" for nothing."""
        ours = (step for step in self._algorithms() if step.name == SURFACE_ALGORITHM)
        return next((dict(step.parameters).get(parameter, "") for step in ours), "")

    def _color(self) -> tuple[float, float, float] | None:
        value = self.value("RecommendedDisplayCIELabValue")
        if value is None:
            return None
        try:
            return rgbFromLab(decodeLab(value))
        except (TypeError, ValueError):
            self.warnings.append("RecommendedDisplayCIELabValue is not a color.")
            return None

    def _opacity(self) -> float | None:
        value = self.number("RecommendedPresentationOpacity")
        if value is None or 0 <= value <= 1:
            return value
        self.warnings.append(f"RecommendedPresentationOpacity is {value}, not between 0 and 1.")
        return None

    def _contentDateTime(self) -> datetime | None:
        date, time = self.text("ContentDate"), self.text("ContentTime")
        for form in ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d"):
            try:
                return datetime.strptime(date + time, form)
            except ValueError:
                continue
        return None
