"""Archives of models that are damaged or hostile are refused in a sentence."""

import io
import zipfile

import pytest

from M3DLib.DeIdentification.ModelFileCleaning import cleanModelFile
from M3DLib.DeIdentification.OriginalValues import OriginalValues
from M3DLib.DeIdentification.Replacements import Replacements
from M3DLib.Errors import M3DError

MEMBER = "3D/3dmodel.model"


@pytest.fixture
def replacements():
    return Replacements("P-1", OriginalValues())


def packed(text):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, text)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".3mf", ".amf"])
def test_damagedMemberIsRefusedInASentence(replacements, suffix):
    content = bytearray(packed("<model>" + "".join(map(str, range(2000))) + "</model>"))
    # The type of the first block of a deflated member, which no block may have.
    content[30 + len(MEMBER)] = 0xFF
    with pytest.raises(M3DError, match="archive cannot be read"):
        cleanModelFile(bytes(content), suffix, replacements)


def test_whyAnArchiveIsRefusedIsNotHidden(replacements, monkeypatch):
    def refuse(*_arguments):
        raise M3DError("This archive unpacks to too much.")

    monkeypatch.setattr("M3DLib.DeIdentification.ModelFileCleaning.requireRoom", refuse)
    with pytest.raises(M3DError, match="unpacks to too much"):
        cleanModelFile(packed("<model/>"), ".3mf", replacements)
