"""What a regular stack of slices does not tell: made differently, on different days, drawn upon, sides named twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from ..NumberText import plural
from .SliceHeader import SliceHeader

# What one reconstruction of one acquisition has in common (PS3.3 C.8.2.1, C.8.3.1, C.7.3.1); an attribute that no
# slice has differs in none. Times, currents and places differ in every scan.
_ALIKE = {
    "KVP": "KVP (0018,0060)",
    "ConvolutionKernel": "Convolution Kernel (0018,1210)",
    "PhotometricInterpretation": "Photometric Interpretation (0028,0004)",
    "PatientPosition": "Patient Position (0018,5100)",
    "DeviceSerialNumber": "Device Serial Number (0018,1000)",
    "TemporalPositionIdentifier": "Temporal Position Identifier (0020,0100)",
    "NominalPercentageOfCardiacPhase": "Nominal Percentage of Cardiac Phase (0020,9241)",
    "EchoTime": "Echo Time (0018,0081)",
    "RepetitionTime": "Repetition Time (0018,0080)",
    "InversionTime": "Inversion Time (0018,0082)",
}
# A scan takes minutes, a table that is moved between two of its parts an hour; it may pass midnight.
_ONE_VISIT = timedelta(hours=12)
# Letters of Patient Orientation (PS3.3 C.7.6.1.1.1) as directions in LPS.
_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}


def mixtureRemarks(slices: Sequence[SliceHeader], order: np.ndarray) -> list[str]:
    """Sentences on slices of several acquisitions or reconstructions, and on sides that are named twice, differently.

    :param slices: headers as they were found; ``slices[order[k]]`` is slice k along the normal.
    """
    remarks = []
    for keyword, name in _ALIKE.items():
        counts = Counter(header.text(keyword) for header in slices)
        del counts[""]
        if len(counts) > 1:
            listed = ", ".join(f"{value} ({count})" for value, count in counts.most_common(4))
            remarks.append(
                f"The slices were not made alike; {name}, with the number of slices in parentheses, is {listed}."
            )
    acquisitions = [header.text("AcquisitionNumber") for header in slices]
    along = [acquisitions[index] for index in order]
    returns = sum(one != other for one, other in pairwise(along)) - len(set(along)) + 1
    if returns > 0:
        remarks.append(
            f"Slices of {len(set(along))} acquisitions (Acquisition Number (0020,0012)) lie between each other: they "
            "may show different moments or positions of the patient."
        )
    return remarks + _visitRemarks(slices) + _drawnRemarks(slices) + _sideRemarks(slices[0])


def _drawnRemarks(slices: Sequence[SliceHeader]) -> list[str]:
    """A sentence when text is drawn into the pixels (PS3.3 C.7.6.1): bright and of no height that anatomy has."""
    drawn = sum(header.text("BurnedInAnnotation").upper() == "YES" for header in slices)
    text = (
        f"Burned In Annotation (0028,0301) says that text is drawn into the pixels of {plural(drawn, 'slice')}: a "
        "threshold may take it for bone, and it may name the patient."
    )
    return [text] if drawn else []


def _visitRemarks(slices: Sequence[SliceHeader]) -> list[str]:
    """A sentence when slices were acquired so far apart in time that the patient got up in between."""
    days = Counter(day for header in slices if (day := _acquired(header)[0]) is not None)
    if len(days) < 2:
        return []
    moments = [moment for header in slices if None not in (moment := _acquired(header))]
    # Slices of two days that follow each other may be one scan over midnight, where no time says otherwise.
    apart = max(days) - min(days) > timedelta(days=1)
    if not apart and (not moments or _span(moments) <= _ONE_VISIT):
        return []
    listed = ", ".join(f"{day:%Y%m%d} ({count})" for day, count in sorted(days.items())[:4])
    text = (
        "The slices were not acquired in one visit; Acquisition Date (0008,0022), with the number of slices in "
        f"parentheses, is {listed}. The patient lay in another place then, and may have changed in between."
    )
    return [text]


def _acquired(header: SliceHeader) -> tuple[date | None, timedelta | None]:
    """Day of acquisition of a slice, and the time of the day; None for what cannot be read."""
    both = header.text("AcquisitionDateTime")
    day, time = (both[:8], both[8:14]) if both else (header.text("AcquisitionDate"), header.text("AcquisitionTime"))
    try:
        found = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return None, None
    hour = time[:2]
    return found, timedelta(hours=int(hour)) if hour.isdigit() else None


def _span(moments: Sequence[tuple[date, timedelta]]) -> timedelta:
    since = [(day - date.min) + time for day, time in moments]
    return max(since) - min(since)


def _sideRemarks(header: SliceHeader) -> list[str]:
    """A sentence when Patient Orientation names the opposite of a direction that Image Orientation (Patient) gives."""
    named = header.text("PatientOrientation").upper().split("\\")
    directions = header.numbers("ImageOrientationPatient", 6)
    if directions is None or len(named) != 2 or header.text("AnatomicalOrientationType").upper() == "QUADRUPED":
        return []
    for letters, direction in zip(named, (directions[:3], directions[3:]), strict=True):
        axis, sign = _LETTERS.get(letters[:1], (0, 0))
        # The first letter is the main direction; rounding of oblique slices may make another of two the main one.
        if sign * direction[axis] < -0.5:
            text = (
                f"Patient Orientation (0020,0020) says {named[0]}, {named[1]}, the opposite of what Image Orientation "
                "(Patient) (0020,0037) says, which was used: left and right, or front and back, may be exchanged."
            )
            return [text]
    return []
