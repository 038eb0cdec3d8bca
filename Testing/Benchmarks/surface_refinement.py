"""Refined surfaces against the true ones, from several thresholds and on many scans.

    python Testing/Benchmarks/surface_refinement.py [NAME ...]

Prints, for the phantoms named (all when none is), the errors before and after refining in mm (mean, standard deviation,
95 %), the mean angle between neighboring triangles in degrees, and the error of the volume in percent.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Errors import M3DError
from M3DLib.Mesh.MeshGeometry import vertexAreas
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Gyroid, Intersection, Sphere, Torus, Union, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface

CENTER = (0.13, -0.21, 0.37)
AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
STAIRS = Union(tuple(Box((-8 + 4 * step, 0, step - 4), (4.01, 16, 2 + 2 * step)) for step in range(5)))
SHAPES = {
    "ball 40": Sphere(CENTER, 20),
    "ball 10": Sphere(CENTER, 5),
    "ring": Torus(CENTER, (0, 1, 2), 14, 5),
    "bar": Box(CENTER, (22, 18, 14), AXES),
    "gyroid": Intersection((Gyroid(CENTER, 16), Sphere(CENTER, 18))),
    "stairs": STAIRS,
    **{f"plate {thick:g}": Box((0, 0, 0), (20, 20, thick), AXES) for thick in (0.5, 1, 1.5, 2, 3, 4)},
    **{
        f"balls {gap:g} apart": Union(tuple(Sphere((side * (7 + gap / 2), 0, 0), 7) for side in (-1, 1)), disjoint=True)
        for gap in (0.5, 1, 2, 3)
    },
}
SCANS = {
    "0.5 x 0.5 x 1, FWHM 0.8, 30 of 1200 HU": ((0.5, 0.5, 1.0), 0.8, 30, 1200),
    "0.3, FWHM 0.6, 50 of 600 HU": ((0.3, 0.3, 0.3), 0.6, 50, 600),
    "1.0, FWHM 1.2, 20 of 200 HU": ((1.0, 1.0, 1.0), 1.2, 20, 200),
    "1.5, FWHM 2.0, 30 of 1500 HU": ((1.5, 1.5, 1.5), 2.0, 30, 1500),
    "0.5 x 0.5 x 1, FWHM 1 x 1 x 2, 100 of 1000 HU": ((0.5, 0.5, 1.0), (1.0, 1.0, 2.0), 100, 1000),
    "0.5 x 0.5 x 3, FWHM 0.8 x 0.8 x 3, 20 of 1200 HU": ((0.5, 0.5, 3.0), (0.8, 0.8, 3.0), 20, 1200),
}
STARTS = ((0.2, 0.2), (0.5, 0.2), (0.8, 0.2), (0.5, 0.5))


def scan(shape, settings, half=24.0):
    """Oblique image of a shape."""
    spacing, fwhm, noise, contrast = settings
    matrix = np.eye(4)
    matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ np.diag(spacing)
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, contrast)], 0, dimensions, matrix, fwhm, noise=noise, seed=1)


def roughness(mesh) -> float:
    """Mean angle between the normals of neighboring triangles of a closed mesh, degrees."""
    corners = mesh.corners()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    start, end = mesh.triangles.ravel().astype(np.int64), mesh.triangles[:, [1, 2, 0]].ravel()
    order = np.argsort(np.minimum(start, end) * len(mesh.points) + np.maximum(start, end), kind="stable") // 3
    cosine = np.einsum("ij,ij->i", normals[order[::2]], normals[order[1::2]])
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def errors(shape, mesh) -> str:
    """One row of the table."""
    distance, areas = shape.signedDistance(mesh.points.astype(np.float64)), vertexAreas(mesh)
    mean = np.average(distance, weights=areas)
    spread = np.sqrt(np.average((distance - mean) ** 2, weights=areas))
    order = np.argsort(np.abs(distance))
    p95 = np.abs(distance)[order][np.searchsorted(np.cumsum(areas[order]), 0.95 * areas.sum())]
    volume = f"{100 * (mesh.volumeMm3 / shape.volumeMm3 - 1):+8.3f} %" if shape.volumeMm3 else "         -"
    return f"{mean:+.4f} {spread:.4f} {p95:.4f} {roughness(mesh):6.2f} {volume}"


def phantomTables(names) -> None:
    """Every phantom on every scan, from every start."""
    for title, settings in SCANS.items():
        print(f"\n{title}: mean, SD, 95 %, roughness, volume before | after; share moved", flush=True)
        for name in names:
            shape, image = SHAPES[name], scan(SHAPES[name], settings)
            for share, smoothing in STARTS:
                try:
                    segment = thresholdSegment(image, share * settings[3], None, 2 if "apart" in name else 1)
                    before = makeSurface(segment, SurfaceParameters(smoothing=smoothing))
                except M3DError:
                    continue
                after = refineSurface(before, image)
                record = after.record["refinement"]
                row = f"  {name:15} {share:.0%} smoothing {smoothing}: {errors(shape, before)} | {errors(shape, after)}"
                print(f"{row}  {record['movedShare']:.0%}{'' if record['applied'] else ' not refined'}", flush=True)


def main() -> None:
    """Print the tables."""
    phantomTables(sys.argv[1:] or SHAPES)


if __name__ == "__main__":
    main()
