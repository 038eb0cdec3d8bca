"""The picture of a place shows the place in its middle."""

import numpy as np
import pytest

from M3DLib.Mesh.Rendering import canRender
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, icosphere, together
from M3DValidationLib.Soundness.PlacePicture import renderPlace


@pytest.mark.skipif(not canRender(), reason="this machine has no OpenGL to render with")
def test_placeIsInTheMiddle():
    # A small ball in front of a large plate, far from the origin and off the middle of the model.
    mesh = TriangleMesh(*together(icosphere(1.5, 3, (300, -40, 905)), box((60, 60, 2), (310, -40, 900), level=4)))
    picture = renderPlace(mesh, (300, -40, 905), (0, 0, 1), radiusMm=8)
    assert picture.shape == (600, 600, 3)
    ring = np.argwhere((picture == (213, 94, 0)).all(axis=2))
    assert np.allclose(ring.mean(axis=0), 299.5, atol=1)
    empty = renderPlace(mesh, (300, -40, 905), (0, 1, 0), radiusMm=8)
    # Seen from the side the ball stands out against the white background, just where the ring is.
    inside = np.argwhere((empty.mean(axis=2) < 250) & (np.hypot(*np.ogrid[-299.5:300.5, -299.5:300.5]) < 40))
    assert len(inside) > 1000 and np.allclose(inside.mean(axis=0), 299.5, atol=6)


def test_nothingNearGivesNoPicture():
    assert renderPlace(TriangleMesh(*box()), (500, 0, 0), (0, 0, 1)) is None
