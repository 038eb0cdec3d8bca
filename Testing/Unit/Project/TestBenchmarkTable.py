"""The table of ``make benchmark``: what it says of a busy machine, of others, and of what could not be measured."""

import subprocess
import sys

import pytest

from M3DTestSupport.Project import ROOT


@pytest.fixture(scope="module")
def performance():
    sys.path.insert(0, str(ROOT / "Testing" / "Benchmarks"))
    try:
        import performance as module
    finally:
        sys.path.pop(0)
    return module


def test_aRowSaysItsShareOfTheGoal(performance):
    row = performance.Row("work", seconds=3.0, cpu=4.0, peakGb=0.5, goal=1.5, goalGb=1.0, foreign=0.02)
    assert row.cells()[:7] == ["work", "3.0", "4.0", "1.5", "2.00", "0.50", "1.00"]


def test_whereOthersKeptTheProcessorsNoShareOfTheGoalIsSaid(performance):
    peers = {"other": (9.0, 2.0)}
    busy = performance.Row("work", seconds=3.0, cpu=4.0, goal=1.5, foreign=0.4, peers=peers).cells()
    assert busy[4] == "busy (40% by others)"
    # The ratio is that of the processor's seconds, which others do not lengthen.
    assert busy[-1] == "other 9.0 / 2.0 (2.00)"
    quiet = performance.Row("work", seconds=3.0, cpu=4.0, goal=1.5, foreign=0.0, peers=peers).cells()
    assert quiet[-1] == "other 9.0 / 2.0 (0.33)"


def test_whatCouldNotBeMeasuredSaysWhyAndTheRestGoesOn(performance, tmp_path, capsys):
    benchmark = performance.Benchmark(tmp_path, quick=False)

    def failing():
        yield performance.Row("first", 1.0)
        performance.measured([sys.executable, "-c", "raise SystemExit('no such scan')"], accepted=(0,))

    benchmark.add("both", failing)
    benchmark.add("next", lambda: iter([performance.Row("second", 2.0)]))
    assert [row.name for row in benchmark.rows] == ["first", "both", "second"]
    text = performance.table(benchmark.rows)
    assert "not measured: RuntimeError" in text
    assert "no such scan" in text


def test_aProcessIsMeasuredByItself():
    # In a process that is as small as the benchmark's: Linux counts a parent's memory into the peak of its children.
    script = (
        "import sys; from performance_rows import measured\n"
        "work = \"x = bytearray(200_000_000); y = sum(range(5_000_000)); print('done')\"\n"
        "run = measured([sys.executable, '-c', work]); print(run.said.strip(), run.peakGb, run.cpu)"
    )
    folder = ROOT / "Testing" / "Benchmarks"
    answer = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    said, peakGb, cpu = answer.stdout.split()
    assert said == "done"
    assert 0.2 < float(peakGb) < 0.4
    assert 0.0 < float(cpu) < 10.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what other programs take")
def test_whatOtherProgramsTakeIsSeen(performance):
    from performance_rows import Bystanders

    bystanders = Bystanders()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        # Not waited for, so it is none of ours.
        subprocess.run([sys.executable, "-c", "import time; time.sleep(1.5)"], check=True)
        share = bystanders.share()
    finally:
        other.kill()
        other.wait()
    assert share > 0.1


def test_onlyTheMeasuredPartsOfTheDocumentAreReplaced(performance, tmp_path):
    file = tmp_path / "Page.md"
    file.write_text("before <!-- table -->old<!-- end of table --> after <!-- plot -->x<!-- end of plot -->")
    performance.write(file, {"table": "new", "plot": ""})
    assert file.read_text() == (
        "before <!-- table -->\n\nnew\n\n<!-- end of table --> after <!-- plot -->x<!-- end of plot -->"
    )
    with pytest.raises(ValueError, match="each once"):
        performance.write(file, {"table": "newer", "elsewhere": "lost"})
    assert "newer" not in file.read_text()


def test_theDocumentHasAPlaceForEveryPart(performance, tmp_path):
    copy = tmp_path / "Performance.md"
    copy.write_text(performance.DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    performance.write(copy, {"table": "measured table", "growth": "measured growth", "reckoned": "a larger one"})
    assert all(part in copy.read_text() for part in ("measured table", "measured growth", "a larger one"))


def test_aLargerCaseIsReckonedFromThreeThatWereMeasured(performance, tmp_path):
    benchmark = performance.Benchmark(tmp_path, quick=False)
    for slices, million in ((140, 0.78), (560, 1.56), (2000, 0.78)):
        cpu, peak = 5 + 0.02 * slices + 8 * million, 0.2 + 0.001 * slices + 0.3 * million
        benchmark.sizes.append((slices, million, performance.Run(0.0, cpu, peak, "", 0.0)))
    said = benchmark.reckoned()
    assert "125 s of the processor" in said
    assert "5.2 GB" in said
    assert "has not been run" in said
    assert "2000 slices with 0.78 million vertices 51 s and 2.43 GB" in said
    assert "miss by 0% at most" in said


def test_aLargerCaseIsNotReckonedToGetCheaperByAnything(performance, tmp_path):
    benchmark = performance.Benchmark(tmp_path, quick=False)
    # Straight lines through these would begin below zero.
    for slices, million, cpu in ((140, 0.78, 38.0), (560, 1.56, 82.0), (2000, 0.78, 60.0)):
        benchmark.sizes.append((slices, million, performance.Run(0.0, cpu, 0.2 + 0.001 * slices + million, "", 0.0)))
    said = benchmark.reckoned()
    assert "s of the processor (0.00, " in said
    assert "miss by" in said and "miss by 0% at most" not in said


def test_someRowsAloneLeaveTheTableAsItIs(performance, tmp_path, monkeypatch, capsys):
    page = tmp_path / "Page.md"
    page.write_text("".join(f"<!-- {name} -->old<!-- end of {name} -->" for name in ("table", "growth", "reckoned")))

    def one(self):
        self.sizes = [(s, m, performance.Run(0, 5 * m, m, "", 0.0)) for s, m in ((1, 1.0), (2, 3.0), (4, 1.0))]
        yield performance.Row("one", 1.0)

    monkeypatch.setattr(performance.Benchmark, "validation", one)
    monkeypatch.setattr(performance.Benchmark, "findScan", lambda self, scan: "A scan.")
    arguments = ["performance.py", "--only", "validation", "--write", "--document", str(page)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert performance.main() == 0
    text = page.read_text()
    assert "table -->old<" in text and "growth -->old<" in text and "10 million vertices has not been run" in text


def test_nothingIsReckonedFromCasesThatDoNotTell(performance, tmp_path):
    benchmark = performance.Benchmark(tmp_path, quick=False)
    benchmark.sizes = [(140, 0.78, performance.Run(0, 40, 1, "", 0.0))] * 2
    assert benchmark.reckoned() == ""
    benchmark.sizes = [
        (s, m, performance.Run(0, c, 1, "", 0.0)) for s, m, c in ((24, 0.1, 9), (96, 0.3, 8), (60, 0.1, 9))
    ]
    assert "differ too little" in benchmark.reckoned()
