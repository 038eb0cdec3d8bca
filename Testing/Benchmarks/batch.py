"""Cases per hour of m3d batch with 1 and 2 workers and with 2 Dask workers, and memory over many tiny cases.

Run it alone: ``python Testing/Benchmarks/batch.py [--cases N] [--tiny N]``. Goals: 2 workers do at least 0.85 of what
the cores allow, and the memory of a worker does not grow over the cases. What the cores allow is measured in the same
run: two plain processes that do the same cases without any batch around them, against one of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]

LEAST_EFFICIENCY = 0.85
MOST_GROWTH_MB = 50.0
# A warm process does one case after the other, as a worker does, but by itself.
PLAIN = """
import sys, os
from M3DBatchLib.CommandLine import main
for number in range(int(sys.argv[3])):
    main(["run", "--image", sys.argv[1], "--threshold", "500", "--largest", "1", "--profile", "education",
          "--formats", "json,html", "--output", os.path.join(sys.argv[2], str(number)), "--quiet"])
"""


def environment() -> dict[str, str]:
    """Of the processes: this checkout, and one thread for each library, as two workers on two cores have."""
    paths = [str(ROOT / "M3DExport"), str(ROOT / "M3DValidation")]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "VTK_SMP_MAX_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1"), "PYTHONPATH": os.pathsep.join(paths)}


def writeTable(file: Path, rows: list[dict]) -> Path:
    """The table of the batch."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def plain(scan: Path, folder: Path, processes: int, cases: int) -> float:
    """Wall seconds in which plain processes do cases, shared among them."""
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PLAIN, str(scan), str(folder / f"plain{processes}-{n}"), str(cases // processes)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for n in range(processes)
    ]
    statuses = [process.wait() for process in running]
    if any(statuses):
        sys.exit("A plain process failed.")
    return time.perf_counter() - start


def batch(table: Path, output: Path, *more: str, formats: str = "json,html") -> float:
    """Wall seconds of a batch in a process of its own."""
    command = [sys.executable, "-m", "M3DBatchLib", "batch", str(table), "--output", str(output), "--quiet", *more]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--formats", formats], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1, 3):
        sys.exit(done.stderr)
    return time.perf_counter() - start


def throughput(folder: Path, cases: int) -> bool:
    """Cases per hour; whether the goal is reached."""
    from M3DTestSupport.DaskCluster import DaskCluster
    from M3DTestSupport.PhantomScan import Fault, makeCase

    makeCase(folder / "scan", Fault())
    row = {"image": "scan", "threshold": 500, "largest": 1, "profile": "education"}
    table = writeTable(folder / "cases.csv", [{"id": f"case{number}", **row} for number in range(cases)])
    seconds = {
        "1 plain process": plain(folder / "scan", folder, 1, cases),
        "2 plain processes": plain(folder / "scan", folder, 2, cases),
        "1 worker": batch(table, folder / "one", "--workers", "1"),
        "2 workers": batch(table, folder / "two", "--workers", "2"),
    }
    (folder / "cluster").mkdir()
    with DaskCluster(folder / "cluster") as cluster:
        seconds["2 Dask workers"] = batch(table, folder / "dask", "--scheduler", cluster.address)
    for name, taken in seconds.items():
        print(f"{name:20}{3600 * cases / taken:8.0f} cases per hour ({taken:.1f} s for {cases})")
    allowed = seconds["1 plain process"] / seconds["2 plain processes"]
    reached = True
    for name in ("2 workers", "2 Dask workers"):
        gain = seconds["1 worker"] / seconds[name]
        efficiency = gain / allowed
        reached &= efficiency >= LEAST_EFFICIENCY
        print(f"{name}: {gain:.2f} times one worker; the cores allow {allowed:.2f}; efficiency {efficiency:.2f}")
    return reached


def memory(folder: Path, cases: int) -> bool:
    """Memory of the workers over many tiny cases; whether it stays."""
    from M3DBatchLib.Batch import LocalWorkers
    from M3DBatchLib.CommandLine import main
    from M3DBatchLib.Stopwatch import peakMemoryMb
    from M3DTestSupport.Batches import GOOD, writeMeshes

    writeMeshes(folder)
    table = writeTable(folder / "tiny.csv", [{"id": f"tiny{number}", "mesh": GOOD} for number in range(cases)])
    held: dict[object, list[float]] = {}
    do = LocalWorkers.CaseProcess.do

    def noted(process, *given, **more):
        outcome = do(process, *given, **more)
        held.setdefault(process, []).append(process.residentMb)
        return outcome

    LocalWorkers.CaseProcess.do = noted
    start = time.perf_counter()
    status = main(
        ["batch", str(table), "--output", str(folder / "tiny"), "--formats", "json", "--workers", "2", "--quiet"]
    )
    taken = time.perf_counter() - start
    summary = json.loads((folder / "tiny" / "summary.json").read_text(encoding="utf-8"))
    print(f"{cases} tiny cases: {taken:.0f} s, exit status {status}, {summary['counts']['pass']} pass")
    stays = True
    for number, values in enumerate(held.values(), start=1):
        early, late = max(values[: len(values) // 4][-10:]), max(values[-10:])
        stays &= late - early <= MOST_GROWTH_MB
        print(f"worker {number}: {len(values)} cases, {early:.0f} MB after a quarter of them, {late:.0f} MB at the end")
    print(f"this process: {peakMemoryMb():.0f} MB at most")
    return stays


def measure() -> int:
    """Measure; the exit status says whether the goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--tiny", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="m3d-benchmark-") as folder:
        reached = [throughput(Path(folder), arguments.cases)] if arguments.cases else []
        reached += [memory(Path(folder), arguments.tiny)] if arguments.tiny else []
    print(f"Goals {'reached' if all(reached) else 'NOT reached'}.")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(measure())
