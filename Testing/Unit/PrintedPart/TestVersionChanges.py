"""What changed between two versions of a model: where material was added and removed, and how much."""

import numpy as np
import pytest

from M3DLib.Distance.EvenComparison import compareEvenly
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Difference, Union
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.PrintedPart.VersionChanges import versionChanges

PLATE = Box((0, 0, 0), (50, 30, 6))
# 8 x 8 mm, 4 mm high on the plate; a bore of 5 mm radius through all of it.
POST, BORE = Box((-15, 0, 4), (8, 8, 6)), Cylinder((14, 2, 0), (0, 0, 1), 5, 20)


def mesh(shape, offset=0.0):
    return surfaceMesh(shape, [-28, -18, -6], [28, 18, 10], 0.7, offset)


@pytest.fixture(scope="module")
def plate():
    return mesh(PLATE)


@pytest.fixture(scope="module")
def changes(plate):
    return versionChanges(compareEvenly(mesh(Difference(Union((PLATE, POST)), BORE)), plate))


def test_aPostAndABoreAreTwoPlaces(changes):
    places = changes["places"]
    added, removed = (next(place for place in places if place["kind"] == kind) for kind in ("added", "removed"))
    assert added["volumeMm3"] == pytest.approx(8 * 8 * 4, rel=0.06)
    assert added["largestMm"] == pytest.approx(4, abs=0.1)
    assert np.abs(np.subtract(np.mean(added["boxLps"], axis=0)[:2], [-15, 0])).max() < 0.5
    assert removed["volumeMm3"] == pytest.approx(np.pi * 25 * 6, rel=0.06)
    assert np.abs(np.subtract(np.mean(removed["boxLps"], axis=0)[:2], [14, 2])).max() < 0.5
    others = [place for place in places if place is not added and place is not removed]
    assert sum(place["volumeMm3"] for place in others) < 3


def test_theVolumesAreThoseOfTheShapes(changes):
    true = 8 * 8 * 4 - np.pi * 25 * 6
    assert changes["volumeChangeMm3"] == pytest.approx(true, abs=10)
    assert changes["addedMm3"] - changes["removedMm3"] == pytest.approx(changes["volumeChangeMm3"], abs=4)
    assert changes["movedShare"] < 0.2


def test_nothingChangedIsNoPlace(plate):
    changes = versionChanges(compareEvenly(plate, plate))
    assert changes["places"] == [] and changes["addedMm3"] == 0 and changes["volumeChangeMm3"] == 0


def test_anEvenLayerIsSaidAsOneThatLiesEverywhere(plate):
    changes = versionChanges(compareEvenly(mesh(PLATE, 0.2), plate))
    assert changes["movedShare"] > 0.95
    assert changes["medianMm"] == pytest.approx(0.2, abs=0.01)
    assert changes["addedMm3"] == pytest.approx(0.2 * plate.areaMm2, rel=0.1) and changes["removedMm3"] == 0


def test_openMeshesHavePlacesButNoVolumes(plate):
    upper = plate.triangles[plate.points[plate.triangles].mean(axis=1)[:, 2] > 0]
    changes = versionChanges(compareEvenly(TriangleMesh(plate.points + np.float32([0, 0, 0.5]), upper), plate))
    assert changes["volumeChangeMm3"] is None and changes["addedMm3"] is None
    assert changes["places"][0]["kind"] == "added" and changes["places"][0]["volumeMm3"] is None
