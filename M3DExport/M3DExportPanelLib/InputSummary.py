"""One look at what is to be exported: how large it is, and what speaks against it."""

from dataclasses import dataclass, field

from slicer.i18n import tr as _

_FRAME_OF_REFERENCE = "DICOM.FrameOfReferenceUID"


@dataclass
class InputSummary:
    """:ivar lines: size, volume, triangles, one line per part.  :ivar warnings: sentences for the user."""

    lines: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


def summarizeInput(node, segmentIds, volumeNode):
    """Describe a segmentation's segments or a model.

    Of a segment its voxels are described, for its surface is made later; of a finished surface its triangles.

    :param segmentIds: all segments when empty.
    :param volumeNode: the source volume, None when it is not chosen.
    :raises M3DError: what is chosen cannot be exported at all.
    """
    from M3DLib.InSlicer.SlicerParts import partOfModel, partsOfSegmentation

    summary = InputSummary()
    if node.IsA("vtkMRMLSegmentationNode"):
        parts = partsOfSegmentation(node, segmentIds, volumeNode)
    else:
        parts = [partOfModel(node, volumeNode)]
    for part in parts:
        if part.segment is not None:
            _describeSegment(part, summary)
        else:
            _describeMesh(part, summary)
        if part.transform is not None and part is parts[0]:
            summary.warnings.append(
                _("'{name}' is under a transform: it is exported where it is now, and recorded as modified.").format(
                    name=node.GetName()
                )
            )
    if volumeNode is None:
        summary.warnings.append(_("Choose the source volume: patient and study of the model come from it."))
    elif not volumeNode.GetAttribute("DICOM.instanceUIDs"):
        summary.warnings.append(
            _("'{name}' was not loaded from DICOM; patient and study are unknown.").format(name=volumeNode.GetName())
        )
    elif _frameOf(node) and _frameOf(volumeNode) and _frameOf(node) != _frameOf(volumeNode):
        summary.warnings.append(
            _("'{node}' and '{volume}' are in different frames of reference.").format(
                node=node.GetName(), volume=volumeNode.GetName()
            )
        )
    return summary


def _describeSegment(part, summary):
    box = part.segment.occupiedBox()
    if box is None:
        summary.warnings.append(_("Segment '{name}' is empty.").format(name=part.name))
        return
    voxels = [axis.stop - axis.start for axis in box[::-1]]
    size = " x ".join(f"{count * spacing:.1f}" for count, spacing in zip(voxels, part.segment.spacing, strict=True))
    summary.lines.append(
        _("{name}: {size} mm, {volume:.2f} ml").format(name=part.name, size=size, volume=part.segment.volumeMm3 / 1000)
    )


def _describeMesh(part, summary):
    from M3DLib.InSlicer.SlicerParts import moved

    mesh = part.mesh if part.transform is None else moved(part.mesh, part.transform)
    summary.lines.append(describeMesh(mesh, part.name))
    if not mesh.isClosed:
        summary.warnings.append(
            _("'{name}' is not closed: it encloses no volume, and a printer cannot tell inside from outside.").format(
                name=part.name
            )
        )


def describeMesh(mesh, name):
    """Size, triangles, volume and whether it is closed, in one line."""
    bounds = mesh.boundsLps
    size = " x ".join(f"{bounds[2 * axis + 1] - bounds[2 * axis]:.1f}" for axis in range(3))
    words = _("{name}: {size} mm, {triangles} triangles").format(name=name, size=size, triangles=len(mesh.triangles))
    if mesh.isClosed:
        return _("{words}, {volume:.2f} ml, closed").format(words=words, volume=mesh.volumeMm3 / 1000)
    return _("{words}, not closed").format(words=words)


def _frameOf(node):
    """Frame of reference that the subject hierarchy knows of a node, "" when it knows none."""
    import slicer

    scene = node.GetScene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene) if scene else None
    item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
    return hierarchy.GetItemAttribute(item, _FRAME_OF_REFERENCE) if item else ""
