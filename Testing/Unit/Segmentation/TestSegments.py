"""Segments from every source, and whether they belong to the image."""

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.sr.codedict import codes

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Segmentation.Segment import Segment
from M3DLib.Segmentation.SegmentFit import bodyAt, requireFit, thresholdSegment
from M3DLib.Segmentation.SegmentReader import readSegments, selectSegments
from M3DTestSupport.DicomSegs import writeDicomSeg
from M3DTestSupport.RealData import SLICER_SEGMENTATION, needsRealData
from M3DTestSupport.SmallScan import BALL, BOX, smallImage, writeSmallScan
from M3DTestSupport.Volumes import rotation


@pytest.fixture(scope="module")
def image():
    return smallImage()


def writeLabelmap(file, image, array, compress=True):
    labelmap = SimpleITK.GetImageFromArray(array)
    labelmap.SetOrigin(image.ijkToLps[:3, 3])
    labelmap.SetSpacing(image.spacing)
    labelmap.SetDirection((image.ijkToLps[:3, :3] / image.spacing).ravel())
    SimpleITK.WriteImage(labelmap, str(file), compress)
    return file


def shapes(image):
    """Label array with 1 in the ball and 3 in the box, from their analytic shapes."""
    points = image.indexToLps(np.indices(image.array.shape)[::-1].reshape(3, -1).T)
    array = np.zeros(image.array.shape, dtype=np.uint8)
    array[(BALL.signedDistance(points) <= 0).reshape(array.shape)] = 1
    array[(BOX.signedDistance(points) <= 0).reshape(array.shape)] = 3
    return array


def test_aThresholdTakesBothLimitsAndKeepsTheLargestBodies(image):
    both = thresholdSegment(image, 500)
    ball = thresholdSegment(image, 500, 3000, largest=1)
    assert both.volumeMm3 == pytest.approx(BALL.volumeMm3 + BOX.volumeMm3, rel=0.02)
    assert ball.volumeMm3 == pytest.approx(BALL.volumeMm3, rel=0.02)
    assert thresholdSegment(image, 500, largest=2).volumeMm3 == both.volumeMm3
    assert ball.name == "500 to 3000 HU"
    exact = image.array[20, 10, 10]
    assert thresholdSegment(image, exact, exact).array[20, 10, 10] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((5000,), "No voxel"), ((300, 200), "above its upper limit"), ((500, None, 0), "at least 1")],
)
def test_aThresholdThatGivesNothingIsRefused(image, arguments, words):
    with pytest.raises(M3DError, match=words):
        thresholdSegment(image, *arguments)


def test_theBodyAtAPointIsTakenAlone(image):
    both = thresholdSegment(image, 500)
    assert bodyAt(both, BOX.center, "box").volumeMm3 == pytest.approx(BOX.volumeMm3, rel=0.07)
    with pytest.raises(M3DError, match="no voxel at"):
        bodyAt(both, (0.0, 15.0, 40.0), "nothing")
    with pytest.raises(M3DError, match="no voxel at"):
        bodyAt(both, (500.0, 0.0, 0.0), "outside")


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
def test_everyLabelOfALabelmapIsASegmentInPlace(tmp_path, image, suffix):
    segments = readSegments(writeLabelmap(tmp_path / f"labels{suffix}", image, shapes(image)))
    assert [segment.name for segment in segments] == ["label 1", "label 3"]
    for segment, shape in zip(segments, (BALL, BOX), strict=True):
        requireFit(segment, image)
        indices = np.argwhere(segment.array)[:, ::-1].mean(axis=0)
        center = segment.ijkToLps[:3, :3] @ indices + segment.ijkToLps[:3, 3]
        np.testing.assert_allclose(center, shape.center, atol=0.3)


def test_aScanInPlaceOfALabelmapIsRefused(tmp_path, image):
    file = writeLabelmap(tmp_path / "scan.nrrd", image, np.arange(image.array.size).reshape(image.array.shape))
    with pytest.raises(M3DError, match="not a labelmap"):
        readSegments(file)


def test_valuesBelowZeroAreNoLabels(tmp_path, image):
    distances = np.where(np.arange(image.array.size).reshape(image.array.shape) % 7, 0, -3).astype(np.int16)
    with pytest.raises(M3DError, match=r"below 0 \(down to -3\)"):
        readSegments(writeLabelmap(tmp_path / "distances.nrrd", image, distances))


@pytest.mark.parametrize("name", ["label.hdr", "label.vtk", "label.tif", "label.img"])
def test_formatsThatPlaceNothingForSureAreRefused(tmp_path, image, name):
    file = writeLabelmap(tmp_path / name, image, np.ones(image.array.shape, dtype=np.uint8))
    with pytest.raises(M3DError, match="no format whose voxels have a sure place"):
        readSegments(file)


def test_anEmptyLabelmapIsRefused(tmp_path, image):
    file = writeLabelmap(tmp_path / "empty.nrrd", image, np.zeros(image.array.shape, dtype=np.uint8))
    with pytest.raises(M3DError, match="no segment"):
        readSegments(file)


def writeSlicerSegmentation(file, image, names):
    """A .seg.nrrd written by Slicer's own storage node."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    matrix = vtk.vtkMatrix4x4()
    ijkToRas = np.diag([-1, -1, 1, 1]) @ image.ijkToLps
    for row in range(4):
        for column in range(4):
            matrix.SetElement(row, column, ijkToRas[row, column])
    array = shapes(image)
    for label, name in zip((1, 3), names, strict=True):
        labelmap = slicer.vtkOrientedImageData()
        labelmap.SetDimensions(*array.shape[::-1])
        ones = (array == label).astype(np.uint8).ravel()
        labelmap.GetPointData().SetScalars(numpy_to_vtk(ones, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
        labelmap.SetImageToWorldMatrix(matrix)
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetColor(0.2, 0.4, 0.6)
        segment.SetTag(
            "TerminologyEntry", "list~SCT^123037004^Anatomical Structure~SCT^272673000^Bone~^^~regions~^^~^^"
        )
        segment.AddRepresentation("Binary labelmap", labelmap)
        node.GetSegmentation().AddSegment(segment, f"Segment_{label}")
    node.GetSegmentation().CollapseBinaryLabelmaps(True)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(file))
    assert storage.WriteData(node)
    return file


def test_aSlicerSegmentationGivesNamesColorsTermsAndPlaces(tmp_path, image):
    file = writeSlicerSegmentation(tmp_path / "two.seg.nrrd", image, ["ball", "Würfel"])
    segments = readSegments(file)
    assert [segment.name for segment in segments] == ["ball", "Würfel"]
    for segment, shape in zip(segments, (BALL, BOX), strict=True):
        requireFit(segment, image)
        assert segment.color == pytest.approx((0.2, 0.4, 0.6))
        assert segment.coding.type == pydicom.sr.coding.Code("272673000", "SCT", "Bone")
        assert segment.coding.region is None
        indices = np.argwhere(segment.array)[:, ::-1].mean(axis=0)
        np.testing.assert_allclose(
            segment.ijkToLps[:3, :3] @ indices + segment.ijkToLps[:3, 3],
            shape.center,
            atol=0.3,
        )


def test_aCutOffSlicerSegmentationIsRefused(tmp_path, image):
    file = writeSlicerSegmentation(tmp_path / "two.seg.nrrd", image, ["ball", "box"])
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(M3DError, match="damaged or cut off"):
        readSegments(file)


def test_segmentsAreChosenByNameAndUnknownOnesAreListed(tmp_path, image):
    segments = readSegments(writeSlicerSegmentation(tmp_path / "two.seg.nrrd", image, ["ball", "box"]))
    assert [segment.name for segment in selectSegments(segments, ["box", "box"])] == ["box"]
    with pytest.raises(M3DError, match="no segment named 'skull'; the segmentation holds 'ball', 'box'"):
        selectSegments(segments, ["skull"])


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    return readImage(folder)


@pytest.mark.parametrize("segmentationType", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_aDicomSegGivesLabelColorAndPlace(tmp_path, scan, segmentationType):
    array = shapes(scan)
    array[array == 3] = 2
    writeDicomSeg(tmp_path / "seg.dcm", scan.files, array, ["ball", "box"], segmentationType)
    segments = readSegments(tmp_path / "seg.dcm")
    assert [segment.name for segment in segments] == ["ball", "box"]
    for segment, label in zip(segments, (1, 2), strict=True):
        requireFit(segment, scan)
        assert segment.volumeMm3 == pytest.approx((array == label).sum() * np.prod(scan.spacing))
        assert segment.color == pytest.approx((0.502, 0.502, 0.502), abs=0.005)
        assert segment.coding.type.value == codes.SCT.Bone.value
        assert segment.source.sopInstanceUid == "1.2.9.2" and segment.source.segmentNumber == label
        assert segment.source.imageSeriesUid == scan.headers[0].SeriesInstanceUID
        overlap = segment.ijkToLps[:3, :3] @ np.argwhere(segment.array)[:, ::-1].mean(axis=0) + segment.ijkToLps[:3, 3]
        expected = scan.indexToLps([np.argwhere(array == label)[:, ::-1].mean(axis=0)])[0]
        np.testing.assert_allclose(overlap, expected, atol=1e-3)


def test_aCtFileInPlaceOfASegIsRefusedByItsClass(scan):
    with pytest.raises(M3DError, match="not a DICOM Segmentation but of the class 'CT Image Storage'"):
        readSegments(scan.files[0])


def test_aMissingFileIsRefused(tmp_path):
    with pytest.raises(M3DError, match="There is no segmentation file"):
        readSegments(tmp_path / "none.seg.nrrd")


def grid(image, **changes):
    """A segment of the image's own grid, after changes of origin, axes, spacing or crop."""
    matrix = image.ijkToLps.copy()
    matrix[:3, :3] = changes.get("axes", np.eye(3)) @ matrix[:3, :3] * changes.get("scale", 1.0)
    matrix[:3, 3] += changes.get("shift", 0.0)
    array = np.zeros(image.array.shape, dtype=np.uint8)
    array[10:14, 20:30, 20:30] = 1
    return Segment(array[changes.get("crop", slice(None))], matrix, "part")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shift": [3.0, 0, 0]}, "between those of the image"),
        ({"shift": [2.1, 0, 0]}, "lies elsewhere"),
        ({"shift": [0, 0, 25.0]}, "outside the image"),
        ({"axes": rotation(0, 0, 3)}, "other directions"),
        ({"scale": [1.0, 1.0, 0.2]}, "of another size"),
    ],
)
def test_aSegmentationOfAnotherGeometryIsRefusedWithBothGeometries(image, changes, words):
    with pytest.raises(M3DError, match=words) as refusal:
        requireFit(grid(image, **changes), image)
    assert str(refusal.value).count("mm from (") == 2


def test_croppedFinerAndFlippedGridsFit(image):
    requireFit(grid(image), image)
    cropped = grid(image, crop=slice(8, 20))
    cropped.ijkToLps[:3, 3] += 8 * image.ijkToLps[:3, 2]
    requireFit(cropped, image)
    finer = grid(image, scale=0.5)
    requireFit(finer, image)
    cubic = grid(image, scale=0.5 / image.spacing)
    requireFit(cubic, image)
    flipped = grid(image)
    flipped.ijkToLps[:3, 3] += (image.dimensions[0] - 1) * image.ijkToLps[:3, 0]
    flipped.ijkToLps[:3, 0] *= -1
    requireFit(flipped, image)


def test_aSegmentationOfAnotherFrameOfReferenceIsRefused(scan):
    segment = grid(scan)
    segment.frameOfReferenceUid = "1.2.3"
    with pytest.raises(M3DError, match=r"another frame of reference \(1.2.3\)"):
        requireFit(segment, scan)


@needsRealData
def test_theSegmentationSavedBySlicerHasTheVolumesSlicerCounted():
    skull, bar = readSegments(SLICER_SEGMENTATION)
    assert (skull.name, bar.name) == ("skull", "square bar")
    assert skull.volumeMm3 == pytest.approx(391163, abs=1)
    assert bar.volumeMm3 == pytest.approx(15228, abs=1)
    assert skull.coding.type.meaning == "Skull"
