"""The examples of Docs/Pacs.md, run in their order against a real archive, by both protocols."""

import json
import re
import shlex

import pytest

from M3DBatchLib.CommandLine import main
from M3DTestSupport.OrthancServer import AET, CLIENT_AET
from M3DTestSupport.PacsCommands import m3d
from M3DTestSupport.Project import ROOT
from M3DTestSupport.Reports import writeNamedScan

pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
pytest.importorskip("pynetdicom", reason="pynetdicom is not installed")

PAGE = (ROOT / "Docs" / "Pacs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("protocol", ["url", "dimse"])
def test_examplesRun(server, tmp_path, monkeypatch, capsys, protocol):
    monkeypatch.chdir(tmp_path)
    server.clear()
    addresses = {"url": server.dicomWeb, "dimse": f"{AET}@127.0.0.1:{server.dicomPort}"}
    (tmp_path / "m3d.toml").write_text(f'[pacs.main]\n{protocol} = "{addresses[protocol]}"\naet = "{CLIENT_AET}"\n')
    (tmp_path / "made").mkdir()
    writeNamedScan(tmp_path / "made")
    assert m3d("send", "made", "--server", "main") == 0
    lines = re.findall(r"^m3d .*$", re.search(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)[1], re.M)
    assert len(lines) == 5
    for line in lines:
        arguments = shlex.split(line)[1:]
        if "UID" in arguments:
            (series,) = [folder.name for folder in (tmp_path / "scan").iterdir()]
            arguments[arguments.index("UID")] = series
            arguments.append("--json")
        capsys.readouterr()
        status = main(arguments)
        said = capsys.readouterr()
        assert status in ((0, 1, 3) if arguments[0] == "run" else (0,)), said.err
    assert {"M3D", "SR"} <= set(modalities(json.loads(said.out)))


def modalities(found):
    names = {"1.2.840.10008.5.1.4.1.1.104.3": "M3D"}
    return [names.get(one["sopClassUid"], "SR") for one in found["found"]]


def test_entriesOfTheSettingsAreKnown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m3d.toml").write_text(re.search(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)[1])
    for name in ("hospital-ca.pem", "station.pem", "station-key.pem"):
        (tmp_path / name).write_text("none")
    assert m3d("query", "--server", "main", "--protocol", "dimse", "--patient", "P") == 2
    said = capsys.readouterr().err
    # All of it was understood: what is missing is the password, which stands in no file.
    assert "M3D_PACS_MAIN_PASSWORD" in said
