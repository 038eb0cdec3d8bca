"""The edge of material as the image shows it, found without the model: a surface with its normals and areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Edge.EdgeSearch import nearestEdges
from ..Edge.ProfileSampling import VolumeSampler
from ..Mesh.MeshGeometry import vertexGeometry
from ..Mesh.TriangleMesh import TriangleMesh
from ..TwoThreads import inTwoThreads
from .Material import Material
from .ModelSpace import Neighborhood

BLOCK = 4096
# Where the model has a surface too, and far away from it, there are more points than the figures of a surface need.
SHARE = 4


@dataclass
class ScanSurface:
    """Points of the image's edge.

    :ivar mesh: LPS mm, facing away from the material; open where the scan ends.
    :ivar normals: float32 (n, 3). :ivar areas: float64 (n,), mm2.
    :ivar measured: bool (n,), whether the point was looked for in the image; the others lie on the level of the blocks.
    :ivar clear: bool (n,), whether the image shows one clear edge there.
    :ivar body: int32 (n,), label of the body whose edge it is.
    """

    mesh: TriangleMesh
    normals: np.ndarray
    areas: np.ndarray
    measured: np.ndarray
    clear: np.ndarray
    body: np.ndarray


def scanSurface(scene: Neighborhood, sampler: VolumeSampler) -> ScanSurface | None:
    """The edge of the bodies near a model, each point where the value passes the middle between its own surroundings.

    Beside the model's surface all points are looked for in the image; at it, and far away, one of ``SHARE``.

    :return: None where there is none.
    """
    blocks, labels, material = scene.blocks, scene.labels, scene.found
    contour = _contour(blocks.values, scene.nearMaterial, material)
    if not len(contour.triangles):
        return None
    body = _bodyAt(contour.points, labels)
    mesh = TriangleMesh(blocks.toLps(contour.points), contour.triangles)
    if np.linalg.det(blocks.ijkToLps[:3, :3]) < 0:
        # On a left-handed grid the triangles come out the other way around.
        mesh = mesh.reversed()
    rough = vertexGeometry(mesh)
    reach = float(max(1.5, 1.5 * blocks.spacing.max()))
    step = float(np.clip(0.7 * material.scale.width, 0.2, 0.8))
    count = int(np.ceil((reach + 2.5 * material.scale.width + 0.8) / step))
    steps = np.arange(-count, count + 1) * step
    points = mesh.points.astype(np.float64)
    clear = np.zeros(len(points), dtype=bool)
    measured = blocks.at(scene.space.beside, points, False)
    measured[::SHARE] = True
    chosen = np.flatnonzero(measured)

    def work(start: int) -> None:
        part = chosen[start : start + BLOCK]
        normals = rough.normals[part].astype(np.float64)
        profiles = sampler.profiles(sampler.toIndices(points[part]), sampler.toIndex @ normals.T, steps)
        profiles *= material.scale.polarity
        position = nearestEdges(profiles, steps, reach, material.scale).position
        found = np.isfinite(position)
        points[part] += np.where(found, position, 0)[:, None] * normals
        clear[part] = found

    inTwoThreads(work, range(0, len(chosen), BLOCK))
    settled = TriangleMesh(points, mesh.triangles, "edge in the scan")
    return ScanSurface(settled, rough.normals, rough.areas, measured, clear, body)


def _bodyAt(indices: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The body to which each point (n, 3) of the contour belongs, by the block inside of it on the line it lies on."""
    found = np.zeros(len(indices), dtype=np.int32)
    for end in (np.floor(indices), np.ceil(indices)):
        i, j, k = end.astype(np.intp).T
        np.maximum(found, labels[k, j, i], out=found)
    return found


def _contour(values: np.ndarray, which: np.ndarray, material: Material) -> TriangleMesh:
    """The level surface of blocks (k, j, i) in block indices, without that of other bodies."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    other = (values > material.level) & ~which
    if other.any():
        values = np.where(other, np.float32(material.outside[1]), values)
    grid = vtkImageData()
    grid.SetDimensions(*values.shape[::-1])
    scalars = numpy_to_vtk(values.reshape(-1), deep=False)
    grid.GetPointData().SetScalars(scalars)
    contour = vtkFlyingEdges3D()
    contour.SetInputData(grid)
    contour.SetValue(0, material.level)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    # Else VTK's wrapping of Python remembers them until the next array is gone.
    grid.GetPointData().Initialize()
    del scalars._numpy_reference
    return TriangleMesh.fromPolyData(contour.GetOutput())
