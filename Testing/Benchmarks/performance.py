"""What everything costs, beside what it should cost and what others take: one table.

    python Testing/Benchmarks/performance.py [--no-growth] [--write]

Every row runs in a process of its own: seconds by the clock, seconds of the processor (of all threads), and the largest
memory of that process. Where other programs are at work, only the processor's seconds mean something; how busy the
machine was is printed. The real scan of 1 mm is taken where it lies beside the checkout, else the head phantom.
``--write`` puts the table and the plot of how the cost grows into ``Docs/Performance.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]

PARTS = Path(__file__).with_name("performance_parts.py")
DOCUMENT, PLOT = ROOT / "Docs" / "Performance.md", ROOT / "Docs" / "Performance.png"
BODY = ("--threshold", "300", "--largest", "1")
# Whether other programs are at work, so that seconds by the clock say nothing.
BUSY = hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1)
# Two checks that a row names together, and checks that have a row of their own.
CHECKS = (
    ("  of it: orientation and self-intersections", ("OrientationCheck", "SelfIntersectionCheck"), 2),
    ("  of it: walls and gaps", ("WallCheck",), 2),
    ("  of it: surface of the segment", ("SurfaceCheck",), 2),
)


@dataclass
class Row:
    """One line of the table: seconds by the clock and of the processor, peak in GB; goals None where there are none.

    :ivar peers: processor seconds that others take in the same run, by name.
    """

    name: str
    seconds: float
    cpu: float
    peakGb: float | None
    goal: float | None = None
    goalGb: float | None = None
    peers: dict[str, float] = field(default_factory=dict)

    def cells(self) -> list[str]:
        """The cells of the line, as text; no share of the goal where other programs kept the processors."""
        shared = BUSY or self.goal is None
        ratio = ("busy" if BUSY else "") if shared else f"{self.seconds / self.goal:.2f}"
        peers = ", ".join(f"{name} {seconds:.1f} s ({self.cpu / seconds:.2f})" for name, seconds in self.peers.items())
        numbers = [f"{self.seconds:.1f}", f"{self.cpu:.1f}", "" if self.goal is None else f"{self.goal:g}", ratio]
        memory = ["" if value is None else f"{value:.2f}" for value in (self.peakGb, self.goalGb)]
        return [self.name, *numbers, *memory, peers]


HEAD = [
    "work",
    "s",
    "processor s",
    "goal s",
    "of the goal",
    "peak GB",
    "goal GB",
    "others in the same run, processor s (ours to theirs)",
]


def measured(command: list[str], accepted: tuple[int, ...] = (0, 1, 3)) -> tuple[float, float, float, str]:
    """Run a command: seconds by the clock, of the processor, peak in GB, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path[:3], os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=complained, env=environment, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if process.returncode not in accepted:
            raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{complained.read()[-2000:]}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
        return seconds, usage.ru_utime + usage.ru_stime, peak, said.read()


def m3d(*arguments) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "M3DBatchLib", *map(str, arguments)]


def part(name: str, *arguments) -> dict:
    """What a part of ``performance_parts.py`` measured, in a process of its own."""
    return json.loads(measured([sys.executable, str(PARTS), name, *map(str, arguments)])[3].splitlines()[-1])


def validation(scan: Path, folder: Path) -> Iterator[Row]:
    """Validating the scan, with all faces and in JSON alone, and what its parts take."""
    command = m3d("validate", "--image", scan, *BODY, "--output", folder / "report")
    faces = ("--formats", "json,html,pdf")
    yield Row("m3d validate, all faces", *measured([*command, *faces])[:3], 15, 1.0)
    yield Row("the same, JSON only", *measured([*command, "--formats", "json"])[:3], 10)
    image = part("scan", scan)
    yield Row("  of it: image deviation", image["seconds"], image["cpu"], image["peakGb"], 3)
    measured([*command, *faces, "--timings"])
    timings = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))["timings"]
    taken = {entry["name"]: entry for kind in timings.values() for entry in kind}
    for name, checks, goal in (*CHECKS, ("  of it: pictures", ("pictures",), 3)):
        entries = [taken[check] for check in checks if check in taken]
        seconds, cpu = (sum(entry[key] for entry in entries) for key in ("seconds", "cpuSeconds"))
        peaks = [entry["peakMemoryMb"] / 1e3 for entry in entries if entry["peakMemoryMb"]]
        yield Row(name, seconds, cpu, max(peaks, default=None), goal)


def others(scan: Path, folder: Path) -> Iterator[Row]:
    """Export, comparison with registration, demo."""
    export = m3d("export", "--image", scan, *BODY, "--output", folder / "export", "--stl")
    yield Row("m3d export", *measured(export)[:3], 3.5, 0.8)
    models = part("models", scan, folder)
    compare = m3d("compare", models["moved"], models["mesh"], "--register")
    yield Row("m3d compare with registration", *measured(compare)[:3], 5)
    yield Row("m3d demo", *measured(m3d("demo", "--output", folder / "demo"))[:3], 8)


def large(scan: Path, folder: Path) -> Iterator[Row]:
    """The scan with four times the slices (values between its slices), validated and exported."""
    series = folder / "large"
    made = part("large", scan, series)
    faces = ("--formats", "json,html,pdf")
    validate = m3d("validate", "--image", series, *BODY, "--output", folder / "largeReport", *faces)
    yield Row(f"m3d validate, {made['slices']} slices", *measured(validate)[:3], 30, 2.0)
    export = m3d("export", "--image", series, *BODY, "--output", folder / "largeExport", "--stl")
    yield Row(f"m3d export, {made['slices']} slices", *measured(export)[:3], 8, 1.5)


def deviations() -> Iterator[Row]:
    """Deviations of 0.78 million vertices beside other programs."""
    found = part("deviations")
    for name in ("image", "surface"):
        title = f"{name} deviation of {found['vertices'] / 1e6:.2f} million vertices"
        yield Row(title, *found[name], 1.5, peers=found["peers"])


def waiting(scan: Path) -> Iterator[Row]:
    """How long the events of the application wait at most."""
    wait = part("responsiveness", scan)
    yield Row("longest wait of the interface during validation", wait["seconds"], wait["cpu"], None, 0.2)


def table(rows: list[Row]) -> str:
    """The rows as a table in Markdown, whose columns line up."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def machine() -> str:
    """What was measured on, in one sentence."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{os.cpu_count()} cores ({name}), {platform.system()}, Python {platform.python_version()}; "
        f"load before the run {load:.1f}"
    )


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-growth", action="store_true", help="leave out how the cost grows (some minutes)")
    parser.add_argument("--no-large", action="store_true", help="leave out the scan with four times the slices")
    parser.add_argument("--write", action="store_true", help=f"put table and plot into {DOCUMENT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    from M3DTestSupport.RealData import ONE_MM_SCAN

    where = machine()
    print(where, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder, scan = Path(temporary), ONE_MM_SCAN
        if not scan.is_dir():
            scan = folder / "phantom"
            part("phantom", scan)
        rows = []
        works = [lambda: validation(scan, folder), lambda: others(scan, folder), deviations]
        works.append(lambda: waiting(scan))
        if not arguments.no_large:
            works.append(lambda: large(scan, folder))
        for work in works:
            for row in work():
                rows.append(row)
                print(" | ".join(row.cells()), flush=True)
    peers = next((row.peers for row in rows if row.peers), {})
    rows[0].peers = {name: seconds for name, seconds in peers.items() if name == "VTK's distance filter"}
    print(table(rows))
    grown = [] if arguments.no_growth else part("growth", PLOT if arguments.write else "")["lines"]
    print("\n".join(grown))
    if arguments.write:
        write(where, rows, grown)


def write(where: str, rows: list[Row], grown: list[str]) -> None:
    """Replace the measured parts of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, content in (("table", f"{where}.\n\n{table(rows)}"), ("growth", "\n".join(grown))):
        if not content:
            continue
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
