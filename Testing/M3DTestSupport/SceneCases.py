"""A CT in the database and in the scene with a segmentation on it, as a user would have them."""

from __future__ import annotations

import numpy as np

from M3DLib.InSlicer.SlicerSegments import vtkSegmentOf
from M3DLib.InSlicer.SlicerTransforms import LPS_FROM_RAS, ijkToLpsOfVolume, matrixOfArray
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DLib.Segmentation.Segment import Segment

from .Volumes import makeVolume


def importSeries(application, folder, volume=None, **description):
    """Write a small CT series and import it; returns (ImageVolume, files)."""
    volume = volume or makeVolume(shape=(16, 18, 20), spacing=(0.8, 0.8, 1.5))
    files = writeSeries(volume, folder, SeriesDescription(**description))
    application.addToDatabase(files)
    return volume, files


def addVolumeNode(application, volume, files, name="CT"):
    """A volume node as Slicer loads it: IJK to RAS, and the instances it came from."""
    import pydicom
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    node = application.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    image = vtk.vtkImageData()
    image.SetDimensions(volume.dimensions)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(volume.array).reshape(-1), deep=True))
    node.SetAndObserveImageData(image)
    node.SetIJKToRASMatrix(matrixOfArray(LPS_FROM_RAS @ volume.ijkToLps))
    uids = [str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in files]
    node.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    return node


def addSegmentation(application, volumeNode, boxes, name="Segmentation"):
    """A segmentation with one box of voxels per name.

    :param boxes: name to (k, j, i) slices.
    """
    import slicer

    node = application.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    shape = volumeNode.GetImageData().GetDimensions()[::-1]
    for number, (segmentName, box) in enumerate(boxes.items()):
        array = np.zeros(shape, dtype=np.uint8)
        if box is not None:
            array[box] = 1
        color = (0.2, 0.4, 0.1 + 0.2 * number)
        segment = vtkSegmentOf(Segment(array, ijkToLpsOfVolume(volumeNode), segmentName, color))
        node.GetSegmentation().AddSegment(segment, f"Segment_{number + 1}")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    return node


def itemOf(application, node):
    """Subject hierarchy item of a node."""
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene).GetItemByDataNode(node)


def moveBy(application, node, matrix):
    """Put a node under a new linear transform, RAS mm; returns the transform node."""
    transform = application.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(matrixOfArray(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def casesInScene(application, volume=None, node=None, segmentIds=(), **more):
    """The cases that the nodes make, by the default profile, with the headers of the application's database."""
    from M3DValidationLib.InSlicer.SceneCase import casesOfNodes
    from M3DValidationLib.Profile import loadProfile

    return casesOfNodes(loadProfile(), volume, node, segmentIds, database=application.database, **more).cases
