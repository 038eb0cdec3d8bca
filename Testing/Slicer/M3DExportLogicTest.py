"""M3D Export's logic in the application: from a scan to the DICOM database and back."""

import numpy as np
import slicer
from M3DSlicerCase import M3DSlicerCase


class M3DExportLogicTest(M3DSlicerCase):
    def setUp(self):
        super().setUp()
        from M3DExport import M3DExportLogic

        self.logic = M3DExportLogic()
        self.volume, self.segmentation = self.addPhantom()

    def export(self, **description):
        from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription

        return self.logic.exportSegments(self.segmentation, [], self.volume, ModelDescription(**description))

    def test_modelComesBackAtItsPlaceWithNameAndColor(self):
        segment = self.segmentation.GetSegmentation().GetNthSegment(0)
        segment.SetColor(0.2, 0.4, 0.6)
        (uid,) = self.export()
        node = self.loadInstance(uid)
        self.assertTrue(node.IsA("vtkMRMLModelNode"))
        self.assertEqual(node.GetName(), segment.GetName())
        self.assertSamePoints(slicer.util.arrayFromModelPoints(node), self.meshInRas(uid))
        np.testing.assert_allclose(node.GetDisplayNode().GetColor(), (0.2, 0.4, 0.6), atol=0.01)

    def test_modelLiesWhereSlicersOwnSurfaceDoes(self):
        from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

        (uid,) = self.logic.exportSegments(
            self.segmentation, [], self.volume, None, SurfaceParameters(smoothing=0.5, decimation=0.0)
        )
        segmentation = self.segmentation.GetSegmentation()
        segmentation.SetConversionParameter("Smoothing factor", "0.5")
        segmentation.SetConversionParameter("Decimation factor", "0.0")
        self.segmentation.CreateClosedSurfaceRepresentation()
        surface = segmentation.GetNthSegment(0).GetRepresentation("Closed surface")
        points = np.array([surface.GetPoint(number) for number in range(surface.GetNumberOfPoints())])
        self.assertSamePoints(points, self.meshInRas(uid), tolerance=1e-3)

    def test_modelIsFoundUnderThePatientAndStudyOfItsScan(self):
        (uid,) = self.export()
        database = slicer.dicomDatabase
        image = self.volume.GetAttribute("DICOM.instanceUIDs").split()[0]
        for tag in ("0010,0010", "0010,0020", "0020,000D", "0020,0052"):
            self.assertEqual(database.instanceValue(uid, tag), database.instanceValue(image, tag))
        self.assertEqual(database.instanceValue(uid, "0008,0060"), "M3D")
        self.assertEqual(len(list(database.patients())), 1)
        node = self.loadInstance(uid)
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        self.assertEqual(
            hierarchy.GetItemParent(self.itemOf(node)),
            hierarchy.GetItemParent(self.itemOf(self.volume)),
        )

    def test_titleIsTheNameOfTheNode(self):
        (uid,) = self.export(title="Skull base, version 2")
        self.assertEqual(self.loadInstance(uid).GetName(), "Skull base, version 2")

    def test_volumeOfTheModelIsThatOfTheBall(self):
        ((mesh, comparison),) = self.logic.preview(self.segmentation, [], self.volume)
        self.assertAlmostEqual(mesh.volumeMm3 / (4 / 3 * np.pi * 10**3), 1.0, delta=0.04)
        self.assertLess(comparison.largestDisplacement, 1.0)

    def test_coreReaderLoadsItToTheSamePlace(self):
        (uid,) = self.export()
        plugin = slicer.modules.dicomPlugins["DICOMM3DPlugin"]()
        (loadable,) = plugin.examineForImport([[slicer.dicomDatabase.fileForInstance(uid)]])
        self.assertTrue(plugin.load(loadable))
        count = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        loaded = slicer.mrmlScene.GetNthNodeByClass(count - 1, "vtkMRMLSegmentationNode")
        bounds = np.zeros(6)
        loaded.GetRASBounds(bounds)
        points = self.meshInRas(uid)
        expected = np.array([points.min(axis=0), points.max(axis=0)]).T.ravel()
        np.testing.assert_allclose(bounds, expected, atol=1e-3)

    def test_withoutDicomSourceNothingIsExported(self):
        from M3DLib.Errors import M3DError

        self.volume.RemoveAttribute("DICOM.instanceUIDs")
        with self.assertRaisesRegex(M3DError, "was not loaded from DICOM"):
            self.export()

    def test_copyThatWasEditedIsNoSource(self):
        from M3DLib.Errors import M3DError

        clone = slicer.vtkSlicerVolumesLogic.CloneVolume(slicer.mrmlScene, self.volume, "edited")
        self.assertEqual(len(self.logic.exportSegments(self.segmentation, [], clone)), 1)
        slicer.util.arrayFromVolume(clone)[3, 4, 5] += 1
        with self.assertRaisesRegex(M3DError, "filtered or edited"):
            self.logic.exportSegments(self.segmentation, [], clone)

    def test_movedSegmentationIsExportedWhereItIs(self):
        (before,) = self.export()
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = slicer.util.arrayFromTransformMatrix(transform)
        matrix[:3, 3] = (5, -4, 3)
        slicer.util.updateTransformMatrixFromArray(transform, matrix)
        self.segmentation.SetAndObserveTransformNodeID(transform.GetID())
        (after,) = self.export()
        shift = np.array([5, -4, 3])
        self.assertSamePoints(self.meshInRas(before) + shift, self.meshInRas(after))
