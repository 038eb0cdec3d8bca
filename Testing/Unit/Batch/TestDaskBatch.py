"""Cases on a real Dask scheduler with workers of their own, of which one is killed in the middle."""

import json
import os
import signal
import sys
import threading
import time

import pytest

pytest.importorskip("distributed", reason="Dask is not installed; install the extra cluster")

from M3DBatchLib.Batch import DaskWorkers, Fingerprint
from M3DBatchLib.Batch.CaseFolder import WORK_FOLDER
from M3DBatchLib.Batch.DaskWorkers import Tls
from M3DBatchLib.CommandLine import main
from M3DLib.Errors import M3DError
from M3DTestSupport.Batches import GOOD, OPEN, readSummary, runBatch, writeMeshes, writeTable
from M3DTestSupport.DaskCluster import DaskCluster

COUNT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("dask")
    writeMeshes(place)
    rows = [{"id": f"case{number}", "mesh": GOOD if number else OPEN} for number in range(COUNT)]
    writeTable(place / "cases.csv", rows)
    return place


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with DaskCluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def killInTheMiddle(output, workers):
    """Kill a worker while it does a case, once some cases are done and others are not."""
    while len(list(output.glob("case*/outcome.json"))) < 3:
        time.sleep(0.01)
    while not list((output / WORK_FOLDER).glob("*-*/log.txt")):
        time.sleep(0.005)
    os.kill(workers[0].pid, signal.SIGKILL)


def test_everyCaseIsDoneOnceAlthoughAWorkerIsKilled(folder, cluster):
    output = folder / "out"
    killer = threading.Thread(target=killInTheMiddle, args=(output, cluster.workers), daemon=True)
    killer.start()
    assert runBatch(folder / "cases.csv", output, "--scheduler", cluster.address) == 1
    killer.join(1)
    assert not killer.is_alive()
    assert cluster.workers[0].wait(5) == -signal.SIGKILL
    summary, cases = readSummary(output)
    assert {name: case["verdict"] for name, case in cases.items()} == {
        f"case{number}": "pass" if number else "fail" for number in range(COUNT)
    }
    assert summary["workers"] == {"scheduler": cluster.address, "workers": 2, "atOnce": 2}
    assert sorted(entry.name for entry in output.iterdir() if entry.is_dir()) == sorted(cases)
    for name in cases:
        record = json.loads((output / name / "outcome.json").read_text(encoding="utf-8"))
        assert record["id"] == name
    assert runBatch(folder / "cases.csv", output, "--scheduler", cluster.address, "--resume") == 1
    assert all(case["kept"] for case in readSummary(output)[1].values())


def test_resultIsThatOfThisMachine(folder, cluster):
    table = writeTable(folder / "one.csv", [{"id": "a", "mesh": OPEN}])
    reports = []
    for number, more in enumerate((["--scheduler", cluster.address], ["--workers", "0"])):
        assert runBatch(table, folder / f"same{number}", *more) == 1
        reports.append(json.loads((folder / f"same{number}" / "a" / "report.json").read_text(encoding="utf-8")))
    assert reports[0]["findings"] == reports[1]["findings"]


def test_workerOfAnotherVersionIsRefusedByName(folder, cluster, monkeypatch, capsys):
    versions = {**Fingerprint.programVersions(), "scipy": "0.1"}
    monkeypatch.setattr(DaskWorkers, "programVersions", lambda: versions)
    assert runBatch(folder / "cases.csv", folder / "other", "--scheduler", cluster.address) == 2
    said = capsys.readouterr().err
    assert "scipy" in said and "instead of 0.1" in said
    assert not (folder / "other").exists()


def test_workerThatComesLaterWithAnotherVersionIsRefused():
    with pytest.raises(M3DError, match="other versions"):
        DaskWorkers.doOnWorker({}, "out", "token", False, {**Fingerprint.programVersions(), "numpy": "1"})


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "ftp://x:1"])
def test_schedulerThatIsNotThereIsRefused(folder, address, monkeypatch, capsys):
    monkeypatch.setattr(DaskWorkers, "_CONNECT_SECONDS", 2)
    assert runBatch(folder / "cases.csv", folder / "none", "--scheduler", address) == 2
    said = capsys.readouterr().err
    assert address in said and "Traceback" not in said


def test_summaryOfTheEarlierRunStaysWhereNothingCouldBeBegun(folder, monkeypatch):
    monkeypatch.setattr(DaskWorkers, "_CONNECT_SECONDS", 2)
    table = writeTable(folder / "kept.csv", [{"id": "a", "mesh": GOOD}])
    assert runBatch(table, folder / "kept", "--workers", "0") == 0
    before = (folder / "kept" / "summary.json").read_bytes()
    assert runBatch(table, folder / "kept", "--resume", "--scheduler", "tcp://127.0.0.1:9") == 2
    assert (folder / "kept" / "summary.json").read_bytes() == before


def test_schedulerWithoutWorkersIsRefused(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(DaskWorkers, "_WORKER_SECONDS", 1)
    with DaskCluster(tmp_path, workers=0) as lonely:
        assert runBatch(folder / "cases.csv", folder / "none", "--scheduler", lonely.address) == 2
    assert "has no worker" in capsys.readouterr().err


def writeCertificates(place):
    """An authority, a certificate and its key, made for the tests; options that name them."""
    from distributed.security import Security

    security = Security.temporary()
    contents = {"ca-file": security.tls_ca_file, "cert": security.tls_client_cert, "key": security.tls_client_key}
    options = []
    for name, content in contents.items():
        (place / f"{name}.pem").write_text(content)
        options += [f"--tls-{name}", str(place / f"{name}.pem")]
    return options


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """A cluster that speaks TLS only, and the options to speak with it."""
    options = writeCertificates(tmp_path_factory.mktemp("tls"))
    with DaskCluster(tmp_path_factory.mktemp("encrypted"), workers=1, tls=options) as started:
        yield started, options


def test_batchGoesThroughTls(folder, encrypted):
    started, options = encrypted
    assert started.address.startswith("tls://")
    table = writeTable(folder / "two.csv", [{"id": name, "mesh": GOOD} for name in "ab"])
    assert runBatch(table, folder / "encrypted", "--scheduler", started.address, *options) == 0


def test_withoutTheRightCertificatesItIsRefused(folder, encrypted, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(DaskWorkers, "_CONNECT_SECONDS", 2)
    address = encrypted[0].address
    others = writeCertificates(tmp_path)
    for reached, options in ((address, []), (address.replace("tls", "tcp"), []), (address, others)):
        assert runBatch(folder / "cases.csv", folder / "open", "--scheduler", reached, *options) == 2
        said = capsys.readouterr().err
        assert reached in said and "Traceback" not in said
    assert not (folder / "open").exists()


def test_certificatesThatAreNotThereOrNotWantedAreNamed(tmp_path):
    writeCertificates(tmp_path)
    authority = str(tmp_path / "ca-file.pem")
    words = str(tmp_path / "words.pem")
    (tmp_path / "words.pem").write_text("no certificate")
    for address, tls, said in (
        ("tls://127.0.0.1:9", Tls(caFile="none.pem"), r"none\.pem"),
        ("tcp://127.0.0.1:9", Tls(caFile=authority), "tls://"),
        ("tls://127.0.0.1:9", Tls(caFile=authority), "--tls-cert"),
        ("tls://127.0.0.1:9", Tls(authority, words, words), "TLS files"),
    ):
        with pytest.raises(M3DError, match=said):
            DaskWorkers._connected(address, tls)


def test_withoutDaskThePackageIsNamed(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["batch", str(folder / "cases.csv"), "--output", str(folder / "no"), "--scheduler", "tcp://x:1"]
    assert main(arguments) == 2
    assert "pip install SlicerM3D[cluster]" in capsys.readouterr().err
