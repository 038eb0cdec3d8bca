"""M3D Validation's logic in the application: from nodes to a report, into the scene, the database and a folder."""

import json
import subprocess
from pathlib import Path

import slicer
from M3DSlicerCase import M3DSlicerCase


class M3DValidationLogicTest(M3DSlicerCase):
    def setUp(self):
        super().setUp()
        from M3DValidation import M3DValidationLogic

        self.logic = M3DValidationLogic()
        self.volume, self.segmentation = self.addPhantom()

    def validate(self, **more):
        return self.logic.validate(self.volume, self.segmentation, **more)

    def test_ballIsWhereItsScanShowsIt(self):
        facts = self.validate().data["deviation"]["image"]
        self.assertLess(abs(facts["meanSigned"]), 0.1)
        self.assertGreater(facts["coverage"], 0.9)

    def test_headersOfTheScanAreRead(self):
        report = self.validate()
        verdicts = {finding.requirement.id: finding.verdict.value for finding in report.findings}
        self.assertEqual(verdicts["slice-thickness"], "pass")
        self.assertTrue(report.data["case"]["study"]["studyInstanceUid"])

    def test_resultsAreNodesOfTheScene(self):
        from M3DValidationLib.InSlicer.ResultNodes import FOUND, mapsOf, readResults

        report = self.validate()
        node = self.logic.addResults(report, self.volume, self.segmentation)
        self.assertEqual(readResults(node).data, report.data)
        (model,) = mapsOf(node)
        array = slicer.util.arrayFromModelPointData(model, FOUND)
        self.assertEqual(len(array), model.GetPolyData().GetNumberOfPoints())

    def test_resultsSurviveSavingTheScene(self):
        from M3DValidationLib.InSlicer.ResultNodes import isReport, mapsOf, readResults

        data = self.validate().data
        self.logic.addResults(self.validate(), self.volume, self.segmentation)
        file = str(self.folder / "scene.mrb")
        self.assertTrue(slicer.util.saveScene(file, properties={}))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(file)
        (node,) = filter(isReport, slicer.util.getNodesByClass("vtkMRMLTextNode"))
        self.assertEqual(readResults(node).data["findings"], data["findings"])
        self.assertEqual(len(mapsOf(node)), 1)

    def test_reportIsStoredBesideTheScan(self):
        node = self.logic.addResults(self.validate(), self.volume, self.segmentation)
        (uid,) = self.logic.storeReport(node, self.volume)
        image = self.volume.GetAttribute("DICOM.instanceUIDs").split()[0]
        database = slicer.dicomDatabase
        self.assertEqual(database.instanceValue(uid, "0008,0060"), "SR")
        for tag in ("0010,0010", "0010,0020", "0020,000D"):
            self.assertEqual(database.instanceValue(uid, tag), database.instanceValue(image, tag))

    def test_reportIsSavedInAFolder(self):
        report = self.validate()
        node = self.logic.addResults(report, self.volume, self.segmentation)
        files = self.logic.saveReport(node, self.folder, [])
        self.assertIn("report.json", [file.name for file in files])
        self.assertEqual(json.loads((self.folder / "report.json").read_text(encoding="utf-8")), report.data)

    def test_validatedModelIsExportedWithItsReport(self):
        from M3DExport import M3DExportLogic
        from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl

        parameters = self.logic.getParameterNode()
        parameters.volume, parameters.inputNode = self.volume, self.segmentation
        parameters.segmentId = self.segmentation.GetSegmentation().GetNthSegmentID(0)
        report, _warnings = self.logic.validateParameters(parameters)
        self.logic.keepResults(report, parameters, self.volume, self.segmentation, parameters.segmentId)
        self.logic.prepareExport(parameters.report, "a test")
        export = M3DExportLogic()
        (uid,) = export.exportParameters(export.getParameterNode())
        model = readEncapsulatedStl(slicer.dicomDatabase.fileForInstance(uid))
        (related,) = model.related
        self.assertEqual(slicer.dicomDatabase.instanceValue(related.sopInstanceUid, "0008,0060"), "SR")

    def test_scanAloneIsChecked(self):
        report = self.logic.validate(self.volume)
        self.assertIsNone(report.data["deviation"])
        self.assertGreater(len(report.findings), 20)

    def test_filteredCopyIsSaidToBeDerived(self):
        clone = slicer.vtkSlicerVolumesLogic.CloneVolume(slicer.mrmlScene, self.volume, "filtered")
        slicer.util.arrayFromVolume(clone)[5] += 1
        found = {finding.requirement.id: finding for finding in self.logic.validate(clone).findings}
        self.assertEqual(found["original-image"].verdict.value, "warning")
        self.assertEqual(found["noise"].verdict.value, "notAssessable")

    def test_commandsRunInTheConsole(self):
        from M3DBatchLib.CommandLine import main

        file = self.folder / "profiles.json"
        self.assertEqual(main(["profiles", "--json", str(file)]), 0)
        self.assertTrue(json.loads(file.read_text(encoding="utf-8")))

    def test_commandsRunAsAScriptOfTheApplication(self):
        import M3DBatchLib

        program = slicer.app.launcherExecutableFilePath or slicer.app.applicationFilePath()
        script = Path(M3DBatchLib.__file__).with_name("__main__.py")
        file = self.folder / "profiles.json"
        command = [program, "--no-splash", "--no-main-window", "--disable-settings", "--python-script", str(script)]
        environment = slicer.util.startupEnvironment()
        done = subprocess.run([*command, "profiles", "--json", str(file)], env=environment, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(json.loads(file.read_text(encoding="utf-8")))
        refused = subprocess.run([*command, "inspect", str(self.folder / "nothing.dcm")], env=environment, check=False)
        self.assertEqual(refused.returncode, 2)
