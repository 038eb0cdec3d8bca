"""Choices of the panel; saved in scenes by their names, shown by their labels.

Keywords of context groups are written out here, because the library that knows them is not to be loaded when Slicer
starts; a test compares them with it.
"""

from slicer.i18n import tr as _

from M3DPanelLib.Choice import Choice


class Answer(Choice):
    """What a user says to a question that has no safe default."""

    NOT_SAID = None, _("not said")
    YES = True, _("yes")
    NO = False, _("no")


class TitleCode(Choice):
    """Coded document title (CID 7061)."""

    AUTOMATIC = "", _("by modality of the scan")
    CT = "CT3DCAMModel", _("model from CT")
    MR = "MR3DCAMModel", _("model from MR")
    US = "US3DCAMModel", _("model from ultrasound")
    MIXED = "MixedModality3DCAMModel", _("model from several modalities")
    LASER = "LaserScanning3DCAMModel", _("model from laser scanning")
    PHOTOGRAMMETRY = "PhotogrammetricImaging3DCAMModel", _("model from photogrammetry")


class Usage(Choice):
    """What a model is for (CID 7064)."""

    NOT_SAID = "", _("not said")
    PLANNING = "PlanningIntent", _("planning")
    EDUCATION = "EducationalIntent", _("education")
    DIAGNOSIS = "DiagnosticIntent", _("diagnosis")
    SIMULATION = "SimulationIntent", _("simulation")
    QUALITY_CONTROL = "QualityControlIntent", _("quality control")
    TOOL = "ToolFabrication", _("making a tool or guide")
    IMPLANT = "ImplantFabrication", _("making an implant")
    PROSTHESIS = "ProstheticFabrication", _("making a prosthesis")


class Unit(Choice):
    """Unit of the STL's coordinates (CID 7063); symbols are not translated."""

    MILLIMETER = "mm", "mm"
    CENTIMETER = "cm", "cm"
    METER = "m", "m"
    MICROMETER = "um", "µm"


class Laterality(Choice):
    """Where the printed object is meant to go (Image Laterality)."""

    AUTOMATIC = "", _("as the terminology says")
    LEFT = "L", _("left")
    RIGHT = "R", _("right")
    BOTH = "B", _("both")
    UNPAIRED = "U", _("unpaired")


class PredecessorPurpose(Choice):
    """Why an earlier model is referred to (CID 7062)."""

    EDITED = "EditedModel", _("this is a new version of it")
    COMPONENT = "ComponentModel", _("it is a part of this model")


class Destination(Choice):
    """Where models go."""

    DATABASE = "database", _("DICOM database of Slicer")
    FOLDER = "folder", _("folder")
    PACS = "pacs", _("PACS")
