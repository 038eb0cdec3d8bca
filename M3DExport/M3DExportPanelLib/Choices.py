"""Choices of the panel; saved in scenes by their names, shown by their labels.

Keywords of context groups are written out here, because the library that knows them is not to be loaded when Slicer
starts; a test compares them with it.
"""

from enum import Enum

from slicer.i18n import tr as _


class Answer(Enum):
    """What a user says to a question that has no safe default."""

    NOT_SAID = None
    YES = True
    NO = False

    def label(self):
        """Text in the combo box."""
        return {Answer.NOT_SAID: _("not said"), Answer.YES: _("yes"), Answer.NO: _("no")}[self]


class SurfaceMethod(Enum):
    """How a surface is made from a segment."""

    FLYING_EDGES = "flying-edges"
    SURFACE_NETS = "surface-nets"

    def label(self):
        """Text in the combo box."""
        return {SurfaceMethod.FLYING_EDGES: _("flying edges"), SurfaceMethod.SURFACE_NETS: _("surface nets")}[self]


class TitleCode(Enum):
    """Coded document title (CID 7061)."""

    AUTOMATIC = ""
    CT = "CT3DCAMModel"
    MR = "MR3DCAMModel"
    US = "US3DCAMModel"
    MIXED = "MixedModality3DCAMModel"
    LASER = "LaserScanning3DCAMModel"
    PHOTOGRAMMETRY = "PhotogrammetricImaging3DCAMModel"

    def label(self):
        """Text in the combo box."""
        return {
            TitleCode.AUTOMATIC: _("by modality of the scan"),
            TitleCode.CT: _("model from CT"),
            TitleCode.MR: _("model from MR"),
            TitleCode.US: _("model from ultrasound"),
            TitleCode.MIXED: _("model from several modalities"),
            TitleCode.LASER: _("model from laser scanning"),
            TitleCode.PHOTOGRAMMETRY: _("model from photogrammetry"),
        }[self]


class Usage(Enum):
    """What a model is for (CID 7064)."""

    NOT_SAID = ""
    PLANNING = "PlanningIntent"
    EDUCATION = "EducationalIntent"
    DIAGNOSIS = "DiagnosticIntent"
    SIMULATION = "SimulationIntent"
    QUALITY_CONTROL = "QualityControlIntent"
    TOOL = "ToolFabrication"
    IMPLANT = "ImplantFabrication"
    PROSTHESIS = "ProstheticFabrication"

    def label(self):
        """Text in the combo box."""
        return {
            Usage.NOT_SAID: _("not said"),
            Usage.PLANNING: _("planning"),
            Usage.EDUCATION: _("education"),
            Usage.DIAGNOSIS: _("diagnosis"),
            Usage.SIMULATION: _("simulation"),
            Usage.QUALITY_CONTROL: _("quality control"),
            Usage.TOOL: _("making a tool or guide"),
            Usage.IMPLANT: _("making an implant"),
            Usage.PROSTHESIS: _("making a prosthesis"),
        }[self]


class Unit(Enum):
    """Unit of the STL's coordinates (CID 7063)."""

    MILLIMETER = "mm"
    CENTIMETER = "cm"
    METER = "m"
    MICROMETER = "um"

    def label(self):
        """Text in the combo box."""
        return {Unit.MICROMETER: "µm"}.get(self, self.value)


class Laterality(Enum):
    """Where the printed object is meant to go (Image Laterality)."""

    AUTOMATIC = ""
    LEFT = "L"
    RIGHT = "R"
    BOTH = "B"
    UNPAIRED = "U"

    def label(self):
        """Text in the combo box."""
        return {
            Laterality.AUTOMATIC: _("as the segment's terminology says"),
            Laterality.LEFT: _("left"),
            Laterality.RIGHT: _("right"),
            Laterality.BOTH: _("both"),
            Laterality.UNPAIRED: _("unpaired"),
        }[self]


class PredecessorPurpose(Enum):
    """Why an earlier model is referred to (CID 7062)."""

    EDITED = "EditedModel"
    COMPONENT = "ComponentModel"

    def label(self):
        """Text in the combo box."""
        return {
            PredecessorPurpose.EDITED: _("this is a new version of it"),
            PredecessorPurpose.COMPONENT: _("it is a part of this model"),
        }[self]


class Destination(Enum):
    """Where models go."""

    DATABASE = "database"
    FOLDER = "folder"
    PACS = "pacs"

    def label(self):
        """Text in the combo box."""
        return {
            Destination.DATABASE: _("DICOM database of Slicer"),
            Destination.FOLDER: _("folder"),
            Destination.PACS: _("PACS (DICOMweb)"),
        }[self]
