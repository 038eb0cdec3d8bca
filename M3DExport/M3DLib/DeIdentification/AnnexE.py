"""What PS3.15 Table E.1-1 (Basic Application Level Confidentiality Profile) says of each attribute.

The table is that of the package dicom-anonymizer, which generates it from the published standard with every edition and
is released more often than dicognito; dicognito follows no profile, and leaves private elements and descriptions. Of
dicom-anonymizer only the table is used: its own code looks at the attributes of the top level alone, and replaces a
report's whole content tree.
"""

from __future__ import annotations

from functools import cache

from ..Errors import M3DError

EDITION = "2026c"
REMOVE, EMPTY, DUMMY, MAP = "remove", "empty", "dummy", "map"
# Where the standard leaves a choice, the value goes as far as no Type 1 or 2 attribute of the objects handled here
# would be lost by it (PS3.15 E.1, Table E.1-1a).
_CATEGORIES = {
    "D_TAGS": DUMMY,
    "Z_TAGS": EMPTY,
    "X_TAGS": REMOVE,
    "U_TAGS": MAP,
    "Z_D_TAGS": DUMMY,
    "X_Z_TAGS": EMPTY,
    "X_D_TAGS": REMOVE,
    "X_Z_D_TAGS": EMPTY,
    "X_Z_U_STAR_TAGS": MAP,
}
# Device Serial Number is of Type 1 in Enhanced General Equipment; Series Date is kept nowhere.
_OWN = {"DeviceSerialNumber": DUMMY, "StationName": REMOVE, "OperatorsName": REMOVE, "InstitutionName": REMOVE}


@cache
def actions() -> dict[int, str]:
    """What becomes of an attribute, by its tag; repeating groups are not in it (see :func:`actionFor`).

    :raises M3DError: the package with the table is not installed, or lacks this edition.
    """
    try:
        from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
    except ImportError as error:
        raise M3DError(
            "De-identification needs the Python package dicom-anonymizer: pip install SlicerM3D[handover]"
        ) from error
    from pydicom.datadict import tag_for_keyword

    try:
        table = dicom_anonymization_database_selector(f"dicomfields_{EDITION}")
    except ValueError as error:
        raise M3DError(f"The installed dicom-anonymizer lacks the table of {EDITION}; update the package.") from error
    found = {
        (tag[0] << 16) | tag[1]: action
        for category, action in _CATEGORIES.items()
        for tag in table[category]
        if len(tag) == 2
    }
    for keyword, action in _OWN.items():
        found[tag_for_keyword(keyword)] = action
    return found


def actionFor(tag: int) -> str | None:
    """What becomes of an attribute; None where the table does not name it."""
    group = tag >> 16
    # Curves and overlays: groups 5000 to 50FF and 6000 to 60FF.
    if group & 0xFF00 == 0x5000:
        return REMOVE
    if group & 0xFF00 == 0x6000:
        return REMOVE
    return actions().get(tag)
