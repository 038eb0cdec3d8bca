"""What goes wrong on the way to a real archive: said clearly, nothing lost, and the repeat completes."""

import os
import subprocess
import sys

import numpy as np
import pytest

from M3DLib.Dicom.DicomFile import writeDicomFile
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.Commands import environment, withFileLimit
from M3DTestSupport.LoopbackProxy import LoopbackProxy
from M3DTestSupport.Models import makeHeaders, makeObject
from M3DTestSupport.OrthancServer import AET, CLIENT_AET, OrthancServer, findOrthanc
from M3DTestSupport.PacsCommands import address, filesOf, m3d, m3dJson, requireSameObjects

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

PROTOCOLS = ["dicomweb", "dimse"]
COUNT = 6


@pytest.fixture
def models(tmp_path, request):
    """Models of a patient of the test's own, half a megabyte each."""
    patient = f"P{abs(hash(request.node.name)) % 10**8}"
    # Random places, so that no server makes less of it on the way.
    points = np.random.default_rng(1).normal(0, 10, (30_000, 3)).astype(np.float32)
    large = TriangleMesh(points, np.arange(30_000, dtype=np.int32).reshape(-1, 3), "large")
    headers = makeHeaders(PatientID=patient, StudyInstanceUID=f"1.2.826.{patient[1:]}.7")
    folder = tmp_path / "models"
    folder.mkdir()
    series = None
    for number in range(COUNT):
        dataset = makeObject(large, ModelDescription(title=f"part {number}"), headers)
        # One series: what is interrupted is in its middle.
        series = series or dataset.SeriesInstanceUID
        dataset.SeriesInstanceUID = series
        writeDicomFile(dataset, folder / f"{number}.dcm")
    return patient, folder


def portOf(server, protocol):
    return server.httpPort if protocol == "dicomweb" else server.dicomPort


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attempts", [1, 3])
def test_connectionCutWhileSending(server, models, capsys, *, protocol, attempts):
    _patient, folder = models
    with LoopbackProxy(portOf(server, protocol)) as proxy:
        proxy.cutAfter = 1_500_000
        where = [*address(server, protocol, port=proxy.port), "--attempts", attempts]
        status, sent, said = m3dJson(capsys, "send", folder, *where)
        if attempts == 1:
            assert status == 2 and "the connection broke off" in said and "again sends only these" in said
            assert not sent["complete"]
            status, sent, said = m3dJson(capsys, "send", folder, *where)
        assert status == 0, said
        assert sent["complete"] and sent["sent"] + sent["alreadyThere"] == COUNT
        if protocol == "dimse" and attempts == 1:
            # What had arrived before the cut was not sent again.
            assert sent["alreadyThere"] > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attempts", [1, 3])
def test_connectionCutWhileFetching(server, models, tmp_path, capsys, *, protocol, attempts):
    patient, folder = models
    assert m3d("send", folder, *address(server, protocol)) == 0
    out = tmp_path / "out"
    with LoopbackProxy(portOf(server, protocol)) as proxy:
        proxy.cutAfter = 1_500_000
        where = [*address(server, protocol, port=proxy.port), "--attempts", attempts]
        status, fetched, said = m3dJson(capsys, "fetch", "--patient", patient, *where, "--output", out)
        if attempts == 1:
            assert status == 2 and "the connection broke off" in said and "goes on from there" in said
            # Half a series is not where somebody would take it for a whole one.
            assert not fetched["complete"] and not out.exists()
            status, fetched, said = m3dJson(capsys, "fetch", "--patient", patient, *where, "--output", out)
            counts = fetched["series"][0]["instances"]
            assert counts["alreadyThere"] > 0 and counts["alreadyThere"] + counts["fetched"] == COUNT
        assert status == 0, said
    requireSameObjects(out, folder)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["models", "out"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_serverStoppedInTheMiddle(models, tmp_path, capsys, protocol):
    patient, folder = models
    program, plugin = findOrthanc()
    if program is None or plugin is None:
        pytest.skip("orthanc or orthanc-dicomweb is not installed")
    with OrthancServer(tmp_path, program, plugin) as server, LoopbackProxy(portOf(server, protocol)) as proxy:
        proxy.cutAfter = 1_500_000
        proxy.onCut = server.kill
        where = [*address(server, protocol, port=proxy.port), "--attempts", 2]
        status, _sent, said = m3dJson(capsys, "send", folder, *where)
        assert status == 2 and ("broke off" in said or "cannot be reached" in said or "ends the connection" in said)
    with OrthancServer(tmp_path, program, plugin) as server:
        status, sent, said = m3dJson(capsys, "send", folder, *address(server, protocol), "--verify", "content")
        assert status == 0 and sent["complete"], said
        assert m3d("fetch", "--patient", patient, *address(server, protocol), "--output", tmp_path / "back") == 0
    requireSameObjects(tmp_path / "back", folder)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_diskFullOnThisSide(server, models, tmp_path, capsys, protocol):
    patient, folder = models
    where = address(server, protocol)
    assert m3d("send", folder, *where) == 0
    arguments = ["fetch", "--patient", patient, *where, "--output", tmp_path / "out"]

    command = withFileLimit([sys.executable, "-m", "M3DBatchLib", *map(str, arguments)], 200_000)
    process = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 2, process.stderr
    assert "make room" in process.stderr and "Traceback" not in process.stderr
    assert not (tmp_path / "out").exists()
    assert m3d(*arguments) == 0
    requireSameObjects(tmp_path / "out", folder)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_diskFullOnTheServersSide(models, tmp_path, capsys, protocol):
    _patient, folder = models
    program, plugin = findOrthanc()
    if program is None or plugin is None:
        pytest.skip("orthanc or orthanc-dicomweb is not installed")
    with OrthancServer(tmp_path, program, plugin, fileLimit=300_000) as server:
        where = [*address(server, protocol), "--attempts", 1]
        status, sent, said = m3dJson(capsys, "send", folder, *where)
        assert status == 2 and sent["failed"] == COUNT, said
        assert "Not there: 6 of 6 objects" in said and "Traceback" not in said
    with OrthancServer(tmp_path, program, plugin) as server:
        status, sent, said = m3dJson(capsys, "send", folder, *address(server, protocol))
        assert status == 0 and sent["complete"], said


def test_wrongAeTitle(server, models, capsys):
    _patient, folder = models
    wrong = ["--dimse", f"NOBODY@127.0.0.1:{server.dicomPort}", "--aet", CLIENT_AET]
    assert m3d("send", folder, *wrong) == 2
    assert "its AE title is not 'NOBODY'" in capsys.readouterr().err
    stranger = ["--dimse", f"{AET}@127.0.0.1:{server.dicomPort}", "--aet", "STRANGER", "--attempts", 1]
    assert m3d("send", folder, *address(server, "dimse")) == 0
    assert m3d("fetch", "--patient", models[0], *stranger, "--output", folder.parent / "out") == 2
    assert "may not allow 'STRANGER' (--aet)" in capsys.readouterr().err


def test_anotherObjectWithTheSameUidIsLeftAsItIs(server, models, tmp_path, capsys):
    patient, folder = models
    assert m3d("send", folder, *address(server, "dicomweb")) == 0
    arguments = ["fetch", "--patient", patient, *address(server, "dicomweb"), "--output", tmp_path / "out"]
    assert m3d(*arguments) == 0
    uid, file = sorted(filesOf(tmp_path / "out").items())[0]
    import pydicom

    other = pydicom.dcmread(file)
    other.InstanceNumber = 77
    other.save_as(file)
    content = file.read_bytes()
    status, _fetched, said = m3dJson(capsys, *arguments)
    assert status == 2 and "another object than the server's with the same UID" in said
    assert file.read_bytes() == content
    # The other way round: the server has it already, and its own is not the one that is to be sent.
    status, sent, said = m3dJson(capsys, "send", file, *address(server, "dicomweb"))
    assert status == 2 and "another instance with this UID (differs in InstanceNumber)" in said
    assert sent["failed"] == 1 and sent["instances"][0]["sopInstanceUid"] == uid


def test_damagedFileIsFetchedAgain(server, models, tmp_path):
    patient, folder = models
    assert m3d("send", folder, *address(server, "dicomweb")) == 0
    arguments = ["fetch", "--patient", patient, *address(server, "dicomweb"), "--output", tmp_path / "out"]
    assert m3d(*arguments) == 0
    file = sorted(filesOf(tmp_path / "out").values())[0]
    os.truncate(file, file.stat().st_size // 2)
    assert m3d(*arguments) == 0
    requireSameObjects(tmp_path / "out", folder)


def test_seriesThatHasGrownIsCompleted(server, models, tmp_path):
    patient, folder = models
    later = folder / "5.dcm"
    first = tmp_path / "first"
    first.mkdir()
    later.rename(first / "later.dcm")
    where = address(server, "dicomweb")
    arguments = ["fetch", "--patient", patient, *where, "--output", tmp_path / "out"]
    assert m3d("send", folder, *where) == 0 and m3d(*arguments) == 0
    (first / "later.dcm").rename(later)
    assert m3d("send", folder, *where) == 0
    # A run that was killed after it had put the new file into its place, but before it had taken away the old name.
    waiting = tmp_path / ".out.m3d-fetch"
    (series,) = (tmp_path / "out").iterdir()
    (waiting / series.name).mkdir(parents=True)
    one = next(series.iterdir())
    os.link(one, waiting / series.name / one.name)
    assert m3d(*arguments) == 0
    requireSameObjects(tmp_path / "out", folder)
    assert not waiting.exists()
