"""Other people's tools as judges of the objects written here."""

import shutil
import subprocess

import pytest

# What Debian's dciodvfy (2022) says of valid objects, and why it is wrong or not about us. Nothing else is tolerated.
TOLERATED = {
    # Supplement 208 (2020) added three attributes to C.35.1, which that dciodvfy does not know yet.
    "</ModelGroupUID(0068,7004)> - Attribute is not present in standard DICOM IOD": "Supplement 208",
    "</RecommendedDisplayCIELabValue(0062,000d)> - Attribute is not present in standard DICOM IOD": "Supplement 208",
    "</RecommendedPresentationOpacity(0066,000c)> - Attribute is not present in standard DICOM IOD": "Supplement 208",
    # It reads the Patient module as it was before a name of one component was allowed to be a family name.
    "Retired Person Name form": "a name without '^' is copied from the source as it stands",
}


def requireTool(name):
    """Path of a program; the test is skipped when it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def dciodvfyMessages(files):
    """Errors and warnings of ``dciodvfy -new`` that are not tolerated, by file.

    :param files: checked one after the other by one shell, which starts much faster than as many Python subprocesses.
    """
    requireTool("dciodvfy")
    script = 'for file; do echo "== $file"; dciodvfy -new "$file" 2>&1; done'
    output = subprocess.run(
        ["sh", "-c", script, "sh", *map(str, files)],
        capture_output=True,
        check=True,
        timeout=300,
    ).stdout.decode("latin-1")
    messages, current, known = {}, None, 0
    for line in output.splitlines():
        if line.startswith("== "):
            current = line[3:]
            messages[current] = []
        elif line.startswith(("Error", "Warning")) and not any(tolerated in line for tolerated in TOLERATED):
            messages[current].append(line)
        elif line.strip() == "EncapsulatedSTL":
            known += 1  # the name of the IOD it has checked against
    assert known == len(messages), "dciodvfy did not take every file for an Encapsulated STL"
    return {file: lines for file, lines in messages.items() if lines}
