"""The choices that the panel keeps in the scene, and what they mean in the terms of the library."""

import json
from typing import Annotated

from slicer import (
    vtkMRMLDisplayableNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLModelNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLTextNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from M3DPanelLib.SurfaceChoices import SurfaceMethod

from .ReportChoices import ReportLanguage, languageOfApplication

_LINES = "M3DValidation.linesRef"


@parameterNodeWrapper
class M3DValidationParameterNode:
    """Everything a user has chosen.

    volume - the scan.
    inputNode - segmentation or model to validate; none for the scan alone.
    segmentId - segment of the segmentation.
    controlVolume - another series of the scan's frame of reference, which judges a surface moved to the edge.
    part, partReason - whether the model is meant to be a part of the anatomy only, and why.
    profile - name of a built-in or saved profile.
    limits - limits that were changed: JSON, requirement id to [pass limit, warning limit].
    tolerance - mm; 0 for the profile's.
    person, pseudonym - for the report.
    caseFolder - of the case on whose record the work goes, "" for none.
    report - the results: text node with the report's JSON.
    displayRange - deviation (mm) at which colors end.
    comparedModel, comparisonReference - two models to compare; alignFirst, comparisonTolerance (mm) - how.
    comparedPoints, referencePoints, datumRegion - marks to align them by; moveCompared - whether the model is moved.
    reportFolder - that the report is written to, "" for none; language - of its HTML and PDF.
    """

    volume: vtkMRMLScalarVolumeNode
    inputNode: vtkMRMLDisplayableNode
    segmentId: str = ""
    method: SurfaceMethod = SurfaceMethod.FLYING_EDGES
    smoothing: Annotated[float, WithinRange(0, 1)] = 0.2
    decimation: Annotated[float, WithinRange(0, 0.99)] = 0.0
    refine: bool = False
    refineRange: Annotated[float, WithinRange(0, 10)] = 0.0
    maxError: Annotated[float, WithinRange(0, 1)] = 0.0
    controlVolume: vtkMRMLScalarVolumeNode

    part: bool = False
    partReason: str = ""

    profile: str = "anatomical-model"
    limits: str = ""
    tolerance: Annotated[float, WithinRange(0, 20)] = 0.0
    person: str = ""
    pseudonym: str = ""

    caseFolder: str = ""
    report: vtkMRMLTextNode
    displayRange: Annotated[float, WithinRange(0.1, 10)] = 2.0
    bands: bool = False
    reliableOnly: bool = True

    comparedModel: vtkMRMLModelNode
    comparisonReference: vtkMRMLModelNode
    alignFirst: bool = False
    comparisonTolerance: Annotated[float, WithinRange(0.01, 20)] = 0.5
    comparedPoints: vtkMRMLMarkupsFiducialNode
    referencePoints: vtkMRMLMarkupsFiducialNode
    datumRegion: vtkMRMLMarkupsROINode
    moveCompared: bool = False

    reportFolder: str = ""
    html: bool = True
    pdf: bool = True
    # The application keeps its language until it is started anew.
    language: ReportLanguage = languageOfApplication()


def changedLimitsOf(parameters):
    """Limits that were changed: requirement id to (pass limit, warning limit), None for no limit."""
    stored = json.loads(parameters.limits) if parameters.limits else {}
    return {identifier: tuple(pair) for identifier, pair in stored.items()}


def changeLimit(parameters, identifier, passLimit, warningLimit):
    """Remember a changed limit."""
    limits = {**changedLimitsOf(parameters), identifier: (passLimit, warningLimit)}
    parameters.limits = json.dumps(limits)


def takeBackLimit(parameters, identifier):
    """Let a requirement have the profile's limits again."""
    limits = changedLimitsOf(parameters)
    limits.pop(identifier, None)
    parameters.limits = json.dumps(limits) if limits else ""


def profileOf(parameters):
    """The profile with the changed limits.

    :raises M3DError: it is no longer there, or a limit does not fit.
    """
    from M3DValidationLib.ProfileEditing import changedProfile

    return changedProfile(baseProfileOf(parameters), changedLimitsOf(parameters))


def baseProfileOf(parameters):
    """The chosen profile as it is."""
    from M3DLib.SlicerAdaptors import userFolder
    from M3DValidationLib.Profile import loadProfile, profileNames

    name = parameters.profile
    if name in profileNames():
        return loadProfile(name)
    return loadProfile(userFolder("M3DProfiles") / f"{name}.json")


def partOf(parameters):
    """Why the model is meant to be a part of the anatomy only, "" when it is meant to be whole."""
    isModel = parameters.inputNode is not None and parameters.volume is not None
    return parameters.partReason.strip() if isModel and parameters.part else ""


def controlOf(parameters):
    """The other series that the model is measured against too; None for none."""
    hasModelAndScan = parameters.inputNode is not None and parameters.volume is not None
    return parameters.controlVolume if hasModelAndScan else None


def lineNodesOf(parameters):
    """Line markups chosen as reference distances; those that were removed from the scene are left out."""
    node = parameters.parameterNode
    found = [node.GetNthNodeReference(_LINES, number) for number in range(node.GetNumberOfNodeReferences(_LINES))]
    return [line for line in found if line is not None]


def setLineNodes(parameters, lines):
    """Choose line markups as reference distances."""
    node = parameters.parameterNode
    node.RemoveNodeReferenceIDs(_LINES)
    for line in lines:
        node.AddNodeReferenceID(_LINES, line.GetID())
