"""What may still be taken of a machine is what its limits leave, in a container as in a batch job."""

import os

import pytest

from M3DLib import FreeMachine


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups as files in a folder; call it with version, path of the own group, and contents by file."""

    def make(version, path, files):
        root, own = tmp_path / "cgroup", tmp_path / "own"
        own.write_text(f"0::{path}\n" if version == 2 else f"7:memory:{path}\n3:cpu,cpuacct:{path}\n")
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        kept = FreeMachine._groups
        monkeypatch.setattr(FreeMachine, "_groups", lambda controller: kept(controller, root, own))

    return make


def test_groupThatLiesInOneWithALimitHasThatLimit(groups):
    files = {
        "job/memory.max": "1000000000\n",
        "job/memory.current": "700000000\n",
        "job/memory.stat": "anon 300000000\ninactive_file 400000000\n",
        "job/step/memory.max": "max\n",
    }
    groups(2, "/job/step", files)
    # What the system only keeps of files is there for whoever needs it.
    assert FreeMachine.freeMemory() == 700_000_000


def test_memoryThatIsUsedUpIsNotLessThanNone(groups):
    files = {"memory.max": "1000\n", "memory.current": "3000\n", "memory.stat": "inactive_file 500\n"}
    groups(2, "/", files)
    assert FreeMachine.freeMemory() == 0


def test_groupsOfTheFirstVersionLimitToo(groups):
    files = {
        "memory/job/memory.limit_in_bytes": "2000000\n",
        "memory/job/memory.usage_in_bytes": "1500000\n",
        "memory/job/memory.stat": "total_inactive_file 250000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "cpu/job/cpu.cfs_quota_us": "100000\n",
        "cpu/job/cpu.cfs_period_us": "100000\n",
    }
    groups(1, "/job", files)
    assert FreeMachine.freeMemory() == 750_000
    assert FreeMachine.freeProcessors() == 1


def test_processorsAreThoseOfTheQuotaAndNeverNone(groups):
    groups(2, "/", {"cpu.max": "50000 100000\n"})
    assert FreeMachine.freeProcessors() == 1


def test_withoutLimitsTheMachineIsThere(groups):
    groups(2, "/none", {})
    assert FreeMachine.freeMemory() > 1 << 24
    assert 1 <= FreeMachine.freeProcessors() <= os.cpu_count()
