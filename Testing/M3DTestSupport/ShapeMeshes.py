"""Meshes whose vertices lie exactly on, or at a known distance from, the surface of an analytic shape."""

import numpy as np

from M3DLib.Mesh.TriangleMesh import TriangleMesh


def surfaceMesh(shape, low, high, step: float = 0.7, offset: float = 0.0) -> TriangleMesh:
    """Mesh of the surface at a signed distance from a shape.

    :param low, high: corners of the region to mesh, LPS mm; the surface must lie within for the mesh to be closed.
    :param step: edge length of the grid it is made on, mm.
    :param offset: distance of the mesh from the shape's surface, mm, positive outside.
    """
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    counts = np.ceil((high - low) / step).astype(int) + 1
    x, y, z = (low[axis] + step * np.arange(counts[axis]) for axis in range(3))
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    field = shape.signedDistance(np.stack([xx, yy, zz], axis=-1).reshape(-1, 3)) - offset
    image = vtk.vtkImageData()
    image.SetDimensions(*map(int, counts))
    image.SetSpacing(step, step, step)
    image.SetOrigin(*low)
    image.GetPointData().SetScalars(numpy_to_vtk(field, deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    mesh = TriangleMesh.fromPolyData(contour.GetOutput())
    points = projectToOffset(shape, mesh.points.astype(np.float64), offset)
    mesh = TriangleMesh(points, mesh.triangles)
    return mesh if mesh.volumeMm3 > 0 else mesh.reversed()


def projectToOffset(shape, points: np.ndarray, offset: float = 0.0) -> np.ndarray:
    """Points (n, 3) moved along the distance's gradient until their distance from the shape is ``offset``."""
    for _ in range(6):
        distance = shape.signedDistance(points)
        gradient = outwardDirection(shape, points)
        points = points - (distance - offset)[:, None] * gradient
    return points


def outwardDirection(shape, points: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Unit gradient (n, 3) of a shape's signed distance."""
    gradient = np.stack(
        [shape.signedDistance(points + e) - shape.signedDistance(points - e) for e in step * np.eye(3)], axis=1
    )
    return gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
