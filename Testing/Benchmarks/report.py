"""What a report costs after the checks: pictures, 3D view and every face, and JSON alone, each in its own process.

Run it alone: ``python Testing/Benchmarks/report.py [--image DIR]``. Without a scan it is the real scan of 1 mm where
that lies beside the checkout, and the phantom of ``m3d demo`` where not. Goals: all faces within 15 s, JSON within 1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]

GOALS = {"all faces": 15, "JSON alone": 1}
THRESHOLD = 300


def writeChecked(scan: Path, file: Path) -> None:
    """Check the largest body of a scan and keep what the report is made from."""
    from M3DLib.EncapsulatedStl.ModelExport import makeSurfaces
    from M3DLib.Image.ImageReader import readImage
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Segmentation.SegmentFit import thresholdSegment
    from M3DValidationLib.Check import Case
    from M3DValidationLib.Profile import loadProfile
    from M3DValidationLib.Report.Report import checkCases

    image = readImage(scan)
    segment = thresholdSegment(image, THRESHOLD, largest=1)
    surface = SurfaceParameters()
    mesh = makeSurfaces(image, [segment], surface)[0]
    case = Case(loadProfile(), image, segment, mesh=mesh, surfaceParameters=surface)
    results = checkCases([case])
    # What is needed further on; what else the checks kept need not be written.
    deviations = case.measurements["deviation"]
    deviations.key = ()
    case.measurements = {name: case.measurements[name] for name in ("deviation", "stlHash")}
    case.mesh = replace(mesh)
    for deviation in deviations.maps.values():
        deviation.mesh = replace(deviation.mesh)
    file.write_bytes(pickle.dumps(([case], results)))


def report(file: Path, everything: bool) -> None:
    """Make the report; print seconds per stage, and those of the processor."""
    # What any run has loaded long before its report.
    import slicer  # noqa: F401
    import vtk  # noqa: F401

    from M3DLib.Mesh.Rendering import canRender
    from M3DLib.Store.FileSetStore import FileSetStore
    from M3DValidationLib.Report.Dicom.ReportObjects import reportObjects
    from M3DValidationLib.Report.Html.HtmlReport import htmlReport
    from M3DValidationLib.Report.Pdf.PdfReport import pdfReport
    from M3DValidationLib.Report.Pictures.DeviationModel import deviationModels
    from M3DValidationLib.Report.Report import casePictures, makeReport
    from M3DValidationLib.Report.ReportFiles import faces, writeFiles

    cases, results = pickle.loads(file.read_bytes())
    # Found out while the checks run.
    canRender()
    seconds = {}

    def timed(name, make):
        start = time.perf_counter(), time.process_time()
        made = make()
        seconds[name] = time.perf_counter() - start[0], time.process_time() - start[1]
        return made

    with tempfile.TemporaryDirectory() as folder:
        pictures = timed("pictures", lambda: casePictures(cases, results, everything))
        models = timed("3D view", lambda: deviationModels(cases)) if everything else []
        made = timed("content", lambda: makeReport(cases, results, pictures, models))
        if everything:
            html = timed("HTML", lambda: htmlReport(made.data, made.attachments))
            pdf = timed("PDF", lambda: pdfReport(made.data, made.attachments))
            headers = cases[0].image.headers
            objects = timed("DICOM", lambda: reportObjects(made.data, headers, [], [], pdf))
            timed("storing", lambda: FileSetStore(Path(folder) / "dicom").add(objects))
            sizes = {"HTML": len(html.encode()), "PDF": len(pdf), **{model.file: len(model.glb) for model in models}}
        else:
            sizes = {}
        timed("writing", lambda: writeFiles(Path(folder), faces(made.data, made.attachments, ("json",))))
    print(json.dumps({"seconds": seconds, "sizes": sizes}))


def main() -> None:
    """Check once, then measure both kinds of run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, help="folder of a DICOM series")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--everything", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.report, arguments.everything)
        return
    from M3DLib.Phantom.HeadPhantom import renderHead
    from M3DLib.Phantom.PhantomSeries import writeSeries
    from M3DTestSupport.RealData import ONE_MM_SCAN

    with tempfile.TemporaryDirectory() as folder:
        scan = arguments.image or ONE_MM_SCAN
        if not scan.is_dir():
            scan = Path(folder) / "scan"
            scan.mkdir()
            writeSeries(renderHead(), scan)
        checked = Path(folder) / "checked"
        writeChecked(scan, checked)
        print(f"{scan.name}, above {THRESHOLD} HU; {os.getloadavg()[0]:.1f} other processes at work")
        for name, more in (("all faces", ["--everything"]), ("JSON alone", [])):
            command = [sys.executable, __file__, "--report", str(checked), *more]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            print(f"{name:20} {'wall':>8} {'processor':>10}")
            for stage, (wall, processor) in found["seconds"].items():
                print(f"  {stage:18} {wall:7.2f} s {processor:8.2f} s")
            wall, processor = (sum(values) for values in zip(*found["seconds"].values(), strict=True))
            print(f"  {'total':18} {wall:7.2f} s {processor:8.2f} s   {wall / GOALS[name]:.2f} of the {GOALS[name]} s")
            for file, size in found["sizes"].items():
                print(f"  {file:18} {size / 1e6:7.2f} MB")


if __name__ == "__main__":
    main()
