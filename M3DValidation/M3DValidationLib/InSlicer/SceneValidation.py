"""A whole validation of nodes of Slicer's scene: from the nodes to the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from M3DLib.Errors import noProgress
from M3DLib.Software import withApplication

from ..Profile import Profile, loadProfile
from ..Report.Report import Report, validateCases
from .SceneCase import casesOfNodes

if TYPE_CHECKING:
    import slicer

    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

_READING_SHARE = 0.1


# Fifteen parameters: each is one choice of the panel or the console, given by name where it differs from the usual.
def validateNodes(
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None,
    node: slicer.vtkMRMLSegmentationNode | slicer.vtkMRMLModelNode | None,
    segmentIds: Sequence[str] = (),
    profile: Profile | str = "anatomical-model",
    *,
    database=None,
    surfaceParameters: SurfaceParameters | None = None,
    lineNodes: Sequence[slicer.vtkMRMLMarkupsLineNode] = (),
    tolerance: float | None = None,
    partReason: str = "",
    controlNode: slicer.vtkMRMLScalarVolumeNode | None = None,
    person: str = "",
    pseudonym: str = "",
    applicationVersion: str = "",
    background: bool = False,
    progress: Callable[[float, str], None] = noProgress,
) -> tuple[Report, list[str]]:
    """Validate a scan, segments of it or a model, or both.

    :param node: None for the scan alone.
    :param segmentIds: of a segmentation; all its segments when empty.
    :param profile: a profile, or its name or file.
    :param database: ctkDICOMDatabase with the scan's files.
    :param surfaceParameters: how surfaces are made of segments; the defaults when None.
    :param lineNodes: line markups as reference distances.
    :param tolerance: mm; the profile's when None.
    :param partReason: why the model is meant to be a part of the anatomy only; "" when it is not.
    :param controlNode: another series of the scan's frame of reference, to judge a refined surface by.
    :param person, pseudonym: for the report.
    :param applicationVersion: of Slicer, to be named among the software; "" outside the application.
    :param background: check in a thread of its own, while ``progress`` keeps the application responsive.
    :return: the report, and what a user should know of how the scan was taken from the scene.
    :raises M3DError: nothing to check, or nodes that do not belong together.
    """
    scene = casesOfNodes(
        profile if isinstance(profile, Profile) else loadProfile(profile),
        volumeNode,
        node,
        segmentIds,
        database=database,
        surface=surfaceParameters,
        lineNodes=lineNodes,
        options={"tolerance": tolerance},
        partReason=partReason,
        controlNode=controlNode,
        progress=lambda done, text: progress(_READING_SHARE * done, text),
    )
    report = validateCases(
        scene.cases,
        person=person,
        pseudonym=pseudonym,
        background=background,
        progress=lambda done, text: progress(_READING_SHARE + (1 - _READING_SHARE) * done, text),
    )
    if applicationVersion:
        for step in report.data["dataFlow"]:
            # What the scanner's software was is another matter.
            if step["step"] != "image" and step["software"]:
                step["software"] = withApplication(step["software"], applicationVersion)
    return report, scene.warnings
