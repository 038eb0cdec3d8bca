"""A part found in its CT: on its own edge below the size of a voxel, support of another material left out."""

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Sphere
from M3DValidationLib.PrintedPart.PartScan import partSurface

BALL = Sphere((0.3, -0.2, 0.1), 11.0)
SUPPORT = Box((0, 0, -14.0), (9, 9, 9))


def scan(parts, noise=15.0):
    ijkToLps = np.diag([0.5, 0.5, 0.6, 1.0])
    ijkToLps[:3, 3] = -18
    paint = [(shape, value) for shape, value in parts]
    return renderPhantom(paint, -1000.0, (72, 72, 60), ijkToLps, 1.0, noise=noise)


def test_theBallIsFoundOnItsEdge():
    found = partSurface(scan([(BALL, 100.0)]))
    away = BALL.signedDistance(found.mesh.points.astype(np.float64))
    assert abs(away.mean()) < 0.02 and away.std() < 0.05
    assert found.mesh.isClosed and found.facts["onEdgeShare"] > 0.9
    assert any("one material" in note for note in found.notes)


def test_supportOfAnotherMaterialIsLeftOut():
    found = partSurface(scan([(SUPPORT, -500.0), (BALL, 100.0)]))
    assert found.facts["supportValue"] == pytest.approx(-500, abs=40)
    assert found.facts["materialValue"] == pytest.approx(100, abs=30)
    assert found.facts["volumeMm3"] == pytest.approx(BALL.volumeMm3, rel=0.05)
    assert any("Two materials" in note for note in found.notes)


def test_aScanOfNothingIsRefused():
    image = scan([(BALL, 100.0)])
    noise = np.random.default_rng(0).normal(-1000, 20, image.array.shape).astype(np.int16)
    with pytest.raises(M3DError, match="stands out"):
        partSurface(ImageVolume(noise, image.ijkToLps, modality="CT"))
