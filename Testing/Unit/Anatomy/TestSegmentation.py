"""Segmentation checks on segments whose faults were made by code."""

import json

import numpy as np
import pytest

from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DLib.Segmentation.Segment import Segment
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DValidationLib.Anatomy import SegmentationChecks
from M3DValidationLib.Anatomy.EdgeProfiles import edgeProfiles
from M3DValidationLib.Anatomy.SegmentAnalysis import bridges, overlapMm3
from M3DValidationLib.Check import Case
from M3DValidationLib.Requirement import Verdict

SPACING = (0.5, 0.5, 1.0)


def grid(spacing=SPACING, tilt=0.0):
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = (-20, -30, 100)
    if tilt:
        turn = np.eye(4)
        turn[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
        matrix = turn @ matrix
    return matrix


def voxels(shape=(40, 80, 80), radius=15.0, spacing=SPACING):
    k, j, i = np.indices(shape)
    at = np.stack([i * spacing[0], j * spacing[1], k * spacing[2]], axis=-1)
    center = (np.array(shape[::-1]) - 1) / 2 * spacing
    return (np.linalg.norm(at - center, axis=-1) < radius).astype(np.uint8)


def ball(tilt=0.0):
    return Segment(voxels(), grid(tilt=tilt), "ball")


def findings(segment, **case):
    return runChecks(SegmentationChecks.CHECKS, Case(defaultRequirements("Segmentation"), segment=segment, **case))


def wrong(found):
    return {id_ for id_, finding in found.items() if finding.verdict in (Verdict.FAIL, Verdict.WARNING)}


def place(segment, k, j, i):
    return (segment.ijkToLps @ (i, j, k, 1))[:3]


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_soundSegmentPasses(tilt):
    assert wrong(findings(ball(tilt))) == set()


def test_islandsAreCountedWithTheirPlace():
    segment = ball(0.3)
    segment.array[1, 2, 3] = segment.array[38, 75, 70] = segment.array[38, 76, 71] = 1
    found = findings(segment)
    assert wrong(found) == {"segment-islands"}
    finding = found["segment-islands"]
    assert finding.measured == 2
    assert np.allclose(finding.evidence["places"][1], place(segment, 1, 2, 3), atol=2e-3)
    assert finding.evidence["volumesMm3"] == [0.5, 0.25]


def test_holesAreCountedAndLargeCavitiesOnlyRecorded():
    segment = ball()
    segment.array[20, 40, 40] = 0
    segment.array[15:20, 20:30, 30:40] = 0
    found = findings(segment)
    assert wrong(found) == {"segment-holes"}
    assert found["segment-holes"].measured == 1
    assert found["segment-holes"].evidence["largeVolumesMm3"] == [125.0]
    assert np.allclose(found["segment-holes"].evidence["places"], [place(segment, 20, 40, 40)], atol=2e-3)


def dumbbell(neck):
    array = np.zeros((40, 60, 140), dtype=np.uint8)
    array[10:30, 10:50, 10:60] = 1
    array[10:30, 10:50, 80:130] = 1
    array[neck[0], neck[1], 60:80] = 1
    return Segment(array, grid(), "dumbbell")


def test_thinBridgeIsFoundAtItsPlace():
    segment = dumbbell((slice(20, 22), slice(28, 32)))
    found = findings(segment)
    assert wrong(found) == {"segment-bridges"}
    assert found["segment-bridges"].measured == 1
    assert np.allclose(found["segment-bridges"].evidence["places"][0], place(segment, 20.5, 29.5, 69.5), atol=1.5)


def test_thickConnectionAndThinWallAreNoBridges():
    assert wrong(findings(dumbbell((slice(14, 26), slice(18, 42))))) == set()
    # A wall 1.5 mm thick and 20 mm long joins the same bodies; that is anatomy, not a leak.
    assert wrong(findings(dumbbell((slice(10, 30), slice(28, 31))))) == set()


def test_bridgesAreFoundInBlocksOfVoxelsToo(monkeypatch):
    from M3DValidationLib.Anatomy import SegmentAnalysis

    monkeypatch.setattr(SegmentAnalysis, "_MOST_VOXELS", 100_000)
    found, step = bridges(dumbbell((slice(20, 22), slice(28, 32))), 1.0, 1000, 25)
    assert step == 2 and len(found) == 1


@pytest.mark.parametrize("coarse", [False, True])
def test_overlapIsMeasuredAcrossGrids(coarse):
    segment = ball()
    other = np.zeros_like(segment.array)
    other[:, :, 40:] = 1
    matrix = grid()
    if coarse:
        other = other[:, ::2, ::2]
        matrix = matrix @ np.diag([2, 2, 1, 1])
        matrix[:3, 3] += (0.25, 0.25, 0)
    volume, center = overlapMm3(segment, Segment(other, matrix, "half"))
    assert volume == pytest.approx(segment.volumeMm3 / 2, rel=1e-9)
    assert center[0] == pytest.approx(-20 + 39.5 / 2 + 3 / 8 * 15, abs=0.1)
    found = findings(segment, otherSegments=[Segment(other, matrix, "half")])
    assert wrong(found) == {"segment-overlap"} and "half" in found["segment-overlap"].message
    apart = Segment(1 - segment.array, grid(), "rest")
    assert wrong(findings(segment, otherSegments=[apart])) == set()


def test_segmentBeyondTheImageFails():
    segment = ball()
    image = ImageVolume(np.zeros((40, 80, 50), np.int16), grid(), modality="CT")
    found = findings(segment, image=image)
    assert "segment-inside-image" in wrong(found)
    expected = segment.array[:, :, 50:].sum() * 0.25
    assert found["segment-inside-image"].measured == pytest.approx(expected)


def test_emptySegmentFailsOnceOnly():
    found = findings(Segment(np.zeros((5, 5, 5), np.uint8), grid(), "nothing"))
    assert wrong(found) == {"segment-not-empty"}
    assert found["segment-islands"].verdict is Verdict.NOT_ASSESSABLE


def blurredBall(noise=0.0):
    return renderPhantom(
        [(Sphere((0.0, -10.0, 120.0), 12.0), 1200.0)], 0.0, (80, 80, 40), grid(), (1.0, 1.0, 1.4), noise=noise, seed=4
    )


@pytest.mark.parametrize("noise", [0.0, 40.0])
@pytest.mark.parametrize(("level", "sign"), [(600, 0), (150, -1), (1050, 1)])
def test_thresholdIsComparedWithTheImagesOwnEdge(noise, level, sign):
    image = blurredBall(noise)
    from scipy import ndimage

    labels, _ = ndimage.label(image.array > level)
    array = (labels == labels[20, 40, 40]).astype(np.uint8)
    segment = Segment(array, grid(), "ball")
    finding = findings(segment, image=image)["threshold-plausibility"]
    # How far the voxels' own edge is off, from their volume.
    truth = 12.0 - (segment.volumeMm3 * 3 / 4 / np.pi) ** (1 / 3)
    assert finding.evidence["shiftMm"] == pytest.approx(truth, abs=0.08)
    assert finding.evidence["halfLevel"] == pytest.approx(600, abs=40)
    assert (finding.verdict is Verdict.PASS) == (sign == 0)
    assert sign == 0 or np.sign(finding.measured) == sign
    json.dumps(finding.asDict(), allow_nan=False)


def test_darkSegmentsHaveEdgesToo():
    image = blurredBall()
    image.array[:] = 1200 - image.array
    segment = Segment((image.array < 600).astype(np.uint8), grid(), "hollow")
    profiles = edgeProfiles(image, segment)
    assert np.median(profiles.shift[profiles.reliable]) == pytest.approx(0, abs=0.05)


def test_segmentWithoutEdgeInTheImageIsNotAssessable():
    image = ImageVolume(np.random.default_rng(0).normal(0, 20, (40, 80, 80)).astype(np.int16), grid(), modality="CT")
    finding = findings(ball(), image=image)["threshold-plausibility"]
    assert finding.verdict is Verdict.NOT_ASSESSABLE


def test_stairStepsGrowWithSliceThicknessAndGoWithSmoothing():
    def share(spacing, smoothing):
        shape = tuple(int(40 / size) for size in spacing[::-1])
        segment = Segment(voxels(shape, 15, spacing), grid(spacing), "ball")
        parameters = SurfaceParameters(smoothing=smoothing)
        mesh = makeSurface(segment, parameters)
        found = findings(segment, mesh=mesh, surfaceParameters=parameters)
        assert found["surface-record"].evidence["smoothing"] == smoothing
        return found["stair-steps"].measured

    thick, fine, smooth = share((0.5, 0.5, 3.0), 0.0), share((0.5, 0.5, 0.5), 0.0), share((0.5, 0.5, 0.5), 0.4)
    assert thick > 20 and smooth < 5
    assert smooth < fine


def test_shrinkingBySmoothingIsMeasured():
    segment = Segment(voxels((30, 30, 30), 3, (0.5, 0.5, 0.5)), grid((0.5, 0.5, 0.5)), "small")
    finding = findings(segment, mesh=makeSurface(segment, SurfaceParameters(smoothing=0.8)))["mesh-volume-change"]
    mesh = makeSurface(segment, SurfaceParameters(smoothing=0.8))
    assert finding.measured == pytest.approx(100 * (mesh.volumeMm3 / segment.volumeMm3 - 1))
    assert finding.measured < -5 and finding.verdict is Verdict.FAIL
    # A surface that went to the edge in the image left the voxels on purpose.
    mesh.record["refinement"] = {"applied": True, "movedShare": 0.9}
    finding = findings(segment, mesh=mesh)["mesh-volume-change"]
    assert finding.measured < -5 and finding.verdict is Verdict.INFORMATION
    assert "moved from the segment's to the edge in the image" in finding.message


def test_theDirectionOfABoundaryIsThatOfTheWholeBlurredSegment():
    from scipy.ndimage import gaussian_filter, map_coordinates

    from M3DValidationLib.Anatomy.EdgeProfiles import _blurredGradient

    inside = gaussian_filter(np.random.default_rng(1).standard_normal((20, 30, 40)), 3) > 0
    inside = np.pad(inside, 4)
    below = np.argwhere(inside[:, :-1] != inside[:, 1:])[::7]
    blurred = gaussian_filter(inside.astype(np.float32), 1.5)
    middle = below + np.array([0, 0.5, 0])
    for axis, half in enumerate(np.eye(3) / 2):
        truth = map_coordinates(blurred, (middle + half).T, order=1) - map_coordinates(
            blurred, (middle - half).T, order=1
        )
        np.testing.assert_allclose(_blurredGradient(inside, below, 1)[:, axis], truth, atol=1e-6)
