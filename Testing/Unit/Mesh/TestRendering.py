"""Pictures of meshes, where the machine can make them; and the promise to say so where it cannot."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import M3DLib
from M3DLib.EncapsulatedStl.Icon import ICON_SIZE, renderIcon
from M3DLib.Mesh import Rendering
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DTestSupport.Models import makeTetrahedron


@pytest.fixture
def renderer():
    if not Rendering.canRender():
        pytest.skip("this machine cannot render")


def box(width, depth, height):
    """A closed box, its lower corner at the origin."""
    corners = np.array([[x, y, z] for x in (0, width) for y in (0, depth) for z in (0, height)], dtype=float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [part for a, b, c, d in quads for part in ((a, b, c), (a, c, d))]
    return TriangleMesh(corners, triangles, color=(1.0, 0.0, 0.0))


def test_pictureShowsTheModelInItsProportionsAndColor(renderer):
    picture = Rendering.renderMesh(box(20, 5, 10), (200, 200), viewDirection=(0, -1, 0))
    assert picture.shape == (200, 200, 3)
    assert picture.dtype == np.uint8
    shown = picture[..., 1] < 128
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(2, rel=0.05)
    red = picture[100, 100].astype(int)
    assert red[0] > 100 > 2 * red[1]
    assert (picture[2, 2] == 255).all()


def test_headIsUpAndThePatientsLeftIsOnTheRightSeenFromTheFront(renderer):
    # A flag pole with its flag at the top (superior) on the patient's left (+x in LPS), seen from anterior (-y).
    pole, flag = box(10, 10, 100), box(40, 10, 20)
    points = np.vstack([pole.points, flag.points + np.float32([10, 0, 80])])
    both = TriangleMesh(points, np.vstack([pole.triangles, flag.triangles + 8]))
    shown = Rendering.renderMesh(both, (100, 100), viewDirection=(0, -1, 0)).min(axis=2) < 250
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    top, bottom = shown[rows[0] : rows[0] + 10], shown[rows[-1] - 10 : rows[-1]]
    assert top[:, columns[-1] - 5].all()
    assert not bottom[:, columns[-1] - 5].any()
    assert bottom[:, columns[0] + 3].all()


def test_iconHasItsSize(renderer):
    assert renderIcon(makeTetrahedron()).shape == (ICON_SIZE, ICON_SIZE, 3)


def test_nothingToShowIsNoPicture():
    assert Rendering.renderMesh(TriangleMesh(np.empty((0, 3)), np.empty((0, 3)))) is None


def test_machineThatCannotRenderGivesNoPicture(monkeypatch):
    monkeypatch.setattr(Rendering, "_workingWindow", lambda: None)
    assert not Rendering.canRender()
    assert Rendering.renderMesh(makeTetrahedron()) is None


@pytest.mark.parametrize("crash", ["import os; os.abort()", "raise SystemExit(1)", "print('nothing')"])
def test_probeThatDiesSaysThatItCannot(monkeypatch, crash):
    monkeypatch.setattr(Rendering, "_PROBE", crash)
    assert not Rendering._probe("")


def test_otherProgramsThanPythonAreNotStartedAsAProbe(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/Slicer/bin/SlicerApp-real")
    monkeypatch.setattr(Rendering, "_probe", lambda window: pytest.fail("started"))
    assert Rendering._probedWindow.__wrapped__() is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can run without a screen this way")
def test_nothingIsWrittenToStderrAndTheEnvironmentStaysAsItIs(renderer):
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from M3DLib.Mesh.Rendering import renderMesh\n"
        "from M3DLib.Mesh.TriangleMesh import TriangleMesh\n"
        "before = dict(os.environ)\n"
        "renderMesh(TriangleMesh([[0, 0, 0], [1, 0, 0], [0, 0, 1]], [[0, 1, 2]]), (16, 16))\n"
        "assert dict(os.environ) == before\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(Path(M3DLib.__file__).parents[1])],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_viewsAreWhatEachDirectionShowsAlone():
    from M3DLib.Mesh.Rendering import canRender, renderMesh, renderViews

    if not canRender():
        pytest.skip("this machine cannot render")
    mesh = TriangleMesh(*icosphere(10.0, 2))
    directions = [(0, -1, 0), (1, 0, 0), (0, 0, 1)]
    views = renderViews([mesh], directions, (60, 50))
    for direction, view in zip(directions, views, strict=True):
        assert np.array_equal(view, renderMesh(mesh, (60, 50), viewDirection=direction))


def test_pointsAreShownInTheirColors():
    from M3DLib.Mesh.Rendering import canRender, renderViews

    if not canRender():
        pytest.skip("this machine cannot render")
    mesh = TriangleMesh(*icosphere(10.0, 3))
    colors = np.where(mesh.points[:, :1] > 0, [[200, 0, 0]], [[0, 0, 200]]).astype(np.uint8)
    # Seen from the front, the patient's left (positive x) is on the right of the picture.
    (view,) = renderViews([mesh], [(0, -1, 0)], (80, 80), pointColors=[colors])
    left, right = view[40, 20].astype(int), view[40, 60].astype(int)
    assert right[0] > 100 and right[2] < 60 and left[2] > 100 and left[0] < 60


def test_viewsThatShareAWindowAreWhatEachShowsAlone(renderer):
    mesh = TriangleMesh(*icosphere(10.0, 2), color=(0.2, 0.4, 0.9))
    colors = [np.tile(np.uint8([250, 120, 0]), (len(mesh.points), 1))]
    views = [
        Rendering.View((0, -1, 0), (120, 90), colored=False),
        Rendering.View((1, 0, 0.5), (80, 60)),
        Rendering.View((0, 0, 1), (80, 60)),
    ]
    together = Rendering.renderPictures([mesh], views, pointColors=colors)
    alone = [Rendering.renderMesh(mesh, views[0].size, viewDirection=views[0].direction)]
    alone += [Rendering.renderViews([mesh], [view.direction], view.size, pointColors=colors)[0] for view in views[1:]]
    for left, right in zip(together, alone, strict=True):
        np.testing.assert_array_equal(left, right)
