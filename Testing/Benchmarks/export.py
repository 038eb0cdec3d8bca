"""What ``m3d export`` costs, and where the time goes.

Runs the command on the real scans beside the checkout, or on the head phantom where there are none; prints seconds per
stage, whole wall time and peak memory of the process, and the time of Slicer's conversion alone for scale.

Usage: .venv/bin/python Testing/Benchmarks/export.py [runs]
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from M3DTestSupport.Commands import environment
from M3DTestSupport.RealData import DATA, FIVE_MM_SCAN, ONE_MM_SCAN

THRESHOLD_HU = 300


def phantomScan(folder):
    """The head phantom as a DICOM series, for machines without the real scans."""
    from M3DLib.Phantom.HeadPhantom import renderHead
    from M3DLib.Phantom.PhantomSeries import writeSeries

    writeSeries(renderHead(), folder)
    return folder


def export(scan):
    """One export of the largest body of bone; its JSON result with the wall time of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "M3DBatchLib", "export", "--image", str(scan)]
        command += ["--threshold", str(THRESHOLD_HU), "--largest", "1", "--output", f"{folder}/out", "--stl", "--json"]
        start = time.perf_counter()
        process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
        result = json.loads(process.stdout)
        result["seconds"]["whole process"] = time.perf_counter() - start
    return result


def conversionAlone(scan):
    """Seconds of Slicer's conversion of all bone in this process, and its number of triangles."""
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Mesh.SegmentSurface import makeSurface
    from M3DLib.Segmentation.SegmentFit import thresholdSegment

    segment = thresholdSegment(readImage(scan), THRESHOLD_HU)
    start = time.perf_counter()
    mesh = makeSurface(segment)
    return time.perf_counter() - start, len(mesh.triangles)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        scans = [ONE_MM_SCAN, FIVE_MM_SCAN] if DATA.is_dir() else [phantomScan(Path(folder))]
        for scan in scans:
            results = [export(scan) for _ in range(runs)]
            model = results[0]["models"][0]
            slices = results[0]["source"]["slices"]
            print(f"{scan.name}: {slices} slices, {model['triangles']} triangles, median of {runs} runs")
            for stage in results[0]["seconds"]:
                print(f"  {stage:14}{statistics.median(result['seconds'][stage] for result in results):8.2f} s")
            print(f"  {'peak memory':14}{statistics.median(result['peakMemoryMb'] for result in results):8.0f} MB")
            seconds, triangles = conversionAlone(scan)
            print(f"  Slicer's conversion of all bone alone: {seconds:.2f} s, {triangles} triangles")


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / room) for room in ("M3DExport", "M3DValidation")]
    main()
