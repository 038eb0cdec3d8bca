"""How the cost grows with mesh and image: parts of ``performance.py``, each in a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]
sys.path.insert(0, str(Path(__file__).parent))

# As asked of ``deviation_speed.meshes``; the mesh has 0.78 of them. The last has 10 million.
VERTICES = (100_000, 300_000, 1_000_000, 3_000_000, 13_000_000)
IMAGE, HUGE = (400, 400, 192), (512, 512, 2000)
QUICK_VERTICES, QUICK_IMAGE, QUICK_HUGE = (30_000, 100_000), (200, 200, 96), (200, 200, 800)


def growth(plot: str = "", quick: str = "") -> dict:
    """Seconds and memory of the deviations for meshes of growing size and for a very large image; a plot of them.

    :param plot: where the plot is written; none when "".
    :param quick: anything but "": small meshes and images.
    """
    from deviation_speed import grownRow

    vertices, image, huge = (QUICK_VERTICES, QUICK_IMAGE, QUICK_HUGE) if quick else (VERTICES, IMAGE, HUGE)
    rows = [(image, row) for row in (grownRow(count, image) for count in vertices) if row]
    last = grownRow(vertices[-1] if quick else 1_000_000, huge)
    lines = [
        "| vertices | image | image deviation s | s per million | + GB | surface deviation s | s per million | + GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, row in rows + ([(huge, last)] if last else []):
        count, first, firstGb, second, secondGb = row
        lines.append(
            f"| {count / 1e6:.2f} million | {' x '.join(map(str, size))} | {first:.2f} | {first / count * 1e6:.2f} "
            f"| {firstGb:.2f} | {second:.2f} | {second / count * 1e6:.2f} | {secondGb:.2f} |"
        )
    if plot and rows:
        drawGrowth([row for _, row in rows], plot)
    missing = len(vertices) + 1 - len(rows) - bool(last)
    return {"lines": lines, "missing": missing}


def drawGrowth(rows, file: str) -> None:
    """Seconds and memory over the number of vertices, with the straight line of a cost that is linear."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    counts, first, firstGb, second, secondGb = np.array(rows).T
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for axis, series, label in (
        (axes[0], (first, second), "processor seconds"),
        (axes[1], (firstGb, secondGb), "memory, GB above mesh and image"),
    ):
        for values, name, color in zip(
            series, ("image deviation", "surface deviation"), ("#1f5fa8", "#c05a1a"), strict=True
        ):
            axis.loglog(counts, np.maximum(values, 1e-2), "o-", color=color, label=name)
        middle = len(counts) // 2
        straight = series[0][middle] * counts / counts[middle]
        axis.loglog(counts, np.maximum(straight, 1e-2), "--", color="gray", label="linear")
        axis.set_xlabel("vertices of the mesh")
        axis.set_ylabel(label)
        axis.grid(True, which="both", alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    with tempfile.NamedTemporaryFile(dir=Path(file).parent, suffix=".png", delete=False) as temporary:
        figure.savefig(temporary, dpi=110)
    Path(temporary.name).chmod(0o644)
    Path(temporary.name).replace(file)


def repeated(source: str, folder: str, slices: str) -> dict:
    """The scan over and over along its length as a series, and a labelmap of the bone of one repetition in its middle.

    :param slices: how many the series has; the last repetition is cut off there.
    :return: ``slices``, ``segmentation`` (its file), ``vertices`` of the surface that is made of it.
    """
    import SimpleITK as sitk

    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SegmentSurface import makeSurface
    from M3DLib.Phantom.PhantomSeries import writeSeries
    from M3DLib.Segmentation.SegmentFit import thresholdSegment

    image, count = readImage(Path(source)), int(slices)
    depth = len(image.array)
    segment = thresholdSegment(image, 300, largest=1)
    array = np.empty((count, *image.array.shape[1:]), image.array.dtype)
    for start in range(0, count, depth):
        array[start : start + depth] = image.array[: count - start]
    series = Path(folder) / "repeated"
    writeSeries(ImageVolume(array, image.ijkToLps, modality="CT"), series)
    first = depth * (count // depth // 2)
    labels = sitk.GetImageFromArray(segment.array)
    matrix = segment.ijkToLps
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    labels.SetSpacing(spacing.tolist())
    labels.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    labels.SetOrigin((matrix[:3, 3] + first * image.ijkToLps[:3, 2]).tolist())
    file = Path(folder) / "repeated.nrrd"
    sitk.WriteImage(labels, str(file), useCompression=True)
    return {"slices": count, "segmentation": str(file), "vertices": len(makeSurface(segment).points)}


PARTS = (growth, repeated)

if __name__ == "__main__":
    work = {one.__name__: one for one in PARTS}[sys.argv[1]]
    print(json.dumps(work(*sys.argv[2:])))
