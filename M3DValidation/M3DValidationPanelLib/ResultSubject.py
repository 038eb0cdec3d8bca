"""What results are about, and whether that is still what the panel has chosen."""

import json
from datetime import datetime

from slicer.i18n import tr as _

from M3DPanelLib.LibraryMessages import translatedMessage
from M3DPanelLib.LibraryWords import verdictWord
from M3DPanelLib.PanelForm import isSegmentation

from .ValidationParameters import controlOf, lineNodesOf, partOf

_CHOICE = "M3DValidation.Choice"
_SURFACE = ("smoothing", "decimation", "refine", "refineRange", "maxError")


def settingsOf(parameters):
    """Everything besides the nodes that decides what a validation finds, as text."""
    settings = {name: getattr(parameters, name) for name in ("profile", "limits", "tolerance", "person", "pseudonym")}
    settings["part"] = partOf(parameters)
    if isSegmentation(parameters.inputNode):
        settings |= {"method": parameters.method.name}
        settings |= {name: getattr(parameters, name) for name in _SURFACE}
    control = controlOf(parameters)
    settings["control"] = control.GetID() if control is not None else ""
    settings["lines"] = [line.GetID() for line in lineNodesOf(parameters)]
    return json.dumps(settings, sort_keys=True)


def rememberSettings(report, settings):
    """Keep with a report's node what :func:`settingsOf` said when the validation began."""
    report.SetAttribute(_CHOICE, settings)


def contentStamp(volume, node, segmentId):
    """What tells whether anything that a validation looks at was edited or moved since; this session's only."""
    stamps = [_imageTime(volume), _placeOf(volume), _placeOf(node)]
    if isSegmentation(node):
        segment = node.GetSegmentation().GetSegment(segmentId)
        for name in ("Binary labelmap", "Closed surface"):
            data = segment.GetRepresentation(name) if segment is not None else None
            # A surface that is only made from the voxels may be made anew at any time.
            isOwn = name == node.GetSegmentation().GetSourceRepresentationName()
            stamps.append(data.GetMTime() if data is not None and isOwn else 0)
    elif node is not None:
        stamps.append(node.GetPolyData().GetMTime() if node.GetPolyData() is not None else 0)
    return tuple(stamps)


def _placeOf(node):
    """Where a node's coordinates lie in the world; the time of a transform that no matrix says."""
    import slicer
    import vtk

    transform = node.GetParentTransformNode() if node is not None else None
    own = vtk.vtkMatrix4x4()
    if node is not None and node.IsA("vtkMRMLVolumeNode"):
        node.GetIJKToRASMatrix(own)
    if transform is not None and not transform.IsTransformToWorldLinear():
        return transform.GetTransformToParent().GetMTime()
    toWorld = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(transform, None, toWorld)
    vtk.vtkMatrix4x4.Multiply4x4(toWorld, own, toWorld)
    return tuple(round(toWorld.GetElement(row, column), 6) for row in range(3) for column in range(4))


def _imageTime(volume):
    image = volume.GetImageData() if volume is not None else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    return max(image.GetMTime(), scalars.GetMTime()) if scalars is not None else 0


def whyOutdated(report, parameters, stamp):
    """Why results are not those of what is chosen now, in one sentence; "" when they are.

    :param stamp: :func:`contentStamp` at the validation, or when its results were first seen in this session.
    """
    from M3DValidationLib.InSlicer.ResultNodes import INPUT, SEGMENT_ID, VOLUME, subjectOf

    volume, node = report.GetNodeReference(VOLUME), report.GetNodeReference(INPUT)
    segmentId = report.GetAttribute(SEGMENT_ID) or ""
    about, scan = subjectOf(report)
    if volume is not parameters.volume or (scan and volume is None):
        return _("another scan is chosen now, or it is gone")
    if node is not parameters.inputNode or (about and node is None):
        return _("another segmentation or model is chosen now, or it is gone")
    if isSegmentation(node) and segmentId != parameters.segmentId:
        return _("another segment is chosen now")
    if report.GetAttribute(_CHOICE) not in (None, settingsOf(parameters)):
        return _("intended use, limits, surface, references or names in the report are others now")
    if stamp != contentStamp(volume, node, segmentId):
        return _("the scan or the model was edited or moved since")
    return ""


class ContentStamps:
    """What the content of scan and model was when the results of each report were made.

    Of results from another session, a scene that was loaded, it is taken when they are first seen: what is edited from
    then on makes them outdated.
    """

    def __init__(self):
        self._stamps = {}

    def keep(self, report, stamp):
        """Remember a stamp for a report's node."""
        import vtk

        # Nodes of another scene may have the same IDs.
        reference = vtk.vtkWeakReference()
        reference.Set(report)
        self._stamps[report.GetID()] = reference, stamp

    def of(self, report):
        """The stamp of a report's node."""
        from M3DValidationLib.InSlicer.ResultNodes import INPUT, SEGMENT_ID, VOLUME

        reference, stamp = self._stamps.get(report.GetID(), (None, None))
        if reference is None or reference.Get() is not report:
            nodes = (report.GetNodeReference(role) for role in (VOLUME, INPUT))
            stamp = contentStamp(*nodes, report.GetAttribute(SEGMENT_ID) or "")
            self.keep(report, stamp)
        return stamp


def subjectText(report):
    """Segment or model, and scan, that a report's node is about."""
    from M3DValidationLib.InSlicer.ResultNodes import subjectOf

    about, scan = subjectOf(report)
    if about and scan:
        return _("{about} on {scan}").format(about=about, scan=scan)
    return about or scan or _("without name")


def localTime(text):
    """A moment of ISO 8601 as a person's clock shows it; other text stays as it is."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def validationText(report):
    """When, by which profile and with which verdict something was validated, one sentence."""
    from M3DValidationLib.InSlicer.ResultNodes import readResults

    data = readResults(report).data
    return _("Validated on {time} by profile {profile}: {verdict}.").format(
        time=localTime(data["made"]["time"]),
        profile=translatedMessage(data["profile"]["title"]),
        verdict=verdictWord(data["verdict"]),
    )
