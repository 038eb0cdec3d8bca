"""What the tests that run in the application have in common."""

import contextlib
import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer
from DICOMLib import DICOMUtils


class M3DSlicerCase(unittest.TestCase):
    """An empty scene, a temporary DICOM database and a temporary folder for each test."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)
        stack = contextlib.ExitStack()
        stack.enter_context(DICOMUtils.TemporaryDICOMDatabase())
        self.addCleanup(stack.close)
        folder = tempfile.TemporaryDirectory(prefix="M3D-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def addPhantom(self):
        """A ball in a CT series in the database, loaded, and its segmentation: (volume node, segmentation node)."""
        from M3DPanelLib.PhantomSample import addSmallPhantom

        return addSmallPhantom()

    def loadInstance(self, sopInstanceUid):
        """Load an instance's series from the database; the node that was made of the instance."""
        series = slicer.dicomDatabase.seriesForFile(slicer.dicomDatabase.fileForInstance(sopInstanceUid))
        self.assertTrue(series)
        # A returned ID may be that of a node that a reader has removed again.
        loaded = [slicer.mrmlScene.GetNodeByID(nodeId) for nodeId in DICOMUtils.loadSeriesByUID([series])]
        found = [node for node in loaded if node and node.GetAttribute("DICOM.instanceUIDs") == sopInstanceUid]
        self.assertEqual(len(found), 1)
        return found[0]

    def meshInRas(self, sopInstanceUid):
        """Points of the stored mesh in RAS mm."""
        from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl

        mesh = readEncapsulatedStl(slicer.dicomDatabase.fileForInstance(sopInstanceUid)).mesh
        return mesh.points * np.float32([-1, -1, 1])

    def assertSamePoints(self, first, second, tolerance=1e-4):
        """Two sets of points are the same in any order, mm."""
        from scipy.spatial import cKDTree

        for some, others in ((first, second), (second, first)):
            self.assertLess(cKDTree(others).query(some)[0].max(), tolerance)

    def requirePackages(self, *names):
        """Skip the test where Python packages are missing: in testing mode the application installs none."""
        import importlib.util

        missing = [name for name in names if importlib.util.find_spec(name) is None]
        if missing:
            self.skipTest(f"{', '.join(missing)} not installed; Slicer does not bring it along")

    def itemOf(self, node):
        """Subject hierarchy item of a node."""
        return slicer.mrmlScene.GetSubjectHierarchyNode().GetItemByDataNode(node)
