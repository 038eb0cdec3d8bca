"""How right the image deviation is: phantoms of known surface displaced by known amounts, walls, and a real phantom.

    python Testing/Benchmarks/deviation_accuracy.py

Prints tables in mm. "holds" is how often the stated 95 % interval holds the true distance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Edge.ImageDeviation import GRADIENT, HALF_HEIGHT, imageDeviation
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Gyroid, Intersection, Sphere, Torus, Union, rotationAbout
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Deviation.DeviationStatistics import deviationStatistics

DATA = ROOT.parent / "shared" / "data"
AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
CENTER = (0.13, -0.21, 0.37)
SHAPES = {
    "sphere r 20": Sphere(CENTER, 20),
    "sphere r 5": Sphere(CENTER, 5),
    "cylinder": Cylinder(CENTER, (1, 1, 0.5), 8, 24),
    "torus": Torus(CENTER, (0, 1, 2), 14, 5),
    "box": Box(CENTER, (22, 18, 14), AXES),
    "gyroid": Intersection((Gyroid(CENTER, 16), Sphere(CENTER, 18))),
    **{
        f"spheres {gap} apart": Union(tuple(Sphere((side * (10 + gap / 2), 0, 0), 10) for side in (-1, 1)))
        for gap in (1, 2, 5)
    },
}
SCANS = {
    "0.5 x 0.5 x 1, FWHM 0.8, 30 of 1200 HU": ((0.5, 0.5, 1.0), 0.8, 30, 1200),
    "0.3, FWHM 0.6, 50 of 600 HU": ((0.3, 0.3, 0.3), 0.6, 50, 600),
    "1.0, FWHM 1.2, 20 of 200 HU": ((1.0, 1.0, 1.0), 1.2, 20, 200),
    "1.5, FWHM 2.0, 30 of 1500 HU": ((1.5, 1.5, 1.5), 2.0, 30, 1500),
    "0.5 x 0.5 x 1, FWHM 1 x 1 x 2, 100 of 1000 HU": ((0.5, 0.5, 1.0), (1.0, 1.0, 2.0), 100, 1000),
}
THICKNESSES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
UNBIASED = 0.02
LOW, HIGH = [-24.5] * 3, [24.5] * 3


def scan(shape, settings, turn=25.0, half=26.0):
    """Oblique image of a shape."""
    spacing, fwhm, noise, contrast = settings
    columns = rotationAbout((3, 1, 2), turn) @ np.diag(spacing)
    dimensions = tuple(int(np.ceil(2 * half / size)) for size in spacing)
    matrix = np.eye(4)
    matrix[:3, :3] = columns
    matrix[:3, 3] = -columns @ ((np.array(dimensions) - 1) / 2)
    return renderPhantom([(shape, contrast)], 0, dimensions, matrix, fwhm, noise=noise, seed=1)


def row(name, deviation, truth) -> None:
    """Print one line of a table: errors against the true distances (n,)."""
    good = deviation.reliable
    if good.sum() < 10:
        print(f"  {name:22} reliable {100 * good.mean():5.1f} %")
        return
    error, weights = (deviation.distance - truth)[good], deviation.areas[good]
    bias = np.average(error, weights=weights)
    spread = np.sqrt(np.average((error - bias) ** 2, weights=weights))
    text = f"  {name:22} reliable {100 * good.mean():5.1f} %  bias {bias:+.4f}  SD {spread:.4f}"
    if deviation.uncertainty is not None:
        holds = np.average(np.abs(error) <= deviation.uncertainty[good], weights=weights)
        text += f"  interval +-{np.median(deviation.uncertainty[good]):.4f} holds {100 * holds:.1f} %"
    print(text)


def shapesTable() -> None:
    """Meshes on the surface of every shape in every scan."""
    meshes = {name: surfaceMesh(shape, LOW, HIGH, 0.8) for name, shape in SHAPES.items()}
    for title, settings in SCANS.items():
        print(f"\nMesh on the surface; {title}")
        for name, shape in SHAPES.items():
            row(name, imageDeviation(meshes[name], scan(shape, settings)), 0.0)


def displacementTable() -> None:
    """Displaced, partly displaced and rotated meshes of one sphere and one torus."""
    settings = next(iter(SCANS.values()))
    for method in (HALF_HEIGHT, GRADIENT):
        print(f"\nSphere r 20 displaced, {method}; {next(iter(SCANS))}")
        image = scan(SHAPES["sphere r 20"], settings)
        offsets, found = np.array([-1.5, -1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0, 1.5]), []
        for offset in offsets:
            mesh = surfaceMesh(SHAPES["sphere r 20"], LOW, HIGH, 0.8, offset)
            deviation = imageDeviation(mesh, image, method=method)
            row(f"by {offset:+.1f}", deviation, -offset)
            found.append(-deviation.distance[deviation.reliable].mean())
        slope, intercept = np.polyfit(offsets, found, 1)
        print(f"  slope {slope:.4f}, intercept {intercept:+.4f}")
    print("\nTorus: upper half displaced by 0.6; all rotated by 1 degree")
    shape = SHAPES["torus"]
    image, mesh = scan(shape, settings), surfaceMesh(shape, LOW, HIGH, 0.8)
    raised = surfaceMesh(shape, LOW, HIGH, 0.8, 0.6)
    for name, part in (("lower half in place", mesh), ("upper half", raised)):
        row(name, imageDeviation(part, image), -shape.signedDistance(part.points))
    turned = TriangleMesh(mesh.points @ rotationAbout((1, 0, 0), 1).T, mesh.triangles)
    row("rotated 1 degree", imageDeviation(turned, image), -shape.signedDistance(turned.points))


def wallsTable() -> None:
    """Plates from 0.5 to 4 mm: alone, and beside a ball that shows the blur; from where on they are unbiased."""
    for title in list(SCANS)[:2]:
        print(f"\nFaces of plates; {title}")
        found = {}
        for thickness in THICKNESSES:
            plate = Box((10, 0, 0), (20, 20, thickness), AXES)
            for name, shape in (("alone", plate), ("beside a ball", Union((Sphere((-14, 0, 0), 8), plate)))):
                mesh = surfaceMesh(shape, LOW, HIGH, 0.4)
                deviation = imageDeviation(mesh, scan(shape, SCANS[title]))
                local = (mesh.points - np.array(plate.center)) @ np.array(AXES).T
                face = (np.abs(local[:, :2]) < 8).all(axis=1)
                deviation.quality[~face] = 1
                good = deviation.reliable
                error = deviation.distance[good]
                # What few vertices show says nothing.
                sure = good.sum() > 20 and abs(error.mean()) <= UNBIASED
                found.setdefault(name, []).append((thickness, good.sum() / face.sum(), bool(sure)))
                print(
                    f"  {thickness:4.2f} mm {name:14} reliable {100 * good.sum() / face.sum():5.1f} %"
                    + (f"  bias {error.mean():+.4f}  SD {error.std():.4f}" if good.sum() > 20 else "")
                )
        for name, rows in found.items():
            plateSummary(name, rows)


def plateSummary(name: str, rows: list[tuple[float, float, bool]]) -> None:
    """From which thickness plates are measured without bias, and what is called reliable of the thinner ones.

    :param rows: thickness in mm, share of the faces that is reliable, whether that is unbiased; thickness increasing.
    """
    number = len(rows)
    while number and rows[number - 1][1] >= 0.9 and rows[number - 1][2]:
        number -= 1
    least = f"from {rows[number][0]:g} mm" if number < len(rows) else "at no thickness"
    thinner = max((share for _, share, _ in rows[:number]), default=0.0)
    print(
        f"  {name}: at least 90 % reliable and unbiased (within {UNBIASED:g} mm) {least}; of thinner plates at most "
        f"{100 * thinner:.1f} % is called reliable"
    )


def realPhantom() -> None:
    """A plastic head scanned with 1 mm and 5 mm slices: the skull of each against both, the square bar's sides."""
    if not DATA.is_dir():
        print("\nThe real scans are not here, so that part is left out")
        return
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Mesh.SegmentSurface import makeSurface
    from M3DLib.Segmentation.SegmentFit import thresholdSegment
    from M3DLib.Segmentation.SegmentReader import readSegments

    images = {"1 mm": readImage(DATA / "phantom_ct_1mm_bone"), "5 mm": readImage(DATA / "phantom_ct_5mm_brain")}
    print("\nSkull of the real phantom (300 HU) against the 1 mm scan; positive: the mesh is too small")
    for name, image in images.items():
        deviation = imageDeviation(makeSurface(thresholdSegment(image, 300, None, 1)), images["1 mm"])
        facts = deviationStatistics(deviation, 0.5)
        shown = ("coverage", "meanSigned", "sd", "p95Absolute", "withinTolerance", "uncertainty95")
        print(f"  mesh of {name}: " + "  ".join(f"{key} {facts[key]:.3f}" for key in shown))
    print("\nSquare bar of the real phantom (nominal 20 mm is inferred, not documented): distance of opposite faces")
    segment = next(segment for segment in readSegments(DATA / "phantom_slicer.seg.nrrd") if "bar" in segment.name)
    mesh = makeSurface(segment)
    for name, image in images.items():
        deviation = imageDeviation(mesh, image)
        print(f"  {name}: " + ", ".join(_sides(deviation)))


def _sides(deviation) -> list[str]:
    """Width of a bar between the measured edges on opposite faces, for its two directions within the slices."""
    points = deviation.mesh.points + deviation.distance[:, None] * deviation.normals
    good, normals = deviation.reliable, deviation.normals
    flat = good & (np.abs(normals[:, 2]) < 0.2)
    angle = np.arctan2(normals[flat, 1], normals[flat, 0])
    # Four times the angle is the same on all four faces of a square bar.
    turn = np.angle(np.exp(4j * angle).mean()) / 4
    sides = []
    for shift in (0, np.pi / 2):
        axis = np.array([np.cos(turn + shift), np.sin(turn + shift), 0])
        ends = [points[flat & (sign * (normals @ axis) > 0.97)] @ axis for sign in (1, -1)]
        error = np.hypot(*(end.std() / np.sqrt(max(len(end) / 50, 1)) for end in ends))
        sides.append(f"{np.median(ends[0]) - np.median(ends[1]):.3f} mm (standard error about {error:.3f})")
    return sides


def main() -> None:
    """Print all tables."""
    shapesTable()
    displacementTable()
    wallsTable()
    realPhantom()


if __name__ == "__main__":
    main()
