"""Meshes in a window off screen: what touches the graphics, and so belongs to the thread of the user interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .TriangleMesh import TriangleMesh

DEFAULT_COLOR = (0.90, 0.86, 0.77)


@dataclass(frozen=True)
class View:
    """One picture of several that share a window and what was uploaded into it.

    :ivar direction: LPS, from the meshes towards the camera.
    :ivar size: width and height, pixels.
    :ivar colored: with the colors of the points, where there are any, or the meshes' own.
    :ivar lit: shaded by its light; otherwise the colors as they are.
    :ivar pointColors: uint8 (points, 3) sRGB of the first mesh in this view alone.
    """

    direction: tuple[float, float, float]
    size: tuple[int, int]
    colored: bool = True
    lit: bool = True
    pointColors: np.ndarray | None = None


class MeshWindow:
    """Meshes in a window off screen.

    :ivar camera: to be aimed before a view is drawn.
    """

    def __init__(self, meshes, background, smooth, pointColors):
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 (registers the classes that draw)
        from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*background)
        self._actors = [_actor(mesh, smooth, colors) for mesh, colors in zip(meshes, pointColors, strict=True)]
        for actor in self._actors:
            self._renderer.AddActor(actor)
        self.camera = self._renderer.GetActiveCamera()
        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.AddRenderer(self._renderer)

    def draw(self, view: View, supersampling: int) -> np.ndarray:
        """One view as the camera sees it, uint8 (height, width, 3) times ``supersampling``."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

        self._window.SetSize(view.size[0] * supersampling, view.size[1] * supersampling)
        for actor in self._actors:
            actor.GetMapper().SetScalarVisibility(view.colored)
            actor.GetProperty().SetLighting(view.lit)
        if view.pointColors is not None:
            _setColors(self._actors[0].GetMapper(), view.pointColors)
        self._renderer.ResetCameraClippingRange()
        self._window.Render()
        grab = vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        grab.ShouldRerenderOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _depth = image.GetDimensions()
        values = vtk_to_numpy(image.GetPointData().GetScalars())
        return values.reshape(height, width, -1)[::-1, :, :3].copy()

    def close(self) -> None:
        """Give back what the graphics hold, in the thread that made it."""
        self._window.Finalize()
        self._window = self._renderer = self.camera = None
        self._actors = []


def _actor(mesh: TriangleMesh, smooth: bool, colors: np.ndarray | None = None):
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    polyData = mesh.toPolyData()
    if smooth:
        polyData.GetPointData().SetNormals(numpy_to_vtk(pointNormals(mesh)))
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(polyData)
    if colors is not None:
        _setColors(mapper, colors)
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*(mesh.color or DEFAULT_COLOR))
    actor.GetProperty().SetSpecular(0.15)
    actor.GetProperty().SetSpecularPower(20)
    return actor


def _setColors(mapper, colors: np.ndarray) -> None:
    """Colors of the points; between them they are mixed as they are."""
    from vtkmodules.util.numpy_support import numpy_to_vtk

    scalars = numpy_to_vtk(np.ascontiguousarray(colors, dtype=np.uint8), deep=True)
    mapper.GetInput().GetPointData().SetScalars(scalars)
    mapper.SetColorModeToDirectScalars()


def pointNormals(mesh: TriangleMesh) -> np.ndarray:
    """Area-weighted mean of the normals of the triangles at each point, float32 (n, 3); reckoned once."""
    return mesh.cached("pointNormals", lambda: _pointNormals(mesh))


def _pointNormals(mesh: TriangleMesh) -> np.ndarray:
    corners = mesh.points[mesh.triangles]
    facets = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(mesh.points), 3))
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(mesh.triangles[:, corner], facets[:, axis], len(mesh.points))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    np.divide(normals, length, out=normals, where=length > 0)
    return normals.astype(np.float32)
