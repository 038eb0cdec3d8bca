"""What everything costs, beside what it should cost and what others take: one table.

    make benchmark                                    # some 15 minutes on two quiet processors
    make benchmark BENCHMARK_OPTIONS="--large --write"
    python Testing/Benchmarks/performance.py --quick  # a small scan and small meshes, to try it
    python Testing/Benchmarks/performance.py --only validation more largest --write  # how a larger one is reckoned

Every row runs in a process of its own: seconds by the clock, seconds of the processor (of all threads), and the largest
memory of that process. What share of the processors other programs took meanwhile is measured for each row; where it is
more than a tenth, only the processor's seconds mean something, and the row says so. The real scan of 1 mm is taken
where it lies beside the checkout, else the head phantom. A row that could not be measured says why, and the rest goes
on. ``--write`` puts the tables and the plot of how the cost grows into ``Docs/Performance.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from performance_rows import MOST_FOREIGN, ROOT, Row, Run, load, machine, measured, table

sys.path[:0] = [str(ROOT / part) for part in ("M3DExport", "M3DValidation", "Testing")]

DOCUMENT = ROOT / "Docs" / "Performance.md"
BODY = ("--threshold", "300", "--largest", "1")
FACES = ("--formats", "json,html,pdf")
# Checks that a row names together, or that have a row of their own.
CHECKS = (
    ("  of it: orientation and self-intersections", ("OrientationCheck", "SelfIntersectionCheck"), 2),
    ("  of it: walls and gaps", ("WallCheck",), 2),
    ("  of it: surface of the segment", ("SegmentSurfaceCheck", "ClosednessCheck"), 2),
    ("  of it: pictures", ("pictures",), 3),
)
# Seconds by the clock where the goals were set, of programs that run here too: how fast this machine is beside that.
THERE = {"the same without cell centers": 4.9, "pymeshlab": 3.9, "MeshLib": 1.2}
# What is measured, in this order: methods of the benchmark, and what stands in the table when one fails.
ROWS = {
    "validation": "m3d validate",
    "export": "m3d export",
    "compare": "m3d compare with registration",
    "demo": "m3d demo",
    "deviations": "image and surface deviation",
    "fewer": "refining, and fewer triangles",
    "waiting": "longest wait of the interface during validation",
    "more": "m3d validate and export, four times the slices",
    "largest": "m3d validate, 2000 slices",
}
QUICK_SLICES, REPEATED_SLICES, QUICK_REPEATED = 24, 2000, 60


def m3d(*arguments) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "M3DBatchLib", *map(str, arguments)]


class Benchmark:
    """One run over all rows.

    :ivar quick: a small scan and small meshes, whose rows have no goals.
    :ivar sizes: of the validations that the cost of a larger one is reckoned from: slices, million vertices, run.
    """

    def __init__(self, folder: Path, quick: bool):
        self.folder, self.quick = folder, quick
        self.rows: list[Row] = []
        self.sizes: list[tuple[float, float, Run]] = []
        self.scan = folder

    def part(self, name: str, *arguments, file: str = "performance_parts.py") -> tuple[dict, Run]:
        """What a part measured in a process of its own."""
        run = measured([sys.executable, str(Path(__file__).with_name(file)), name, *map(str, arguments)], accepted=(0,))
        return json.loads(run.said.splitlines()[-1]), run

    def findScan(self, scan: Path) -> str:
        """Have the scan that is measured; says in a sentence which it is."""
        said = "The scan is the real one of 1 mm"
        if not scan.is_dir():
            scan, said = self.folder / "phantom", "The real scan is not there: this is the head phantom"
            self.part("phantom", scan)
        if self.quick:
            self.part("cropped", scan, self.folder / "cropped", QUICK_SLICES)
            scan, said = self.folder / "cropped", f"{said}, {QUICK_SLICES} of its slices"
        self.scan = scan
        return f"{said}, {len(list(scan.iterdir()))} files."

    def add(self, name: str, work: Callable[[], Iterator[Row]]) -> None:
        """Measure some rows; why they could not be measured, where they could not."""
        try:
            for row in work():
                self._keep(row)
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            self._keep(Row(name, failure=f"{type(error).__name__}: {error}"))

    def _keep(self, row: Row) -> None:
        if self.quick:
            row.goal = row.goalGb = None
        self.rows.append(row)
        print(" | ".join(row.cells()), flush=True)

    def validation(self) -> Iterator[Row]:
        """Validating the scan, with all faces and in JSON alone, and what its parts take."""
        output = self.folder / "report"
        command = m3d("validate", "--image", self.scan, *BODY, "--output", output)
        run = measured([*command, *FACES])
        yield Row.of("m3d validate, all faces", run, 15, 1.0)
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        slices = len(list(self.scan.glob("*")))
        self.sizes.append((slices, report["deviation"]["image"]["vertices"] / 1e6, run))
        yield Row.of("the same, JSON only", measured([*command, "--formats", "json"]), 10)
        image, run = self.part("scan", self.scan)
        deviation = "  of it: image deviation"
        yield Row(deviation, image["seconds"], image["cpu"], image["peakGb"], 3, foreign=run.foreign)
        run = measured([*command, *FACES, "--timings"])
        timings = json.loads((output / "report.json").read_text(encoding="utf-8"))["timings"]
        taken = {entry["name"]: entry for kind in timings.values() for entry in kind}
        for name, checks, goal in CHECKS:
            entries = [taken[check] for check in checks]
            seconds, cpu = (sum(entry[key] for entry in entries) for key in ("seconds", "cpuSeconds"))
            peaks = [entry["peakMemoryMb"] / 1e3 for entry in entries if entry["peakMemoryMb"]]
            yield Row(name, seconds, cpu, max(peaks, default=None), goal, foreign=run.foreign)

    def export(self) -> Iterator[Row]:
        """Exporting the scan's bone."""
        output = self.folder / "export"
        command = m3d("export", "--image", self.scan, *BODY, "--output", output, "--stl")
        yield Row.of("m3d export", measured(command), 3.5, 0.8)

    def compare(self) -> Iterator[Row]:
        """Comparing the surface with itself, turned and moved."""
        models, _ = self.part("models", self.scan, self.folder)
        command = m3d("compare", models["moved"], models["mesh"], "--register")
        yield Row.of("m3d compare with registration", measured(command), 5)

    def demo(self) -> Iterator[Row]:
        """The demo."""
        yield Row.of("m3d demo", measured(m3d("demo", "--output", self.folder / "demo")), 8)

    def deviations(self) -> Iterator[Row]:
        """Deviations of 0.78 million vertices beside other programs, which the validation is held against too."""
        found, run = self.part("deviations", *(("100000", "200", "96") if self.quick else ()))
        peers = {name: tuple(seconds) for name, seconds in found["peers"].items()}
        for name in ("image", "surface"):
            title = f"{name} deviation of {found['vertices'] / 1e6:.2f} million vertices"
            yield Row(title, *found[name], 1.5, foreign=run.foreign, peers=peers)
        if not self.quick and not self.rows[0].failure:
            self.rows[0].peers = {"VTK's distance filter": peers["VTK's distance filter"]}
            self.rows[0].peerGoals = {"VTK's distance filter": 1.3}

    def fewer(self) -> Iterator[Row]:
        """Refining, and fewer triangles, beside others that leave as many: what they take, not how far off they are."""
        found, run = self.part("fewer", self.scan)
        count = f"{found['triangles'] / 1e6:.2f} million triangles"
        yield Row(f"refining a surface of {count}", *found["refined"], 8, 1.0, foreign=run.foreign)
        for maxError, each in found["within"].items():
            name = f"--max-error {maxError} of these, which leaves {each['triangles'] / 1e6:.2f} million"
            peers = {peer: tuple(seconds) for peer, seconds in each["peers"].items()}
            yield Row(name, *each["own"], 10, foreign=run.foreign, peers=peers)

    def waiting(self) -> Iterator[Row]:
        """How long the events of the application wait at most."""
        wait, run = self.part("responsiveness", self.scan)
        name = "longest wait of the interface during validation"
        yield Row(name, wait["seconds"], wait["cpu"], None, 0.2, foreign=run.foreign)

    def more(self) -> Iterator[Row]:
        """The scan with four times the slices (values between its slices), validated and exported."""
        series, output = self.folder / "large", self.folder / "largeReport"
        made, _ = self.part("large", self.scan, series)
        run = measured(m3d("validate", "--image", series, *BODY, "--output", output, *FACES))
        yield Row.of(f"m3d validate, {made['slices']} slices", run, 30, 2.0)
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        self.sizes.append((made["slices"], report["deviation"]["image"]["vertices"] / 1e6, run))
        run = measured(m3d("export", "--image", series, *BODY, "--output", self.folder / "largeExport", "--stl"))
        yield Row.of(f"m3d export, {made['slices']} slices", run, 8, 1.5)

    def largest(self) -> Iterator[Row]:
        """A series of 2000 slices (the scan over and over), with a model of one repetition in its middle."""
        slices = QUICK_REPEATED if self.quick else REPEATED_SLICES
        made, _ = self.part("repeated", self.scan, self.folder, slices, file="performance_growth.py")
        anatomy = ("--segmentation", made["segmentation"], "--output", self.folder / "largestReport")
        run = measured(m3d("validate", "--image", self.folder / "repeated", *anatomy, *FACES))
        million = made["vertices"] / 1e6
        yield Row.of(f"m3d validate, {slices} slices, a model of {million:.2f} million vertices", run)
        self.sizes.append((slices, million, run))

    def reckoned(self) -> str:
        """What 10 million vertices in 2000 slices would take: from three validations, straight lines; "" without.

        Nothing gets cheaper by being larger: the parts of the cost are not below zero, and how far the lines then miss
        what was measured is said.
        """
        if len(self.sizes) != 3:
            return ""
        import numpy as np
        from scipy.optimize import nnls

        system = np.array([[1.0, slices, million] for slices, million, _ in self.sizes])
        if np.linalg.cond(system) > 1e8:
            return ""
        words, missed = [], 0.0
        for name, unit in (("cpu", "s of the processor"), ("peakGb", "GB")):
            taken = np.array([getattr(run, name) for *_, run in self.sizes])
            parts, _ = nnls(system / taken[:, None], np.ones(3))
            if parts[2] <= 0:
                return "The three validations that were measured differ too little to reckon a larger one from."
            missed = max(missed, float(np.abs(system @ parts / taken - 1).max()))
            fixed, perSlice, perMillion = parts
            words.append(
                f"{parts @ (1, 2000, 10):.3g} {unit} ({fixed:.2f}, {1000 * perSlice:.2f} for every 1000 slices, and "
                f"{perMillion:.2f} for every million vertices)"
            )
        measuredOn = "; ".join(
            f"{slices:.0f} slices with {million:.2f} million vertices {run.cpu:.0f} s and {run.peakGb:.2f} GB"
            for slices, million, run in self.sizes
        )
        return (
            "A validation with all faces of 2000 slices with a model of 10 million vertices has not been run. "
            f"It is reckoned to take {' and '.join(words)}: straight lines through the three validations that were "
            f"measured ({measuredOn}), which they miss by {missed:.0%} at most."
        )

    def speed(self) -> str:
        """How fast this machine is beside the one of the goals, in a sentence; "" where no program tells."""
        peers = next((row.peers for row in self.rows if set(row.peers) & set(THERE)), {})
        if self.quick or not peers:
            return ""
        busy = any(row.isBusy for row in self.rows if row.peers)
        which = "of the processor" if busy else "by the clock"
        ratios = {name: THERE[name] / peers[name][int(busy)] for name in THERE if name in peers}
        texts = [f"{name} {peers[name][int(busy)]:.1f} s here ({which}), {THERE[name]} s there" for name in ratios]
        factor = statistics.median(ratios.values())
        return (
            f"Beside the two quiet cores that the goals were set for, this machine is {factor:.2f} times as fast, by "
            f"what others take on both: {'; '.join(texts)}."
        )


def warning(where: str) -> None:
    """Say so when other programs are at work now."""
    busy = load()
    if busy is not None and busy > MOST_FOREIGN * (os.cpu_count() or 1):
        print(
            f"WARNING: {where} the load is {busy:.1f}: other programs are at work. Seconds by the clock will mean "
            "little; every row says what share of the processors others took.",
            file=sys.stderr,
            flush=True,
        )


def main() -> int:
    """Measure everything and print it; 1 when something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small scan and small meshes, without goals, to try it")
    parser.add_argument("--large", action="store_true", help="also a validation of 2000 slices (some minutes more)")
    parser.add_argument("--no-growth", action="store_true", help="leave out how the cost grows (some minutes)")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"some rows only: {', '.join(ROWS)}")
    parser.add_argument("--write", action="store_true", help="put tables and plot into the document")
    parser.add_argument(
        "--document", type=Path, default=DOCUMENT, help="what --write changes (default: Docs/Performance.md)"
    )
    arguments = parser.parse_args()
    if arguments.quick and arguments.write and arguments.document == DOCUMENT:
        parser.error("Docs/Performance.md holds full runs only: name another with --document to try --write.")
    if arguments.write:
        # Not only after all has been measured.
        write(arguments.document, dict.fromkeys(("table", "reckoned", "growth"), ""))
    from M3DTestSupport.RealData import ONE_MM_SCAN

    started, busy = datetime.now(timezone.utc), load()
    warning("before the run")
    where = f"{started:%Y-%m-%d}, {machine()}; load before the run {'unknown' if busy is None else f'{busy:.1f}'}."
    print(where, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        benchmark = Benchmark(Path(temporary), arguments.quick)
        which = benchmark.findScan(ONE_MM_SCAN)
        print(which, flush=True)
        for row, name in ROWS.items():
            if row in arguments.only if arguments.only else arguments.large or row != "largest":
                benchmark.add(name, getattr(benchmark, row))
        about = " ".join(filter(None, (where, which, benchmark.speed())))
        reckoned = benchmark.reckoned()
        print(f"\n{about}\n\n{table(benchmark.rows)}\n\n{reckoned}", flush=True)
        grown = {"lines": [], "missing": 0}
        if not arguments.no_growth and not arguments.only:
            plot = arguments.document.with_suffix(".png") if arguments.write else ""
            sizes = [plot, "quick"] if arguments.quick else [plot]
            grown, _ = benchmark.part("growth", *sizes, file="performance_growth.py")
            print("\n".join(grown["lines"]))
    minutes = (datetime.now(timezone.utc) - started).total_seconds() / 60
    print(f"{minutes:.0f} minutes.")
    if arguments.write:
        # A table of some rows would take the place of one of all.
        whole = "" if arguments.only else f"{about}\n\n{table(benchmark.rows)}"
        write(arguments.document, {"table": whole, "growth": "\n".join(grown["lines"]), "reckoned": reckoned})
    return int(grown["missing"] > 0 or any(row.failure for row in benchmark.rows))


def write(document: Path, parts: dict[str, str]) -> None:
    """Replace the measured parts of the document, each between its two marks; a part that is "" stays as it was.

    :raises ValueError: a mark is not there exactly once; the document is left as it is.
    """
    text = document.read_text(encoding="utf-8")
    for name, content in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{document} needs '{begin}' and '{end}', each once.")
        if content:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}"
    temporary = document.with_name(f"{document.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(document)


if __name__ == "__main__":
    sys.exit(main())
