"""Pictures of a surface with its deviations from several sides, drawn from values and not from mixed colors.

Every view is rendered once, without light and with values instead of colors: deviation, "measured", and how squarely
the surface is seen. Colors, bands, hatching, shade and a transparent ground are then put on pixel by pixel, so that
a color between two points is that of the value between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.Mesh.CameraAim import frameOf
from M3DLib.Mesh.Rendering import View, renderPictures
from M3DLib.Mesh.RenderWindow import DEFAULT_COLOR
from M3DLib.Mesh.TriangleMesh import TriangleMesh

from .ColorScale import HATCH, NOT_MEASURED, deviationColors, hatched
from .PictureMarks import scaleBar

# What of its color a place keeps where it is seen edge on, so that the colors can be read there too.
_LEAST_SHADE = 0.5
_BLACK = (0.0, 0.0, 0.0)
# No deviation in its channel, and a surface seen edge on in the one of shade: black is no surface.
_MIDDLE, _DARKEST = 127, 55
# Pixels are averages of so many by so many.
_FINER = 2


@dataclass(frozen=True)
class MapView:
    """A surface from one side.

    :ivar value: float32 (height, width), mm; NaN where nothing was measured or no surface is.
    :ivar covered: float32 (height, width), 0 to 1: how much of the pixel the surface covers.
    :ivar shade: float32 (height, width), 0 to 1.
    :ivar millimeters: size of a pixel.
    :ivar reach: mm; from here on the color is that of the scale's end.
    """

    value: np.ndarray
    covered: np.ndarray
    shade: np.ndarray
    millimeters: float
    reach: float

    def picture(self, banded: bool = False) -> np.ndarray:
        """uint8 (height, width, 4), sRGB with a transparent ground and a scale bar."""
        shape = self.value.shape
        colors = deviationColors(self.value.ravel(), self.reach, None, banded).reshape(*shape, 3).astype(np.float32)
        unknown = ~np.isfinite(self.value)
        colors[unknown] = NOT_MEASURED
        colors[unknown & hatched(shape)] = HATCH
        return _withGround(colors, self.shade, self.covered, self.millimeters)

    def plain(self, color: tuple[float, float, float]) -> np.ndarray:
        """The surface in one color (sRGB, 0 to 1), uint8 (height, width, 4)."""
        colors = np.broadcast_to(np.array(color, dtype=np.float32) * 255, (*self.value.shape, 3))
        return _withGround(colors, self.shade, self.covered, self.millimeters)

    def beyond(self, tolerance: float) -> tuple[float, float]:
        """How much is seen of what lies beyond the tolerance, and of all deviation, in pixels: to choose a side by."""
        size = np.where(np.isfinite(self.value), np.abs(self.value), 0) * self.covered
        return float((size > tolerance).sum()), float(np.minimum(size, self.reach).sum())


def _withGround(colors, shade, covered, millimeters) -> np.ndarray:
    lit = colors * (_LEAST_SHADE + (1 - _LEAST_SHADE) * shade)[:, :, None]
    picture = np.concatenate([lit, 255 * covered[:, :, None]], axis=2)
    return scaleBar(np.round(np.clip(picture, 0, 255)).astype(np.uint8), millimeters)


def mapViews(
    mesh: TriangleMesh,
    distance: np.ndarray,
    measured: np.ndarray,
    *,
    reach: float,
    views: Mapping[str, View],
    progress: Callable[[float, str], None] = noProgress,
) -> dict[str, MapView]:
    """The surface from each of the sides; empty where this machine cannot render.

    :param distance: (n,) at the mesh's points, mm. :param measured: bool (n,).
    :param reach: mm; values beyond it look as it does.
    """
    from M3DLib.Mesh.MeshGeometry import vertexGeometry

    good = measured & np.isfinite(distance)
    # Deviation and measured go into color channels, both 0 where nothing was measured: between two points their
    # quotient is the mean of what was.
    place = np.clip(np.where(good, distance, 0) / reach, -1, 1)
    channels = np.zeros((len(mesh.points), 3), dtype=np.uint8)
    channels[:, 0] = np.where(good, np.round(_MIDDLE + _MIDDLE * place), 0)
    channels[:, 1] = np.where(good, 2 * _MIDDLE, 0)
    normals = vertexGeometry(mesh).normals
    asked = []
    for view in views.values():
        direction = np.array(view.direction, dtype=np.float64)
        squareness = np.abs(normals @ (direction / np.linalg.norm(direction)))
        channels[:, 2] = np.round(_DARKEST + (255 - _DARKEST) * np.nan_to_num(squareness))
        size = (view.size[0] * _FINER, view.size[1] * _FINER)
        asked.append(View(view.direction, size, lit=False, pointColors=channels.copy()))
    first = [asked[0].pointColors] if asked else None
    shown = renderPictures(
        [mesh], asked, background=_BLACK, smooth=False, supersampling=1, pointColors=first, progress=progress
    )
    return {
        name: _fromValues(values, _pixel(mesh, view), reach)
        for (name, view), values in zip(views.items(), shown, strict=False)
    }


def _fromValues(values: np.ndarray, millimeters: float, reach: float) -> MapView:
    """What was rendered, uint8 (height, width, 3) times ``_FINER``, as a view of its own pixels."""
    fine = [values[row::_FINER, column::_FINER] for row in range(_FINER) for column in range(_FINER)]
    deviation, known, shade, covered = (np.zeros(fine[0].shape[:2], dtype=np.float32) for _ in range(4))
    for part in fine:
        deviation += part[:, :, 0]
        known += part[:, :, 1]
        shade += part[:, :, 2]
        covered += part[:, :, 2] > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        isKnown = (known >= _MIDDLE * covered) & (covered > 0)
        value = np.where(isKnown, (2 * deviation / known - 1) * reach, np.nan).astype(np.float32)
        shade = np.where(covered > 0, (shade / covered - _DARKEST) / (255 - _DARKEST), 0)
    return MapView(value, covered / len(fine), np.clip(shade, 0, 1), millimeters, reach)


def _pixel(mesh: TriangleMesh, view: View) -> float:
    """Size of a pixel of a view that the mesh fills, mm."""
    return frameOf(mesh.points, view.direction, view.size[0] / view.size[1]) / view.size[1]


def ownColor(mesh: TriangleMesh) -> tuple[float, float, float]:
    """The color of a mesh that is shown in its own, sRGB 0 to 1."""
    return mesh.color or DEFAULT_COLOR
