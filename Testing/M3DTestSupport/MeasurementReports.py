"""DICOM measurement reports read back with highdicom, and judged by dicom3tools and DCMTK."""

import shutil
import subprocess

import pytest
from highdicom.sr import srread

from M3DValidationLib.Report.Dicom.ReportCodes import SCHEME


def instances(root):
    return sorted(file for file in (root / "DICOM").rglob("*") if file.is_file())


def complaints(file, isReport=True):
    """What dciodvfy and dsrdump have against a file, but for not knowing the project's own codes.

    :param isReport: False for an object that is no structured report, which dsrdump does not read.
    """
    for tool in ("dciodvfy", "dsrdump"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    said = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    lines = [line for line in said.stderr.decode("latin-1").splitlines() if line.startswith(("Error", "Warning"))]
    if not isReport:
        return lines
    dump = subprocess.run(["dsrdump", "+U8", file], capture_output=True, check=False)
    if b"not supported by the utilized character set conversion" in dump.stderr:
        # Debian's DCMTK cannot convert the ISO 2022 sets of Japanese scanners; it shows their bytes as they stand.
        dump = subprocess.run(["dsrdump", file], capture_output=True, check=False)
        dump.stderr = b"\n".join(line for line in dump.stderr.splitlines() if b"SpecificCharacterSet" not in line)
    errors = dump.stderr.decode("utf-8").splitlines()
    lines += [line for line in errors if line.startswith(("E:", "W:")) and "VR checker" not in line]
    assert dump.returncode == 0 and b"Imaging Measurement Report" in dump.stdout
    return [line for line in lines if f"<{SCHEME}>" not in line]


def numbers(group):
    """Values of a group's measurements by concept and derivation."""
    found = {}
    for measurement in group.get_measurements():
        derivation = measurement.derivation.meaning if measurement.derivation else ""
        found[measurement.name.value, derivation] = (float(measurement.value), measurement.unit.value)
    return found


def groupsOf(file):
    content = srread(file).content
    groups = [*content.get_image_measurement_groups(), *content.get_volumetric_roi_measurement_groups()]
    return {group.tracking_identifier: group for group in groups}
