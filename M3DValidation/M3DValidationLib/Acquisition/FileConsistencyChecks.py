"""What the scan's files say of themselves: the unit of their values, and where they contradict themselves."""

from __future__ import annotations

from M3DLib.Image.Contradictions import missingNames, sharedNames

from ..Requirement import Finding, Verdict
from .ImageCheck import ImageCheck


class ImageValuesCheck(ImageCheck):
    """Whether the values are what their unit says."""

    requirementIds = ("image-values",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement, image = held["image-values"], case.image
        if image.valueProblems:
            message = " ".join(image.valueProblems)
            yield requirement.stated(False, image.valueUnit or "no unit", message, unit=image.valueUnit or None)
        elif image.isHounsfield:
            yield requirement.stated(True, "HU", "The values are Hounsfield units.", unit="HU")
        elif image.valueUnit == "":
            message = f"The values of {image.modality or 'this'} images have no unit; none is missing."
            yield requirement.stated(True, "no unit", message, unit=None)
        else:
            yield requirement.notAssessable("The file does not say what its values mean.")


class ImageConsistencyCheck(ImageCheck):
    """What the files say twice with different words, or do not say."""

    requirementIds = ("image-consistency",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement, image = held["image-consistency"], case.image
        names = sharedNames(image.headers) + missingNames(image.headers)
        evidence = {"remarks": [*names, *image.contradictions]}
        if names:
            yield requirement.stated(False, len(evidence["remarks"]), " ".join(evidence["remarks"]), **evidence)
        elif image.contradictions:
            message = " ".join(image.contradictions)
            verdict = requirement.worst(Verdict.WARNING)
            yield Finding(requirement, verdict, len(image.contradictions), message, evidence)
        else:
            yield requirement.stated(True, 0, "The files do not contradict themselves on what was read from them.")


CHECKS = (ImageValuesCheck, ImageConsistencyCheck)
