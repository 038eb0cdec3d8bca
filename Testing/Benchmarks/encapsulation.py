"""Wraps and unwraps STL files of 1, 10 and 200 MB with this project, DCMTK and plain pydicom, in one run.

    python Testing/Benchmarks/encapsulation.py [--megabytes 1 10 200] [--repeat 3] [--json]

Every task runs in a process of its own that has imported what it needs before the clock starts. Peak memory is what the
process needed beyond that, as a multiple of the STL's size; DCMTK's is that of its whole program. Before each run the
disk's queue is emptied. This project's times hold everything it does for safety: the STL is checked, flushed to the
disk, read back and compared, then renamed. How much of that is waiting for the disk is seen from the rows "no flush",
which are the ones to compare with the others: they leave the flushing to the system. "140 slices" refers to as many
source images; the others refer to none. "read" makes a mesh of the object, with equal points merged.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "M3DExport"), str(ROOT / "Testing")]

import numpy as np
import pydicom

from M3DLib.Dicom.DicomFile import atomicWrite, payloadChunks, writeDicomFile
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl, readStlPayload
from M3DLib.EncapsulatedStl.EncapsulatedStlWriter import buildEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.EncapsulatedStl.ModelSources import sourcesFromImages
from M3DLib.Mesh.StlFile import TRIANGLE_TYPE, stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Models import makeHeaders


def wavySheet(megabytes: float) -> TriangleMesh:
    """A mesh whose STL has about this size: neighboring triangles share points, as in a model of a scan."""
    side = int(np.sqrt(megabytes * 1e6 / TRIANGLE_TYPE.itemsize / 2)) + 1
    i, j = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    points = np.stack([0.4 * i, 0.4 * j, 20 * np.sin(i / 10) * np.cos(j / 10)], axis=-1).reshape(-1, 3)
    corner = (i * side + j)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + side, corner + side + 1], axis=1),
            np.stack([corner, corner + side + 1, corner + 1], axis=1),
        ],
    )
    return TriangleMesh(points, triangles)


ONE_SLICE, MANY_SLICES = makeHeaders(1), makeHeaders(140)


def wrapOurs(stl: Path, dcm: Path, headers=ONE_SLICE) -> None:
    sources = sourcesFromImages([headers])
    writeDicomFile(buildEncapsulatedStl(stl.read_bytes(), ModelDescription(title="Sheet"), sources), dcm)


def wrapOursManySlices(stl: Path, dcm: Path) -> None:
    wrapOurs(stl, dcm, MANY_SLICES)


def withoutFlush(task):
    """The same task, but the system decides when data goes to the disk."""

    def run(first: Path, second: Path) -> None:
        os.fsync = lambda _descriptor: None  # in a process of its own, which ends with the task
        task(first, second)

    return run


def wrapPydicom(stl: Path, dcm: Path) -> None:
    """What a short script does: the STL and a few attributes, saved."""
    dataset = ONE_SLICE[0]
    dataset.SOPClassUID = pydicom.uid.EncapsulatedSTLStorage
    dataset.EncapsulatedDocument = stl.read_bytes()
    dataset.MIMETypeOfEncapsulatedDocument = "model/stl"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.save_as(dcm, enforce_file_format=True)


def unwrapOurs(dcm: Path, stl: Path) -> None:
    payload, _dataset, _warnings = readStlPayload(dcm)
    with atomicWrite(stl) as file:
        for part in payloadChunks(payload):
            file.write(part)


def unwrapPydicom(dcm: Path, stl: Path) -> None:
    stl.write_bytes(pydicom.dcmread(dcm).EncapsulatedDocument)


def readOurs(dcm: Path, _stl: Path) -> None:
    readEncapsulatedStl(dcm)


def _peakKb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return 0


def _worker(task, first: Path, second: Path, pipe) -> None:
    # Forgets the peak of the parent and of imports, so that only the task's own is seen (Linux).
    Path("/proc/self/clear_refs").write_text("5")
    before = _peakKb()
    start = time.perf_counter()
    task(first, second)
    pipe.send((time.perf_counter() - start, (_peakKb() - before) * 1024))


def measure(task, first: Path, second: Path) -> tuple[float, float]:
    """Seconds and bytes of peak memory of a Python task in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_worker, args=(task, first, second, there))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        raise SystemExit("A task failed.") from None
    finally:
        process.join()


def measureProgram(command: list[str]) -> tuple[float, float]:
    """Seconds and bytes of peak memory of another program."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with exit status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def repeated(count: int, function, *arguments) -> tuple[float, float]:
    """Median seconds and largest peak of several runs."""
    results = []
    for _ in range(count):
        os.sync()
        results.append(function(*arguments))
    return statistics.median(seconds for seconds, _peak in results), max(peak for _seconds, peak in results)


def benchmark(megabytes: float, count: int, folder: Path) -> dict:
    """Seconds and peaks of every task and peer for one size."""
    stl, dcm, out = folder / "a.stl", folder / "a.dcm", folder / "b.stl"
    stl.write_bytes(stlBytes(wavySheet(megabytes)))
    size = stl.stat().st_size
    rows: dict[str, dict[str, tuple[float, float]]] = {"wrap": {}, "unwrap": {}, "read": {}}
    rows["wrap"]["pydicom"] = repeated(count, measure, wrapPydicom, stl, folder / "p.dcm")
    if shutil.which("stl2dcm"):
        command = ["stl2dcm", "-an", "+mu", "UCUM", "mm", "mm", str(stl), str(folder / "d.dcm")]
        rows["wrap"]["DCMTK"] = repeated(count, measureProgram, command)
    rows["wrap"]["SlicerM3D, no flush"] = repeated(count, measure, withoutFlush(wrapOurs), stl, dcm)
    rows["wrap"]["SlicerM3D"] = repeated(count, measure, wrapOurs, stl, dcm)
    rows["wrap"]["SlicerM3D, 140 slices"] = repeated(count, measure, wrapOursManySlices, stl, dcm)
    rows["unwrap"]["pydicom"] = repeated(count, measure, unwrapPydicom, dcm, out)
    if shutil.which("dcmdecap"):
        rows["unwrap"]["DCMTK"] = repeated(count, measureProgram, ["dcmdecap", str(dcm), str(out)])
    elif shutil.which("dcmconv"):
        # DCMTK before 3.6.8 cannot extract an STL: reading the object and writing it again comes nearest.
        rows["unwrap"]["DCMTK dcmconv"] = repeated(count, measureProgram, ["dcmconv", str(dcm), str(folder / "c.dcm")])
    rows["unwrap"]["SlicerM3D, no flush"] = repeated(count, measure, withoutFlush(unwrapOurs), dcm, out)
    rows["unwrap"]["SlicerM3D"] = repeated(count, measure, unwrapOurs, dcm, out)
    if out.read_bytes() != stl.read_bytes():
        raise SystemExit("The STL did not come back byte for byte.")
    rows["read"]["SlicerM3D"] = repeated(count, measure, readOurs, dcm, out)
    return {"bytes": size, "tasks": rows}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1, 10, 200])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        # Once for everything that is imported when it is first needed.
        stl, dcm = Path(folder) / "a.stl", Path(folder) / "a.dcm"
        stl.write_bytes(stlBytes(wavySheet(0.1)))
        for task in (wrapOurs, wrapPydicom, unwrapPydicom, readOurs):
            task(*((stl, dcm) if task in (wrapOurs, wrapPydicom) else (dcm, stl)))
            wrapOurs(stl, dcm)
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            results.append(benchmark(megabytes, arguments.repeat, Path(folder)))
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'MB':>6} {'task':<7} {'who':<22} {'seconds':>8} {'ratio to ours':>14} {'peak / STL size':>16}")
    for result in results:
        for task, who in result["tasks"].items():
            ours = who.get("SlicerM3D, no flush", who["SlicerM3D"])[0]
            for name, (seconds, peak) in who.items():
                ratio = f"{seconds / ours:.2f}"
                print(
                    f"{result['bytes'] / 1e6:6.1f} {task:<7} {name:<22} {seconds:8.3f} {ratio:>14} "
                    f"{peak / result['bytes']:16.2f}",
                )


if __name__ == "__main__":
    main()
