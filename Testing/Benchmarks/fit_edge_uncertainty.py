"""Fit the uncertainty model of the image deviation on phantoms; print its shares, and how often it holds the truth.

    python Testing/Benchmarks/fit_edge_uncertainty.py

Takes some minutes. The shares go into ``EdgeUncertainty.COEFFICIENTS``; what holds where, also on phantoms of other
shapes and images that the fit has not seen, goes into ``EdgeCalibration``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge import EdgeUncertainty
from M3DLib.Edge.EdgeMeasurement import edgeMeasurement
from M3DLib.Edge.EdgeSearch import EdgeScale
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import (
    Box,
    Cylinder,
    Ellipsoid,
    Gyroid,
    HollowShell,
    Intersection,
    Sphere,
    Torus,
    Union,
    rotationAbout,
)
from M3DTestSupport.ShapeMeshes import surfaceMesh

AXES = tuple(map(tuple, rotationAbout((1, 2, 3), 33)))
CENTER = (0.13, -0.21, 0.37)
SHAPES = {
    "sphere 15": Sphere(CENTER, 15),
    "sphere 6": Sphere(CENTER, 6),
    "ring": Torus(CENTER, (0, 1, 2), 12, 4.5),
    "rod": Cylinder(CENTER, (1, 1, 0.5), 7, 20),
    "bar": Box(CENTER, (18, 14, 11), AXES),
    "gyroid": Intersection((Gyroid(CENTER, 16), Sphere(CENTER, 16))),
    "walls": Union((Sphere((-9, 0, 0), 7), HollowShell(Sphere((9, 0, 0), 8), 2.2))),
}
OTHER_AXES = tuple(map(tuple, rotationAbout((2, -1, 1), 58)))
OTHER_CENTER = (-0.31, 0.22, 0.11)
OTHER_SHAPES = {
    "ellipsoid": Ellipsoid(OTHER_CENTER, (13, 9.5, 8), OTHER_AXES),
    "sphere 11": Sphere(OTHER_CENTER, 11),
    "torus": Torus(OTHER_CENTER, (1, 0.4, 0.3), 11, 6),
    "rod": Cylinder(OTHER_CENTER, (0.2, 1, 0.7), 5.5, 22),
    "bar": Box(OTHER_CENTER, (15, 20, 9), OTHER_AXES),
    "gyroid": Intersection((Gyroid(OTHER_CENTER, 20), Box(OTHER_CENTER, (26, 26, 26), OTHER_AXES))),
    "two balls": Union((Sphere((-8, 1, 0), 6.5), Sphere((7, 1, 0), 6.5))),
}


@dataclass
class Scan:
    """Spacing along i, j, k; point spread; contrast; noise; width of its grain; turn. Lengths in mm, values in HU."""

    spacing: tuple
    fwhm: float | tuple
    contrast: float
    noise: float
    grain: float = 0.0
    axis: tuple = (3, 1, 2)
    degrees: float = 0.0


FITTED = [
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 30),
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 0, degrees=20),
    Scan((0.5, 0.5, 1.0), (0.8, 0.8, 1.4), 600, 40, 1.0, degrees=40),
    Scan((0.3, 0.3, 0.3), 0.6, 800, 60, 0.5, degrees=60),
    Scan((0.3, 0.3, 0.6), 0.8, 1500, 100, degrees=80),
    Scan((0.8, 0.8, 0.8), 1.2, 400, 20, degrees=100),
    Scan((0.7, 0.7, 1.5), 1.0, 1000, 100, degrees=120),
    Scan((1.0, 1.0, 1.0), 0.8, 1200, 20, 1.5, degrees=140),
    Scan((1.5, 1.5, 1.5), 2.0, 1200, 30, degrees=160),
    Scan((1.5, 1.5, 1.5), 0.8, 1000, 20, degrees=180),
    Scan((0.5, 0.5, 1.5), 0.6, 1200, 40, degrees=200),
    Scan((1.0, 1.0, 1.0), 0.6, 800, 30, 0.8, degrees=220),
    Scan((0.8, 0.8, 1.2), 1.0, 1000, 0, degrees=240),
    Scan((0.8, 0.8, 0.8), 1.2, 200, 28, degrees=280),
    Scan((0.2, 0.2, 0.2), 0.35, 1000, 30, degrees=320),
    Scan((0.5, 0.5, 1.0), 0.9, 800, 40, 1.2, degrees=340),
    Scan((0.6, 0.6, 0.6), 1.0, 560, 40, 2.1, degrees=30),
    Scan((0.8, 0.8, 1.2), 1.3, 500, 30, 3.8, degrees=70),
]
HELD_OUT = [
    Scan((0.45, 0.45, 0.8), 0.9, 1000, 25, 0.0, (1, 0, 0), 7),
    Scan((0.5, 0.5, 1.0), 0.8, 1200, 8, 0.0, (0, 1, 1), 31),
    Scan((0.6, 0.6, 0.6), (1.0, 1.0, 1.3), 700, 35, 0.9, (1, 1, 1), 52),
    Scan((0.9, 0.9, 1.2), 1.2, 1300, 60, 0.0, (2, -1, 1), 17),
    Scan((0.35, 0.35, 0.5), 0.7, 500, 50, 0.4),
    Scan((0.5, 0.5, 1.25), 0.9, 900, 40, 0.8, (1, 0, 0), 15),
    Scan((1.3, 1.3, 1.3), 0.7, 1100, 25, 0.0, (1, 2, -1), 40),
    Scan((0.4, 0.4, 1.4), 0.7, 1000, 15, 0.5),
    Scan((0.6, 0.6, 0.8), 1.1, 1500, 0, 0.0, (1, 0, 1), 22),
    Scan((0.55, 0.55, 0.55), 0.95, 560, 40, 1.3, (1, 1, 0), 35),
    Scan((0.5, 0.5, 1.5), 0.9, 560, 40, 2.0, (1, 0, 0), 12),
    Scan((0.7, 0.7, 1.0), 1.2, 700, 35, 3.3, (0, 1, 2), 48),
]
# Slices much thicker than the blur, slices blurred as thick as they are, a strong blur.
BEYOND = [
    Scan((0.45, 0.45, 2.5), 0.9, 1200, 30, degrees=180),
    Scan((0.45, 0.45, 5.0), 0.9, 1200, 30, degrees=200),
    Scan((0.45, 0.45, 2.0), (0.9, 0.9, 2.0), 1200, 30, degrees=220),
    Scan((0.45, 0.45, 2.5), (0.9, 0.9, 2.5), 1200, 30, degrees=240),
    Scan((0.45, 0.45, 5.0), (0.9, 0.9, 5.0), 1200, 30, degrees=260),
    Scan((0.8, 0.8, 0.8), 3.0, 1000, 30, degrees=300),
]


@dataclass
class Measured:
    """One phantom in one scan: squared terms (n, 6) and signed errors (n,) at the reliable vertices.

    :ivar share: of the vertices that are reliable.
    :ivar fwhm: blur as it was measured, mm, the least and the most blurred direction.
    """

    scan: Scan
    name: str
    squares: np.ndarray
    signed: np.ndarray
    share: float
    fwhm: np.ndarray
    scale: EdgeScale

    @property
    def error(self) -> np.ndarray:
        """Sizes of the errors, mm (n,)."""
        return np.abs(self.signed)

    def half(self, coefficients) -> np.ndarray:
        """Half widths of the interval with some shares, mm (n,)."""
        return np.sqrt(self.squares @ coefficients + EdgeUncertainty.FLOOR**2)


def measured(scans, shapes, seed: int) -> list[Measured]:
    """Measure the meshes of all shapes, which lie on their surfaces, in all scans."""
    found = []
    for number, scan in enumerate(scans):
        columns = rotationAbout(scan.axis, scan.degrees) @ np.diag(scan.spacing)
        dimensions = tuple(int(np.ceil(46 / size)) + 4 for size in scan.spacing)
        ijkToLps = np.eye(4)
        ijkToLps[:3, :3] = columns
        ijkToLps[:3, 3] = -columns @ ((np.array(dimensions) - 1) / 2)
        settings = {"noise": scan.noise, "noiseFwhm": scan.grain, "seed": seed + number}
        for name, shape in shapes.items():
            image = renderPhantom([(shape, scan.contrast)], 0, dimensions, ijkToLps, scan.fwhm, **settings)
            mesh = surfaceMesh(shape, [-19] * 3, [19] * 3, 0.8)
            measurement = edgeMeasurement(mesh, vertexGeometry(mesh).normals, image)
            good = measurement.edges.quality == Quality.RELIABLE
            if good.sum() > 50:
                squares = np.nan_to_num(measurement.uncertaintyTerms()[good]) ** 2
                signed = measurement.edges.distance[good].astype(np.float64)
                fwhm = 2.3548 * np.sqrt(np.linalg.eigvalsh(measurement.imageBlur.covariance)[[0, -1]])
                found.append(Measured(scan, name, squares, signed, good.mean(), fwhm, measurement.reader.scale))
    return found


def fit(phantoms: list[Measured], most: int = 600, pull: float = 2.0) -> np.ndarray:
    """Shares that make the best 95 % interval, every phantom with equal weight.

    Minimized is the interval score of Gneiting and Raftery (2007, "Strictly proper scoring rules, prediction, and
    estimation"), whose expected value is least for the true quantiles: the width plus 2 / 0.05 times what lies beyond
    it. A phantom held less often than 94 % costs more: too wide an interval is safer than one too narrow. So do the
    vertices of all phantoms that are about as near to a ridge, which are few in each.
    """
    from scipy.optimize import minimize

    generator = np.random.default_rng(0)
    sets = []
    for phantom in phantoms:
        chosen = generator.permutation(len(phantom.error))[:most]
        sets.append((phantom.squares[chosen], phantom.error[chosen], np.percentile(phantom.error, 95)))
    ridges = _ridges(phantoms, generator)

    def loss(logarithms):
        shares, total = np.exp(logarithms), 0.0
        for squares, error, typical in sets:
            half = np.sqrt(squares @ shares + EdgeUncertainty.FLOOR**2)
            total += np.mean(half + 20 * np.maximum(error - half, 0)) / typical
            total += 100 * pull * max(0.0, 0.94 - np.mean(error <= half)) ** 2
        for squares, error in ridges:
            half = np.sqrt(squares @ shares + EdgeUncertainty.FLOOR**2)
            total += 1000 * pull * max(0.0, 0.94 - np.mean(error <= half)) ** 2
        return total / len(sets)

    best = None
    for first in (0.0, 2.0, -2.0):
        start = np.full(len(EdgeUncertainty.TERMS), first)
        start[0] = np.log(3.84)
        for _ in range(3):
            found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 1500, "xatol": 0.01})
            start = found.x
        best = found if best is None or found.fun < best.fun else best
    return np.exp(best.x)


def _ridges(phantoms, generator, most: int = 300) -> list[tuple[np.ndarray, np.ndarray]]:
    """Squared terms and errors of vertices near ridges, by how much the surface turns within the blur (radians)."""
    turns, squares, errors = [], [], []
    for phantom in phantoms:
        turn = np.sqrt(np.sqrt(phantom.squares[:, 1]) / (phantom.fwhm.mean() / 2.3548))
        near = generator.permutation(np.flatnonzero(turn > 0.05))[:most]
        turns.append(turn[near])
        squares.append(phantom.squares[near])
        errors.append(phantom.error[near])
    turns, squares, errors = map(np.concatenate, (turns, squares, errors))
    chosen = [(turns > low) & (turns <= high) for low, high in ((0.05, 0.09), (0.09, 0.13), (0.13, 1.0))]
    return [(squares[which], errors[which]) for which in chosen]


def report(title: str, phantoms: list[Measured], coefficients: np.ndarray) -> None:
    """How often the interval holds, phantom by phantom, and where each of its terms is small or large."""
    print(f"\n{title}")
    rates = []
    for phantom in phantoms:
        half = phantom.half(coefficients)
        rates.append(100 * (phantom.error <= half).mean())
        print(
            f"  {' x '.join(f'{size:g}' for size in phantom.scan.spacing)}, noise {phantom.scan.noise:g} (grain "
            f"{phantom.scan.grain:g} mm) of {phantom.scan.contrast:g}, {phantom.name:10s}"
            f" reliable {100 * phantom.share:5.1f} %"
            f"  bias {phantom.signed.mean():+.4f}  SD {phantom.signed.std():.4f}  interval +-{np.median(half):.4f}"
            f"  holds {rates[-1]:5.1f} %  (95 % if widened by {np.percentile(phantom.error / half, 95):.2f})"
            f"  as measured: FWHM {phantom.fwhm[0]:.2f} to {phantom.fwhm[1]:.2f},"
            f" contrast to noise {phantom.scale.contrast / max(phantom.scale.noise, 1e-6):.1f}"
        )
    rates = np.array(rates)
    print(
        f"  {len(rates)} phantoms: {rates.min():.1f} to {rates.max():.1f} %, mean {rates.mean():.1f} %, "
        f"{((rates >= 93) & (rates <= 97)).sum()} within 93 to 97 %, {(rates < 93).sum()} below, "
        f"{(rates > 97).sum()} above"
    )
    holds = np.concatenate([phantom.error <= phantom.half(coefficients) for phantom in phantoms])
    shares = np.concatenate(
        [phantom.squares * coefficients / phantom.half(coefficients)[:, None] ** 2 for phantom in phantoms]
    )
    print("  holds, by the term's share in the squared interval:")
    for term, share in zip(EdgeUncertainty.TERMS, shares.T, strict=True):
        bins = [(share > low) & (share <= high) for low, high in ((-1, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1))]
        shown = [f"{100 * holds[chosen].mean():5.1f} % of {chosen.sum():6d}" for chosen in bins if chosen.sum() > 100]
        print(f"    {term:9}" + "   ".join(shown))


def main() -> None:
    """Print the fit and how often its interval holds the truth."""
    fitted = measured(FITTED, SHAPES, 0)
    coefficients = fit(fitted)
    print("COEFFICIENTS =", tuple(float(f"{value:.3g}") for value in coefficients))
    report("Phantoms of the fit", fitted, coefficients)
    report("Phantoms that the fit has not seen", measured(HELD_OUT, OTHER_SHAPES, 100), coefficients)
    report("Beyond the fitted range", measured(BEYOND, SHAPES, 200), coefficients)


if __name__ == "__main__":
    main()
