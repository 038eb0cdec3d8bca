"""How many cases are worked on at once, and that no more begin than the memory holds."""

import threading
import time

import pytest

from M3DBatchLib.Batch import CaseMemory, CaseProcess, LocalWorkers
from M3DBatchLib.Batch.CaseMemory import chooseWorkers, expectedMemory
from M3DBatchLib.Batch.CasePlan import CasePlan

GB = 1 << 30


def plans(*sizes):
    return [CasePlan(str(n), n, str(n), "validate", [], expectedMemory=size) for n, size in enumerate(sizes, start=1)]


@pytest.mark.parametrize(
    ("processors", "free", "wanted", "count"),
    [
        (8, 64 * GB, None, 5),
        (2, 64 * GB, None, 2),
        (8, 5 * GB, None, 2),
        (8, GB, None, 1),
        (8, GB, 3, 3),
        (1, GB, 9, 5),
    ],
)
def test_workersAreChosenFromWhatIsFree(monkeypatch, processors, free, wanted, count):
    monkeypatch.setattr(CaseMemory, "freeProcessors", lambda: processors)
    monkeypatch.setattr(CaseMemory, "freeMemory", lambda: free)
    chosen = chooseWorkers(plans(GB, 2 * GB, GB, GB, GB), wanted)
    assert chosen.count == count
    assert f"{chosen.count} worker" in chosen.sentence() and "free memory" in chosen.sentence()


def test_largerScanNeedsMore(tmp_path):
    for name, size in (("small", 1000), ("large", 10_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_bytes(bytes(size))
    small, large = (expectedMemory({"image": [str(tmp_path / name)]}) for name in ("small", "large"))
    assert large - small == pytest.approx(CaseMemory.BYTES_PER_IMAGE_BYTE * (10_000_000 - 1000))


class Recorded:
    """Stands for a worker process: notes how much memory the cases at work have together."""

    now = most = 0
    lock = threading.Lock()
    residentMb = None

    def __init__(self, threads=1):
        pass

    def do(self, plan, *_given, **_more):
        with Recorded.lock:
            Recorded.now += plan.expectedMemory
            Recorded.most = max(Recorded.most, Recorded.now)
        time.sleep(0.02)
        with Recorded.lock:
            Recorded.now -= plan.expectedMemory
        return {"peakMemoryMb": plan.expectedMemory / 1e6}

    def end(self):
        pass

    stop = end


@pytest.mark.parametrize(
    ("sizes", "most"), [((GB,) * 6, 2 * GB), ((2 * GB, GB, 2 * GB, GB), 3 * GB), ((5 * GB,) * 3, 5 * GB)]
)
def test_noMoreCasesBeginThanTheMemoryHoldsButOneAlways(monkeypatch, tmp_path, sizes, most):
    monkeypatch.setattr(LocalWorkers, "CaseProcess", Recorded)
    monkeypatch.setattr(LocalWorkers, "freeMemory", lambda: int(3.4 * GB) if sizes[0] > GB else int(2.4 * GB))
    monkeypatch.setattr(LocalWorkers, "_PAUSE_SECONDS", 0.01)
    Recorded.now = Recorded.most = 0
    workers = LocalWorkers.LocalWorkers(4, tmp_path, "token", False)
    assert len(list(workers.outcomes(plans(*sizes)))) == len(sizes)
    assert Recorded.most <= most


def test_casesThatNeededMoreThanWasThoughtLetFewerBegin(monkeypatch):
    monkeypatch.setattr(LocalWorkers, "freeMemory", lambda: 100 * GB)
    monkeypatch.setattr(LocalWorkers, "_PAUSE_SECONDS", 0.01)
    gate = LocalWorkers._MemoryGate()
    gate._budget = 3 * GB
    running = threading.Event()
    assert gate.enter(GB, running) and gate.enter(GB, running)
    gate.leave(GB, None)
    gate.leave(GB, 2 * GB / 1e6)
    # Each is thought to need twice as much now, so that two have no room beside each other.
    assert gate.enter(GB, running)
    threading.Timer(0.1, running.set).start()
    assert not gate.enter(GB, running)


def test_workersOfTheApplicationAreThoseOfItsOwnPython(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("SLICER_HOME", str(tmp_path))
    assert CaseProcess.pythonExecutable() != str(tmp_path / "bin" / "PythonSlicer")
    (tmp_path / "bin" / "PythonSlicer").write_text("")
    assert CaseProcess.pythonExecutable() == str(tmp_path / "bin" / "PythonSlicer")
