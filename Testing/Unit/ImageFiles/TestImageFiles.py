"""NIfTI, NRRD and MetaImage: unit, place and size as the file states them, or a refusal, or a remark."""

import numpy as np
import pytest
import SimpleITK

from M3DLib.Errors import M3DError
from M3DLib.FileSize import fileSizeLimit
from M3DLib.Image.ImageReader import readImage
from M3DLib.Segmentation.SegmentReader import readSegments
from M3DTestSupport.ImageFileWriting import writeMetaImage, writeNifti, writeNrrd

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
SFORM = [[-0.5, 0, 0, 20], [0, -0.5, 0, 10], [0, 0, 1.0, 100]]
# The same place as a quaternion: turned by 180 degrees about z.
QFORM = (0, 0, 1.0), (20, 10, 100), (0.5, 0.5, 1.0)
# Left and right exchanged over the same box; a quaternion needs its factor of -1 for that.
MIRRORED = [[0.5, 0, 0, 17.5], [0, -0.5, 0, 10], [0, 0, 1.0, 100]]
SHEARED = [[-0.5, 0, 0, 20], [0, -0.5, 0.3, 10], [0, 0, 1.0, 100]]
LPS_ORIGIN = [-20, -10, 100]
LPS_NRRD = [("space", "left-posterior-superior"), ("space directions", "(0.5,0,0) (0,0.5,0) (0,0,1)")]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("forms", [(SFORM, None), (None, QFORM), (SFORM, QFORM)])
def test_niftiIsPlacedByTheFormThatCounts(tmp_path, name, forms):
    image = readImage(writeNifti(tmp_path / name, ARRAY, *forms))
    assert image.warnings == [] and np.array_equal(image.array, ARRAY)
    assert image.spacing == pytest.approx([0.5, 0.5, 1.0])
    assert image.indexToLps([[0, 0, 0], [5, 4, 3]]) == pytest.approx(np.array([LPS_ORIGIN, [-17.5, -8, 103]]))


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 2), (4, 1)])
def test_niftiWithTwoPlacesIsRefusedWithBoth(tmp_path, codes):
    file = writeNifti(tmp_path / "a.nii", ARRAY, MIRRORED, QFORM, codes=codes)
    for read in (readImage, readSegments):
        with pytest.raises(M3DError, match=r"\(-17\.5, -10\.0, 100\.0\).*\(-20\.0, -10\.0, 100\.0\)"):
            read(file)


def test_niftiWithoutACountingFormIsRefused(tmp_path):
    with pytest.raises(M3DError, match="left and right"):
        readImage(writeNifti(tmp_path / "a.nii", ARRAY))


def test_shearThatAQuaternionCannotHoldIsUsedAndSaid(tmp_path):
    image = readImage(writeNifti(tmp_path / "a.nii", ARRAY, SHEARED, QFORM))
    assert image.ijkToLps[:3, 2] == pytest.approx([0, -0.3, 1.0])
    assert len(image.warnings) == 1 and "shear" in image.warnings[0]


@pytest.mark.parametrize(("code", "length"), [(1, 1000.0), (2, 1.0), (3, 0.001)])
def test_niftiUnitIsUsed(tmp_path, code, length):
    image = readImage(writeNifti(tmp_path / "a.nii", ARRAY, SFORM, units=code))
    assert image.spacing == pytest.approx(np.array([0.5, 0.5, 1.0]) * length)
    assert image.ijkToLps[:3, 3] == pytest.approx(np.array(LPS_ORIGIN) * length) and image.warnings == []


def test_niftiWithoutUnitIsRemarkedAndWithAnUnknownOneRefused(tmp_path):
    assert "millimeters were assumed" in readImage(writeNifti(tmp_path / "a.nii", ARRAY, SFORM, units=0)).warnings[0]
    with pytest.raises(M3DError, match="xyzt_units 5"):
        readImage(writeNifti(tmp_path / "b.nii", ARRAY, SFORM, units=5))


def test_niftiScaleFactorsAreUsedOrRefused(tmp_path):
    image = readImage(writeNifti(tmp_path / "a.nii", ARRAY, SFORM, scale=(2.0, -1000.0)))
    assert np.array_equal(image.array, ARRAY * 2.0 - 1000)
    unscaled = readImage(writeNifti(tmp_path / "b.nii", ARRAY, SFORM, scale=(0.0, 0.0)))
    assert np.array_equal(unscaled.array, ARRAY)
    for scale in ((float("nan"), 0), (1, float("inf"))):
        with pytest.raises(M3DError, match="scale factors"):
            readImage(writeNifti(tmp_path / "c.nii", ARRAY, SFORM, scale=scale))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_niftiVoxelsThatAreNoNumbersAreNotMadeZeros(tmp_path, name):
    array = ARRAY.astype(np.float32)
    assert np.array_equal(readImage(writeNifti(tmp_path / name, array, SFORM)).array, array)
    array[1, 2, 3] = np.nan
    with pytest.raises(M3DError, match="not finite"):
        readImage(writeNifti(tmp_path / name, array, SFORM))


@pytest.mark.parametrize("sizes", [(0, 0.5, 1), (float("nan"), 0.5, 1), (0.5, 0.5, float("inf"))])
def test_niftiWithoutSizesIsRefused(tmp_path, sizes):
    with pytest.raises(M3DError, match="no size"):
        readImage(writeNifti(tmp_path / "a.nii", ARRAY, None, (QFORM[0], QFORM[1], sizes)))
    flat = [[0, 0, 0, 0], *SFORM[1:]]
    with pytest.raises(M3DError, match="no placement"):
        readImage(writeNifti(tmp_path / "b.nii", ARRAY, flat))


@pytest.mark.parametrize(
    ("fields", "spacing", "words"),
    [
        (LPS_NRRD, (0.5, 0.5, 1), []),
        ([*LPS_NRRD, ("space units", '"mm" "mm" "mm"')], (0.5, 0.5, 1), []),
        ([*LPS_NRRD, ("space units", '"cm" "cm" "cm"')], (5, 5, 10), []),
        ([*LPS_NRRD, ("space units", '"um" "um" "m"')], (0.0005, 0.0005, 1000), []),
        ([("spacings", "0.5 0.5 1"), ("units", '"microns" "microns" "microns"')], (0.0005, 0.0005, 0.001), ["space"]),
        ([("spacings", "0.5 0.5 1")], (0.5, 0.5, 1), ["unit", "side is left"]),
        ([("space", "3D-right-handed"), LPS_NRRD[1]], (0.5, 0.5, 1), ["unit", "3D-right-handed"]),
        ([("space", "left-posterior-superior")], (1, 1, 1), ["size of its voxels"]),
    ],
)
def test_nrrdIsReadInItsUnit(tmp_path, fields, spacing, words):
    image = readImage(writeNrrd(tmp_path / "a.nrrd", ARRAY, fields))
    assert image.spacing == pytest.approx(spacing)
    assert len(image.warnings) == len(words)
    for word in words:
        assert any(word in text for text in image.warnings)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([*LPS_NRRD, ("space units", '"furlong" "furlong" "furlong"')], "furlong"),
        ([LPS_NRRD[0], ("space directions", "(0.5,0,0) (0,0,0) (0,0,1)")], "no size"),
        ([LPS_NRRD[0], ("space directions", "(nan,0,0) (0,0.5,0) (0,0,1)")], "no size"),
        ([("spacings", "0.5 0 1")], "no size"),
        ([("spacings", "0.5 nan 1")], "no size"),
        ([("spacings", "0.5 1"), ("units", '"mm" "um" "mm"')], "no size|different units|read"),
    ],
)
def test_nrrdThatPlacesNothingIsRefused(tmp_path, fields, words):
    with pytest.raises(M3DError, match=words):
        readImage(writeNrrd(tmp_path / "a.nrrd", ARRAY, fields))


META = {"Offset": "-20 -10 100", "TransformMatrix": "1 0 0 0 1 0 0 0 1", "ElementSpacing": "0.5 0.5 1"}


def test_metaImageIsReadInItsUnit(tmp_path):
    image = readImage(writeMetaImage(tmp_path / "a.mha", ARRAY, META))
    assert image.warnings == [] and image.ijkToLps[:3, 3] == pytest.approx(LPS_ORIGIN)
    image = readImage(writeMetaImage(tmp_path / "b.mha", ARRAY, META | {"DistanceUnits": "um"}))
    assert image.spacing == pytest.approx([0.0005, 0.0005, 0.001])
    image = readImage(writeMetaImage(tmp_path / "c.mha", ARRAY, {}))
    assert [word for word in ("size of its voxels", "turned", "lies") if word not in " ".join(image.warnings)] == []
    for spacing in ("0.5 0 1", "0.5 nan 1", "0.5 -1 1"):
        with pytest.raises(M3DError, match="no size"):
            readImage(writeMetaImage(tmp_path / "d.mha", ARRAY, META | {"ElementSpacing": spacing}))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_promiseOfMoreVoxelsThanThereAreIsRefused(tmp_path, suffix):
    def write(sizes):
        file = tmp_path / f"a{suffix}"
        if suffix == ".nrrd":
            return writeNrrd(file, ARRAY, LPS_NRRD, sizes=sizes)
        if suffix == ".mha":
            return writeMetaImage(file, ARRAY, META, sizes)
        return writeNifti(file, ARRAY, SFORM, dims=sizes)

    with pytest.raises(M3DError, match=rf"a{suffix}"):
        readImage(write((6, 5, 5)))
    with fileSizeLimit(1 << 20), pytest.raises(M3DError, match=r"promises|would take"):
        readImage(write((2000, 2000, 2000)))
    with pytest.raises(M3DError, match=r"promises|would take|read"):
        readImage(write((30000, 30000, 30000)))
    with fileSizeLimit(200), pytest.raises(M3DError, match=r"240|would take|allowed"):
        readImage(write((6, 5, 4)))


def test_nothingOfTheLibrariesReachesTheTerminal(tmp_path, capfd):
    readImage(writeNifti(tmp_path / "a.nii", ARRAY, SHEARED, QFORM))
    for content in (b"", b"NRRD0005\n", b"\x5c\x01\0\0" + bytes(400)):
        for name in ("a.nrrd", "b.nii", "c.mha"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(M3DError, match=name):
                readImage(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
def test_volumesOneAfterTheOtherAreCounted(tmp_path, suffix):
    volume = SimpleITK.GetImageFromArray(ARRAY)
    SimpleITK.WriteImage(SimpleITK.JoinSeries([volume] * 3), str(tmp_path / f"phases{suffix}"))
    with pytest.raises(M3DError, match=r"holds 3 volumes one after the other .* time"):
        readImage(tmp_path / f"phases{suffix}")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_severalValuesPerVoxelAreNamed(tmp_path, suffix):
    volume = SimpleITK.GetImageFromArray(ARRAY)
    SimpleITK.WriteImage(SimpleITK.Compose([volume] * 2), str(tmp_path / f"vectors{suffix}"))
    with pytest.raises(M3DError, match="has 2 values per voxel"):
        readImage(tmp_path / f"vectors{suffix}")


@pytest.mark.parametrize(("name", "wrong"), [("a.nii.gz", "a.nii"), ("a.nii", "a.nii.gz")])
def test_nameThatSaysOtherwiseOnCompressionIsCorrected(tmp_path, name, wrong):
    writeNifti(tmp_path / name, ARRAY, SFORM).rename(tmp_path / wrong)
    with pytest.raises(M3DError, match=rf"'{wrong}' is (not )?compressed.* name it '{name}'"):
        readImage(tmp_path / wrong)
