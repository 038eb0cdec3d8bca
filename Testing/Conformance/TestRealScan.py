"""The main job on real scans, judged by other people's tools and by what is known of the scanned phantom."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from M3DLib.EncapsulatedStlReader import readEncapsulatedStl
from M3DTestSupport.Commands import runJson, runM3d
from M3DTestSupport.RealData import FIVE_MM_SCAN, ONE_MM_SCAN, SLICER_SEGMENTATION, needsRealData

pytestmark = needsRealData

# Between air (-1000 HU) and the inserts (about 40 HU): half height.
INSERT_THRESHOLD = "-480"


def tool(name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(scope="module", params=[(ONE_MM_SCAN, 140), (FIVE_MM_SCAN, 28)], ids=["1mm", "5mm"])
def skull(request, tmp_path_factory):
    folder, slices = request.param
    out = tmp_path_factory.mktemp("skull") / "out"
    arguments = ["--threshold", "300", "--largest", "1", "--output", out, "--stl", "--copy-source"]
    result = runJson("export", "--image", folder, *arguments)
    return folder, slices, result


def sourceHeaders(folder):
    files = [file for file in sorted(folder.iterdir()) if file.name != "DIRFILE"]
    return [pydicom.dcmread(file, stop_before_pixels=True) for file in files]


def test_everySliceIsReferencedAndPatientStudyAndFrameAreTheScans(skull):
    folder, slices, result = skull
    headers = sourceHeaders(folder)
    dataset = pydicom.dcmread(result["models"][0]["file"])
    assert len(headers) == slices == result["source"]["slices"]
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "FrameOfReferenceUID",
    ):
        assert dataset[keyword].value == headers[0][keyword].value, keyword
    expected = {header.SOPInstanceUID for header in headers}
    assert {item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence} == expected
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == headers[0].SeriesInstanceUID
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence} == expected
    assert [skipped["file"] for skipped in result["source"]["skippedFiles"]] == ["DIRFILE"]


def test_dciodvfyFindsNoErrorInTheObject(skull):
    process = subprocess.run(
        [tool("dciodvfy"), "-new", skull[2]["models"][0]["file"]],
        capture_output=True,
        text=True,
        check=False,
    )
    messages = (process.stdout + process.stderr).splitlines()
    assert "EncapsulatedSTL" in messages
    assert not [message for message in messages if message.startswith("Error")]


def test_dcmtkReadsObjectAndDicomdir(skull):
    _folder, slices, result = skull
    for file in (result["models"][0]["file"], f"{result['output']}/DICOMDIR"):
        dump = subprocess.run(
            [tool("dcmdump"), "-q", file], capture_output=True, text=True, errors="replace", check=True
        )
        assert not dump.stderr
    assert dump.stdout.count("(0004,1430) CS [IMAGE]") == slices
    assert dump.stdout.count("(0004,1430) CS [ENCAP DOC]") == 1
    assert len(FileSet(f"{result['output']}/DICOMDIR")) == slices + 1


def test_theExtractedStlIsTheOneWrittenBesideIt(skull, tmp_path):
    (model,) = skull[2]["models"]
    assert runM3d("extract", model["file"], "--output", tmp_path / "x.stl").returncode == 0
    with open(model["stl"], "rb") as written, open(tmp_path / "x.stl", "rb") as extracted:
        assert written.read() == extracted.read()


@pytest.fixture(scope="module")
def inserts(tmp_path_factory):
    """Mesh of everything above half height of the inserts in the 1 mm scan."""
    out = tmp_path_factory.mktemp("inserts") / "out"
    result = runJson(
        "export",
        "--image",
        ONE_MM_SCAN,
        "--threshold",
        INSERT_THRESHOLD,
        "--output",
        out,
        "--no-icon",
    )
    return readEncapsulatedStl(result["models"][0]["file"]).mesh


def sections(mesh, z):
    """Closed curves in which a plane of constant z cuts a mesh: each segments (n, 2 ends, x and y), LPS mm.

    The segments run with the solid on one side, so that the shoelace sum of a curve gives its area.
    """
    corners = mesh.corners()
    above = corners[:, :, 2] > z
    crossed = corners[above.any(axis=1) & ~above.all(axis=1)]
    ends = []
    for start, end in ((0, 1), (1, 2), (2, 0)):
        a, b = crossed[:, start], crossed[:, end]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (z - a[:, 2]) / (b[:, 2] - a[:, 2])
        point = a[:, :2] + share[:, np.newaxis] * (b - a)[:, :2]
        enters, leaves = (a[:, 2] > z) & (b[:, 2] <= z), (a[:, 2] <= z) & (b[:, 2] > z)
        ends.append((point, enters, leaves))
    first = sum(np.where(enters[:, np.newaxis], point, 0) for point, enters, _ in ends)
    second = sum(np.where(leaves[:, np.newaxis], point, 0) for point, _, leaves in ends)
    segments = np.stack([first, second], axis=1)
    # Neighboring triangles compute the point on their common edge from the same two corners, in the other order.
    _, node = np.unique(segments.reshape(-1, 2).round(4), axis=0, return_inverse=True)
    node = node.reshape(-1, 2)
    graph = coo_matrix((np.ones(len(node)), (node[:, 0], node[:, 1])), shape=(node.max() + 1,) * 2)
    curve = connected_components(graph, directed=False)[1][node[:, 0]]
    return [segments[curve == number] for number in np.unique(curve)]


def sectionAt(mesh, z, x, y):
    """The curve whose middle is nearest to a point."""

    def distance(curve):
        low, high = curve.min(axis=(0, 1)), curve.max(axis=(0, 1))
        return np.linalg.norm((low + high) / 2 - (x, y))

    return min(sections(mesh, z), key=distance)


def areaOf(segments):
    """Area that oriented segments enclose, mm2."""
    start, end = segments[:, 0], segments[:, 1]
    return abs((start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum()) / 2


@pytest.mark.parametrize("z", [766.0, 772.0, 778.0])
def test_theSquareBarHasItsSizeInTheMesh(inserts, z):
    bar = sectionAt(inserts, z, 13.8, 86.3 + 0.09 * (z - 764.2))
    assert np.sqrt(areaOf(bar)) == pytest.approx(20.15, abs=0.3)


@pytest.mark.parametrize("z", [766.0, 772.0, 778.0])
def test_theRodHasItsDiameterInTheMesh(inserts, z):
    rod = sectionAt(inserts, z, -3.0, 106.5 + 0.09 * (z - 764.2))
    assert np.sqrt(4 * areaOf(rod) / np.pi) == pytest.approx(20.1, abs=0.3)


def test_thePlateHasItsWidthInTheMesh(inserts):
    """70 mm between its side walls; the box around its voxels is 70.4 mm, as the outermost pixels of both sides count.

    Its depth cannot be measured in a level section: it leans back and would be 10 mm off for 1 mm of height.
    """
    corners = inserts.corners()
    centers = corners.mean(axis=1)
    inThePlate = (np.abs(centers - (0, 125, 748)) < (50, 25, 3)).all(axis=1)
    atTheSides = inThePlate & (np.abs(np.abs(centers[:, 0] + 3.2) - 35.2) < 1)
    assert wallDistance(corners[atTheSides], (1, 0, 0)) == pytest.approx(70.0, abs=0.3)


def wallDistance(corners, direction):
    """Distance between the walls that face along a direction: area-weighted means of their triangles, mm."""
    direction = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    facing = normals @ direction / np.where(areas > 0, areas, 1)
    along = corners.mean(axis=1) @ direction
    ends = [np.average(along[side * facing > 0.85], weights=areas[side * facing > 0.85]) for side in (1, -1)]
    return ends[0] - ends[1]


def test_theBarOfSlicersSegmentationHasItsSideInTheMesh(tmp_path):
    arguments = ["--image", ONE_MM_SCAN, "--segmentation", SLICER_SEGMENTATION, "--segment", "square bar"]
    result = runJson("export", *arguments, "--output", tmp_path / "out", "--no-icon")
    (model,) = result["models"]
    assert model["volumeMm3"] == pytest.approx(15228, rel=0.005)
    corners = readEncapsulatedStl(model["file"]).mesh.corners()
    for direction in ((1, 0, 0), (0, 1, 0)):
        assert wallDistance(corners, direction) == pytest.approx(20.15, abs=0.3)
