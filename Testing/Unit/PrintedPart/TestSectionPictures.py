"""Sections through a part and its model: where the surfaces are, with the colors of the maps."""

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import icosphere
from M3DValidationLib.PrintedPart.SectionPictures import ComparedSurfaces
from M3DValidationLib.Report.Pictures.ColorScale import deviationColors


def shells(inner, outer):
    """A part and a model, balls about a place off the origin."""
    part, model = (TriangleMesh(*icosphere(radius, 4)) for radius in (inner, outer))
    for mesh in (part, model):
        mesh.points += np.array([3, -5, 7], dtype=np.float32)
    return part, model


def drawnSurfaces(part, model, color):
    """Both surfaces, the part in one color whatever its deviation."""
    nothing = np.zeros(len(part.points))
    drawn = ComparedSurfaces(DeviationMap("surface", part, nothing, nothing, nothing), model, {"tolerance": 1.0})
    drawn.colors = np.repeat(np.array([color], dtype=np.uint8), len(part.points), axis=0)
    return drawn


def radiiOf(picture, color, millimeters):
    """Distances from the middle, mm, of pixels of a color."""
    isOfColor = (np.abs(picture[..., :3].astype(int) - color).max(axis=2) < 8) & (picture[..., 3] > 200)
    rows, columns = np.nonzero(isOfColor)
    height, width = picture.shape[:2]
    return np.hypot(columns + 0.5 - width / 2, rows + 0.5 - height / 2) * millimeters


def test_bothSurfacesAreWhereTheyAreInEveryPlane():
    part, model = shells(4.0, 5.0)
    color = deviationColors(np.array([1.0]), 2.0)[0].astype(int)
    drawn = drawnSurfaces(part, model, color)
    for axis in range(3):
        picture, step = drawn.picture(axis, (3, -5, 7)[axis], (3.0, -5.0, 7.0))
        perPixel = 16 / picture.shape[1]
        assert picture.shape == (560, 560, 4) and step == 2
        ofPart, ofModel = (radiiOf(picture, one, perPixel) for one in (color, (128, 128, 128)))
        # Letters, ring and scale bar have neither color; the ground is transparent.
        assert len(ofPart) > 800 and abs(np.median(ofPart) - 4) < 0.1 and np.ptp(ofPart) < 0.5
        assert len(ofModel) > 800 and abs(np.median(ofModel) - 5) < 0.1
        assert (picture[..., 3] == 0).mean() > 0.4


def test_sidesAreThoseOfThePatientAsInTheSlicesOfAScan():
    # A part that reaches far to the left, back and top of the model: it is seen at the right, below, and above.
    box = TriangleMesh(*icosphere(1.0, 2))
    far = TriangleMesh(box.points * 0.5 + np.array([5, 0, 0], dtype=np.float32), box.triangles)
    back = TriangleMesh(box.points * 0.5 + np.array([0, 5, 0], dtype=np.float32), box.triangles)
    top = TriangleMesh(box.points * 0.5 + np.array([0, 0, 5], dtype=np.float32), box.triangles)
    for axis, mesh, where in ((2, far, "right"), (2, back, "below"), (1, top, "above"), (0, back, "right")):
        picture, _step = drawnSurfaces(mesh, box, (10, 200, 10)).picture(axis, 0.0, (0.0, 0.0, 0.0))
        rows, columns = np.nonzero((picture[..., 1] > 150) & (picture[..., 0] < 90) & (picture[..., 3] > 200))
        down, right = rows.mean() - 280, columns.mean() - 280
        assert {"right": right > 100, "below": down > 100, "above": down < -100}[where]
