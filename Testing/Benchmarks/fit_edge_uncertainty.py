"""Fit the uncertainty model of the image deviation on phantoms; print its shares, and how often it holds the truth.

    python Testing/Benchmarks/fit_edge_uncertainty.py

Takes some minutes. Every phantom is measured twice: a mesh that lies on its surface, as one brought along may, and the
surface of a segment by a threshold, with the steps of the voxels. The shares go into
``EdgeUncertainty.COEFFICIENTS``; what holds where, also on phantoms of other shapes and images that the fit has not
seen, goes into ``EdgeCalibration``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]

from edge_phantoms import ALONG_GRID, BEYOND, FITTED, HALF, HELD_OUT, OTHER_SHAPES, SHAPES, Layered, Scan, rendered

from M3DLib.Distance.DeviationMap import Quality
from M3DLib.Edge import EdgeUncertainty
from M3DLib.Edge.EdgeMeasurement import edgeMeasurement
from M3DLib.Edge.EdgeSearch import EdgeScale
from M3DLib.Mesh.MeshGeometry import vertexGeometry
from M3DLib.Mesh.SegmentSurface import makeSurface
from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomShapes import Box, rotationAbout
from M3DLib.Segmentation.SegmentFit import thresholdSegment
from M3DTestSupport.CurvedShapes import alongNormals
from M3DTestSupport.ShapeMeshes import surfaceMesh

# Edge lengths of the meshes on the surfaces, mm; thresholds as shares of the contrast, and smoothings: in turns.
STEPS, THRESHOLDS, SMOOTHINGS = (0.8, 0.5, 1.2), (0.35, 0.5, 0.65, 0.5), (0.2, 0.5, 0.0, 0.2, 0.5)


@dataclass
class Measured:
    """One phantom in one scan: squared terms (n, 9) and signed errors (n,) at the reliable vertices.

    :ivar onSurface: whether the mesh lies on the phantom's surface; else it is that of a segment.
    :ivar share: of the vertices that are reliable.
    :ivar fwhm: blur as it was measured, mm, the least and the most blurred direction.
    """

    scan: Scan
    name: str
    onSurface: bool
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
    """Measure the meshes of all shapes in all scans: those on their surfaces, and those of segments."""
    found, count = [], 0
    for number, scan in enumerate(scans):
        axes = rotationAbout(scan.axis, scan.degrees)
        dimensions = tuple(int(np.ceil((2 * HALF + 1) / size)) + 4 for size in scan.spacing)
        ijkToLps = np.eye(4)
        ijkToLps[:3, :3] = axes @ np.diag(scan.spacing)
        ijkToLps[:3, 3] = -ijkToLps[:3, :3] @ ((np.array(dimensions) - 1) / 2)
        # In every scan the slices cut the faces along them at another height.
        center = tuple(axes @ (0.13, -0.21, 0.37 * number % 1 * scan.spacing[2]))
        along = {ALONG_GRID: Box(center, shapes[ALONG_GRID].size, tuple(map(tuple, axes.T)))}
        for name, painted in {**shapes, **along}.items():
            layers = painted if isinstance(painted, Layered) else Layered(painted, ((painted, 1.0),))
            shape = layers.shape
            image = rendered(layers, scan, dimensions, ijkToLps, seed + number)
            threshold = THRESHOLDS[count % len(THRESHOLDS)] * scan.contrast
            segment = thresholdSegment(image, threshold, None, 2 if name in ("walls", "two balls") else 1)
            smoothing = SurfaceParameters(smoothing=SMOOTHINGS[count % len(SMOOTHINGS)])
            meshes = {
                True: surfaceMesh(shape, [-HALF] * 3, [HALF] * 3, STEPS[count % len(STEPS)]),
                False: makeSurface(segment, smoothing),
            }
            count += 1
            measurements = (_measuredOn(mesh, shape, image, on) for on, mesh in meshes.items())
            found += [Measured(scan, name, *values) for values in measurements if values]
    return found


def _measuredOn(mesh: TriangleMesh, shape, image, onSurface: bool) -> tuple | None:
    """What follows scan and name in :class:`Measured`; None where hardly anything is reliable."""
    normals = vertexGeometry(mesh).normals
    measurement = edgeMeasurement(mesh, normals, image)
    truth = np.zeros(len(normals)) if onSurface else alongNormals(shape, mesh.points, normals)
    # What lies farther away is another side of the phantom.
    good = (measurement.edges.quality == Quality.RELIABLE) & (np.abs(truth) < measurement.reader.searchRange)
    if good.sum() <= 50:
        return None
    squares = np.nan_to_num(measurement.uncertaintyTerms()[good]) ** 2
    fwhm = 2.3548 * np.sqrt(np.linalg.eigvalsh(measurement.imageBlur.covariance)[[0, -1]])
    signed = measurement.edges.distance[good] - truth[good]
    return onSurface, squares, signed, good.mean(), fwhm, measurement.reader.scale


def fit(phantoms: list[Measured], most: int = 250, pull: float = 60.0) -> np.ndarray:
    """Shares that make the best 95 % interval, every phantom with equal weight; that of the noise is known.

    Minimized is the interval score of Gneiting and Raftery (2007, "Strictly proper scoring rules, prediction, and
    estimation"), whose expected value is least for the true quantiles: the width plus 2 / 0.05 times what lies beyond
    it. A phantom held less often than 93 % costs more: too wide an interval is safer than one too narrow. That share is
    counted with an edge as soft as 8 % of the interval, so that it has a slope.
    """
    from scipy.optimize import minimize

    generator, softness = np.random.default_rng(0), 0.08
    chosen = [generator.permutation(len(phantom.error))[:most] for phantom in phantoms]
    squares = np.concatenate([phantom.squares[which] for phantom, which in zip(phantoms, chosen, strict=True)])
    error = np.concatenate([phantom.error[which] for phantom, which in zip(phantoms, chosen, strict=True)]) + 1e-6
    counts = np.array([len(which) for which in chosen])
    first, each = np.cumsum(counts) - counts, np.repeat(1 / counts, counts)
    typical = np.repeat([np.percentile(phantom.error, 95) for phantom in phantoms], counts)

    def loss(logarithms):
        shares = np.exp(logarithms)
        half = np.sqrt(squares @ shares + EdgeUncertainty.FLOOR**2)
        held = 1 / (1 + (error / half) ** (1 / softness))
        missing = np.maximum(0, 0.93 - np.add.reduceat(held * each, first))
        score = ((half + 20 * np.maximum(error - half, 0)) / typical * each).sum() + pull * (missing**2).sum()
        slope = (1 - 20 * (error > half)) / typical
        slope -= 2 * pull * np.repeat(missing, counts) * held * (1 - held) / softness / half
        return score / len(counts), squares.T @ (slope * each / (2 * half)) * shares / len(counts)

    noise = np.log(1.96**2)
    start = np.array([noise] + [0.0] * (len(EdgeUncertainty.TERMS) - 1))
    bounds = [(noise, noise)] + [(-8, 8)] * (len(start) - 1)
    return np.exp(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


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
            f" {'on its surface' if phantom.onSurface else 'segment'}, reliable {100 * phantom.share:5.1f} %"
            f"  bias {phantom.signed.mean():+.4f}  SD {phantom.signed.std():.4f}  interval +-{np.median(half):.4f}"
            f"  holds {rates[-1]:5.1f} %  (95 % if widened by {np.percentile(phantom.error / half, 95):.2f})"
            f"  as measured: FWHM {phantom.fwhm[0]:.2f} to {phantom.fwhm[1]:.2f},"
            f" contrast to noise {phantom.scale.contrast / max(phantom.scale.noise, 1e-6):.1f}"
        )
    for onSurface, words in ((True, "meshes on the surfaces"), (False, "surfaces of segments")):
        some = np.array([rate for rate, phantom in zip(rates, phantoms, strict=True) if phantom.onSurface == onSurface])
        print(
            f"  {len(some)} {words}: {some.min():.1f} to {some.max():.1f} %, mean {some.mean():.1f} %, "
            f"{((some >= 93) & (some <= 97)).sum()} within 93 to 97 %, {(some < 93).sum()} below, "
            f"{(some > 97).sum()} above"
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
