"""``m3d export --repair``: only what is asked for, recorded in the object as a modification of the model."""

import argparse
import hashlib

import pydicom
import pytest

from M3DBatchLib.Options.RepairRequest import repairOptions, repairText
from M3DLib.EncapsulatedStl.EncapsulatedStlReader import readEncapsulatedStl
from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription
from M3DLib.Errors import M3DError
from M3DTestSupport.Commands import requireRefusal, runJson, runM3d
from M3DTestSupport.SmallScan import BALL, BOX, writeSmallScan
from M3DValidationLib.Soundness.MeshRepair import Repair, RepairOptions

BOX_MM3 = 6.0 * 10.0 * 12.0


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    writeSmallScan(folder)
    return folder


def anatomy(scan, out):
    return ["export", "--image", scan, "--threshold", "500:2000", "--output", out, "--no-icon"]


def test_theSmallerBodyIsDroppedAndTheObjectSaysSo(scan, tmp_path):
    assert BOX_MM3 < 1000 < BALL.volumeMm3
    result = runJson(*anatomy(scan, tmp_path / "out"), "--repair", "remove-useless,drop-specks=1000")
    (model,) = result["models"]
    assert model["volumeMm3"] == pytest.approx(BALL.volumeMm3, rel=0.03)
    assert model["modified"] is True and model["closed"] is True
    (repair,) = model["repairs"]
    assert (repair["kind"], repair["count"]) == ("drop-specks", 1)
    dataset = pydicom.dcmread(model["file"])
    assert dataset.ModelModification == "YES"
    (algorithm,) = dataset.DerivationAlgorithmSequence
    assert "repairs=drop-specks: Removed 1 body" in algorithm.AlgorithmParameters
    read = readEncapsulatedStl(model["file"])
    assert read.description.repairs.startswith("drop-specks: Removed 1 body below 1000 mm³")
    assert read.description.segmentation.startswith("threshold") and read.surface is not None
    assert not [warning for warning in read.warnings if "parameters" in warning]
    facts = runJson("inspect", model["file"])
    assert facts["repairs"] == read.description.repairs and facts["modified"] is True
    assert "Repairs:            drop-specks: Removed 1 body" in runM3d("inspect", model["file"]).stdout


def test_aRepairThatFoundNothingToDoIsNoModification(scan, tmp_path):
    plain = runJson(*anatomy(scan, tmp_path / "plain"))
    asked = runJson(*anatomy(scan, tmp_path / "asked"), "--repair", "reorient,fill-holes=5", "--no-modified")
    for result in (plain, asked):
        assert result["models"][0]["repairs"] == []
        assert BOX.volumeMm3 + BALL.volumeMm3 == pytest.approx(result["models"][0]["volumeMm3"], rel=0.03)
    assert plain["models"][0]["modified"] is None and asked["models"][0]["modified"] is False
    documents = [pydicom.dcmread(result["models"][0]["file"]).EncapsulatedDocument for result in (plain, asked)]
    assert len({hashlib.sha256(document).hexdigest() for document in documents}) == 1


def test_aRepairedModelCannotBeCalledUnmodified(scan, tmp_path):
    process = runM3d(*anatomy(scan, tmp_path / "out"), "--repair", "drop-specks=1000", "--no-modified")
    requireRefusal(process, "was repaired", "not modified")
    assert not (tmp_path / "out").exists()
    with pytest.raises(M3DError, match="cannot be recorded as not modified"):
        ModelDescription(repairs="reorient: turned", modified=False).requireValid()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("polish", "no kind of repair"),
        ("", "no kind of repair"),
        ("reorient,reorient", "twice"),
        ("fill-holes", "needs a limit"),
        ("reorient=3", "has no limit"),
        ("drop-specks=", "positive number"),
        ("drop-specks=-1", "positive number"),
        ("fill-holes=nan", "positive number"),
        ("fill-holes=a", "positive number"),
    ],
)
def test_whatIsNoRepairIsRefused(text, words):
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        repairOptions(text)


def test_everyKindIsUnderstood():
    options = repairOptions("remove-useless, reorient,drop-specks=2.5,fill-holes=20")
    assert options == RepairOptions(removeUseless=True, reorient=True, dropSpecksMm3=2.5, fillHolesMm=20.0)


def test_theRecordCanStandAmongTheParametersOfAnAlgorithm():
    text = repairText([Repair("reorient", 1, "Turned 1, that = one."), Repair("fill-holes", 1, "Closed 1 hole.")])
    assert text == "reorient: Turned 1; that   one; fill-holes: Closed 1 hole"
    assert ModelDescription(repairs=text).problems() == []


def test_encapsulateDoesNotOfferRepairs(scan, tmp_path):
    arguments = ["--image", scan, "--output", tmp_path / "out"]
    process = runM3d("encapsulate", tmp_path / "model.stl", *arguments, "--repair", "reorient")
    requireRefusal(process, "There is no option --repair.")
