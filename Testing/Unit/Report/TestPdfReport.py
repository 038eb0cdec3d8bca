"""The report as PDF/A and as Encapsulated PDF: text and pages read by other people's tools."""

import copy
import re
import shutil
import subprocess

import numpy as np
import pytest

from M3DLib.Image.ImageReader import readImage
from M3DTestSupport.Reports import HOSTILE, PATIENT, hostile, validated, withFindings, writeNamedScan

pytest.importorskip("typst")

from M3DValidationLib.Report.Content.ReportText import personName
from M3DValidationLib.Report.Pdf.PdfReport import pdfReport

NAMES = ("Grünwald^Änne", "王^小明", "やまだ^たろう", "علي")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pdf")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan")
    return made


@pytest.fixture(scope="module")
def report(folder):
    return validated(folder / "scan", folder / "out", "--formats", "pdf,sr", "--tolerance", "0.3")


def poppler(tool, *arguments):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} (poppler-utils) is not installed")
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, check=True).stdout


def textOf(content, folder):
    """Text of each page."""
    (folder / "x.pdf").write_bytes(content)
    return poppler("pdftotext", "-raw", folder / "x.pdf", "-").decode("utf-8").split("\f")[:-1]


def squeezed(text):
    """Without what breaks lines and words."""
    return re.sub(r"[\s\u200b\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069-]", "", text)


def test_holdsTheFindingsAndTheCaseOnEveryPage(report, folder, tmp_path):
    pages = textOf((folder / "out" / "report.pdf").read_bytes(), tmp_path)
    whole = squeezed("".join(pages))
    for finding in report["findings"]:
        assert squeezed(finding["requirement"]) in whole
    for entry in report["notAssessable"]:
        assert squeezed(entry["reason"]) in whole
    assert squeezed(report["signConvention"]) in whole and "compliant" not in whole.casefold()
    for number, page in enumerate(pages, start=1):
        assert personName(PATIENT) in page and f"Page {number} of {len(pages)}" in page


def test_isPdfA(folder, report):
    content = (folder / "out" / "report.pdf").read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in content and b"<pdfaid:conformance>B</pdfaid:conformance>" in content
    fonts = poppler("pdffonts", folder / "out" / "report.pdf").decode().splitlines()[2:]
    assert fonts and all(line.split()[-5] == "yes" for line in fonts)  # embedded


def test_pagesShowSomething(folder, report, tmp_path):
    from PIL import Image

    poppler("pdftoppm", "-r", "40", "-png", folder / "out" / "report.pdf", tmp_path / "page")
    pages = sorted(tmp_path.glob("page*.png"))
    assert len(pages) > 3
    for page in pages:
        pixels = np.asarray(Image.open(page).convert("L"))
        assert (pixels < 128).mean() > 0.002
        # Nothing runs over the margins at the sides.
        assert (pixels[:, :15] > 200).all() and (pixels[:, -15:] > 200).all()


@pytest.mark.parametrize("name", NAMES)
def test_namesOfAnyScript(report, name, tmp_path):
    changed = copy.deepcopy(report)
    changed["case"]["patient"]["name"] = name
    assert squeezed(personName(name)) in squeezed(textOf(pdfReport(changed), tmp_path)[0])
    fonts = poppler("pdffonts", tmp_path / "x.pdf").decode()
    if name in NAMES[1:3] and not re.search("Droid|CJK|MicroHei", fonts):
        pytest.skip("no font with Chinese and Japanese characters is installed")


def test_characterWithoutAFontDoesNotCostTheReport(report, tmp_path):
    changed = copy.deepcopy(report)
    # No font has what Unicode will never assign a character to, nor what everybody may use for their own.
    changed["case"]["patient"]["name"] = "Mu\u0378ller\U000f1234"
    page = textOf(pdfReport(changed), tmp_path)[0]
    assert "Mu\ufffdller\ufffd" in page and "has no font" in squeezed(page).replace("hasnofont", "has no font")
    assert "hasnofont" not in squeezed(textOf(pdfReport(report), tmp_path)[0])


def test_hostileTextsAreTexts(report, tmp_path):
    whole = squeezed("".join(textOf(pdfReport(hostile(report)), tmp_path)))
    for text in HOSTILE:
        assert squeezed(text) in whole, text
    assert "root:x:0" not in whole


@pytest.mark.parametrize("count", [0, 500])
def test_anyNumberOfFindings(report, tmp_path, count):
    whole = "".join(textOf(pdfReport(withFindings(report, count)), tmp_path))
    assert ("There are no findings." in whole) == (count == 0)
    if count:
        assert f"number{count - 1}." in squeezed(whole)


def test_sameReportGivesTheSamePdf(report):
    assert pdfReport(report) == pdfReport(report)


def test_isStoredInTheStudyToo(report, folder):
    from pydicom import dcmread

    files = [file for file in (folder / "out" / "dicom" / "DICOM").rglob("*") if file.is_file()]
    objects = {dcmread(file).Modality: (file, dcmread(file)) for file in files}
    assert set(objects) == {"SR", "DOC"}
    file, document = objects["DOC"]
    header = readImage(folder / "scan").headers[0]
    assert document.StudyInstanceUID == header.StudyInstanceUID and str(document.PatientName) == PATIENT
    pdf = (folder / "out" / "report.pdf").read_bytes()
    assert document.EncapsulatedDocument[: document.EncapsulatedDocumentLength] == pdf
    assert len({one.SeriesInstanceUID for _, one in objects.values()}) == 2
    assert len({one.SeriesNumber for _, one in objects.values()}) == 2
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    said = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False).stderr.decode("latin-1")
    assert "EncapsulatedPDF" in said
    assert [line for line in said.splitlines() if line.startswith(("Error", "Warning"))] == []
