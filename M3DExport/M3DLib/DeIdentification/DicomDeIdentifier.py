"""A DICOM data set without identity, after the Basic Application Level Confidentiality Profile (PS3.15 Annex E)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..Software import NAME, VERSION
from .AnnexE import DUMMY, EDITION, EMPTY, MAP, REMOVE, actionFor
from .OriginalValues import isInstanceUid
from .Replacements import REMOVED, Replacements

if TYPE_CHECKING:
    from pydicom import Dataset

_TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC", "CS"}
_NUMBERS = {"DS", "IS", "FL", "FD", "SL", "SS", "UL", "US", "SV", "UV"}
DUMMY_DATE = "19000101"
_DUMMIES = {"DA": DUMMY_DATE, "TM": "000000", "DT": DUMMY_DATE + "000000", "AS": "000Y", "PN": REMOVED, "AE": REMOVED}
_KEPT_IN_META = ("FileMetaInformationVersion", "MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID")
_KEPT_IN_META += ("TransferSyntaxUID", "ImplementationClassUID", "ImplementationVersionName")
_TRAILING_PADDING = 0xFFFCFFFC
# What a code or a controlled term says is no patient's: left as it is, so that it can still be understood.
_CODE_TAGS = {0x00080100, 0x00080102, 0x00080103, 0x00080119, 0x00080005, 0x00080060, 0x00280004, 0x0040A040}


def deIdentify(dataset: Dataset, replacements: Replacements) -> None:
    """Take the identity out of a data set, which is changed.

    Every attribute of Table E.1-1 is removed, emptied or replaced as it says; identifiers of instances are mapped, the
    same everywhere; private, unknown, curve and overlay elements are removed. In all other texts the values of the
    originals are replaced. Dates and times are removed (no longitudinal information is kept). The document in an
    Encapsulated STL or PDF, and pixels, are not looked at here.
    """
    _clean(dataset, replacements)
    dataset.PatientName = replacements.pseudonym
    dataset.PatientID = replacements.pseudonym
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.DeidentificationMethod = f"{NAME} {VERSION}, PS3.15 {EDITION} Basic Profile"[:64]
    dataset.DeidentificationMethodCodeSequence = [
        _code("113100", "Basic Application Confidentiality Profile"),
        _code("113105", "Clean Descriptors Option"),
    ]
    meta = getattr(dataset, "file_meta", None)
    if meta is not None:
        for element in list(meta):
            if element.keyword not in _KEPT_IN_META:
                del meta[element.tag]
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if getattr(dataset, "preamble", None):
        dataset.preamble = b"\0" * 128


def _clean(dataset: Dataset, replacements: Replacements) -> None:
    from pydicom.datadict import dictionary_has_tag, dictionary_VR, repeater_has_tag

    for tag in list(dataset.keys()):
        number = int(tag)
        if tag.is_private or number == _TRAILING_PADDING:
            del dataset[tag]
            continue
        action = actionFor(number)
        if not (dictionary_has_tag(number) or repeater_has_tag(number)) or action == REMOVE:
            del dataset[tag]
            continue
        raw = dataset.get_item(tag)
        vr = raw.VR if raw.VR not in (None, "UN") else dictionary_VR(number)
        if action is None and vr not in ("SQ", "UI", "PN", *_TEXTS):
            continue
        _change(dataset, dataset[tag], action, replacements)


def _change(dataset: Dataset, element: Any, action: str | None, replacements: Replacements) -> None:
    vr, tag = element.VR, element.tag
    if vr == "UI":
        element.value = _mapped(element, replacements)
    elif vr == "SQ":
        if action == EMPTY:
            element.value = []
        for item in element.value or ():
            _clean(item, replacements)
    elif action == EMPTY:
        element.value = None if vr in _NUMBERS or vr.startswith("O") else ""
    elif action == DUMMY:
        # The document itself is made anew by whoever knows its kind.
        if element.keyword != "EncapsulatedDocument":
            element.value = _dummy(vr)
    elif action in (None, MAP) and vr == "PN":
        element.value = REMOVED if element.value else ""
    elif vr in _TEXTS and int(tag) not in _CODE_TAGS:
        _scrub(element, replacements)


def _scrub(element: Any, replacements: Replacements) -> None:
    value = element.value
    if not value:
        return
    if isinstance(value, str):
        changed: Any = replacements.text(value)
    else:
        changed = [replacements.text(str(one)) for one in value]
        value = [str(one) for one in value]
    if changed != value:
        element.value = changed


def _mapped(element: Any, replacements: Replacements) -> Any:
    def new(value: Any) -> str:
        text = str(value)
        return replacements.uid(text) if text and isInstanceUid(element.keyword, text) else text

    value = element.value
    if not value:
        return value
    return new(value) if isinstance(value, str) else [new(one) for one in value]


def _dummy(vr: str) -> Any:
    if vr in _DUMMIES:
        return _DUMMIES[vr]
    if vr in _NUMBERS:
        return 0
    if vr.startswith("O") or vr == "UN":
        return b"\0\0"
    return "urn:removed" if vr == "UR" else REMOVED


def _code(value: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
