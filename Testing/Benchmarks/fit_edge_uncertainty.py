"""Fit the uncertainty model of the image deviation on phantoms, and print coefficients and coverage.

Takes a few minutes. The result goes into ``EdgeUncertainty.COEFFICIENTS`` where the intervals of the single
phantoms then come nearer to 95 %; what holds beyond the fitted images goes into ``EdgeCalibration``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import (
    Box,
    Cylinder,
    Gyroid,
    HollowShell,
    Intersection,
    Sphere,
    Torus,
    Union,
    rotationAbout,
)
from M3DTestSupport.ShapeMeshes import surfaceMesh
from M3DValidationLib.Deviation import EdgeUncertainty, ImageDeviation

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
# Spacing along i, j, k; point spread; contrast; noise; width of the noise's grain. Lengths in mm, values in HU.
IMAGES = [
    ((0.5, 0.5, 1.0), 0.8, 1200, 30, 0.0),
    ((0.5, 0.5, 1.0), 0.8, 1200, 0, 0.0),
    ((0.5, 0.5, 1.0), (0.8, 0.8, 1.4), 600, 40, 1.0),
    ((0.3, 0.3, 0.3), 0.6, 800, 60, 0.5),
    ((0.3, 0.3, 0.6), 0.8, 1500, 100, 0.0),
    ((0.8, 0.8, 0.8), 1.2, 400, 20, 0.0),
    ((0.7, 0.7, 1.5), 1.0, 1000, 100, 0.0),
    ((1.0, 1.0, 1.0), 0.8, 1200, 20, 1.5),
    ((1.5, 1.5, 1.5), 2.0, 1200, 30, 0.0),
    # Beyond what the fit uses: slices much thicker than the blur.
    ((0.45, 0.45, 2.5), 0.9, 1200, 30, 0.0),
    ((0.45, 0.45, 5.0), 0.9, 1200, 30, 0.0),
    # Beyond what the fit uses: slices that are blurred as thick as they are, weak contrast, strong blur.
    ((0.45, 0.45, 2.0), (0.9, 0.9, 2.0), 1200, 30, 0.0),
    ((0.45, 0.45, 2.5), (0.9, 0.9, 2.5), 1200, 30, 0.0),
    ((0.45, 0.45, 5.0), (0.9, 0.9, 5.0), 1200, 30, 0.0),
    ((0.8, 0.8, 0.8), 1.2, 200, 28, 0.0),
    ((0.8, 0.8, 0.8), 3.0, 1000, 30, 0.0),
    ((0.2, 0.2, 0.2), 0.35, 1000, 30, 0.0),
]
FITTED = 9


def measurements():
    """Name, terms (n, 6), errors (n,) of the reliable vertices, and the whole map, of every phantom."""
    finish, kept = ImageDeviation.interval95, {}

    def keepTerms(measurement):
        kept["terms"] = EdgeUncertainty.uncertaintyTerms(measurement)
        return finish(measurement)

    ImageDeviation.interval95 = keepTerms
    for number, (spacing, fwhm, contrast, noise, grain) in enumerate(IMAGES):
        columns = rotationAbout((3, 1, 2), 20 * number) @ np.diag(spacing)
        dimensions = tuple(int(np.ceil(46 / size)) + 4 for size in spacing)
        ijkToLps = np.eye(4)
        ijkToLps[:3, :3] = columns
        ijkToLps[:3, 3] = -columns @ ((np.array(dimensions) - 1) / 2)
        for name, shape in SHAPES.items():
            image = renderPhantom(
                [(shape, contrast)], 0, dimensions, ijkToLps, fwhm, noise=noise, noiseFwhm=grain, seed=number
            )
            mesh = surfaceMesh(shape, [-19] * 3, [19] * 3, 0.8)
            deviation = ImageDeviation.imageDeviation(mesh, image)
            good = deviation.reliable
            yield (number, name), kept["terms"][good], deviation.distance[good].astype(np.float64), deviation
    ImageDeviation.interval95 = finish


def fit(sets) -> np.ndarray:
    """Coefficients by maximum likelihood, every phantom with equal weight, scaled to 95 % coverage over all."""
    from scipy.optimize import minimize

    squares = np.concatenate([terms**2 for _, terms, _, _ in sets])
    errors = np.concatenate([error for _, _, error, _ in sets])
    weights = np.concatenate([np.full(len(error), 1 / len(error)) for _, _, error, _ in sets])
    rounding = (EdgeUncertainty.FLOOR / 2) ** 2

    def loss(logarithms):
        variance = squares @ np.exp(logarithms) + rounding
        # A t distribution of four degrees of freedom: a few far-off vertices shall not widen all intervals.
        return float((weights * (0.5 * np.log(variance) + 2.5 * np.log1p(errors**2 / (4 * variance)))).sum())

    fitted = minimize(loss, np.zeros(squares.shape[1]), method="Nelder-Mead", options={"maxiter": 3000, "xatol": 0.01})
    ratio = np.abs(errors) / np.sqrt(squares @ np.exp(fitted.x) + rounding)
    order = np.argsort(ratio)
    factor = ratio[order][np.searchsorted(np.cumsum(weights[order]) / weights.sum(), 0.95)]
    return np.exp(fitted.x) * factor**2


def main() -> None:
    """Print the fit and how often its interval holds the truth, phantom by phantom."""
    sets = [values for values in measurements() if len(values[2]) > 50]
    coefficients = fit([values for values in sets if values[0][0] < FITTED])
    print("COEFFICIENTS =", tuple(float(f"{value:.3g}") for value in coefficients))
    for (number, name), terms, error, deviation in sets:
        half = np.sqrt(terms**2 @ coefficients + EdgeUncertainty.FLOOR**2)
        present = deviation.uncertainty[deviation.reliable]
        settings = deviation.settings
        fwhm = 2.3548 * np.sqrt(np.linalg.eigvalsh(settings["blurCovariance"])[[0, -1]])
        print(
            f"image {number:2d} {name:10s} n {len(error):6d} reliable {deviation.reliable.mean():.3f}"
            f" bias {error.mean():+.4f} sd {error.std():.4f} interval {np.median(half):.4f}"
            f" holds {100 * (np.abs(error) <= half).mean():.1f} %"
            f" (with the present coefficients {100 * (np.abs(error) <= present).mean():.1f} %,"
            f" 95 % held when widened by {np.percentile(np.abs(error) / present, 95):.2f});"
            f" as measured: FWHM {fwhm[0]:.2f} to {fwhm[1]:.2f} mm,"
            f" contrast to noise {settings['contrast'] / max(settings['noise'], 1e-6):.1f}"
        )


if __name__ == "__main__":
    main()
