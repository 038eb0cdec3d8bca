"""Names of a report's pictures and 3D models: by the model's title, unless that names the patient."""

import numpy as np
import pytest
from pydicom import Dataset

from M3DLib.Image.ImageVolume import ImageVolume
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Report.Pictures.DeviationModel import fileEnding


def ending(title, count=1):
    header = Dataset()
    header.PatientName, header.PatientID = "Kowalczyk^Agnieszka", "HOSP-8812345"
    image = ImageVolume(np.zeros((2, 2, 2), np.int16), np.eye(4), headers=[header])
    return fileEnding(Case(loadProfile(), image, title=title), 2, count)


def test_titleStandsInTheNames():
    assert ending("Left femur") == "-left-femur" and ending("Left femur", 3) == "-left-femur-2"


@pytest.mark.parametrize("title", ["Skull of Kowalczyk", "agnieszka", "HOSP 8812345"])
def test_titleThatNamesThePatientDoesNot(title):
    assert ending(title) == "" and ending(title, 3) == "-2"
