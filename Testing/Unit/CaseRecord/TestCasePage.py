"""The page of a case says what its record says, and nothing in it is anybody's markup."""

import re

import pytest

from M3DLib.CaseRecord.CaseFiles import fileEntry
from M3DLib.CaseRecord.CaseFolder import confirmCase, openCase, recordWork
from M3DLib.CaseRecord.CasePage import casePage
from M3DLib.CaseRecord.CaseVerification import verifyCase
from M3DLib.CaseRecord.RecordFile import RECORD_FILE
from M3DLib.Errors import M3DError

pytest.importorskip("jinja2")


@pytest.fixture
def case(tmp_path):
    folder = tmp_path / "case"
    openCase(folder, "7", "Skull <script>alert(1)</script>", person="Ada & Eve", role="engineer")
    for content, verdict in ((b"first", "fail"), (b"second", "pass")):
        (folder / "skull.dcm").write_bytes(content)
        model = fileEntry(folder / "skull.dcm", folder, "model")
        recordWork(folder, "validated", inputs=[model], result={"verdict": verdict})
        confirmCase(folder, "design", person="Dr. Berg", role="surgeon")
    return folder


def test_everyEventStandsInTheTimelineWithWhatBecameOfIt(case):
    page = casePage(verifyCase(case))
    assert re.findall(r'<li class="(\w+)"><span class="quiet">(\d)', page) == [
        ("opened", "1"),
        ("fail", "2"),
        ("void", "3"),
        ("validated", "4"),
        ("confirmed", "5"),
    ]
    assert "Not released." in page


def test_nothingInItIsAnybodysMarkup(case):
    page = casePage(verifyCase(case))
    assert "<script" not in page
    assert "Skull &lt;script&gt;" in page
    assert "Ada &amp; Eve" in page


def test_whatIsNotWholeStandsAtTheTop(case):
    (case / "skull.dcm").write_bytes(b"third")
    page = casePage(verifyCase(case))
    assert page.index("is not the one on record") < page.index("<main>")
    assert "Released." not in page


def test_aBrokenRecordHasNoPage(case):
    lines = (case / RECORD_FILE).read_bytes().splitlines(keepends=True)
    (case / RECORD_FILE).write_bytes(b"".join(lines[1:]))
    with pytest.raises(M3DError, match="Line 1"):
        casePage(verifyCase(case))
