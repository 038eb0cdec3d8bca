"""PDF/A of the reports: rules looked up by another library than the one that makes them, and tools that are silent."""

import io
import shutil
import subprocess

import pytest

from M3DTestSupport.PdfARules import brokenRules
from M3DTestSupport.Reports import validated, writeNamedScan

pytest.importorskip("typst")
pypdf = pytest.importorskip("pypdf")

from pypdf.generic import BooleanObject, DictionaryObject, NameObject, NumberObject, TextStringObject

from M3DValidationLib.Report.Pdf.PdfReport import pdfReport


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pdfa")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan", StudyDate="20230517")
    validated(made / "scan", made / "out", "--formats", "pdf", "--tolerance", "0.3")
    return made


@pytest.fixture(scope="module")
def content(folder):
    return (folder / "out" / "report.pdf").read_bytes()


def test_noRuleIsBroken(content):
    assert brokenRules(content) == []


@pytest.mark.parametrize(("language", "studyDate"), [("de", "17.05.2023"), ("zh", "2023/5/17")])
def test_norInOtherLanguagesAndScripts(folder, language, studyDate):
    from M3DValidationLib.Report.ReportFiles import readReport

    data, _attachments = readReport(folder / "out" / "report.json")
    data["case"]["patient"]["name"] = "王^小明"
    changed = pdfReport(data, {}, language)
    assert brokenRules(changed) == []
    document = pypdf.PdfReader(io.BytesIO(changed))
    assert document.trailer["/Root"]["/Lang"] == language
    # In the head of every page.
    for page in document.pages:
        assert f"PID-20481, {studyDate}" in page.extract_text()


def changed(content, change):
    writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(content)))
    change(writer)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def _unembed(writer):
    for thing in writer._objects:
        if isinstance(thing, DictionaryObject) and "/FontDescriptor" in thing:
            descriptor = thing["/FontDescriptor"].get_object()
            for key in [key for key in descriptor if key.startswith("/FontFile")]:
                del descriptor[key]


def _script(writer):
    action = DictionaryObject({NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("1")})
    writer.root_object[NameObject("/OpenAction")] = action


def _interpolate(writer):
    for thing in writer._objects:
        if isinstance(thing, DictionaryObject) and thing.get("/Subtype") == "/Image":
            thing[NameObject("/Interpolate")] = BooleanObject(True)


def _hide(writer):
    for page in writer.pages:
        for annotation in page.get("/Annots", ()):
            annotation.get_object()[NameObject("/F")] = NumberObject(2)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        (lambda writer: writer.encrypt("x"), "6.1.3"),
        (lambda writer: writer.root_object.pop("/OutputIntents"), "6.2.3"),
        (lambda writer: writer.root_object.pop("/Metadata"), "6.6.2"),
        (lambda writer: writer.root_object.pop("/StructTreeRoot"), "tagged"),
        (_script, "6.5.1"),
        (lambda writer: writer.add_attachment("a.txt", b"a"), "6.8"),
        (_unembed, "6.2.11.4.1"),
        (_interpolate, "6.2.8"),
        (_hide, "6.3.2"),
    ],
)
def test_everyRuleSeesWhatBreaksIt(content, change, clause):
    found = brokenRules(changed(content, change))
    assert any(one.startswith(f"{clause}:") for one in found), found


@pytest.mark.parametrize("tool", ["pdfinfo", "pdftotext", "pdffonts"])
def test_popplerHasNothingToSay(folder, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} (poppler-utils) is not installed")
    more = ["-"] if tool == "pdftotext" else []
    done = subprocess.run([tool, folder / "out" / "report.pdf", *more], capture_output=True, check=True)
    assert done.stderr == b""


def test_textIsReadInTheOrderOfThePages(folder):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    # Without -layout and -raw: in the order that a reader of the tags has.
    said = subprocess.run(["pdftotext", folder / "out" / "report.pdf", "-"], capture_output=True, check=True)
    text = " ".join(said.stdout.decode("utf-8").split())
    order = [
        "Do not use as intended",
        "Intended use",
        "Limits not met",
        "Author, date",
        "Contents",
        "Asked for",
        "A positive deviation means",
        "Findings by clause of ISO/IEC 3532-1 Here",
        "Annex: what passed or is recorded only 6",
        "Annex: case, acquisition, data flow Patient",
        "Limits of the method • The report says",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places and places == sorted(places), list(zip(order, places, strict=True))
