"""``m3d compare --section-at``: both surfaces of a comparison cut through places that somebody asks for."""

import io
import json

import jsonschema
import numpy as np
import pytest
from PIL import Image

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.SmallScan import writeSmallScan
from M3DValidationLib.PrintedPart.SectionPictures import AROUND, WIDTH
from M3DValidationLib.Report.Content.ReportContent import readSchema
from M3DValidationLib.Report.ReportFiles import readReport

pytest.importorskip("jinja2")

# In the middle of the model's left face; the part's lies 0.4 mm farther left.
SIZE, MORE = np.array([20.0, 14.0, 9.0]), 0.4
LEFT = "L 10, A 0, S 0"
PER_MM = WIDTH / (2 * AROUND)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes")
    for name, size in (("model", SIZE), ("part", SIZE + 2 * MORE)):
        (folder / f"{name}.stl").write_bytes(stlBytes(TriangleMesh(*box(tuple(size)))))
    return folder


def compared(files, output, *more):
    arguments = ["compare", files / "part.stl", files / "model.stl", "--output", output, *more]
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize(("more", "name"), [((), "part"), (("--versions",), "new version")])
def test_reportShowsBothSurfacesThroughThePlace(files, tmp_path, capsys, more, name):
    formats = ("--formats", "json,html", "--section-at", LEFT, "--section-at", "LPS 0 7 0")
    compared(files, tmp_path / "out", *formats, *more)
    stored, attachments = readReport(tmp_path / "out" / "report.json")
    jsonschema.validate(stored, readSchema())
    first, second = stored["sections"]
    assert (first["pointLps"], second["pointLps"]) == ([10, 0, 0], [0, 7, 0]) and first["slice"] is None
    (of,) = first["models"]
    # The model lies inside the part there, so the deviation is negative.
    assert of["surfaceMm"] == pytest.approx(MORE, abs=1e-4) and of["deviationMm"] == pytest.approx(-MORE, abs=1e-4)
    assert of["surfacePointLps"] == pytest.approx([10 + MORE, 0, 0], abs=1e-3) and of["of"] == name
    assert first["pictures"] == [f"section-at-1-{axis}.png" for axis in "zyx"]
    titles = [one["title"] for one in stored["pictures"] if one["file"] in first["pictures"]]
    assert titles == [
        f"Section 1 at L 10.0, P 0.0, S 0.0 mm, {plane} plane" for plane in ("axial", "coronal", "sagittal")
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'href="#sections"' in page and "Section 2 at L 0.0, P 7.0, S 0.0 mm" in page and "slice None" not in page
    assert f"The nearest point of the {name} is 0.4 mm away" in page
    # Axial: the model's outline goes through the middle, gray; the part's beside it, on the patient's left, not gray.
    picture = np.asarray(Image.open(io.BytesIO(attachments[first["pictures"][0]])))
    middle, beside = WIDTH // 2, round(WIDTH / 2 + MORE * PER_MM)
    row = picture[len(picture) // 2 + 100]
    assert row[middle, 3] > 200 and np.ptp(row[middle, :3].astype(int)) < 12
    assert row[beside, 3] > 200 and np.ptp(row[beside, :3].astype(int)) > 40


def test_withoutAPageSectionsAreThereAllTheSame(files, tmp_path):
    compared(files, tmp_path / "out", "--section-at", LEFT)
    stored = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert len(stored["sections"]) == 1 and {one["kind"] for one in stored["pictures"]} == {"sectionAt"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--section-at", "R 60, A 0, S 0"), "outside both surfaces, which go from R 10.4, A 7.4, I 4.9 to L 10.4"),
        (("--section-at", "10 0 0"), "coordinate system"),
    ],
)
def test_whatCannotBeShownIsRefused(files, tmp_path, capsys, more, why):
    assert compared(files, tmp_path / "out", *more) == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_sectionsNeedAReport(files, capsys):
    assert main(["compare", str(files / "part.stl"), str(files / "model.stl"), "--section-at", LEFT]) == 2
    assert "give --output DIR too" in capsys.readouterr().err


def test_laterTheyAreNotMadeOfTheReport(files, tmp_path, capsys):
    compared(files, tmp_path / "out")
    writeSmallScan(tmp_path / "scan")
    assert main(["report", str(tmp_path / "out"), "--image", str(tmp_path / "scan"), "--section-at", LEFT]) == 2
    assert "m3d compare --section-at" in " ".join(capsys.readouterr().err.split())
