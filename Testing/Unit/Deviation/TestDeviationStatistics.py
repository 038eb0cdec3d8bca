"""Statistics and regions of deviation maps against figures worked out by hand."""

import json

import numpy as np
import pytest

from M3DLib.Distance.DeviationMap import DeviationMap, Quality
from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DLib.WeightedPercentiles import weightedPercentiles
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Deviation.DeviationRegions import deviationRegions, largestRegionalDeviation
from M3DValidationLib.Deviation.DeviationStatistics import deviationStatistics, sliceNumber

KEYS = (
    "meanSigned meanAbsolute sd rms median p5 p25 p75 p95Absolute p99Absolute minSigned maxSigned worstPointLps "
    "coverage withinTolerance uncertainty95"
).split()


def mapOf(mesh, distance, quality=None, uncertainty=None):
    geometry = vertexGeometry(mesh)
    quality = np.zeros(len(mesh.points), np.uint8) if quality is None else quality
    return DeviationMap(
        "image", mesh, np.asarray(distance, np.float32), quality, geometry.areas, uncertainty, geometry.normals
    )


def plane(count=21, size=20.0):
    """Flat square in z = 0 whose left half has four times as many vertices along x."""
    x = np.concatenate([np.linspace(-size / 2, 0, 4 * count), np.linspace(0, size / 2, count)[1:]])
    y = np.linspace(-size / 2, size / 2, count)
    points = np.array([[a, b, 0] for a in x for b in y])
    corner = np.array([i * count + j for i in range(len(x) - 1) for j in range(count - 1)])
    lower = np.stack([corner, corner + count, corner + count + 1], axis=1)
    upper = np.stack([corner, corner + count + 1, corner + 1], axis=1)
    return TriangleMesh(points, np.concatenate([lower, upper]))


def test_unevenVerticesDoNotTiltTheMean():
    mesh = plane()
    distance = np.where(mesh.points[:, 0] < 0, 1.0, -1.0)
    facts = deviationStatistics(mapOf(mesh, distance), 2.0)
    assert distance.mean() > 0.5
    assert facts["meanSigned"] == pytest.approx(0, abs=0.03)
    assert facts["withinTolerance"] == pytest.approx(1)


def test_figuresOfALinearDeviationAreThoseOfTheUniformDistribution():
    mesh = plane()
    facts = deviationStatistics(mapOf(mesh, mesh.points[:, 0] / 10), 0.5)
    assert facts["meanAbsolute"] == pytest.approx(0.5, abs=0.01)
    assert facts["sd"] == pytest.approx(1 / np.sqrt(3), abs=0.01)
    assert facts["rms"] == pytest.approx(1 / np.sqrt(3), abs=0.01)
    assert facts["p5"] == pytest.approx(-0.9, abs=0.02)
    assert facts["p25"] == pytest.approx(-0.5, abs=0.02)
    assert facts["p75"] == pytest.approx(0.5, abs=0.03)
    assert facts["p95Absolute"] == pytest.approx(0.95, abs=0.03)
    assert (facts["minSigned"], facts["maxSigned"]) == (-1, 1)
    assert facts["withinTolerance"] == pytest.approx(0.5, abs=0.03)
    assert facts["overTolerance"] == pytest.approx(0.25, abs=0.03)


def test_allPromisedKeysAreThereAndPlainJson():
    mesh = plane()
    facts = deviationStatistics(mapOf(mesh, mesh.points[:, 0] / 10, None, np.full(len(mesh.points), 0.05)), 0.5)
    assert set(KEYS) <= set(facts)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["uncertainty95"] == pytest.approx(0.05)


def test_unreliableVerticesAreCountedAndLeftOut():
    mesh = plane()
    left = mesh.points[:, 0] < -0.01
    quality = np.where(left, Quality.THIN, Quality.RELIABLE).astype(np.uint8)
    distance = np.where(left, np.nan, 0.3)
    facts = deviationStatistics(mapOf(mesh, distance, quality), 0.5)
    assert facts["meanSigned"] == pytest.approx(0.3)
    assert facts["coverage"] == pytest.approx(0.5, abs=0.02)
    assert facts["notMeasured"][0]["vertices"] == left.sum()
    assert "thin" in facts["notMeasured"][0]["reason"]


def test_nothingMeasuredGivesNullsNotZeros():
    mesh = plane()
    facts = deviationStatistics(
        mapOf(mesh, np.full(len(mesh.points), np.nan), np.full(len(mesh.points), Quality.NO_EDGE, np.uint8)), 0.5
    )
    assert facts["coverage"] == 0
    assert all(facts[key] is None for key in ("meanSigned", "p95Absolute", "withinTolerance", "worstPointLps"))
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [1, 12])
def test_weightedPercentilesOfManyValuesAreThoseOfTheSortedOnes(dtype, decimals):
    generator = np.random.default_rng(1)
    values = np.round(generator.normal(size=300_000) * generator.choice([0.01, 1, 100], 300_000), decimals).astype(
        dtype
    )
    weights = generator.exponential(size=len(values))
    percents = [0, 1, 5, 25, 50, 75, 95, 99.9, 100]
    order = np.argsort(values)
    shares = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    expected = np.interp(np.array(percents) / 100, shares, values[order])
    np.testing.assert_allclose(weightedPercentiles(values, weights, percents), expected, rtol=1e-6, atol=1e-9)


def test_weightedPercentilesOfEqualWeightsAreTheUsualOnes():
    values = np.random.default_rng(1).normal(size=5001)
    ours = weightedPercentiles(values, np.ones(5001), [5, 50, 95])
    assert ours == pytest.approx(np.percentile(values, [5, 50, 95]), abs=5e-3)


def test_partsFacingEachDirectionAreSummedApart():
    mesh = surfaceMesh(Sphere((0, 0, 0), 10), [-12] * 3, [12] * 3, 0.8)
    facts = deviationStatistics(mapOf(mesh, np.where(mesh.points[:, 2] > 7.5, 0.4, 0.1)), 0.5)
    assert facts["directions"]["superior"]["meanSigned"] > 0.3
    assert facts["directions"]["left"]["meanSigned"] == pytest.approx(0.1, abs=0.02)
    assert sum(part["areaShare"] for part in facts["directions"].values()) == pytest.approx(1)


def test_worstPointAndItsSlice():
    mesh = surfaceMesh(Sphere((0, 0, 0), 10), [-12] * 3, [12] * 3, 0.8)
    vertex = int(mesh.points[:, 2].argmax())
    distance = np.zeros(len(mesh.points))
    distance[vertex] = -0.9
    matrix = np.diag([1.0, 1, 2, 1])
    matrix[:3, 3] = -12
    image = ImageVolume(np.zeros((14, 26, 26)), matrix)
    facts = deviationStatistics(mapOf(mesh, distance), 0.5, image)
    assert facts["worstPointLps"] == pytest.approx(mesh.points[vertex], abs=0.01)
    assert facts["worstSlice"] == 12
    assert (facts["minPointLps"], facts["minSlice"]) == (facts["worstPointLps"], 12)
    assert facts["maxSigned"] == 0 and facts["maxPointLps"] != facts["minPointLps"]
    assert sliceNumber(image, np.array([0, 0, 40.0])) is None


def test_regionsAreSortedByAreaAndKnowTheirWorstPoint():
    mesh = surfaceMesh(Sphere((0, 0, 0), 10), [-12] * 3, [12] * 3, 0.5)
    unit = mesh.points / 10
    distance = np.zeros(len(mesh.points))
    distance[unit[:, 2] > 0.8] = 0.7
    distance[unit[:, 0] > 0.95] = -1.2
    facts = deviationRegions(mapOf(mesh, distance), 0.5)
    assert facts["count"] == 2
    large, small = facts["largest"]
    assert large["areaMm2"] == pytest.approx(2 * np.pi * 100 * 0.2, rel=0.05)
    assert small["areaMm2"] == pytest.approx(2 * np.pi * 100 * 0.05, rel=0.1)
    assert (large["worst"], small["worst"]) == (pytest.approx(0.7), pytest.approx(-1.2))
    assert (large["rms"], small["rms"]) == (pytest.approx(0.7), pytest.approx(1.2))
    assert large["sd"] == pytest.approx(0, abs=1e-3)


def test_singlePointIsNoRegion():
    mesh = surfaceMesh(Sphere((0, 0, 0), 10), [-12] * 3, [12] * 3, 0.5)
    distance = np.full(len(mesh.points), 0.1)
    distance[mesh.points[:, 2] > 8] = 0.6
    distance[int(mesh.points[:, 0].argmax())] = 3.0
    size, vertices = largestRegionalDeviation(mapOf(mesh, distance), 1.0)
    assert size == pytest.approx(0.6, abs=2e-3)
    assert len(vertices) and (mesh.points[vertices, 2] > 8).all()
    assert largestRegionalDeviation(mapOf(mesh, distance), 1e6) is None


def test_toleranceMustBePositive():
    with pytest.raises(M3DError, match="above 0 mm"):
        deviationStatistics(mapOf(plane(), np.zeros(len(plane().points))), 0)
