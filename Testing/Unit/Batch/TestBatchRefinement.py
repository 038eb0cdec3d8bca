"""Cases with a refined surface: what the row says of it reaches the model, and another series judges it."""

import json
import shutil

import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DTestSupport.Batches import GOOD, readSummary, runBatch, writeMeshes, writeTable
from M3DTestSupport.SmallScan import smallImage

# How far the other series shows everything to the left, mm.
MOVED = 0.3
KEYS = ("refine", "refineRange", "maxError")
ANATOMY = {"image": "scan", "threshold": "300", "largest": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A scan, a brighter series of the same examination that shows everything 0.3 mm to the left, and a model."""
    place = tmp_path_factory.mktemp("refined")
    image = smallImage()
    moved = image.ijkToLps.copy()
    moved[0, 3] += MOVED

    def together(header, _k):
        header.StudyInstanceUID, header.FrameOfReferenceUID = "1.2.3", "1.2.3.1"

    for number, (name, array, matrix) in enumerate(
        [("scan", image.array, image.ijkToLps), ("other", image.array * 1.02, moved)], start=1
    ):
        writeSeries(
            ImageVolume(array, matrix), place / name, SeriesDescription(seriesNumber=number), changeHeader=together
        )
    writeMeshes(place)
    return place


@pytest.fixture(scope="module")
def done(folder):
    """A batch whose options ask for refined surfaces: (reports by id, cases by id, table, output, options)."""
    rows = [
        {"id": "judged", **ANATOMY, "refine-range": "0.9", "max-error": "0.02", "control-series": "other"},
        {"id": "common", **ANATOMY},
        {"id": "plain", **ANATOMY, "refine": "no"},
        {"id": "brought", "mesh": GOOD},
        {"id": "lost", **ANATOMY, "control-series": "nowhere"},
    ]
    table, output = writeTable(folder / "cases.csv", rows), folder / "out"
    options = ["--workers", "0", "--refine", "--refine-range", "0.7", "--max-error", "0.1"]
    runBatch(table, output, *options)
    cases = readSummary(output)[1]
    return {name: report(output / name) for name in cases if name != "lost"}, cases, table, output, options


def report(place):
    return json.loads((place / "report.json").read_text(encoding="utf-8"))


def surfaceOf(data):
    (step,) = [step for step in data["dataFlow"] if step["step"] == "surface"]
    return step["parameters"]


def test_rowOverridesWhatHoldsForAllCases(done):
    reports = done[0]
    asked = {name: {key: surfaceOf(reports[name]).get(key) for key in KEYS} for name in ("judged", "common", "plain")}
    assert asked == {
        "judged": {"refine": True, "refineRange": 0.9, "maxError": 0.02},
        "common": {"refine": True, "refineRange": 0.7, "maxError": 0.1},
        "plain": {"refine": None, "refineRange": None, "maxError": 0.1},
    }


def test_otherSeriesJudgesTheRefinedSurface(done):
    control = done[0]["judged"]["deviation"]["control"]
    # A ball that is shifted by s is off by s at its sides and by s times the cosine elsewhere: 0.95 s at 95 %.
    assert control["p95Absolute"] == pytest.approx(0.95 * MOVED, abs=0.03)
    (judged,) = [one for one in done[0]["judged"]["findings"] if one["requirement"] == "deviation-p95"]
    assert judged["measured"] == control["p95Absolute"]
    assert "control" not in done[0]["common"]["deviation"]


def test_caseOfARefinedSurfaceIsWhatRunMakesOfIt(done, folder, tmp_path):
    arguments = ["--image", folder / "scan", "--threshold", "300", "--largest", "1", "--control-series"]
    arguments += [folder / "other", "--refine", "--refine-range", "0.9", "--max-error", "0.02"]
    main([str(one) for one in ["run", *arguments, "--formats", "json", "--output", tmp_path / "alone"]])
    alone, inBatch = report(tmp_path / "alone"), done[0]["judged"]
    for part in ("findings", "deviation", "verdict", "models", "input"):
        assert alone[part] == inBatch[part]


def test_controlSeriesThatIsNotThereIsTheErrorOfItsOwnCase(done):
    _reports, cases, *_rest = done
    assert cases["lost"]["verdict"] == "error"
    assert "nowhere" in cases["lost"]["reason"]
    assert all(case["verdict"] != "error" for name, case in cases.items() if name != "lost")


def test_changedControlSeriesIsReadAnew(done, folder):
    _reports, _cases, table, output, options = done
    file = max(one for one in (folder / "other").rglob("*") if one.is_file())
    kept = folder / "kept"
    shutil.copy(file, kept)
    try:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        runBatch(table, output, *options, "--resume")
    finally:
        shutil.move(kept, file)
    found = {name: case["kept"] for name, case in readSummary(output)[1].items()}
    assert found == {"judged": False, "common": True, "plain": True, "brought": True, "lost": False}
