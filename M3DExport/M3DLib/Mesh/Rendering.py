"""Pictures of meshes, made off screen where the machine can; "no picture" where it cannot.

Creating a render window on a machine without OpenGL may end the whole process, with no error to catch. So a process of
its own tries it first, once per run.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..Background import inInterface
from ..Errors import noProgress
from .CameraAim import aim
from .RenderWindow import MeshWindow, View, pointNormals

if TYPE_CHECKING:
    from .TriangleMesh import TriangleMesh

VIEW_DIRECTION = (0.45, -1.0, 0.35)

_WINDOW_VARIABLE = "VTK_DEFAULT_OPENGL_WINDOW"
_PROBE_SECONDS = 60

# Run by the process that tries; prints "rendered" when the picture holds what was drawn.
_PROBE = """
from vtkmodules.vtkFiltersSources import vtkCubeSource
from vtkmodules.vtkRenderingCore import (
    vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow, vtkWindowToImageFilter)
import vtkmodules.vtkRenderingOpenGL2
cube, mapper, actor, renderer, window = (
    vtkCubeSource(), vtkPolyDataMapper(), vtkActor(), vtkRenderer(), vtkRenderWindow())
mapper.SetInputConnection(cube.GetOutputPort())
actor.SetMapper(mapper)
renderer.AddActor(actor)
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.AddRenderer(renderer)
window.Render()
image = vtkWindowToImageFilter()
image.SetInput(window)
image.ReadFrontBufferOff()
image.Update()
if image.GetOutput().GetScalarRange()[1] > 0:
    print("rendered")
"""


def canRender() -> bool:
    """Whether pictures can be made on this machine; the first call may take a second."""
    return _workingWindow() is not None


def allowRendering() -> None:
    """Say that this process can render: it is an application with 3D views on screen. Nothing is tried first then."""
    _Process.canRender = True


class _Process:
    canRender = False


def prepareRendering() -> None:
    """Begin to find out in the background whether pictures can be made here; who asks later need not wait."""
    threading.Thread(target=canRender, daemon=True).start()


def _workingWindow() -> str | None:
    """Class of render window that works here; "" for VTK's own choice, None when none does."""
    return "" if _Process.canRender else _probedWindow()


@functools.cache
def _probedWindow() -> str | None:
    if "python" not in Path(sys.executable or "").name.lower():
        return None  # some other program has Python built in: it cannot run a probe, and trying unprobed may end it
    screenless = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
    if screenless and _WINDOW_VARIABLE not in os.environ:
        candidates = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow")
    else:
        candidates = ("",)
    return next((window for window in candidates if _probe(window)), None)


def _probe(window: str) -> bool:
    environment = dict(os.environ)
    if window:
        environment[_WINDOW_VARIABLE] = window
    # The interpreter of the probe must find the same VTK, wherever this one has it from.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        result = subprocess.run(
            [sys.executable, "-c", _PROBE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0 and "rendered" in result.stdout


def renderMesh(
    mesh: TriangleMesh,
    size: tuple[int, int] = (800, 600),
    *,
    color: tuple[float, float, float] | None = None,
    **settings,
) -> np.ndarray | None:
    """A picture of one mesh, uint8 (height, width, 3); see :func:`renderMeshes`.

    :param color: sRGB, each 0 to 1; the mesh's own when None.
    """
    shown = mesh if color is None else replace(mesh, color=color)
    return renderMeshes([shown], size, **settings)


def renderMeshes(
    meshes: Sequence[TriangleMesh],
    size: tuple[int, int] = (800, 600),
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    viewDirection: tuple[float, float, float] = VIEW_DIRECTION,
    smooth: bool = True,
    supersampling: int = 2,
    pointColors: Sequence[np.ndarray] | None = None,
) -> np.ndarray | None:
    """A picture of meshes, uint8 (height, width, 3) sRGB, None where none can be made; see :func:`renderPictures`.

    :param viewDirection: LPS direction from the meshes towards the camera; the default looks from the patient's left
        front, slightly from above.
    """
    views = renderViews(
        meshes,
        [viewDirection],
        size,
        background=background,
        smooth=smooth,
        supersampling=supersampling,
        pointColors=pointColors,
    )
    return views[0] if views else None


def renderViews(
    meshes: Sequence[TriangleMesh],
    viewDirections: Sequence[tuple[float, float, float]],
    size: tuple[int, int] = (800, 600),
    **settings,
) -> list[np.ndarray]:
    """Pictures of one size from several sides, uint8 (height, width, 3) sRGB each; see :func:`renderPictures`.

    :param size: width and height, pixels.
    :param viewDirections: LPS directions from the meshes towards the camera.
    """
    return renderPictures(meshes, [View(direction, size) for direction in viewDirections], **settings)


def renderPictures(
    meshes: Sequence[TriangleMesh],
    views: Sequence[View],
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    smooth: bool = True,
    supersampling: int = 2,
    pointColors: Sequence[np.ndarray] | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> list[np.ndarray]:
    """Pictures of meshes in their own colors that fill the frame, head up, in parallel projection.

    :param meshes: LPS mm.
    :param smooth: shade across triangles; flat triangles otherwise.
    :param supersampling: pixels are averages of this many by this many.
    :param pointColors: for each mesh, uint8 (points, 3) sRGB: colors of its points instead of its own color.
    :param progress: called before each picture is made.
    :return: uint8 (height, width, 3) sRGB, one for each view; none when this machine cannot render or there is nothing
        to show.
    """
    colors = list(pointColors) if pointColors is not None else [None] * len(meshes)
    chosen = [(mesh, own) for mesh, own in zip(meshes, colors, strict=True) if len(mesh.triangles)]
    shown = [mesh for mesh, _own in chosen]
    if not shown or not all(np.isfinite(mesh.points).all() for mesh in shown) or not canRender():
        return []
    with _chosenWindow(), _quiet():
        pictures = _render(
            shown,
            views,
            background=background,
            smooth=smooth,
            supersampling=supersampling,
            pointColors=[own for _mesh, own in chosen],
            progress=progress,
        )
    if supersampling == 1:
        return pictures
    reduced = []
    for picture in pictures:
        total = np.zeros((picture.shape[0] // supersampling, picture.shape[1] // supersampling, 3), dtype=np.uint16)
        for row in range(supersampling):
            for column in range(supersampling):
                total += picture[row::supersampling, column::supersampling]
        reduced.append(((total + supersampling**2 // 2) // supersampling**2).astype(np.uint8))
    return reduced


def _render(meshes, views, *, background, smooth, supersampling, pointColors, progress) -> list[np.ndarray]:
    if smooth:
        for mesh in meshes:
            pointNormals(mesh)
    points = np.concatenate([mesh.points for mesh in meshes]).astype(np.float64)
    # A window belongs to the thread of the user interface, where there is one; all else is done beside it.
    window = inInterface(lambda: MeshWindow(meshes, background, smooth, pointColors))
    try:
        pictures = []
        for number, view in enumerate(views):
            progress(number / len(views), "Rendering the model")
            aim(window.camera, points, view.direction, view.size[0] / view.size[1])
            pictures.append(inInterface(functools.partial(window.draw, view, supersampling)))
        return pictures
    finally:
        inInterface(window.close, always=True)


@contextlib.contextmanager
def _chosenWindow():
    """Let VTK make the kind of window that was tried; only while it makes one, for other windows are not ours."""
    window = _workingWindow()
    if not window:
        yield
        return
    before = os.environ.get(_WINDOW_VARIABLE)
    os.environ[_WINDOW_VARIABLE] = window
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WINDOW_VARIABLE]
        else:
            os.environ[_WINDOW_VARIABLE] = before


@contextlib.contextmanager
def _quiet():
    """Keep VTK's remarks about missing screens off stderr; whether it worked is known."""
    from vtkmodules.vtkCommonCore import vtkLogger

    before = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(before)
