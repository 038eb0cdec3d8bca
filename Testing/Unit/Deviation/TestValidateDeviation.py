"""``m3d validate`` on a scan and a model: the deviation in the report and the table of points."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Sphere
from M3DTestSupport.ShapeMeshes import surfaceMesh

BALL = Sphere((0.1, 0.2, 0.3), 12)
KEYS = set(
    "meanSigned meanAbsolute sd rms median p5 p25 p75 p95Absolute p99Absolute minSigned maxSigned worstPointLps "
    "coverage withinTolerance uncertainty95".split()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    matrix = np.diag([0.5, 0.5, 1.0, 1.0])
    matrix[:3, 3] = (-15.75, -15.75, -15.5)
    image = sitk.GetImageFromArray(renderPhantom([(BALL, 1200)], 0, (64, 64, 32), matrix, 0.8, noise=20).array)
    image.SetSpacing((0.5, 0.5, 1.0))
    image.SetOrigin((-15.75, -15.75, -15.5))
    sitk.WriteImage(image, str(folder / "scan.nrrd"))
    (folder / "model.stl").write_bytes(stlBytes(surfaceMesh(BALL, [-15] * 3, [15] * 3, 0.8, -0.5)))
    return folder


def validate(folder, capsys, *arguments):
    main(["validate", "--image", str(folder / "scan.nrrd"), "--output", str(folder / "out"), "--json", *arguments])
    return json.loads(capsys.readouterr().out)


def test_reportHoldsTheDeviationOfAForeignModel(folder, capsys):
    table = folder / "points.csv"
    data = validate(folder, capsys, "--mesh", str(folder / "model.stl"), "--points-csv", str(table))
    facts = data["deviation"]["image"]
    assert set(facts) >= KEYS
    assert facts["meanSigned"] == pytest.approx(0.5, abs=0.01)
    assert data["deviation"]["surface"] is None
    verdicts = {finding["requirement"]: finding["verdict"] for finding in data["findings"]}
    assert verdicts["deviation-bias"] == "fail"
    rows = list(csv.DictReader(table.open()))
    measured = [float(row["deviation_mm"]) for row in rows if row["quality"] == "RELIABLE"]
    assert np.mean(measured) == pytest.approx(0.5, abs=0.01)
    ratios = [float(row["contrast_to_noise"]) for row in rows if row["quality"] == "RELIABLE"]
    assert np.median(ratios) == pytest.approx(1200 / 20, rel=0.15)
    assert all(not row["uncertainty95_mm"] for row in rows if not row["deviation_mm"])


def test_reportHoldsBothDeviationsOfAModelMadeHere(folder, capsys):
    data = validate(folder, capsys, "--threshold", "600")
    assert set(data["deviation"]["image"]) >= KEYS
    assert set(data["deviation"]["segmentation"]) >= KEYS
    assert abs(data["deviation"]["image"]["meanSigned"]) < 0.1


def test_gradientMethodCanBeChosen(folder, capsys):
    data = validate(folder, capsys, "--mesh", str(folder / "model.stl"), "--edge-method", "gradient")
    assert data["deviation"]["image"]["settings"]["method"] == "gradient"
