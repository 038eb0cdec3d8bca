"""The panel of M3D Export on stand-ins for Slicer's widgets."""

import types

import numpy as np

from .SceneCases import addSegmentation, addVolumeNode, importSeries

BOX = np.s_[4:10, 5:12, 6:14]


def addBoneAndTooth(application, folder):
    """A scan in database and scene, and its segmentation: (volume node, segmentation node)."""
    volume, files = importSeries(application, folder, patientId="P1")
    node = addVolumeNode(application, volume, files)
    return node, addSegmentation(application, node, {"bone": BOX, "tooth": np.s_[11:13, 5:12, 6:14]})


def openExportPanel(application):
    import slicer

    from M3DExport import M3DExportWidget

    layout = types.SimpleNamespace(addWidget=lambda widget: None)
    widget = M3DExportWidget(types.SimpleNamespace(isEntered=True, layout=lambda: layout))
    widget.setup()
    assert slicer.mrmlScene is application.scene
    return widget
