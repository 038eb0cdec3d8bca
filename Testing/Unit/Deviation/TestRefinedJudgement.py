"""A refined surface is judged by what is independent, and the sentences say which figure is which."""

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import DeviationMap, Quality
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Language.Translator import Translator
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DValidationLib.Deviation.ControlMeaning import SAME_EXPOSURE, commonShift, isSameExposure, meaningOfControl
from M3DValidationLib.Deviation.DeviationChecks import imageFindings
from M3DValidationLib.Deviation.EdgeSentences import (
    CONTROL,
    WIDENED,
    biasText,
    coverageText,
    nothingMeasured,
    percentileText,
    toleranceText,
)
from M3DValidationLib.Deviation.RefinedSurface import judgedFacts
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Requirement import Verdict

HELD = {
    name: loadProfile().requirements[name]
    for name in ("deviation-coverage", "deviation-bias", "deviation-p95", "deviation-max-region", "deviation-tolerance")
}


def factsOf(mean, p95, counted, *, within, sure, judged):
    """Facts of a refined surface as they are after measuring; ``judged`` are the figures with the uncertainty."""
    facts = {
        "meanSigned": mean,
        "p95Absolute": p95,
        "p99Absolute": p95,
        "rms": p95,
        "coverage": 1.0,
        "notMeasured": [],
        "sign": "",
        "tolerance": 1.0,
        "withinTolerance": within,
        "overTolerance": 0.0,
        "underTolerance": 1 - within,
        "uncertainty95": sure,
        "largest": {"counted": {"deviation": counted, "pointLps": [0, 0, 0]}, "text": "The largest."},
        "worstPointLps": [0, 0, 0],
        "meaning": "It is refined.",
        "judgedByControl": False,
        "judged": None,
    }
    if judged is not None:
        widened = {"deviation": counted + sure, "pointLps": [0, 0, 0]}
        facts["judged"] = {**judged, "largest": {"counted": widened, "text": "The largest with it."}}
    return {"image": facts, "control": None}


def findingsOf(data):
    return {finding.requirement.id: finding for finding in imageFindings(HELD, *judgedFacts(data))}


WIDE = {"p99Absolute": 0.9, "rms": 0.9, "withinTolerance": 0.5, "overTolerance": 0.25, "underTolerance": 0.25}


def test_whatFailsByTheAddedUncertaintyAloneIsNotAssessable():
    found = findingsOf(
        factsOf(0.1, 0.2, 0.3, within=1.0, sure=0.6, judged={"meanSigned": 0.7, "p95Absolute": 0.8, **WIDE})
    )
    for name in ("deviation-bias", "deviation-p95", "deviation-tolerance"):
        assert found[name].verdict is Verdict.NOT_ASSESSABLE
        assert "Without it the limit is kept" in found[name].message
        assert "With the uncertainty of the edge added" in found[name].message


def test_whatFailsAsMeasuredFailsWithTheUncertaintyToo():
    found = findingsOf(
        factsOf(0.6, 0.9, 2.0, within=0.6, sure=0.05, judged={"meanSigned": 0.65, "p95Absolute": 0.95, **WIDE})
    )
    for name in ("deviation-bias", "deviation-p95", "deviation-max-region", "deviation-tolerance"):
        assert found[name].verdict is Verdict.FAIL
        assert "Without it" not in found[name].message


def test_aSumIsNotCalledTheAverage():
    found = findingsOf(
        factsOf(0.01, 0.05, 0.1, within=1.0, sure=0.04, judged={"meanSigned": 0.05, "p95Absolute": 0.09, **WIDE})
    )
    assert "on average up to 0.05 mm outside" in found["deviation-bias"].message
    assert found["deviation-bias"].measured == 0.05


def test_anUnknownIntervalHasItsOwnSentence():
    found = findingsOf(factsOf(0.01, 0.05, 0.1, within=1.0, sure=None, judged=None))
    for name in ("deviation-bias", "deviation-p95", "deviation-max-region", "deviation-tolerance"):
        assert found[name].verdict is Verdict.NOT_ASSESSABLE
        assert "How sure an edge is in this image is not known" in found[name].message
        assert "could be measured" not in found[name].message


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja", "zh"])
@pytest.mark.parametrize("mean", [0.01, -0.01])
def test_everySentenceIsSaidInEveryLanguage(language, mean):
    plain = factsOf(mean, 0.05, 0.1, within=1.0, sure=0.04, judged=None)["image"]
    control = {"meaning": SAME_EXPOSURE, CONTROL: True}
    text = Translator(language).text
    for more in ({}, control, {WIDENED: True}):
        facts = {**plain, **more}
        for said in (
            biasText(HELD["deviation-bias"], facts),
            percentileText(HELD["deviation-p95"], facts),
            toleranceText(HELD["deviation-tolerance"], facts),
            coverageText(HELD["deviation-coverage"], facts),
            nothingMeasured(facts),
        ):
            assert text(said) != said


def ballMap(distance):
    points, triangles = icosphere(10.0, 3)
    normals = points / np.linalg.norm(points, axis=1, keepdims=True)
    mesh = TriangleMesh(points, triangles)
    result = DeviationMap.__new__(DeviationMap)
    result.mesh, result.normals = mesh, normals.astype(np.float32)
    result.distance = distance(normals).astype(np.float32)
    result.quality = np.full(len(points), Quality.RELIABLE, dtype=np.uint8)
    result.__dict__["areas"] = np.ones(len(points), dtype=np.float32)
    return result


@pytest.mark.parametrize("shift", [(0.5, 0, 0), (0, -0.3, 0.4), (0, 0, 2.0)])
def test_aMotionBetweenTheSeriesIsFoundBesideTheBiasOfAKernel(shift):
    rng = np.random.default_rng(1)
    found = commonShift(ballMap(lambda n: n @ np.array(shift) + 0.05 + rng.normal(0, 0.02, len(n))))
    assert found == pytest.approx(np.array(shift), abs=0.01)


def test_aKernelThatMovesEveryEdgeOutwardIsNoMotion():
    rng = np.random.default_rng(1)
    assert commonShift(ballMap(lambda n: 0.3 + rng.normal(0, 0.05, len(n)))) is None
    assert commonShift(ballMap(lambda n: n @ np.array([0.05, 0, 0]) + rng.normal(0, 0.01, len(n)))) is None
    # A dent on one side is none either.
    assert commonShift(ballMap(lambda n: np.where(n[:, 2] > 0.8, -1.5, rng.normal(0, 0.05, len(n))))) is None


def image(**header):
    from pydicom import Dataset

    made = Dataset()
    for name, value in header.items():
        setattr(made, name, value)
    return ImageVolume(np.zeros((2, 2, 2), np.int16), np.eye(4), headers=[made])


def test_reconstructionsOfOneExposureAreToldFromOthersAndFromThoseThatDoNotSay():
    first = image(AcquisitionDate="20200101", AcquisitionTime="101010")
    assert isSameExposure(image(AcquisitionDate="20200101", AcquisitionTime="101010"), first) is True
    assert isSameExposure(image(AcquisitionDate="20200101", AcquisitionTime="111010"), first) is False
    assert isSameExposure(image(), first) is None
    assert "same exposure: noise" in meaningOfControl(first, first)
    assert "do not say" in meaningOfControl(image(), first)
    assert "DERIVED" in meaningOfControl(image(ImageType=["DERIVED", "SECONDARY"]), first)
