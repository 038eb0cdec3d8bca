"""Known lengths in rendered phantoms and in the real phantom scan, and the files they are entered in."""

import json

import numpy as np
import pytest

from M3DLib.Errors import M3DError
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomShapes import Box, Cylinder, Sphere, rotationAbout
from M3DTestSupport.MeshShapes import box
from M3DTestSupport.RealData import ONE_MM_SCAN, needsRealData
from M3DTestSupport.Requirements import defaultRequirements, runChecks
from M3DValidationLib.Check import Case
from M3DValidationLib.Reference import ReferenceChecks
from M3DValidationLib.Reference.CalibrationFit import fitCalibrationObject
from M3DValidationLib.Reference.ReferenceReader import CalibrationObject, ReferenceDistance, readReferences
from M3DValidationLib.Requirement import Verdict

TURN = rotationAbout((1.0, 2.0, 0.5), 25.0)


def grid(spacing, dimensions):
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -(np.array(dimensions) - 1) / 2 * spacing + (5, -40, 200)
    return matrix


def render(shapes, spacing=(0.5, 0.5, 1.0), dimensions=(120, 120, 60), noise=15.0):
    paint = [(shape, 900.0) for shape in shapes]
    return renderPhantom(paint, -1000.0, dimensions, grid(spacing, dimensions), (0.9, 0.9, 1.2), noise=noise, seed=2)


CENTER = (5.3, -40.2, 200.4)


def rightAngles(frame):
    return tuple(tuple(float(value) for value in row) for row in frame)


def test_distanceIsMeasuredBetweenTheImagesOwnEdges():
    image = render([Box(CENTER, (50.0, 20.0, 12.0), rightAngles(TURN))])
    direction = TURN[0]
    # Marked carelessly: 1.5 mm too far at one end, 1 mm too short at the other, and beside the middle.
    aside = 2 * TURN[1]
    reference = ReferenceDistance(
        "bar", CENTER - direction * 26.5 + aside, CENTER + direction * 24.0 + aside, 50.0, None, [49.8, 50.4]
    )
    points, triangles = box((50.6, 20, 12))
    mesh = TriangleMesh(points @ TURN + CENTER, triangles)
    case = Case(defaultRequirements("ReferenceMeasurements"), image=image, mesh=mesh, references=[reference])
    found = runChecks(ReferenceChecks.CHECKS, case)
    image, mesh, printed = (
        found[f"reference-{place}"].evidence["distances"][0] for place in ("image", "mesh", "printed")
    )
    assert image["measuredMm"] == pytest.approx(50.0, abs=0.06)
    assert mesh["measuredMm"] == pytest.approx(50.6, abs=1e-3)
    assert printed["measuredMm"] == pytest.approx(50.1)
    assert [found[id_].verdict for id_ in found] == [Verdict.PASS] * 3
    reference.toleranceMm = 0.5
    found = runChecks(ReferenceChecks.CHECKS, case)
    assert found["reference-mesh"].verdict is Verdict.FAIL
    assert found["reference-image"].verdict is Verdict.PASS
    json.dumps([finding.asDict() for finding in found.values()], allow_nan=False)


def test_wrongPixelSpacingIsSeenByDistanceAndByObject():
    image = render([Box(CENTER, (50.0, 20.0, 12.0))])
    image.ijkToLps[0, :] *= 1.05
    center, half = np.array(CENTER) * (1.05, 1, 1), np.array([26.0, 0, 0])
    reference = ReferenceDistance("bar", center - half, center + half, 50.0)
    target = CalibrationObject("bar", "box", center, [12.0, 20.0, 50.0])
    case = Case(
        defaultRequirements("ReferenceMeasurements"), image=image, references=[reference], calibrationObjects=[target]
    )
    found = runChecks(ReferenceChecks.CHECKS, case)
    assert found["reference-image"].verdict is Verdict.FAIL
    assert found["reference-image"].measured == pytest.approx(2.5, abs=0.1)
    assert found["reference-printed"].verdict is Verdict.NOT_ASSESSABLE
    assert found["calibration-scale"].verdict is Verdict.FAIL
    assert found["calibration-scale"].measured == pytest.approx(5.0, abs=0.3)
    assert np.allclose(found["calibration-scale"].evidence["objects"][0]["scaleIJK"], [1.05, 1, 1], atol=0.006)


def test_withoutNominalValueTheMeshIsComparedWithTheImage():
    image = render([Box(CENTER, (50.0, 20.0, 12.0))])
    points, triangles = box((52.5, 20, 12), CENTER)
    half = np.array([25.0, 0, 0])
    reference = ReferenceDistance("bar", CENTER - half, CENTER + half)
    mesh = TriangleMesh(points, triangles)
    found = runChecks(
        ReferenceChecks.CHECKS,
        Case(defaultRequirements("ReferenceMeasurements"), image=image, mesh=mesh, references=[reference]),
    )
    assert found["reference-image"].verdict is Verdict.NOT_ASSESSABLE
    assert found["reference-mesh"].verdict is Verdict.FAIL
    assert found["reference-mesh"].measured == pytest.approx(2.5, abs=0.1)


def test_lineWithoutEdgesIsNotAssessable():
    image = ImageVolume(np.zeros((40, 40, 40), np.int16), grid((1, 1, 1), (40, 40, 40)), modality="CT")
    reference = ReferenceDistance("air", CENTER - np.array([10, 0, 0]), CENTER + np.array([10, 0, 0]), 20.0)
    found = runChecks(
        ReferenceChecks.CHECKS, Case(defaultRequirements("ReferenceMeasurements"), image=image, references=[reference])
    )
    assert found["reference-image"].verdict is Verdict.NOT_ASSESSABLE


OBJECTS = {
    "box": (Box(CENTER, (40.0, 18.0, 24.0), rightAngles(TURN)), [24.0, 40.0, 18.0]),
    "sphere": (Sphere(CENTER, 12.7), [25.4]),
    "cylinder": (Cylinder(CENTER, (0.3, -0.2, 0.93), 9.0, 40.0), [18.0, 40.0]),
    "disk": (Cylinder(CENTER, (0.9, 0.3, 0.2), 20.0, 10.0), [40.0, 10.0]),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objectIsFoundAndFitted(kind):
    shape, sizes = OBJECTS[kind]
    image = render([shape])
    target = CalibrationObject(kind, "cylinder" if kind == "disk" else kind, np.add(CENTER, (2, -1, 1.5)), sizes)
    result = fitCalibrationObject(image, target)
    for size in result.sizes:
        assert size.measuredMm == pytest.approx(size.nominalMm, abs=0.06), (kind, size)
    assert len(result.sizes) == 3
    assert np.allclose(result.scale, 1, atol=0.005)
    assert np.all(np.abs(result.scale - 1) < 3 * result.scaleUncertainty)
    assert np.allclose(result.center, CENTER, atol=0.1) or kind in ("cylinder", "disk")


def test_objectJoinedToAnotherIsFittedAllTheSame():
    bar = Box(CENTER, (20.0, 20.0, 40.0))
    plate = Box((CENTER[0] + 10, CENTER[1], CENTER[2] - 24), (50.0, 50.0, 8.0))
    image = render([bar, plate], dimensions=(120, 120, 70))
    result = fitCalibrationObject(image, CalibrationObject("bar", "box", np.array(CENTER), [20.0, 20.0, None]))
    known = [size for size in result.sizes if size.nominalMm]
    assert len(known) == 2
    assert [size.measuredMm for size in known] == pytest.approx([20, 20], abs=0.06)
    assert np.isnan(result.scale[2])


@pytest.mark.parametrize(
    ("near", "sizes", "words"),
    [
        ((500, 0, 0), [20.0], "outside the image"),
        (CENTER, [60.0], "expected|made out"),
        ((30, -60, 220), [20.0], "out"),
    ],
)
def test_whatIsNotThereIsNotFitted(near, sizes, words):
    image = render([Sphere(CENTER, 10.0)])
    with pytest.raises(M3DError, match=words):
        fitCalibrationObject(image, CalibrationObject("ball", "sphere", np.array(near, float), sizes))
    case = Case(
        defaultRequirements("ReferenceMeasurements"),
        image=image,
        calibrationObjects=[CalibrationObject("ball", "sphere", np.array(near, float), sizes)],
    )
    finding = runChecks(ReferenceChecks.CHECKS, case)["calibration-scale"]
    assert finding.verdict is Verdict.NOT_ASSESSABLE and "ball" in finding.message


@needsRealData
def test_realPhantomsInsertsHaveTheirSizes():
    from M3DLib.Image.ImageReader import readImage

    image = readImage(ONE_MM_SCAN)

    def at(i, j, k):
        return image.indexToLps(np.array([[i, j, k]]))[0]

    bar = fitCalibrationObject(image, CalibrationObject("bar", "box", np.array([13.7, 87.1, 774.6]), [20, 20, None]))
    assert [size.measuredMm for size in bar.sizes if size.nominalMm] == pytest.approx([20, 20], abs=0.3)
    rod = fitCalibrationObject(image, CalibrationObject("rod", "cylinder", at(248, 240, 74), [20, None]))
    assert [size.measuredMm for size in rod.sizes] == pytest.approx([20, 20], abs=0.3)
    # The plate lies tilted by 6 degrees; its other two edges are not documented.
    plate = fitCalibrationObject(image, CalibrationObject("plate", "box", at(240, 260, 49), [70, None, None]))
    assert [size.measuredMm for size in plate.sizes if size.nominalMm] == pytest.approx([70], abs=0.3)
    assert len(plate.sizes) == 3


def test_csvAndJsonAndMarkupsSayTheSame(tmp_path):
    csvFile = tmp_path / "a.csv"
    csvFile.write_text(
        "# our bar\nName,x1,y1,z1,x2,y2,z2,nominal,tolerance,printed,space\nbar,1,2,3,-49,2,3,50,0.8,49.8;50.1,RAS\n"
        '"a, b",0,0,0,0,0,9,,,,\n'
    )
    german = tmp_path / "b.csv"
    german.write_text("name;x1;y1;z1;x2;y2;z2;nominal;printed\nbar;-1;-2;3;49,0;-2;3;50,0;49,8|50,1\n")
    jsonFile = tmp_path / "a.json"
    entry = {"name": "bar", "start": [1, 2, 3], "end": [-49, 2, 3], "nominal": 50, "printed": [49.8, 50.1]}
    jsonFile.write_text(
        json.dumps(
            {
                "coordinateSystem": "RAS",
                "distances": [entry],
                "objects": [{"name": "rod", "kind": "rod", "near": [1, 1, 1], "size": 20}],
            }
        )
    )
    line = {
        "type": "Line",
        "coordinateSystem": "LPS",
        "controlPoints": [{"position": [-1, -2, 3]}, {"position": [49, -2, 3]}],
    }
    markups = tmp_path / "bar.mrk.json"
    markups.write_text(json.dumps({"markups": [line]}))
    for file in (csvFile, german, jsonFile, markups):
        distances, objects = readReferences(file)
        assert distances[0].name == "bar"
        assert np.allclose(distances[0].start, [-1, -2, 3]) and np.allclose(distances[0].end, [49, -2, 3])
        if file is not markups:
            assert distances[0].nominalMm == 50 and distances[0].printedMm == [49.8, 50.1]
    assert readReferences(csvFile)[0][1].name == "a, b"
    objects = readReferences(jsonFile)[1]
    assert objects[0].kind == "cylinder" and objects[0].sizes == [20, None]
    assert np.allclose(objects[0].near, [-1, -1, 1])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "name,x1\nq,1\n", "y1"),
        ("a.csv", "name,x1,y1,z1,x2,y2,z2\nq,1,2,x,4,5,6\n", "row 2"),
        ("a.csv", "name,x1,y1,z1,x2,y2,z2,nominal\nq,1,2,3,4,5,6,-1\n", "above 0"),
        ("a.csv", "name,x1,y1,z1,x2,y2,z2\nq,1,2,3,1,2,3\n", "same point"),
        ("a.csv", "", "no reference"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "object"),
        ("a.json", '{"distance": []}', "distance"),
        ("a.json", '{"distances": [{"start": [1,2], "end": [1,2,3]}]}', "distances\\[0\\].start"),
        ("a.json", '{"objects": [{"kind": "cone", "near": [1,2,3], "size": 3}]}', "cone"),
        ("a.json", '{"objects": [{"kind": "sphere", "near": [1,2,3], "size": [3, 4]}]}', "at most 1"),
        ("a.json", '{"objects": [{"kind": "sphere", "near": [1,2,3]}]}', "size"),
        ("a.mrk.json", '{"markups": [{"type": "Line", "controlPoints": []}]}', "two"),
        ("a.txt", "x", "must be"),
    ],
)
def test_wrongFilesAreRefusedWithThePlace(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(M3DError, match=words):
        readReferences(file)
