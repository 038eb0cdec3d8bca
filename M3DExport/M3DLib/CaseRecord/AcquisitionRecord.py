"""The record of a scan's acquisition that T/CAMDI 028-2019 asks for in 5.2.2: device, thickness, resolution, time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# What tells one device, and one way of scanning, from another; nothing of the patient.
_TEXTS = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "serialNumber": "DeviceSerialNumber",
    "station": "StationName",
    "softwareVersions": "SoftwareVersions",
    "institution": "InstitutionName",
    "modality": "Modality",
    "protocol": "ProtocolName",
    "kernel": "ConvolutionKernel",
    "tubeVoltageKv": "KVP",
    "sliceThicknessMm": "SliceThickness",
    "pixelSpacingMm": "PixelSpacing",
}
# Positions differ by rounding; no scanner moves its table more exactly.
_ROUNDING_MM = 1e-4


def acquisitionOf(headers: Sequence[Any]) -> dict[str, Any]:
    """How a series was acquired, as its headers say it; what they do not say, or say differently, is null.

    :param headers: pydicom data sets of the instances of one series.
    """
    values: dict[str, Any] = {"seriesInstanceUid": str(headers[0].SeriesInstanceUID)}
    for name, keyword in _TEXTS.items():
        found = {_text(header.get(keyword)) for header in headers}
        values[name] = found.pop() or None if len(found) == 1 else None
        if found and len(found) > 1:
            values.setdefault("differing", []).append(name)
    rows, columns = headers[0].get("Rows"), headers[0].get("Columns")
    values["matrix"] = f"{columns} x {rows}" if rows and columns else None
    values["slices"] = len(headers)
    values["sliceSpacingMm"] = _spacing(headers)
    times = sorted(filter(None, map(_acquired, headers)))
    values["acquired"] = times[0] if times else None
    return values


def accuracyOf(report: dict[str, Any]) -> dict[str, Any]:
    """What a report says of how far the model can be trusted, as plain values; empty where it measured nothing."""
    block = (report.get("deviation") or {}).get("image") or {}
    keys = ("meanAbsolute", "p95Absolute", "uncertainty95", "coverage", "withinTolerance")
    found = {key: block[key] for key in keys if block.get(key) is not None}
    if not found:
        return {}
    return {"toleranceMm": report.get("toleranceMm"), "verdict": report.get("verdict"), **found}


def acquisitionText(values: dict[str, Any]) -> str:
    """One scan in a line."""
    device = " ".join(filter(None, (values.get("manufacturer"), values.get("model"), values.get("serialNumber"))))
    said = {
        "": device or "device not stated",
        "slice thickness": _millimeters(values.get("sliceThicknessMm")),
        "slice spacing": _millimeters(values.get("sliceSpacingMm")),
        "pixels": _millimeters(values.get("pixelSpacingMm")),
        "acquired": values.get("acquired"),
        "valid until": values.get("validUntil"),
    }
    accuracy = values.get("accuracy") or {}
    if accuracy.get("p95Absolute") is not None:
        said["95 % of the model within"] = f"{accuracy['p95Absolute']:.3f} mm of the scan's edge"
    if accuracy.get("uncertainty95") is not None:
        said["uncertainty of that edge (95 %)"] = f"{accuracy['uncertainty95']:.3f} mm"
    return "; ".join(f"{name} {value}".strip() for name, value in said.items() if value)


def _millimeters(value: Any) -> str | None:
    return None if value in (None, "") else f"{value} mm"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return " x ".join(str(part) for part in value)
    return " ".join(str(value).split())


def _acquired(header: Any) -> str:
    """Date and time of acquisition, ISO 8601 without a zone; as exact as the header is."""
    whole = _text(header.get("AcquisitionDateTime"))
    day = whole[:8] or _text(header.get("AcquisitionDate"))
    clock = whole[8:14] or _text(header.get("AcquisitionTime"))[:6]
    if len(day) != 8 or not day.isdigit():
        return ""
    said = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return f"{said}T{clock[:2]}:{clock[2:4]}:{clock[4:6] or '00'}" if len(clock) >= 4 and clock.isdigit() else said


def _spacing(headers: Sequence[Any]) -> float | None:
    """Distance of the slices along their normal, mm, from their positions; null where it is not one distance."""
    try:
        turned = np.array([float(part) for part in headers[0].ImageOrientationPatient]).reshape(2, 3)
        places = np.array([[float(part) for part in header.ImagePositionPatient] for header in headers])
    except (AttributeError, TypeError, ValueError):
        return None
    steps = np.diff(np.sort(places @ np.cross(*turned)))
    if not len(steps) or np.ptp(steps) > max(0.01 * steps.mean(), _ROUNDING_MM):
        return None
    return round(float(steps.mean()), 4)
