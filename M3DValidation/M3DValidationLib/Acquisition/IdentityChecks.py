"""One patient, one study, one coordinate system, how old, and how it was acquired (ISO/IEC 3532-1, 6.1 and 6.2)."""

from __future__ import annotations

from datetime import date, datetime

from M3DLib.NumberText import plural

from ..Requirement import Finding, Requirement, Verdict
from .ImageCheck import NO_HEADERS, ImageCheck, headersOf, inOne, valuesOf

_SINGLE = {
    "single-patient": (
        "PatientID",
        "Patient ID (0010,0020)",
        "All slices belong to one patient.",
        "The slices belong to {0} patients ({1} slices by {2}).",
    ),
    "single-study": (
        "StudyInstanceUID",
        "Study Instance UID (0020,000D)",
        "All slices belong to one study.",
        "The slices belong to {0} studies ({1} slices by {2}).",
    ),
    "single-frame-of-reference": (
        "FrameOfReferenceUID",
        "Frame of Reference UID (0020,0052)",
        "All slices belong to one frame of reference.",
        "The slices belong to {0} frames of reference ({1} slices by {2}).",
    ),
}
_DATES = ("AcquisitionDate", "AcquisitionDateTime", "ContentDate", "SeriesDate", "StudyDate")
RECORD = {
    "Manufacturer": "Manufacturer (0008,0070)",
    "ManufacturerModelName": "Manufacturer's Model Name (0008,1090)",
    "DeviceSerialNumber": "Device Serial Number (0018,1000)",
    "SoftwareVersions": "Software Versions (0018,1020)",
    "ProtocolName": "Protocol Name (0018,1030)",
    "KVP": "KVP (0018,0060), kV",
    "Exposure": "Exposure (0018,1152), mAs",
    "CTDIvol": "CTDIvol (0018,9345), mGy",
    "ContrastBolusAgent": "Contrast/Bolus Agent (0018,0010)",
    "PatientPosition": "Patient Position (0018,5100)",
    "BodyPartExamined": "Body Part Examined (0018,0015)",
}
_CT_ONLY = ("KVP", "Exposure", "CTDIvol")


class SingleOriginCheck(ImageCheck):
    """Whether all slices come from one patient, one study and one coordinate system."""

    requirementIds = tuple(_SINGLE)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        headers = headersOf(case)
        for identifier, requirement in held.items():
            keyword, attribute, one, several = _SINGLE[identifier]
            if not headers:
                yield requirement.notAssessable(NO_HEADERS)
                continue
            counts = valuesOf(headers, keyword)
            names = {"": 0}
            if identifier == "single-patient":
                names = valuesOf(headers, "PatientName")
            sizes = sorted(counts.values(), reverse=True)
            if len(counts) > 1:
                shares = ", ".join(map(str, sizes))
                message = several.format(len(counts), shares, attribute)
                yield requirement.stated(False, len(counts), message, slicesEach=sizes)
            elif len(names) > 1:
                message = f"The slices have one Patient ID but {len(names)} different patient names."
                yield requirement.stated(False, len(names), message, slicesEach=sorted(names.values(), reverse=True))
            elif "" in counts:
                yield requirement.notAssessable(f"{attribute} is missing.")
            else:
                yield requirement.stated(True, 1, one)


class ScanAgeCheck(ImageCheck):
    """Age of the scan against the time for which the profile calls it valid."""

    requirementIds = ("scan-age",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["scan-age"]
        headers = headersOf(case)
        if not headers:
            yield requirement.notAssessable(NO_HEADERS)
            return
        found = {keyword: day for keyword in _DATES if (day := _latestDay(headers, keyword)) is not None}
        if not found:
            yield requirement.notAssessable("Acquisition Date (0008,0022) and all other dates are missing.")
            return
        keyword, day = next(iter(found.items()))
        today = case.options.get("today") or date.today()
        age = (today - day).days
        evidence = {"date": day.isoformat(), "attribute": keyword}
        if age < 0:
            message = (
                f"The scan is dated {day.isoformat()}, {plural(-age, 'day')} in the future; its date cannot be right."
            )
            yield requirement.stated(False, float(age), message, **evidence)
            return
        message = f"The scan is {plural(age, 'day')} old (acquired {day.isoformat()})."
        yield requirement.finding(age, message, **evidence)


def _latestDay(headers, keyword: str) -> date | None:
    days = []
    for text in valuesOf(headers, keyword):
        try:
            days.append(datetime.strptime(text.strip().replace(".", "")[:8], "%Y%m%d").date())
        except ValueError:
            continue  # absent in this slice, or written so that nobody can read it
    return max(days) if days else None


class AcquisitionRecordCheck(ImageCheck):
    """What the headers say of the acquisition, one finding per attribute."""

    requirementIds = ("acquisition-record",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["acquisition-record"]
        headers = headersOf(case)
        if not headers:
            yield requirement.notAssessable(NO_HEADERS)
            return
        for keyword, attribute in RECORD.items():
            if keyword in _CT_ONLY and case.image.modality not in ("CT", ""):
                continue
            yield _recorded(requirement, keyword, attribute, valuesOf(headers, keyword))


def _recorded(requirement: Requirement, keyword: str, attribute: str, counts: dict[str, int]) -> Finding:
    texts = [text for text in counts if text]
    evidence = {"attribute": keyword}
    if not texts:
        # An agent is recorded only where one was given: a plain scan lacks nothing.
        nothing = "none recorded, as in a plain scan" if keyword == "ContrastBolusAgent" else "not recorded"
        return requirement.notAssessable(f"{attribute}: {nothing}.", **evidence)
    text = inOne(texts)
    return requirement.stated(True, text, f"{attribute}: {text}.", **evidence)


class ScopeCheck(ImageCheck):
    """Whether the image is what ISO/IEC 3532-1 is about, and the scanner's own."""

    requirementIds = ("modality-scope", "original-image")
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        if requirement := held.get("modality-scope"):
            yield _scope(requirement, case.image.modality)
        if requirement := held.get("original-image"):
            if case.image.derived:
                yield requirement.stated(False, "derived", case.image.derived)
                return
            if case.image.unverified:
                yield requirement.notAssessable(case.image.unverified)
                return
            headers = headersOf(case)
            counts = valuesOf(headers, "ImageType")
            if not any(counts):
                yield requirement.notAssessable("Image Type (0008,0008) is missing." if headers else NO_HEADERS)
                return
            derived = {text: count for text, count in counts.items() if _isDerived(text)}
            if derived:
                kind = next(iter(derived)).replace("\\", ", ")
                message = (
                    f"Not the scanner's own: {sum(derived.values())} of {len(headers)} slices (Image Type {kind}), "
                    "computed from other images and so interpolated before."
                )
            else:
                message = "The images are original and primary."
            yield requirement.stated(not derived, "; ".join(counts), message)


def _isDerived(imageType: str) -> bool:
    values = imageType.upper().split("\\")
    reformatted = {"MPR", "REFORMATTED", "RESAMPLED", "PROJECTION IMAGE", "SECONDARY", "MIN_IP", "MAX_IP", "MIP"}
    return values[0] == "DERIVED" or bool(reformatted & set(values))


def _scope(requirement: Requirement, modality: str) -> Finding:
    if not modality:
        return requirement.notAssessable("The modality is not known without DICOM headers.")
    if modality == "CT":
        return requirement.stated(True, modality, "The image is a CT, as ISO/IEC 3532-1 asks.")
    finding = requirement.stated(
        False,
        modality,
        f"The image is {modality}, outside the scope of ISO/IEC 3532-1 (hard tissue from CT): the geometry rules are "
        "applied to it all the same.",
    )
    if finding.verdict is Verdict.INFORMATION:
        # A profile that only records the modality still shows that it is out of scope.
        finding.evidence["outsideScope"] = True
    return finding


class LossyCompressionCheck(ImageCheck):
    """Whether pixels have ever been compressed with loss."""

    requirementIds = ("lossy-compression",)
    aboutImageAlone = True

    def findings(self, held, case, progress):
        """See :class:`ImageCheck`."""
        requirement = held["lossy-compression"]
        headers = headersOf(case)
        if not headers:
            yield requirement.notAssessable(NO_HEADERS)
            return
        said = [header for header in headers if str(header.get("LossyImageCompression", "")) == "01"]
        encoded = [header for header in headers if _isLossySyntax(header.dataset)]
        lossy = max(len(said), len(encoded))
        ratios = sorted({ratio for header in said if (ratio := header.number("LossyImageCompressionRatio"))})
        if not lossy:
            yield requirement.stated(
                True, "none", "No slice was compressed with loss, by (0028,2110) and by its encoding."
            )
            return
        ratio = f", up to {ratios[-1]:g} : 1" if ratios else ""
        yield requirement.stated(
            False,
            ratios[-1] if ratios else "lossy",
            f"Compressed with loss (0028,2110): {lossy} of {len(headers)} slices{ratio}; edges have moved by amounts "
            "that nobody can tell.",
            slices=lossy,
            ratios=ratios,
        )


def _isLossySyntax(dataset) -> bool:
    from pydicom import uid

    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    # JPEG 2000 and HTJ2K without "lossless" in the name may be either; (0028,2110) then decides.
    return syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless)


CHECKS = (SingleOriginCheck, ScanAgeCheck, AcquisitionRecordCheck, ScopeCheck, LossyCompressionCheck)
