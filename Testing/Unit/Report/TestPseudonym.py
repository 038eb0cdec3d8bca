"""A pseudonymized report: no value of the source's headers that identifies or links is in any face or picture."""

import json
import re
import struct
import subprocess
import zlib
from pathlib import Path

import jsonschema
import pytest
from pydicom import dcmread

from M3DTestSupport.Reports import validated, writeNamedScan
from M3DValidationLib.Report.Content.Pseudonym import LEFT_OUT, WITHHELD, isWithheld
from M3DValidationLib.Report.Content.ReportContent import readSchema

# What a scanner writes and a person types, each unlike any word of the report. No clock shows a second of 60, which
# DICOM allows (PS3.5, TM): no time of the run can be taken for one of the scan.
HEADERS = {
    "StudyDate": "20230517",
    "SeriesDate": "20230517",
    "AcquisitionDate": "20230517",
    "ContentDate": "20230517",
    "StudyTime": "142260",
    "SeriesTime": "142360",
    "ContentTime": "142460",
    "AcquisitionTime": "142360.250",
    "StudyDescription": "Schadel nach Sturz",
    "SeriesDescription": "Knochen fein axial",
    "ProtocolName": "Kopf Trauma Nacht",
    "DeviceSerialNumber": "SN-77120-X",
    "StationName": "CTRAUM3",
    "InstitutionName": "Klinik am Wald",
    "InstitutionAddress": "Waldweg 7",
    "ReferringPhysicianName": "Ahorn^Berta",
    "OperatorsName": "Tanne^Uwe",
    "StudyID": "STUDY-4471",
    "ImageComments": "Patient unruhig",
    "PatientComments": "kommt wieder",
    "AdditionalPatientHistory": "Sturz vom Rad",
    "OtherPatientIDs": "ALT-99812",
    "PatientAddress": "Birkenallee 12",
}
# By these an image is judged, and many patients' scans have the same.
_KEPT = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "ContrastBolusAgent"}
_VALUES = ("DA", "TM", "DT", "UI", "PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("Ahornmappe")
    (made / "scan").mkdir()
    writeNamedScan(made / "scan", **HEADERS)
    for number, file in enumerate(sorted((made / "scan").iterdir())):
        file.rename(file.with_name(f"Gruenwald_Befund_{number:03}.dcm"))
    (made / "scan" / "Notizen_Ahorn.txt").write_text("not part of the scan")
    validated(made / "scan", made / "out", "--pseudonym", "Case 7", "--formats", "json,html,pdf")
    return made


def secrets(scan):
    """Every value of the source's headers that could identify or link, with the names and hashes of its files."""
    import hashlib

    found = set()
    for file in scan.iterdir():
        found |= {file.name, file.stem, hashlib.sha256(file.read_bytes()).hexdigest()}
        if file.suffix != ".dcm":
            continue
        for element in dcmread(file, stop_before_pixels=True).iterall():
            if element.VR not in _VALUES or element.keyword in _KEPT:
                continue
            for value in [element.value] if isinstance(element.value, str) or element.VM < 2 else element.value:
                text = str(value or "")
                parts = re.split(r"[\^= ]+", text) if element.VR == "PN" else [text]
                found.update(part for part in parts if len(part) >= 4 and not part.startswith("1.2.840.10008."))
                if element.VR == "DA" and text:
                    found.add(f"{text[:4]}-{text[4:6]}-{text[6:]}")
                if element.VR == "TM" and text:
                    found.add(f"{text[:2]}:{text[2:4]}:{text[4:6]}")
    return found


def textsOf(file):
    """Everything in a file that could be read: its bytes, its metadata, what is packed in it."""
    content = file.read_bytes()
    if file.suffix == ".png":
        texts, place = [], 8
        while place < len(content):
            length, kind = struct.unpack(">I4s", content[place : place + 8])
            if kind not in (b"IDAT", b"IHDR", b"IEND", b"PLTE"):
                texts.append(content[place + 4 : place + 8 + length])
                if kind in (b"zTXt", b"iTXt"):
                    texts.append(zlib.decompress(content[place + 8 : place + 8 + length].partition(b"\0")[2][1:]))
            place += 12 + length
        return texts
    if file.suffix == ".pdf":
        packed = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
        # Offsets of the document's objects are digits that may be any.
        plain = re.sub(rb"^\d{10} \d{5} [nf] ?$", b"", content, flags=re.MULTILINE)
        return [plain, *filter(None, map(unpacked, packed))]
    return [content]


def unpacked(stream):
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def test_theScanHasManySecrets(folder):
    found = secrets(folder / "scan")
    assert {"SN-77120-X", "Klinik am Wald", "2023-05-17", "14:22:60", "Ahorn", "Grünwald", "ACC778812"} <= found
    assert len(found) > 100


def test_noFaceAndNoPictureHoldsAnyValueOfTheHeaders(folder):
    files = [file for file in (folder / "out").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".html", ".pdf", ".png", ".glb"}
    for secret in secrets(folder / "scan"):
        for file in files:
            for text in textsOf(file):
                assert secret.encode() not in text, f"{secret} in {file.name}"


def test_theTextOfThePdfHoldsNoneEither(folder):
    try:
        run = subprocess.run(["pdftotext", "-raw", folder / "out" / "report.pdf", "-"], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    text = " ".join(run.stdout.decode().split())
    assert "Case 7" in text
    for secret in secrets(folder / "scan"):
        assert secret not in text, secret
    information = subprocess.run(["pdfinfo", folder / "out" / "report.pdf"], capture_output=True, check=True).stdout
    assert not [secret for secret in secrets(folder / "scan") if secret.encode() in information]


def test_theReportSaysWhatIsLeftOutAndKeepsWhatIsNeeded(folder):
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, readSchema())
    assert report["case"]["leftOut"] == list(LEFT_OUT)
    html = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "serial number of the device" in html
    findings = {finding["requirement"]: finding for finding in report["findings"]}
    # The age in days stays, the day does not.
    assert findings["scan-age"]["measured"] > 0 and "days old" in findings["scan-age"]["message"]
    assert WITHHELD in findings["scan-age"]["message"]
    record = {entry["keyword"]: entry["value"] for entry in report["acquisition"]}
    assert record["DeviceSerialNumber"] == record["AcquisitionDate"] == record["ProtocolName"] == WITHHELD
    assert record["SliceThickness"] not in (None, WITHHELD)
    (image,) = [step for step in report["dataFlow"] if step["step"] == "image"]
    assert image["files"] == [] and image["time"] == "" and image["parameters"]["files read"] > 10
    assert report["report"] == "report.json"


def test_nameOfABroughtModelIsWithheldWithItsHash(folder, tmp_path):
    import hashlib

    from M3DLib.Mesh.StlFile import stlBytes
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DTestSupport.MeshShapes import box

    file = tmp_path / "Ahorn_Schiene.stl"
    file.write_bytes(stlBytes(TriangleMesh(*box())))
    from M3DBatchLib.CommandLine import main

    output = tmp_path / "out"
    arguments = ["validate", "--mesh", str(file), "--output", str(output), "--pseudonym", "Case 8", "--formats", "html"]
    assert main(arguments) in (0, 1, 3)
    for face in output.iterdir():
        content = face.read_bytes()
        assert b"Ahorn" not in content and hashlib.sha256(file.read_bytes()).hexdigest().encode() not in content


def test_whatIsWithheldFollowsFromTheKindOfValue():
    for keyword in ("AcquisitionDate", "AcquisitionTime", "DeviceSerialNumber", "SOPInstanceUID", "ProtocolName"):
        assert isWithheld(keyword)
    for keyword in ("SliceThickness", "KVP", "Manufacturer", "ConvolutionKernel", "PatientPosition"):
        assert not isWithheld(keyword)


def test_pathsOfThisMachineAreNotInTheReport(folder):
    assert str(Path(folder)) not in (folder / "out" / "report.json").read_text(encoding="utf-8")
