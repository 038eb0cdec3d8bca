"""Where the voxels of a series lie, and what is said of a series that is no regular grid."""

import numpy as np
import pydicom
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageReader import readImage
from M3DLib.Phantom.PhantomSeries import SkipSlice, writeSeries
from M3DTestSupport.Volumes import makeVolume, rotation


def assertSameVoxels(read, written):
    """Every written voxel is found at its own place in the read volume, whatever the order of its axes."""
    ijk = np.stack(np.meshgrid(*[np.arange(n) for n in written.dimensions], indexing="ij"), axis=-1).reshape(-1, 3)
    found = read.lpsToIndex(written.indexToLps(ijk))
    np.testing.assert_allclose(found, found.round(), atol=1e-4)
    i, j, k = found.round().astype(int).T
    np.testing.assert_array_equal(read.array[k, j, i], written.array[ijk[:, 2], ijk[:, 1], ijk[:, 0]])


TILTED = np.array([[1, 0, 0], [0, 1, np.sin(np.radians(20))], [0, 0, np.cos(np.radians(20))]])
GRIDS = {
    "axial": np.eye(3),
    "coronal": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).T,
    "sagittal": np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]]).T,
    "oblique": rotation(20, -35, 10),
    "left-handed": np.diag([1, 1, -1]),
    "left-handed oblique": rotation(-10, 25, 70) @ np.diag([1, -1, 1]),
    "tilted": TILTED,
    "tilted oblique": rotation(5, 3, -40) @ TILTED,
}


@pytest.mark.parametrize("name", GRIDS)
def test_everyVoxelIsFoundWhereItWasWritten(tmp_path, name):
    volume = makeVolume(axes=GRIDS[name], spacing=(0.4, 0.7, 1.25))
    writeSeries(volume, tmp_path)
    read = readImage(tmp_path)
    assert read.geometryProblems == []
    assertSameVoxels(read, volume)
    assert (np.diff(read.slicePositions @ np.cross(read.ijkToLps[:3, 0], read.ijkToLps[:3, 1])) > 0).all()


def test_tiltOfTheGantryStaysInTheAffine(tmp_path):
    writeSeries(makeVolume(axes=TILTED), tmp_path)
    step = readImage(tmp_path).ijkToLps[:3, 2]
    assert np.degrees(np.arctan2(step[1], step[2])) == pytest.approx(20, abs=1e-3)


def test_namesAndInstanceNumbersDoNotDecideTheOrder(tmp_path):
    volume = makeVolume()
    names = np.random.default_rng(3).permutation(len(volume.array))

    def shuffled(header, k):
        header.InstanceNumber = int(names[k]) * 7 + 1

    writeSeries(volume, tmp_path, changeHeader=shuffled, fileName=lambda k: f"{names[k]}x")
    read = readImage(tmp_path)
    np.testing.assert_array_equal(read.array, volume.array)
    assert [header.ImagePositionPatient[2] for header in read.headers] == sorted(read.slicePositions[:, 2])
    assert [file.name for file in read.files] == [f"{name}x" for name in names]


def faulty(tmp_path, change, shape=(8, 6, 6), **grid):
    """Problems of a series whose slices were changed."""
    writeSeries(makeVolume(shape=shape, **grid), tmp_path, changeHeader=change)
    read = readImage(tmp_path)
    with pytest.raises(M3DError):
        read.requireRegular()
    return read.geometryProblems


def test_oneSliceIsNamed(tmp_path):
    (problem,) = faulty(tmp_path, lambda header, k: None, shape=(1, 6, 6))
    assert "only one slice" in problem


def test_missingSliceIsNamedWithItsPlaceAndDistance(tmp_path):
    def lost(header, k):
        if k == 3:
            raise SkipSlice

    (problem,) = faulty(tmp_path, lost, axes=TILTED)
    assert "1 slice missing between slices 3 and 4" in problem
    assert "2.0" not in problem and f"{2 * np.cos(np.radians(20)):.3f} mm" in problem


def test_twoMissingSlicesAreCounted(tmp_path):
    def lost(header, k):
        if k in (4, 5):
            raise SkipSlice

    (problem,) = faulty(tmp_path, lost)
    assert "2 slices missing between slices 4 and 5" in problem and "3.000 mm" in problem


def test_duplicatePositionIsNamed(tmp_path):
    def twice(header, k):
        if k == 5:
            header.ImagePositionPatient[2] = 104.0

    problems = faulty(tmp_path, twice)
    assert any("At the position of the slice before: 1 of 8 slices (slice 6" in problem for problem in problems)


def test_copiedFileIsADuplicate(tmp_path):
    files = writeSeries(makeVolume(), tmp_path)
    (tmp_path / "copy of a slice").write_bytes(files[2].read_bytes())
    read = readImage(tmp_path)
    (problem,) = read.geometryProblems
    assert "At the position of the slice before: 1 of 9 slices (slice 4" in problem
    with pytest.raises(M3DError, match=rf"(slice 4.*\n?)+Look at ({files[2].name}|copy of a slice) \(slice 4\)"):
        read.requireRegular()


def test_fileWithoutAPlaceIsNamed(tmp_path):
    # A screen shot with the class and the size of the slices, as viewers save it into the series.
    files = writeSeries(makeVolume(), tmp_path)
    shot = pydicom.dcmread(files[3])
    del shot.ImagePositionPatient, shot.ImageOrientationPatient
    shot.SOPInstanceUID = shot.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    shot.save_as(tmp_path / "Bildschirmfoto")
    with pytest.raises(M3DError, match=r"Look at Bildschirmfoto \(slice 9\)"):
        readImage(tmp_path).requireRegular()


def test_everySliceTwiceIsDuplicateAndNothingElse(tmp_path):
    writeSeries(makeVolume(), tmp_path / "a")
    first = readImage(tmp_path).headers[0]

    def sameSeries(header, k):
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            setattr(header, keyword, first.get(keyword))

    writeSeries(makeVolume(), tmp_path / "b", changeHeader=sameSeries)
    (problem,) = readImage(tmp_path).geometryProblems
    assert "8 of 16 slices" in problem


def test_irregularDistanceIsNamed(tmp_path):
    def moved(header, k):
        if k >= 4:
            header.ImagePositionPatient[2] = float(header.ImagePositionPatient[2]) + 0.3

    (problem,) = faulty(tmp_path, moved)
    assert "between slices 4 and 5" in problem and "1.300" in problem


def test_roundingOfRealScannersIsNoIrregularity(tmp_path):
    def rounded(header, k):
        header.ImagePositionPatient[2] = round(float(header.ImagePositionPatient[2]) + 0.004 * (k % 2), 4)

    writeSeries(makeVolume(spacing=(0.5, 0.5, 0.6)), tmp_path, changeHeader=rounded)
    assert readImage(tmp_path).geometryProblems == []


def test_slicesShiftedSidewaysAreNamed(tmp_path):
    def shifted(header, k):
        if k == 6:
            header.ImagePositionPatient[0] = float(header.ImagePositionPatient[0]) + 2

    (problem,) = faulty(tmp_path, shifted)
    assert "sideways" in problem and "slice 7" in problem


def test_otherOrientationInTheSeriesIsJudged(tmp_path):
    def turned(header, k):
        if k == 0:
            header.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    problems = faulty(tmp_path, turned)
    assert any(
        "Another orientation than the rest in 1 of 8 slices" in problem and "90.0 degrees" in problem
        for problem in problems
    )


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_missingGeometryIsNamed(tmp_path, keyword):
    def without(header, k):
        delattr(header, keyword)

    problems = faulty(tmp_path, without)
    assert any("missing or unreadable in 8 of 8 slices" in problem for problem in problems)


def test_onePositionMissingKeepsTheOthersInPlace(tmp_path):
    def without(header, k):
        if k == 2:
            header.ImagePositionPatient = None

    problems = faulty(tmp_path, without)
    assert any("Image Position (Patient)" in problem and "1 of 8" in problem for problem in problems)


def test_pixelSpacingThatChangesIsNamed(tmp_path):
    def zoomed(header, k):
        if k > 5:
            header.PixelSpacing = [0.6, 0.6]

    assert any("Pixel Spacing differs" in problem for problem in faulty(tmp_path, zoomed))


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"])
def test_slicesOfTwoOriginsAreNotOneScan(tmp_path, keyword):
    def other(header, k):
        if k == 7:
            setattr(header, keyword, "1.2.3")

    (problem,) = faulty(tmp_path, other)
    assert "2 different" in problem


def test_slicesOfDifferentSizeAreRefused(tmp_path):
    def smaller(header, k):
        if k == 4:
            header.Rows = 5

    writeSeries(makeVolume(), tmp_path, changeHeader=smaller)
    with pytest.raises(M3DError, match=r"different sizes.*10 x 12.*10 x 5"):
        readImage(tmp_path)
