"""Stand-ins for DICOMLib.DICOMUtils, so that the tests for the application run once before they meet it."""

from __future__ import annotations

import contextlib
import types
from pathlib import Path

from .SceneCases import addVolumeNode
from .SlicerApi import pythonNames
from .SlicerDatabase import StandInDatabase


def makeDicomUtils(application, folder):
    """The module's functions on the stand-in of the application.

    :param folder: for temporary databases.
    """
    import slicer

    @contextlib.contextmanager
    def TemporaryDICOMDatabase():
        before = slicer.dicomDatabase
        target = Path(folder) / f"temporary-{len(list(Path(folder).iterdir()))}"
        target.mkdir()
        slicer.dicomDatabase = application.database = StandInDatabase(target)
        yield slicer.dicomDatabase
        slicer.dicomDatabase = application.database = before

    def importDicom(dicomDataDir, dicomDatabase=None, copyFiles=False):
        application.addToDatabase(sorted(Path(dicomDataDir).iterdir()))
        return True

    def loadSeriesByUID(seriesUIDs):
        return [nodeId for series in seriesUIDs for nodeId in _load(application, series)]

    functions = {
        "TemporaryDICOMDatabase": TemporaryDICOMDatabase,
        "importDicom": importDicom,
        "loadSeriesByUID": loadSeriesByUID,
    }
    assert set(functions) <= pythonNames("DICOMLib.DICOMUtils")
    return types.SimpleNamespace(**functions)


def _load(application, series):
    """IDs of the nodes that a series becomes: a volume, or what our plugin makes of it."""
    import slicer

    from M3DLib.Image.ImageReader import readImage

    files = application.database.filesForSeries(series)
    if application.database.fileValue(files[0], "0008,0060") == "M3D":
        plugin = slicer.modules.dicomPlugins["DICOMEncapsulatedSTLPlugin"]()
        return [plugin.load(loadable).GetID() for loadable in plugin.examineFiles(files)]
    image = readImage(Path(files[0]).parent, series)
    node = addVolumeNode(application, image, image.files)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
    hierarchy.SetItemUID(hierarchy.GetItemByDataNode(node), "DICOM", series)
    patient, study = (application.database.fileValue(files[0], tag) for tag in ("0010,0020", "0020,000D"))
    slicer.vtkSlicerSubjectHierarchyModuleLogic.InsertDicomSeriesInHierarchy(hierarchy, patient, study, series)
    # An ID of a node that is gone is among those the application returns, too.
    return [node.GetID(), "vtkMRMLModelNode99"]
