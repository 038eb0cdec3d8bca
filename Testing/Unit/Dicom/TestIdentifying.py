"""Names of files say nothing about the patient."""

import pytest
from pydicom import Dataset

from M3DLib.Identifying import namesPatient, safeFileName


def header(**attributes):
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


PATIENT = header(PatientName="Müller^Anna=王小東", PatientID="PID-4711", PatientBirthDate="19700203")


@pytest.mark.parametrize(
    "name",
    ["skull of Müller", "MULLER skull", "pid 4711", "PID4711 jaw", "王小東 jaw", "anna", "jaw 1970-02-03"],
)
def test_aNameThatGivesThePatientAwayIsReplaced(name):
    assert safeFileName(name, [PATIENT], "model-1") == "model-1"


@pytest.mark.parametrize("name", ["mandible", "skull 300 HU", "an implant", "left ear"])
def test_otherNamesAreKept(name):
    assert not namesPatient(name, [PATIENT])


def test_aNameOfTwoIdeographsIsFoundToo():
    assert namesPatient("李四 skull", [header(PatientName="Li^Si=李四")])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mandible, left", "mandible-left"),
        ("../../etc/passwd", "etc-passwd"),
        ("con", "model"),
        ("", "model"),
        ("下顎", "model"),
        ("Würfel 3", "Wurfel-3"),
        ("x" * 100, "x" * 40),
    ],
)
def test_fileNamesHoldPlainCharactersOnly(name, expected):
    assert safeFileName(name) == expected
