"""The pictures of the report: outline where the mesh is, colors that say what the distance is."""

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DValidationLib.Report.Pictures.ColorScale import NOT_MEASURED, deviationColors
from M3DValidationLib.Report.Pictures.SlicePicture import OUTLINE, SliceView, meshOutline, slicePicture


def sphereMesh(radius):
    """A ball about the origin."""
    return TriangleMesh(*icosphere(radius, 4))


def image(spacing=(0.5, 0.5, 1.0), value=0.0):
    matrix = np.diag([*spacing, 1.0])
    size = tuple(int(40 / step) for step in spacing)
    matrix[:3, 3] = [-(n - 1) / 2 * step for n, step in zip(size, spacing, strict=True)]
    return ImageVolume(np.full(size[::-1], value, np.float32), matrix, modality="CT")


def test_outlineOfABallIsACircle():
    ball = sphereMesh(10.0)
    ends, cut = meshOutline(ball.points.astype(np.float64), ball.triangles, 2, 6.0)
    radii = np.linalg.norm(ends[..., :2], axis=2)
    assert len(ends) > 20 and np.allclose(ends[..., 2], 6.0, atol=1e-5)
    assert radii.max() <= 8.0 + 1e-3 and radii.min() > 7.8
    assert len(ends) == len(cut) == len(np.unique(cut))
    assert len(meshOutline(ball.points.astype(np.float64), ball.triangles, 2, 11.0)[0]) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(0.5, 0.5, 1.0), (1.0, 0.5, 2.0)])
def test_outlineIsDrawnWhereTheMeshIs(axis, spacing):
    volume = image(spacing)
    middle = volume.lpsToIndex(np.zeros((1, 3)))[0]
    picture = slicePicture(volume, sphereMesh(10.0), SliceView(axis, middle[axis]), 400)
    rows, columns = np.nonzero((picture == OUTLINE).all(axis=2))
    perPixel = 40.0 / 400
    distance = np.hypot((columns + 0.5) * perPixel - 20, (rows + 0.5) * perPixel - 20)
    assert len(rows) > 500 and abs(distance - 10).max() < 0.6


def test_ringMarksThePlace():
    picture = slicePicture(image(), sphereMesh(10.0), SliceView(2, 19.5, (10.0, 0.0, 0.0), 5.0), 200)
    blue = (picture[:, :, 2] > 200) & (picture[:, :, 0] < 120)
    rows, columns = np.nonzero(blue)
    assert abs(rows.mean() - 99.5) < 2 and abs(columns.mean() - 99.5) < 2


def test_outsideOfTheImageIsBlack():
    picture = slicePicture(image(value=2000.0), sphereMesh(3.0), SliceView(2, 19.5, (20.0, 0.0, 0.0), 8.0), 160)
    assert (picture[:10, :60] == 255).all() and (picture[:10, 100:] == 0).all()


def test_colorsSayTheSideAndTheSize():
    colors = deviationColors(np.array([-9.0, -1.0, 0.0, 1.0, 9.0, np.nan]), 1.0).astype(int)
    assert (colors[0] == colors[1]).all() and (colors[3] == colors[4]).all()
    assert colors[1, 2] > colors[1, 0] and colors[3, 0] > colors[3, 2]
    assert tuple(colors[5]) == NOT_MEASURED
    assert tuple(deviationColors(np.array([0.5]), 1.0, np.array([False]))[0]) == NOT_MEASURED
    # In gray, both ends are darker than the middle.
    gray = colors @ [0.299, 0.587, 0.114]
    assert gray[2] > 200 and max(gray[1], gray[3]) < 120
