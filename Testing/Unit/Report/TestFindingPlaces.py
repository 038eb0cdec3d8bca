"""Where the findings of a report are to be looked at."""

import numpy as np
import pytest

from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.Volumes import makeVolume
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Content.FindingPlaces import placesOf


@pytest.fixture
def image():
    return makeVolume(shape=(10, 20, 30), spacing=(0.5, 0.5, 2.0))


@pytest.fixture
def case(image):
    return Case(loadProfile(), image)


def finding(requirement="mesh-closed", **evidence):
    return {"requirement": requirement, "evidence": evidence}


def test_worstPlaceComesFirstAndNoneTwice(case):
    found = placesOf(finding(thinnestPlace=[1, 2, 3], places=[[4, 5, 6], [1, 2, 3], [7, 8, 9]]), case)
    assert found == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_holesDistancesAndObjectsHavePlaces(case):
    evidence = {
        "holes": [{"center": [1, 1, 1]}],
        "distances": [{"start": [2, 0, 0], "end": [3, 0, 0]}],
        "objects": [{"center": [4, 0, 0]}],
    }
    assert placesOf(finding(**evidence), case) == [[1, 1, 1], [2, 0, 0], [3, 0, 0], [4, 0, 0]]


def test_sliceIsLookedAtInItsMiddle(case, image):
    (place,) = placesOf(finding(slices=[4]), case)
    assert image.lpsToIndex(np.array([place]))[0] == pytest.approx([14.5, 9.5, 3.0], abs=1e-3)
    (gap,) = placesOf(finding(gaps=[{"afterSlice": 9}]), case)
    assert image.lpsToIndex(np.array([gap]))[0][2] == pytest.approx(8.0, abs=1e-3)


def test_cutAnatomyIsLookedAtWhereItIsCut(image):
    from M3DValidationLib.Acquisition.FieldOfViewChecks import faceNames

    array = np.zeros(image.array.shape, dtype=np.uint8)
    array[5:, 4:7, 10:15] = 1
    case = Case(loadProfile(), image, Segment(array, image.ijkToLps, "bone"))
    highK = faceNames(image)[5]
    (place,) = placesOf(finding("anatomy-inside-field-of-view", cutMm2={highK: 12.0}), case)
    assert image.lpsToIndex(np.array([place]))[0] == pytest.approx([12.0, 5.0, 9.0], abs=1e-3)


def test_findingAboutNoPlaceHasNone(case):
    assert (
        placesOf(finding(slices=28, worstPointLps=[1, 2, 3], pointsOutside=0, boundsLps=[0, 1, 0, 1, 0, 1]), case) == []
    )
