"""``m3d validate`` shows the thinnest wall and the narrowest gap it finds fault with."""

import hashlib
import json

import numpy as np
import pytest

from M3DBatchLib.CommandLine import main
from M3DLib.Mesh.Rendering import canRender
from M3DLib.Mesh.StlFile import stlBytes
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DTestSupport.MeshShapes import box, together
from M3DValidationLib.Soundness.PlacePicture import _piecesWithin, freestDirection, renderPlace

RENDERS = pytest.mark.skipif(not canRender(), reason="this machine has no OpenGL to render with")
RING = (213, 94, 0)


def plateBelowABlock():
    """A plate of 0.4 mm, and a block 0.3 mm above it: of twelve triangles each, with corners far from both places."""
    plate, block = box((80, 60, 0.4), (10, -200, 900), level=0), box((50, 40, 20), (10, -200, 910.5), level=0)
    return TriangleMesh(*together(plate, block))


def validate(tmp_path, capsys, *arguments):
    file = tmp_path / "model.stl"
    file.write_bytes(stlBytes(plateBelowABlock()))
    output = tmp_path / "out"
    status = main(["validate", "--mesh", str(file), "--output", str(output), "--json", *map(str, arguments)])
    return status, json.loads(capsys.readouterr().out), output


@RENDERS
def test_eachFindingWithAPlaceNamesItsPicture(tmp_path, capsys):
    from PIL import Image

    status, report, output = validate(tmp_path, capsys, "--min-wall", 1, "--min-gap", 0.5)
    assert status == 1
    findings = {finding["requirement"]: finding for finding in report["findings"]}
    pictures = {picture["requirement"]: picture for picture in report["pictures"]}
    for id_, file, word in (
        ("wall-thickness", "thinnest-wall.png", "wall is 0.40 mm"),
        ("gap-width", "narrowest-gap.png", "gap is 0.30 mm"),
    ):
        assert findings[id_]["verdict"] == "fail" and findings[id_]["evidence"]["picture"] == file
        picture = pictures[id_]
        assert (picture["file"], picture["kind"]) == (file, "thinnestPlace") and word in picture["alternative"]
        content = (output / file).read_bytes()
        assert picture["sha256"] == hashlib.sha256(content).hexdigest()
        shown = np.asarray(Image.open(output / file).convert("RGB"))
        assert (shown == RING).all(axis=2).any()
    # The cut is 6 mm wide and up is out of the material: the column through its middle shows what was measured.
    wall, gap = (
        np.asarray(Image.open(output / name).convert("RGB"))[:, 300]
        for name in ("thinnest-wall.png", "narrowest-gap.png")
    )
    assert (wall[240:360] != 255).any(axis=1).sum() == pytest.approx(0.4 * 600 / 6.4, abs=3)
    assert (gap[255:345] == 255).all(axis=1).sum() == pytest.approx(0.3 * 600 / 6, abs=3)


def test_withoutARendererTheFindingSaysSo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("M3DLib.Mesh.Rendering.canRender", lambda: False)
    _, report, output = validate(tmp_path, capsys, "--min-wall", 1)
    finding = next(finding for finding in report["findings"] if finding["requirement"] == "wall-thickness")
    assert "cannot render" in finding["evidence"]["pictureNote"]
    assert (output / finding["evidence"]["picture"]).stat().st_size > 500
    assert "Beside it" not in report["pictures"][0]["alternative"]


def test_aPassNamesItsReachAndWhatIsNotLookedFor(tmp_path, capsys):
    _, report, output = validate(tmp_path, capsys, "--min-wall", 0.1, "--min-gap", 0.05)
    findings = {finding["requirement"]: finding for finding in report["findings"]}
    for id_, reach, least in (("wall-thickness", "0.3 mm", "0.1 mm"), ("gap-width", "0.15 mm", "0.05 mm")):
        finding = findings[id_]
        assert finding["verdict"] == "pass" and "picture" not in finding["evidence"]
        assert f"looked up to {reach}" in finding["message"]
        assert f"below {least} on less than 1 mm² are not reported" in finding["message"]
    assert not list(output.glob("*.png"))


def test_theFreestDirectionIsTheOneNothingStandsIn():
    corners = plateBelowABlock().corners()
    place = np.array([10, -200, 900.35])
    directions = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 1, 0]], dtype=float)
    assert freestDirection(corners, place, directions, 60).tolist() == [1, 0, 0]
    above = np.array([10, -200, 1900.0])
    assert freestDirection(corners, above, directions, 60).tolist() == [0, 0, 1]


def test_piecesCoverWhatLiesInTheBoxAndKeepTheirPlane():
    pieces = _piecesWithin(plateBelowABlock().corners() - (10, -200, 900.2), 5.0)
    inside = pieces[(np.abs(pieces) <= 5).all(axis=(1, 2))]
    area = np.linalg.norm(np.cross(inside[:, 1] - inside[:, 0], inside[:, 2] - inside[:, 0]), axis=1).sum() / 2
    # Both faces of the plate and the floor of the block: 100 mm2 each, less what the box's edge cuts.
    assert 0.8 * 300 < area <= 300
    clipped = np.clip(pieces, -5, 5)
    assert np.isclose(clipped[..., 2], np.array([0, -0.4, 0.3])[:, None, None], atol=1e-4).any(axis=0).all()


@RENDERS
def test_aPlaceInTheMiddleOfALargeTriangleIsShown():
    picture = renderPlace(plateBelowABlock(), (10, -200, 899.8), (0, 0, -1), radiusMm=8)
    assert picture is not None and (picture[60:-60, 60:-60].mean(axis=2) < 254).mean() > 0.9
