"""Segments that touch, refined together: how much of space they have twice or lose between them, on a fine grid."""

from dataclasses import replace

import numpy as np
import pytest

from M3DLib.Intersection.SelfIntersection import selfIntersections
from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, HalfSpace, Intersection, Sphere, rotationAbout
from M3DLib.Surface.SurfaceMaking import makeSegmentSurfaces
from M3DTestSupport.TouchingSegments import heightOver, scanOf, segmentsOf

STEP = 0.16
BALL = Sphere((0.13, -0.21, 0.37), 9)
CUTS = tuple(tuple(np.array(normal) / np.linalg.norm(normal)) for normal in ((1, 0.3, 0.2), (-0.4, 1, 0.1)))
SCREW_AXIS = np.array((1.0, 2.0, 2.0)) / 3
SCREW = Cylinder((0, 0, 0), tuple(SCREW_AXIS), 2.5, 26)


def counted(meshes):
    """Places of a fine grid, LPS mm (n, 3), and within how many of the meshes each lies, (n,)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    points = np.concatenate([mesh.points for mesh in meshes]).astype(np.float64)
    low = points.min(axis=0) - 0.5 + STEP * np.array([0.37, 0.61, 0.83])
    size = np.ceil((points.max(axis=0) + 0.5 - low) / STEP).astype(int)
    total = np.zeros(size.prod(), dtype=np.uint8)
    for mesh in meshes:
        stencil, drawn = vtkPolyDataToImageStencil(), vtkImageStencilToImage()
        stencil.SetInputData(mesh.toPolyData())
        stencil.SetOutputOrigin(*low)
        stencil.SetOutputSpacing(STEP, STEP, STEP)
        stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
        stencil.SetTolerance(0)
        drawn.SetInputConnection(stencil.GetOutputPort())
        drawn.SetOutsideValue(0)
        drawn.SetInsideValue(1)
        drawn.SetOutputScalarTypeToUnsignedChar()
        drawn.Update()
        total += vtk_to_numpy(drawn.GetOutput().GetPointData().GetScalars())
    k, j, i = np.unravel_index(np.arange(len(total)), size[::-1])
    return low + STEP * np.stack([i, j, k], axis=1), total


def twiceAndLost(meshes, body, depth=0.5):
    """Volumes (mm3) that two of the meshes have, and that none of them has though it is so deep within a body."""
    places, times = counted(meshes)
    free = places[times == 0]
    return (times > 1).sum() * STEP**3, (body.signedDistance(free) < -depth).sum() * STEP**3


def made(image, arrays, parameters):
    segments = segmentsOf(image, *arrays)
    before = [makeSurface(segment, parameters) for segment in segments]
    after = makeSegmentSurfaces(segments, replace(parameters, refine=True), image)
    for mesh in after:
        assert mesh.record["refinement"]["applied"]
        assert mesh.isClosed
        assert not len(selfIntersections(mesh.points.astype(np.float64), mesh.triangles.astype(np.int64)).pairs)
    return before, after


@pytest.mark.parametrize(("method", "lost"), [("flying-edges", 2.5), ("surface-nets", 0.6)])
def test_threePartsOfABallThatMeetAlongALine(method, lost):
    # Flying edges cannot but leave a channel along the line: each surface has one triangle across it. Of what the
    # voxels lose there, half and more is closed. Surface nets cut some quadrangles along the other diagonal.
    first, second = (HalfSpace((0, 0, 0), normal) for normal in CUTS)
    image = scanOf([(BALL, 400), (Intersection((BALL, first)), 800), (Intersection((BALL, first, second)), 1300)], 11.5)
    body, one, other = image.array > 200, heightOver(image, CUTS[0]) <= 0.25, heightOver(image, CUTS[1]) <= -0.2
    parameters = SurfaceParameters(method=method)
    before, after = made(image, [body & ~one, body & one & ~other, body & one & other], parameters)
    (twiceBefore, lostBefore), (twiceAfter, lostAfter) = (twiceAndLost(meshes, BALL) for meshes in (before, after))
    assert twiceBefore > 3
    assert twiceAfter < 0.5
    assert lostAfter < min(lost, 0.5 * lostBefore)
    assert sum(mesh.volumeMm3 for mesh in after) == pytest.approx(BALL.volumeMm3, rel=0.01)


def test_aBoxInABoxIsAsThickAsItsWallAllAround():
    axes = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
    outer, inner = Box((0, 0, 0), (16, 14, 13), axes), Box((0.5, 0.3, -0.2), (8, 7, 6), axes)
    image = scanOf([(outer, 500), (inner, 1200)], 13)
    within = image.array > 750
    _, after = made(image, [within, (image.array > 200) & ~within], SurfaceParameters())
    twice, lost = twiceAndLost(after, outer)
    assert twice < 0.01 and lost < 0.05
    assert after[0].volumeMm3 == pytest.approx(inner.volumeMm3, rel=0.04)
    assert sum(mesh.volumeMm3 for mesh in after) == pytest.approx(outer.volumeMm3, rel=0.015)


def test_metalInBoneIsTrueInTheBoneAndNowhereFartherFromTheTruthThanBefore():
    # Around the ends of the screw in air a threshold for bone leaves a halo, thinner than the blur, whose two sides
    # ask for the same edge and bar each other's way.
    image = scanOf([(Sphere((0, 0, 0), 9), 900), (SCREW, 8000)], 14)
    metal = image.array > 4000
    before, after = made(image, [metal, (image.array > 400) & ~metal], SurfaceParameters())

    def errors(mesh, low, high):
        points = mesh.points.astype(np.float64)
        along, distance = np.abs(points @ SCREW_AXIS), SCREW.signedDistance(points)
        chosen = (along > low) & (along < high) & (np.abs(distance) < 1.2)
        return float(np.sqrt(np.average(distance[chosen] ** 2, weights=vertexAreas(mesh)[chosen])))

    assert errors(after[0], 0, 5) < 0.4 * errors(before[0], 0, 5)
    assert errors(after[0], 0, 14) < 1.01 * errors(before[0], 0, 14)
    assert twiceAndLost(after, SCREW)[0] < 0.01
