"""Volumes that were copied, filtered or edited after they were loaded: their files' headers do not describe them."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.InSlicer.SlicerImage import imageOfVolumeNode, voxelsOfVolumeNode
from M3DLib.InSlicer.SourceProblem import sourceProblem
from M3DLib.InSlicer.VoxelOrigin import DerivedVolume
from M3DTestSupport.EnhancedSeries import writeEnhanced
from M3DTestSupport.ScannedBall import SEGMENT_ID
from M3DTestSupport.SceneCases import addVolumeNode, importSeries
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.InSlicer.SceneCase import casesOfNodes
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Report import validateCases


def cloneOf(application, node):
    """A copy as the Volumes module's logic makes it: voxels, geometry and all attributes."""
    import slicer

    clone = slicer.vtkSlicerVolumesLogic.CloneVolume(application.scene, node, f"{node.GetName()} copy")
    assert clone.GetAttribute("DICOM.instanceUIDs") == node.GetAttribute("DICOM.instanceUIDs")
    return clone


def smooth(node):
    """What a filter does: every voxel the mean of its neighborhood."""
    from scipy.ndimage import uniform_filter

    voxels = voxelsOfVolumeNode(node)
    voxels[...] = uniform_filter(voxels.astype(float), 3)


class TestVoxels:
    def test_copyThatNobodyHasChangedIsTheScanStill(self, application, scannedBall):
        clone = cloneOf(application, scannedBall[0])
        assert (
            len(imageOfVolumeNode(clone, application.database).image.headers) == clone.GetImageData().GetDimensions()[2]
        )
        assert sourceProblem(clone, application.database) == ""

    def test_filteredCopyIsNot(self, application, scannedBall):
        clone = cloneOf(application, scannedBall[0])
        smooth(clone)
        with pytest.raises(DerivedVolume, match="filtered or edited"):
            imageOfVolumeNode(clone, application.database)
        assert "filtered or edited" in sourceProblem(clone, application.database)
        # The volume that was copied is untouched.
        assert imageOfVolumeNode(scannedBall[0], application.database).image.headers

    def test_volumeThatWasMovedIsRefusedWhileItIsChosen(self, application, scannedBall):
        scannedBall[0].SetOrigin(0.0, 0.0, 0.0)
        assert "no longer lies" in sourceProblem(scannedBall[0], application.database)

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_mirroredCopyIsNot(self, application, scannedBall, axis):
        voxels = voxelsOfVolumeNode(scannedBall[0])
        voxels[...] = np.flip(voxels, axis).copy()
        with pytest.raises(DerivedVolume):
            imageOfVolumeNode(scannedBall[0], application.database)

    def test_oneVoxelOfOneSliceIsEnough(self, application, scannedBall):
        voxelsOfVolumeNode(scannedBall[0])[5, 6, 7] += 1
        with pytest.raises(DerivedVolume, match="1 of 34 slices"):
            imageOfVolumeNode(scannedBall[0], application.database)

    @pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
    def test_typeOfTheVoxelsIsNoDifference(self, application, tmp_path, dtype):
        volume, files = importSeries(application, tmp_path / "series")
        node = addVolumeNode(application, ImageVolume(volume.array.astype(dtype), volume.ijkToLps), files)
        assert imageOfVolumeNode(node, application.database).image.unverified == ""

    @pytest.mark.parametrize(("slope", "dtype"), [(0.37, np.float32), (0.37, np.int16), (2.0, np.int16)])
    def test_rescaleIsNoDifference(self, application, tmp_path, slope, dtype):
        import pydicom

        volume, files = importSeries(application, tmp_path / "series")
        values = []
        for file in files:
            dataset = pydicom.dcmread(file)
            dataset.RescaleSlope, dataset.RescaleIntercept = slope, -100
            dataset.SOPInstanceUID = pydicom.uid.generate_uid()
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(file)
            values.append(np.round(dataset.pixel_array * slope - 100, 0 if dtype == np.int16 else 9))
        application.addToDatabase(files)
        node = addVolumeNode(application, ImageVolume(np.array(values, dtype=dtype), volume.ijkToLps), files)
        scan = imageOfVolumeNode(node, application.database)
        assert scan.image.unverified == ""
        voxelsOfVolumeNode(node)[3] += 1
        with pytest.raises(DerivedVolume):
            imageOfVolumeNode(node, application.database)

    def test_framesOfOneFileAreCompared(self, application, tmp_path):
        volume = makeVolume((12, 14, 16), (0.7, 0.7, 1.2))
        file = writeEnhanced(volume, tmp_path / "enhanced.dcm")
        application.addToDatabase([file])
        node = addVolumeNode(application, volume, [file])
        assert imageOfVolumeNode(node, application.database).image.headers
        voxelsOfVolumeNode(node)[3] += 1
        with pytest.raises(DerivedVolume, match="1 of 12 slices"):
            imageOfVolumeNode(node, application.database)

    def test_whatCannotBeComparedIsSaidAndNoPass(self, application, scannedBall, monkeypatch):
        from M3DLib.InSlicer import VoxelOrigin

        def undecodable(file):
            raise M3DError("The pixels cannot be decoded.")

        monkeypatch.setattr(VoxelOrigin, "readFrames", undecodable)
        scan = imageOfVolumeNode(scannedBall[0], application.database)
        assert "cannot be decoded" in scan.warnings[0]
        finding = findingsOf(application, scannedBall[0])["original-image"]
        assert finding.verdict.value == "notAssessable"
        assert "cannot be decoded" in finding.message


def findingsOf(application, volume):
    cases = casesOfNodes(loadProfile(), volume, database=application.database).cases
    return {finding.requirement.id: finding for finding in validateCases(cases, showing=False).findings}


class TestValidation:
    def test_findingsSayThatTheVolumeIsDerived(self, application, scannedBall):
        before = findingsOf(application, scannedBall[0])
        assert before["noise"].measured == pytest.approx(10, rel=0.2)
        assert before["slice-thickness"].verdict.value == "pass"
        clone = cloneOf(application, scannedBall[0])
        smooth(clone)
        after = findingsOf(application, clone)
        assert after["original-image"].verdict.value == "warning"
        assert "filtered or edited" in after["original-image"].message
        # What the headers say is not said of it, and its noise is not the scan's.
        for requirement in ("noise", "slice-thickness"):
            assert after[requirement].verdict.value == "notAssessable"

    def test_itsReportIsNotStoredBesideTheScan(self, application, scannedBall):
        from M3DValidationLib.InSlicer.ResultNodes import addResults
        from M3DValidationLib.InSlicer.StoredReport import reportObjectsOf

        smooth(scannedBall[0])
        cases = casesOfNodes(loadProfile(), scannedBall[0], database=application.database).cases
        node = addResults(validateCases(cases, showing=False), application.scene, scannedBall[0])
        with pytest.raises(M3DError, match="filtered or edited"):
            reportObjectsOf(node, application.database)


def test_noModelIsExportedFromIt(application, scannedBall):
    from M3DExport import M3DExportLogic

    volume, segmentation = scannedBall
    clone = cloneOf(application, volume)
    smooth(clone)
    before = set(application.database._files)
    with pytest.raises(M3DError, match="Choose the volume as it was loaded"):
        M3DExportLogic().exportSegments(segmentation, [SEGMENT_ID], clone)
    assert set(application.database._files) == before
    assert len(M3DExportLogic().exportSegments(segmentation, [SEGMENT_ID], volume)) == 1
