"""The pseudonym of a package must not be what it hides: it is written everywhere, and the search passes it over."""

import pytest

from M3DTestSupport.HandOverCase import m3d, writeCase, writeModel

pytest.importorskip("bagit")
pytest.importorskip("dicomanonymizer")
pytest.importorskip("pypdf")


@pytest.fixture
def case(tmp_path):
    return writeCase(tmp_path / "case")


@pytest.mark.parametrize(
    "pseudonym",
    [
        "Grunwald",
        "GRUNWALD-1",
        "case Anne 7",
        "PID-20481",
        "P_PID_20481",
        "X-19510203",
        "ACC778812",
        "Klinikum Hinterwald 3",
    ],
)
def test_pseudonymThatHoldsPartOfTheOriginalsIsRefused(case, tmp_path, capsys, pseudonym):
    status = m3d("package", case, "--output", tmp_path / "out.zip", "--pseudonym", pseudonym)
    message = capsys.readouterr().err
    assert status == 2 and "Choose another one" in message
    # Nothing is left of the attempt, and what was found is not said.
    assert list(tmp_path.glob("out.*")) == [] and "20481" not in message


def test_aPseudonymThatStandsInAlreadyIsTakenAgain(tmp_path):
    """Data that came pseudonymized, name and number, go on under the same pseudonym."""
    (tmp_path / "case").mkdir()
    writeModel(tmp_path / "case" / "model.dcm", PatientName="P-001", PatientID="P-001")
    assert m3d("package", tmp_path / "case", "--output", tmp_path / "out.zip", "--pseudonym", "P-001") == 0


@pytest.mark.parametrize("pseudonym", ["P-001", "Case 12", "A1", "K-2026-17"])
def test_otherPseudonymsAreTaken(case, tmp_path, pseudonym):
    assert m3d("package", case, "--output", tmp_path / "out.zip", "--pseudonym", pseudonym) == 0
