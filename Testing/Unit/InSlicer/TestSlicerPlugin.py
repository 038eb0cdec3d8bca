"""The DICOM plugin examines and loads objects, with stand-ins for the application."""

import numpy as np
import pydicom
import pytest

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedObj.EncapsulatedObjWriter import addObjObjects
from M3DLib.EncapsulatedStl.DocumentReferences import DocumentReference, addReferencedInstances
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import DerivationAlgorithm, ModelDescription
from M3DLib.EncapsulatedStl.ValidationRecord import recordValidation
from M3DLib.Errors import M3DError
from M3DLib.InSlicer.SlicerModelNodes import addSegmentationNode
from M3DLib.InSlicer.SlicerParts import partOfModel, partsOfSegmentation
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.Models import makeHeaders, makeObject, makeTetrahedron
from M3DTestSupport.SceneCases import addVolumeNode, importSeries
from M3DTestSupport.SlicerQt import passTime


@pytest.fixture
def plugin(application):
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPluginClass

    return DICOMEncapsulatedSTLPluginClass()


def importObject(application, tmp_path, dataset):
    """Put an object into the database; returns the file there."""
    file = tmp_path / f"{dataset.SOPInstanceUID}.dcm"
    writeDicomFile(dataset, file)
    application.addToDatabase([file])
    return application.database.fileForInstance(str(dataset.SOPInstanceUID))


class TestExamining:
    def test_oneLoadablePerInstanceWithOneConfidence(self, application, plugin, tmp_path):
        datasets = [makeObject(makeTetrahedron(name=name)) for name in ("femur", "tibia")]
        files = [importObject(application, tmp_path, dataset) for dataset in datasets]
        loadables = plugin.examineForImport([files])
        assert [loadable.name for loadable in loadables] == ["femur", "tibia"]
        assert {loadable.confidence for loadable in loadables} == {0.97}
        assert all(loadable.selected and not loadable.warning for loadable in loadables)
        assert "4 triangles" in loadables[0].tooltip
        assert "unit mm" in loadables[0].tooltip
        assert loadables[0].referencedInstanceUIDs == [header.SOPInstanceUID for header in makeHeaders()]

    def test_tooltipSaysWhatForAndFromWhat(self, application, plugin, tmp_path):
        volume, files = importSeries(application, tmp_path / "series")
        headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        description = ModelDescription(title="Guide", usage="ToolFabrication")
        file = importObject(application, tmp_path, makeObject(description=description, headers=headers))
        (loadable,) = plugin.examineFiles([file])
        assert loadable.tooltip.splitlines()[:2] == ["Guide", "for tool fabrication"]
        assert f"made from {volume.array.shape[0]} CT images" in loadable.tooltip
        assert loadable.warning == ""

    def test_tooltipSaysWhatIsRecordedOfTheValidation(self, application, plugin, tmp_path):
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, makeObject())])
        assert "validation: none recorded" in loadable.tooltip
        passed, failed = makeObject(), makeObject()
        recordValidation(passed, "warning", "implant 2")
        report = DocumentReference("1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.9", "1.2.3.8", str(passed.StudyInstanceUID))
        addReferencedInstances(passed, [report])
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, passed)])
        assert "validation: nothing fails, with warnings (profile implant 2)" in loadable.tooltip
        assert "its report is not in the database" in loadable.tooltip and loadable.warning == ""
        recordValidation(failed, "fail", "implant 2", "the surgeon agrees")
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, failed)])
        assert "exported although something fails" in loadable.warning and "the surgeon agrees" in loadable.warning
        node = plugin.load(loadable)
        assert node.GetDescription() == "Validation: something fails (profile implant 2)"

    def test_aRefinedModelIsStillOneAsANode(self, application, plugin, tmp_path):
        record = {"refinement": {"applied": True, "movedShare": 0.75, "heldShare": 0.25, "leftShare": 0.0}}
        record["refinement"] |= {"heldBackVertices": 0, "settings": {"range": 1.0}}
        record["refinement"] |= {"meanDisplacement": 0.1, "p95Displacement": 0.2, "largestDisplacement": 0.3}
        dataset = makeObject(makeTetrahedron(record=record), surface=SurfaceParameters(refine=True))
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, dataset)])
        mesh = partOfModel(plugin.load(loadable), None).mesh
        refinement = mesh.record["refinement"]
        assert (refinement["movedShare"], refinement["sourceSeries"]) == (0.75, ["1.2.3.4.300"])
        # As a segmentation, and as an object that is made of the node again, by whatever algorithm, it stays one.
        (part,) = partsOfSegmentation(addSegmentationNode(readEncapsulatedStl(dataset), application.scene), [], None)
        assert part.mesh.record["refinement"] == refinement
        for algorithm in (None, DerivationAlgorithm("by hand", parameters=(("radius", "3"),))):
            again = readEncapsulatedStl(makeObject(mesh, ModelDescription(algorithm=algorithm)))
            assert again.mesh.record["refinement"]["movedShare"] == 0.75
            assert again.warnings == readEncapsulatedStl(makeObject()).warnings
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, makeObject())])
        assert partOfModel(plugin.load(loadable), None).mesh.record == {}

    @pytest.mark.parametrize("number", [1, 2, 5])
    def test_otherDocumentsAreLeftToOthers(self, application, plugin, tmp_path, number):
        dataset = makeObject()
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.104.{number}"
        assert plugin.examineFiles([importObject(application, tmp_path, dataset)]) == []

    def test_objIsOfferedWithItsMaterialsAndNotChosenBesideTheSameStl(self, application, plugin, tmp_path):
        mesh = makeTetrahedron(name="femur")
        stl = makeObject(mesh)
        objObject, mtlObject = addObjObjects([stl], [mesh])
        files = [importObject(application, tmp_path, dataset) for dataset in (stl, objObject, mtlObject)]
        ofStl, ofObj = plugin.examineFiles(files)
        assert (ofStl.selected, ofObj.selected) == (True, False)
        assert ofObj.files == files[1:] and ofObj.confidence > 0.95
        assert ofObj.tooltip.startswith("femur (OBJ)") and ofObj.warning == ""
        # As the application chooses among all that is offered of a series, whatever was chosen before.
        highest = max(ofStl.confidence, ofObj.confidence)
        assert (ofStl.confidence == highest, ofObj.confidence == highest) == (True, False)
        (alone,) = plugin.examineFiles(files[1:])
        assert alone.selected and alone.confidence == highest

    def test_objIsLoadedAtItsPlaceInMillimeters(self, application, plugin, tmp_path):
        mesh = makeTetrahedron(30.0, name="femur", color=(1.0, 0.5, 0.25))
        objObject, _mtl = addObjObjects([makeObject(mesh, ModelDescription(units="cm"))], [mesh])
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, objObject)])
        node = plugin.load(loadable)
        bounds = np.zeros(6)
        node.GetPolyData().GetBounds(bounds)
        # LPS (1..31, -20..10, 300..330) in the scene's RAS.
        assert bounds == pytest.approx([-31, -1, -10, 20, 300, 330], abs=1e-3)
        assert node.GetDisplayNode().GetColor() == pytest.approx((1.0, 0.5, 0.25), abs=0.01)

    def test_imagesAreLeftAlone(self, application, plugin, tmp_path):
        importSeries(application, tmp_path / "series")
        assert plugin.examineFiles(list(application.database._files.values())) == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda d: delattr(d, "FrameOfReferenceUID"), "no frame of reference"),
            (lambda d: setattr(d, "EncapsulatedDocumentLength", 300), "84 + 50 n"),
            (lambda d: setattr(d, "MIMETypeOfEncapsulatedDocument", "text/plain"), "MIME type is 'text/plain'"),
            (lambda d: setattr(d.MeasurementUnitsCodeSequence[0], "CodeValue", "cm"), "in cm, which is unusual"),
            (lambda d: setattr(d.MeasurementUnitsCodeSequence[0], "CodeValue", "[in_i]"), "unit is '[in_i]'"),
        ],
    )
    def test_headersThatAreDoubtfulAreWarnedOf(self, application, plugin, tmp_path, change, words):
        dataset = makeObject()
        change(dataset)
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, dataset)])
        assert words in loadable.warning

    def test_otherFrameOfReferenceThanTheImages(self, application, plugin, tmp_path):
        _volume, files = importSeries(application, tmp_path / "series")
        dataset = makeObject(headers=[pydicom.dcmread(file, stop_before_pixels=True) for file in files])
        dataset.FrameOfReferenceUID = "1.2.3"
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, dataset)])
        assert "another frame of reference" in loadable.warning
        # Without known sources, the images of the study are asked.
        del dataset.SourceInstanceSequence
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        (loadable,) = plugin.examineFiles([importObject(application, tmp_path, dataset)])
        assert "another frame of reference" in loadable.warning

    def test_examiningDoesNotReadThePayload(self, tmp_path):
        from M3DLib.InSlicer.LoadableExamination import readHeaders

        writeDicomFile(makeObject(TriangleMesh(*icosphere())), tmp_path / "model.dcm")
        # Asking the data set for the element would read it.
        element = readHeaders(tmp_path / "model.dcm")._dict[0x00420011]
        assert element.length > 4096
        assert element.value is None


class TestLoading:
    def load(self, application, plugin, tmp_path, *datasets):
        files = [importObject(application, tmp_path, dataset) for dataset in datasets]
        return [plugin.load(loadable) for loadable in plugin.examineForImport([files])]

    def test_modelLiesWhereTheObjectSays(self, application, plugin, tmp_path):
        mesh = makeTetrahedron(color=(0.8, 0.2, 0.1), opacity=0.4)
        dataset = makeObject(mesh)
        (node,) = self.load(application, plugin, tmp_path, dataset)
        assert node.IsA("vtkMRMLModelNode")
        bounds = np.zeros(6)
        node.GetRASBounds(bounds)
        assert np.allclose(bounds, [-11, -1, 10, 20, 300, 310], atol=1e-4)
        assert np.allclose(node.GetDisplayNode().GetColor(), (0.8, 0.2, 0.1), atol=0.01)
        assert node.GetDisplayNode().GetOpacity() == pytest.approx(0.4, abs=1e-6)
        assert node.GetAttribute("DICOM.instanceUIDs") == dataset.SOPInstanceUID

    def test_unitIsScaled(self, application, plugin, tmp_path):
        dataset = makeObject(description=ModelDescription(units="cm"))
        (node,) = self.load(application, plugin, tmp_path, dataset)
        bounds = np.zeros(6)
        node.GetRASBounds(bounds)
        assert np.allclose(bounds, [-11, -1, 10, 20, 300, 310], atol=1e-4)

    def test_twoModelsOfOneSeriesLoadAsTwoUnderOneStudy(self, application, plugin, tmp_path):
        import slicer

        first, second = makeObject(), makeObject()
        second.SeriesInstanceUID = first.SeriesInstanceUID
        nodes = self.load(application, plugin, tmp_path, first, second)
        assert [node.GetName() for node in nodes] == ["tetrahedron", "tetrahedron 2"]
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(application.scene)
        studies = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes}
        assert len(studies) == 1
        (study,) = studies
        assert hierarchy.IsItemLevel(study, "Study")
        assert hierarchy.IsItemLevel(hierarchy.GetItemParent(study), "Patient")

    def test_segmentationWhenTheSettingSaysSo(self, application, plugin, tmp_path):
        import slicer

        application.settings["DICOM/EncapsulatedSTL/LoadAs"] = "segmentation"
        (node,) = self.load(application, plugin, tmp_path, makeObject(makeTetrahedron(color=(0.8, 0.2, 0.1))))
        assert node.IsA("vtkMRMLSegmentationNode")
        segment = node.GetSegmentation().GetNthSegment(0)
        assert segment.GetName() == "tetrahedron"
        assert np.allclose(segment.GetColor(), (0.8, 0.2, 0.1), atol=0.01)
        surface = segment.GetRepresentation("Closed surface")
        assert np.allclose(surface.GetBounds(), [-11, -1, 10, 20, 300, 310], atol=1e-4)
        assert slicer.vtkSegment.GetTerminologyEntryTagName() == "TerminologyEntry"

    def test_segmentationTakesTheGeometryOfItsScan(self, application, plugin, tmp_path):
        application.settings["DICOM/EncapsulatedSTL/LoadAs"] = "segmentation"
        volume, files = importSeries(application, tmp_path / "series")
        volumeNode = addVolumeNode(application, volume, files)
        headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        (node,) = self.load(application, plugin, tmp_path, makeObject(headers=headers))
        role = node.GetReferenceImageGeometryReferenceRole()
        assert node.GetNodeReference(role) is volumeNode

    def test_payloadThatIsNoStlLeavesNothingBehind(self, application, plugin, tmp_path):
        dataset = makeObject()
        dataset.EncapsulatedDocument = b"no STL at all" + b"\0" * 71
        before = application.scene.GetNumberOfNodes()
        with pytest.raises(M3DError):
            self.load(application, plugin, tmp_path, dataset)
        assert application.scene.GetNumberOfNodes() == before

    def test_failureInTheSubjectHierarchyLeavesNothingBehind(self, application, plugin, tmp_path, monkeypatch):
        def fail(loadable, node):
            raise RuntimeError

        monkeypatch.setattr(plugin, "addSeriesInSubjectHierarchy", fail)
        for choice in ("model", "segmentation"):
            application.settings["DICOM/EncapsulatedSTL/LoadAs"] = choice
            with pytest.raises(RuntimeError):
                self.load(application, plugin, tmp_path, makeObject())
        nodes = application.scene.GetNodesByClass("vtkMRMLDisplayableNode")
        assert [nodes.GetItemAsObject(n).GetName() for n in range(nodes.GetNumberOfItems())] == []
        assert application.scene.GetNumberOfNodesByClass("vtkMRMLDisplayNode") == 0

    def test_whatOnlyThePayloadShowsIsSaidOnce(self, application, plugin, tmp_path):
        self.load(application, plugin, tmp_path, makeObject(makeTetrahedron(5000.0)))
        passTime()
        assert len(application.warnings) == 1
        assert "not plausible" in application.warnings[0]

    def test_objectsThatAreLoadedTogetherAreWarnedOfInOneList(self, application, plugin, tmp_path):
        for size in (5000.0, 7000.0, 5000.0):
            self.load(application, plugin, tmp_path, makeObject(makeTetrahedron(size)))
        assert application.warnings == []
        passTime()
        (text,) = application.warnings
        lines = text.splitlines()
        assert len(lines) == len(set(lines)) == 2
        self.load(application, plugin, tmp_path, makeObject())
        passTime()
        assert len(application.warnings) == 1


def test_pluginRegistersUnderItsFileName(application):
    import types

    import slicer
    from DICOMEncapsulatedSTLPlugin import DICOMEncapsulatedSTLPlugin, DICOMEncapsulatedSTLPluginClass

    parent = types.SimpleNamespace()
    DICOMEncapsulatedSTLPlugin(parent)
    assert slicer.modules.dicomPlugins == {"DICOMEncapsulatedSTLPlugin": DICOMEncapsulatedSTLPluginClass}
    assert parent.hidden
    assert parent.categories
    assert parent.contributors
    assert parent.acknowledgementText


def test_tagsAreUpperCaseAndLeaveThePayloadAlone(plugin):
    assert all(tag == tag.upper() for tag in plugin.tags.values())
    assert "0042,0011" not in plugin.tags.values()
