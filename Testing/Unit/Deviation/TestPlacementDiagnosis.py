"""A model that is not where its scan shows it: the mistake is named when it is sure, and only then."""

import numpy as np
import pytest

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import shareInPercent
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Ellipsoid, Moved, Sphere, Union, rotationAbout
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Deviation.PlacementDiagnosis import FITS, placementOf

# A body without any symmetry, away from zero as patients are.
MIDDLE = np.array([31.0, -47.0, 112.0])
BODY = Moved(
    Union(
        (
            Ellipsoid((0.0, 0.0, 0.0), (18.0, 12.0, 9.0)),
            Box((12.0, 9.0, 4.0), (14.0, 9.0, 8.0)),
            Cylinder((-10.0, -2.0, 9.0), (0.2, 0.1, 1.0), 5.0, 16.0),
        )
    ),
    tuple(map(tuple, rotationAbout((0.3, 1.0, 0.4), 25.0))),
    tuple(MIDDLE),
)
RAS = np.diag([-1.0, -1.0, 1.0])


def scanOf(shape, low=(-8, -85, 80), size=(80, 76, 62), noise=20.0):
    """CT-like image of a body of 1000 HU in soft tissue, with a few other things in it."""
    spacing = 1.2
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = low
    dimensions = tuple(int(n / spacing) for n in size)
    others = [(Sphere((0.0, -75.0, 90.0), 6.0), 300.0), (Box((62.0, -20.0, 130.0), (9.0, 9.0, 9.0)), 700.0)]
    return renderPhantom([*others, (shape, 1000.0)], 40.0, dimensions, matrix, 1.0, noise=noise, seed=2)


@pytest.fixture(scope="module")
def image():
    return scanOf(BODY)


@pytest.fixture(scope="module")
def model():
    return surfaceMesh(BODY, MIDDLE - 26, MIDDLE + 26, 0.8)


def changed(mesh, matrix, way=(0, 0, 0)):
    """The mesh as somebody else's program has written it."""
    return TriangleMesh((mesh.points @ np.asarray(matrix).T + way).astype(np.float32), mesh.triangles)


def test_modelInItsPlaceNeedsNoExplanation(model, image):
    found = placementOf(model, image)
    assert found.fits and found.share > 0.9 and (found.mistake, found.sentence) == ("", "")


@pytest.mark.parametrize(
    ("matrix", "mistake", "words"),
    [
        (np.eye(3) / 25.4, "unit", "as inches (--unit in)"),
        (np.eye(3) / 1000, "unit", "as meters (--unit m)"),
        (np.eye(3) / 10, "unit", "as centimeters (--unit cm)"),
        (RAS, "axes", "RAS instead of LPS"),
        (RAS / 1000, "unit and axes", "as meters (--unit m), and as RAS"),
        (np.diag([-1.0, 1, 1]), "mirrored", "mirrored left to right (the sign of x changes)"),
        (np.diag([1.0, 1, -1]), "mirrored", "mirrored top to bottom"),
    ],
)
def test_usualMistakesAreNamedWithWhatTheyCost(model, image, matrix, mistake, words):
    found = placementOf(changed(model, matrix), image)
    assert found.mistake == mistake and words in found.sentence
    assert found.share < FITS < 0.9 < found.explainedShare
    assert f"{shareInPercent(found.explainedShare)} of its surface" in found.sentence
    np.testing.assert_allclose(found.matrix[:3, :3], np.linalg.inv(matrix), atol=1e-9)


def test_modelCenteredAtZeroIsToldHowFarItWasMoved(model, image):
    bounds = np.array(model.boundsLps).reshape(3, 2).mean(axis=1)
    found = placementOf(changed(model, np.eye(3), -bounds), image)
    assert found.mistake == "centered" and "its middle lies at zero" in found.sentence
    np.testing.assert_allclose(found.matrix[:3, 3], bounds, atol=0.1)
    assert found.explainedShare > 0.9


def test_modelMovedElsewhereIsFound(model, image):
    found = placementOf(changed(model, np.eye(3), (40.0, 25.0, -60.0)), image)
    assert found.mistake == "moved"
    np.testing.assert_allclose(found.matrix[:3, 3], (-40.0, -25.0, 60.0), atol=0.1)


def test_modelMirroredInItsOwnPlaceIsFound(model, image):
    middle = np.array(model.boundsLps).reshape(3, 2).mean(axis=1)
    found = placementOf(changed(model, np.diag([-1.0, 1, 1]), (2 * middle[0], 0, 0)), image)
    assert found.mistake == "mirrored" and "left to right in its own place" in found.sentence


def test_modelOfSomethingElseIsNotExplained(image):
    found = placementOf(TriangleMesh(*box((15.0, 22.0, 35.0), (35.0, -50.0, 108.0))), image)
    assert not found.fits and found.mistake == "" and found.matrix is None
    assert "The reason is not known" in found.sentence


def test_shapeThatIsTheSameInSeveralPlacesIsNotDecided():
    """A ball left of the middle and one right of it: mirrored, or RAS: nobody can tell from the shape."""
    left, right = Sphere((-25.0, 20.0, 30.0), 8.0), Sphere((25.0, -20.0, 30.0), 8.0)
    image = scanOf(Union((left, Sphere((25.0, 20.0, 30.0), 8.0), right)), (-40, -35, 15), (80, 70, 30))
    mesh = surfaceMesh(Sphere((-25.0, -20.0, 30.0), 8.0), (-35, -30, 20), (-15, -10, 40))
    found = placementOf(mesh, image)
    assert found.mistake == "" and "cannot be told from the shape" in found.sentence


def test_softTissueOfLittleContrastCanBeJudgedToo(model):
    matrix = np.diag([1.2, 1.2, 1.2, 1.0])
    matrix[:3, 3] = (-8, -85, 80)
    image = renderPhantom([(BODY, 160.0)], 40.0, (66, 63, 51), matrix, 1.2, noise=15.0, seed=5)
    assert placementOf(model, image).share > 0.85
    assert placementOf(changed(model, np.eye(3) / 25.4), image).mistake == "unit"
