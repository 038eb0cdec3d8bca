"""Every page that a command writes, light, dark and on a phone: axe-core has nothing against any of them."""

import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.CaseRecord.CaseFiles import fileEntry
from M3DLib.CaseRecord.CaseFolder import confirmCase, openCase, recordWork
from M3DLib.CaseRecord.CasePage import casePage
from M3DLib.CaseRecord.CaseVerification import verifyCase
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.AxeCore import axeSource, violations
from M3DTestSupport.ChromiumPage import ChromiumPage
from M3DTestSupport.MeshShapes import icosphere

pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    axeSource()
    made = tmp_path_factory.mktemp("pages")
    points, triangles = icosphere(12.0, 4)
    dent = np.exp(-((points - np.array([12.0, 0, 0])) ** 2).sum(axis=1) / 8)[:, None]
    for name, changed in (("model", points), ("part", points * (1 - 0.12 * dent))):
        (made / f"{name}.stl").write_bytes(stlBytes(TriangleMesh(changed.astype(np.float32), triangles)))
    return made


def part(folder):
    main(["compare", str(folder / "part.stl"), str(folder / "model.stl"), "--output", str(folder / "part"),
          "--formats", "html"])  # fmt: skip
    return folder / "part" / "report.html"


def versions(folder):
    main(["compare", str(folder / "part.stl"), str(folder / "model.stl"), "--output", str(folder / "versions"),
          "--versions", "--formats", "html"])  # fmt: skip
    return folder / "versions" / "report.html"


def modelAlone(folder):
    main(["validate", "--mesh", str(folder / "part.stl"), "--output", str(folder / "alone"), "--formats", "html"])
    return folder / "alone" / "report.html"


def batch(folder):
    (folder / "broken.stl").write_bytes(b"no mesh")
    (folder / "cases.csv").write_text("id,mesh\ngood,model.stl\ndented,part.stl\nbroken,broken.stl\n")
    main(["batch", str(folder / "cases.csv"), "--output", str(folder / "batch"), "--formats", "html"])
    assert json.loads((folder / "batch" / "summary.json").read_text(encoding="utf-8"))
    return folder / "batch" / "summary.html"


def case(folder):
    openCase(folder / "case", "7", "Half a skull", person="Ada Eve", role="engineer")
    (folder / "case" / "skull.dcm").write_bytes(b"first")
    model = fileEntry(folder / "case" / "skull.dcm", folder / "case", "model")
    recordWork(folder / "case", "validated", inputs=[model], result={"verdict": "fail"})
    confirmCase(folder / "case", "design", person="Dr. Berg", role="surgeon")
    (folder / "case" / "skull.dcm").write_bytes(b"changed since")
    file = folder / "case.html"
    file.write_text(casePage(verifyCase(folder / "case")), encoding="utf-8")
    return file


@pytest.mark.parametrize("page", [part, versions, modelAlone, batch, case], ids=lambda page: page.__name__)
def test_axeHasNothingAgainstThePage(folder, tmp_path, page):
    file = page(folder)
    with ChromiumPage(file, tmp_path / "profile", webGl=False) as opened:
        for number in range(opened.evaluate("document.querySelectorAll('details').length")):
            opened.evaluate(f"document.querySelectorAll('details')[{number}].open = true")
        for dark, phone in ((False, False), (True, False), (False, True)):
            opened.media("", dark=dark)
            opened.resize(390 if phone else 1280, 844, phone)
            assert violations(opened) == {}, (dark, phone)
            assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # A batch shows pictures that lie beside it; nothing is asked for from elsewhere.
        beside = file.parent.as_uri()
        assert opened.console == [] and [url for url in opened.requests if not url.startswith(beside)] == []
