"""The table of ``Docs/Refinement.md``: surfaces before and after refining against the true ones, row by row.

    python Testing/Benchmarks/refinement_table.py [--write] [SHAPE ...]

Each row is a phantom, a scan and a threshold; together they have every shape, voxel, blur, noise, tilt and start that
the method is to be judged by, without all of their combinations (those: ``surface_refinement.py``). Prints Markdown;
with ``--write`` puts it into the page. A row whose surface lies farther from the true one than before is named so.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from surface_refinement import ROOT, SHAPES, roughness

from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DLib.Surface.SurfaceRefinement import refineSurface

PAGE, MARK = ROOT / "Docs" / "Refinement.md", "<!-- table -->"
# Barycentric coordinates of places whose mean is exact for what is quadratic within a triangle (Strang and Fix 1973).
PLACES = (np.ones((3, 3)) + 3 * np.eye(3)) / 6
# Root mean squares are compared with a hundredth of slack.
WORSE = 1.01


@dataclass(frozen=True)
class Scan:
    """How a phantom is scanned; mm, image units, degrees."""

    spacing: tuple[float, float, float]
    fwhm: float | tuple[float, float, float]
    noise: float
    contrast: float
    tilt: float = 0.0
    grain: float = 0.0

    def image(self, shape, half):
        """Oblique image, long enough for a shape that reaches so many mm from the origin."""
        matrix = np.eye(4)
        shear = np.array([[1, 0, 0], [0, 1, np.tan(np.radians(self.tilt))], [0, 0, 1]])
        matrix[:3, :3] = rotationAbout((3, 1, 2), 25) @ shear @ np.diag(self.spacing)
        reach = half + 3 * max(self.spacing)
        dimensions = tuple(int(np.ceil(2 * reach / size)) for size in self.spacing)
        matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(dimensions) - 1) / 2)
        paint = [(shape, self.contrast)]
        return renderPhantom(paint, 0, dimensions, matrix, self.fwhm, noise=self.noise, noiseFwhm=self.grain, seed=1)


USUAL = Scan((0.5, 0.5, 1.0), 0.8, 30, 1200)
SCANS = {
    "usual": USUAL,
    "fine": Scan((0.3, 0.3, 0.3), 0.6, 50, 600),
    "faint": Scan((1.0, 1.0, 1.0), 1.2, 20, 200),
    "coarse": Scan((1.5, 1.5, 1.5), 2.0, 30, 1500),
    "noisy": Scan((0.5, 0.5, 1.0), (1.0, 1.0, 2.0), 100, 1000),
    "grainy": Scan((0.5, 0.5, 1.0), 0.8, 60, 600, grain=1.0),
    "tilted": Scan((0.5, 0.5, 1.0), 0.8, 30, 1200, tilt=20.0),
    "thick": Scan((0.5, 0.5, 3.0), (0.8, 0.8, 3.0), 20, 1200),
    "hopeless": Scan((0.5, 0.5, 1.0), 0.8, 100, 200),
    "noiseless": Scan((0.7, 0.7, 0.7), 1.0, 0, 200),
}
WORDS = {
    "usual": "0.5 x 0.5 x 1 mm, blur 0.8 mm, noise 30 of 1200 HU",
    "fine": "0.3 mm cubes, blur 0.6 mm, noise 50 of 600 HU",
    "faint": "1 mm cubes, blur 1.2 mm, noise 20 of 200 HU",
    "coarse": "1.5 mm cubes, blur 2 mm, noise 30 of 1500 HU",
    "noisy": "0.5 x 0.5 x 1 mm, blur 1 x 1 x 2 mm, noise 100 of 1000 HU",
    "grainy": "0.5 x 0.5 x 1 mm, blur 0.8 mm, noise 60 of 600 HU with a grain of 1 mm",
    "tilted": "as usual, gantry tilted by 20 degrees",
    "thick": "0.5 x 0.5 x 3 mm, blur 0.8 x 0.8 x 3 mm, noise 20 of 1200 HU",
    "hopeless": "0.5 x 0.5 x 1 mm, blur 0.8 mm, noise 100 of 200 HU",
    "noiseless": "0.7 mm cubes, blur 1 mm, no noise, 200 HU",
}
# Shape, scan, threshold as a share of the contrast, smoothing (0.5: the application's).
ROWS = (
    *(("ball 40", "usual", share, smoothing) for share, smoothing in ((0.2, 0.2), (0.5, 0.2), (0.8, 0.2), (0.5, 0.5))),
    *(("ball 10", name, 0.5, 0.2) for name in SCANS),
    *(("ring", "usual", share, 0.2) for share in (0.2, 0.8)),
    *(("ring", name, 0.5, 0.2) for name in ("coarse", "noisy", "thick")),
    *(("bar", "usual", share, 0.2) for share in (0.2, 0.5, 0.8)),
    *(("bar", name, 0.5, 0.2) for name in ("faint", "tilted", "thick")),
    *(("gyroid", name, 0.5, 0.2) for name in ("usual", "faint", "coarse")),
    *(("stairs", name, 0.5, 0.2) for name in ("usual", "faint", "thick")),
    *((f"plate {thick:g}", "usual", 0.4, 0.2) for thick in (0.5, 1, 1.5, 2, 3, 4)),
    *(("plate 4", name, 0.5, 0.2) for name in ("faint", "coarse", "thick")),
    *((f"balls {gap:g} apart", "usual", 0.5, 0.2) for gap in (0.5, 1, 2, 3)),
    ("balls 1 apart", "faint", 0.5, 0.2),
    ("balls 2 apart", "thick", 0.5, 0.5),
)
HALF = {"ball 40": 21, "ring": 20, "bar": 16, "gyroid": 18, "stairs": 15, "ball 10": 6}


def errors(shape, mesh) -> tuple[float, ...]:
    """Mean, SD, 95 % and root mean square of the distance from the true surface (mm), roughness, volume error (%).

    At three places inside every triangle: the corners alone lie outside of a curved surface that is where it should be.
    """
    corners = mesh.corners().astype(np.float64)
    distance = shape.signedDistance(np.einsum("pc,tci->pti", PLACES, corners).reshape(-1, 3))
    sides = corners[:, 1:] - corners[:, :1]
    areas = np.tile(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1), len(PLACES))
    mean = float(np.average(distance, weights=areas))
    square = float(np.average(distance**2, weights=areas))
    order = np.argsort(np.abs(distance))
    p95 = float(np.abs(distance)[order][np.searchsorted(np.cumsum(areas[order]), 0.95 * areas.sum())])
    volume = 100 * (mesh.volumeMm3 / shape.volumeMm3 - 1) if shape.volumeMm3 else float("nan")
    return mean, float(np.sqrt(max(square - mean**2, 0))), p95, float(np.sqrt(square)), roughness(mesh), volume


def row(shapeName, scanName, share, smoothing, images) -> str:
    """One row of the table."""
    shape, settings = SHAPES[shapeName], SCANS[scanName]
    key = shapeName, scanName
    if key not in images:
        images.clear()
        images[key] = settings.image(shape, HALF.get(shapeName, 15))
    image = images[key]
    segment = thresholdSegment(image, share * settings.contrast, None, 2 if "apart" in shapeName else 1)
    before = makeSurface(segment, SurfaceParameters(smoothing=smoothing))
    after = refineSurface(before, image)
    record = after.record["refinement"]
    old, new = errors(shape, before), errors(shape, after)
    volumes = " | ".join("" if np.isnan(value[5]) else f"{value[5]:+.2f}" for value in (old, new))
    fate = f"{100 * record['movedShare']:.0f} %" if record["applied"] else "not moved"
    if new[3] > WORSE * old[3]:
        fate += ", worse"
    figures = [f"{a:+.3f} / {b:.3f} / {c:.3f} | {d:.1f}" for a, b, c, _, d, _ in (old, new)]
    start = f"{share:.0%}" + (", smoothed" if smoothing > 0.2 else "")
    return f"| {shapeName} | {scanName} | {start} | {figures[0]} | {figures[1]} | {volumes} | {fate} |"


def table(shapes) -> str:
    """The whole table, Markdown."""
    columns = "shape | scan | start | before: mean / SD / 95 % (mm) | roughness | after | roughness"
    columns += " | volume before (%) | after | moved"
    lines = [f"| {columns} |", "|---|---|---|---|---|---|---|---|---|---|"]
    images: dict = {}
    for settings in ROWS:
        if not shapes or settings[0] in shapes:
            lines.append(row(*settings, images))
            print(lines[-1], flush=True)
    scans = [f"| {name} | {WORDS[name]} |" for name in SCANS]
    return "\n".join([*lines, "", "| scan | |", "|---|---|", *scans])


def main() -> None:
    """Print the table, or put it into the page."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    text = table(arguments)
    if "--write" in sys.argv[1:]:
        first, _, last = PAGE.read_text(encoding="utf-8").split(MARK)
        PAGE.write_text(f"{first}{MARK}\n\n{text}\n\n{MARK}{last}", encoding="utf-8")


if __name__ == "__main__":
    main()
