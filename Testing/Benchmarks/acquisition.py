"""What the checks of a scan cost: time of each and peak memory, on a series of 512 x 512 x 500 made for it.

Run it alone, without options: ``python Testing/Benchmarks/acquisition.py [--slices N] [--compressed]``.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "M3DExport"), str(ROOT / "M3DValidation")]

GOAL_SECONDS, GOAL_MB = 20, 3000


def writeScan(folder: Path, slices: int, compressed: bool) -> None:
    """A skull-like shell in tissue, with noise and blur, as a CT series."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Phantom.PhantomSeries import writeSeries

    generator = np.random.default_rng(0)
    spacing = np.array([0.45, 0.45, 0.5])
    j, i = (np.indices((512, 512)) - 255.5) * 0.45
    array = np.empty((slices, 512, 512), np.int16)
    for k in range(slices):
        height = (k - slices / 2) / (slices / 2)
        radius = np.hypot(i / 75, j / 95)
        outer = np.sqrt(max(0.0, 1 - 0.8 * height**2))
        plane = np.full((512, 512), -1000, np.float32)
        plane[radius < outer] = 40
        plane[(radius < outer - 0.05) & (radius > outer - 0.12)] = 1200
        plane = gaussian_filter(plane, 0.8) + generator.normal(0, 25, plane.shape)
        array[k] = np.clip(plane, -1024, 3071)
    matrix = np.diag([*spacing, 1.0])

    def compress(header, _):
        if compressed:
            from pydicom.uid import JPEGLSLossless

            header.compress(JPEGLSLossless, generate_instance_uid=False)

    writeSeries(ImageVolume(array, matrix), folder, changeHeader=compress)


def measure(folder: Path) -> None:
    """Read, segment and check; print what each takes."""
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Segmentation.SegmentFit import thresholdSegment
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Profile import loadProfile
    from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf

    rows = []
    start = last = time.perf_counter()

    def lap(name):
        nonlocal last
        now = time.perf_counter()
        rows.append((name, now - last))
        last = now

    image = readImage(folder)
    lap("read the series")
    segment = thresholdSegment(image, 300)
    lap("threshold")
    case = Case(loadProfile(), image, segment)
    for check in checksOf(ACQUISITION_MODULES):
        if check.canRun(case):
            list(check.run(case))
            lap(type(check).__name__)
    total = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"{' x '.join(map(str, image.dimensions))} voxels, {image.array.nbytes / 1e6:.0f} MB in memory")
    for name, seconds in rows:
        print(f"  {name:30} {seconds:7.2f} s")
    print(f"  {'total':30} {total:7.2f} s   {total / GOAL_SECONDS:.2f} of the {GOAL_SECONDS} s allowed")
    print(f"  {'peak memory':30} {peak:7.0f} MB  {peak / GOAL_MB:.2f} of the {GOAL_MB} MB allowed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--compressed", action="store_true", help="JPEG-LS instead of plain pixels")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
    else:
        with tempfile.TemporaryDirectory() as folder:
            writeScan(Path(folder), arguments.slices, arguments.compressed)
            # In a process of its own, so that making the scan does not count.
            subprocess.run([sys.executable, __file__, "--measure", folder], check=True)
