"""The DICOM plugin in the application, without its dialogs."""

import slicer
from DICOMLib import DICOMUtils
from M3DSlicerCase import M3DSlicerCase

NAME = "DICOMEncapsulatedSTLPlugin"


class M3DExportPluginTest(M3DSlicerCase):
    def setUp(self):
        super().setUp()
        self.volume, self.segmentation = self.addPhantom()
        self.plugin = slicer.modules.dicomPlugins[NAME]()

    def export(self, node, **tags):
        """Export a node as the dialog does; returns the message."""
        exportables = self.plugin.examineForExport(self.itemOf(node))
        self.assertEqual(len(exportables), 1)
        for exportable in exportables:
            exportable.directory = str(self.folder)
            for name, value in tags.items():
                exportable.setTag(name, value)
        return self.plugin.export(exportables)

    def importFolder(self):
        """Import what was exported; SOP Instance UIDs of the models."""
        self.assertTrue(DICOMUtils.importDicom(str(self.folder), copyFiles=True))
        image = self.volume.GetAttribute("DICOM.instanceUIDs").split()[0]
        database = slicer.dicomDatabase
        study = database.instanceValue(image, "0020,000D")
        found = []
        for series in database.seriesForStudy(study):
            files = database.filesForSeries(series)
            found += [
                database.instanceForFile(file) for file in files if database.fileValue(file, "0008,0060") == "M3D"
            ]
        return found

    def test_segmentationGoesOutAndComesBack(self):
        self.assertEqual(self.export(self.segmentation, SeriesDescription="Guide", Modality="SEG"), "")
        (uid,) = self.importFolder()
        self.assertEqual(slicer.dicomDatabase.instanceValue(uid, "0008,103E"), "Guide")
        node = self.loadInstance(uid)
        self.assertSamePoints(slicer.util.arrayFromModelPoints(node), self.meshInRas(uid))

    def test_modelGoesOutAndComesBack(self):
        self.assertEqual(self.export(self.segmentation), "")
        (first,) = self.importFolder()
        node = self.loadInstance(first)
        self.assertEqual(self.export(node), "")
        second = next(uid for uid in self.importFolder() if uid != first)
        self.assertSamePoints(self.meshInRas(first), self.meshInRas(second))

    def test_oursIsChosenBeforeTheReaderOfTheCore(self):
        self.assertEqual(self.export(self.segmentation), "")
        (uid,) = self.importFolder()
        series = slicer.dicomDatabase.seriesForFile(slicer.dicomDatabase.fileForInstance(uid))
        self.assertTrue(
            DICOMUtils.loadSeriesWithVerification(
                [series],
                expectedSelectedPlugins={"Encapsulated STL": 1},
                expectedLoadedNodes={"vtkMRMLModelNode": 1},
            )
        )

    def test_sourceIsOfferedForLoading(self):
        self.assertEqual(self.export(self.segmentation), "")
        (uid,) = self.importFolder()
        (loadable,) = self.plugin.examineForImport([[slicer.dicomDatabase.fileForInstance(uid)]])
        self.assertEqual(
            set(loadable.referencedInstanceUIDs), set(self.volume.GetAttribute("DICOM.instanceUIDs").split())
        )
        self.assertEqual(loadable.warning, "")

    def test_anotherPatientIsRefused(self):
        self.assertIn("different patients", self.export(self.segmentation, PatientID="somebody else"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_sceneWithoutDicomIsRefused(self):
        self.volume.RemoveAttribute("DICOM.instanceUIDs")
        self.assertIn("Choose the source volume", self.export(self.segmentation))
        self.assertEqual(list(self.folder.iterdir()), [])
