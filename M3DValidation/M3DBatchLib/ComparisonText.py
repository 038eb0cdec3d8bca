"""The figures of ``m3d compare`` for a person: words and a table."""

from __future__ import annotations

from M3DLib.NumberText import cubicMillimeters, millimeters, shareInPercent, squareMillimeters

# Shares are sums of areas; what is less is rounding.
_ROUNDING = 5e-5


def describeDoubts(data: dict, alignment) -> str:
    """Why there is no result, in words."""
    lines = [
        f"A  {data['A']['file']}: {data['A']['triangles']} triangles",
        f"B  {data['B']['file']}: {data['B']['triangles']} triangles (reference)",
        f"Alignment: {alignment.text()}",
        "The alignment is doubtful, so nothing is said of deviations (not assessable):",
        *(f"  {doubt}" for doubt in alignment.doubts),
        "Give pairs of points (--register-points FILE) to say where A belongs, or a more complete scan.",
    ]
    return "\n".join(lines)


def describeComparison(data: dict) -> str:
    """The figures in words and a table."""
    facts = data["deviation"]["surface"]
    other = facts["reverse"]
    lines = [
        f"A  {data['A']['file']}: {data['A']['triangles']} triangles",
        f"B  {data['B']['file']}: {data['B']['triangles']} triangles (reference)",
        f"Alignment: {facts['registration']}",
        facts["sign"],
        "",
        f"{'mm':24}{'A to B':>12}{'B to A':>12}",
    ]
    names = {
        "meanSigned": "mean (bias)",
        "meanAbsolute": "mean of sizes",
        "sd": "standard deviation",
        "rms": "root mean square",
        "median": "median",
        "p5": "5th percentile",
        "p95": "95th percentile",
        "p95Absolute": "95 % of sizes within",
        "p99Absolute": "99 % of sizes within",
        "minSigned": "smallest",
        "maxSigned": "largest",
    }
    for key, name in names.items():
        lines.append(f"{name:24}{_millimeters(facts[key])}{_millimeters(other[key])}")
    if facts["meanSigned"] is not None:
        lines.append(
            f"Within {facts['tolerance']:g} mm: {100 * facts['withinTolerance']:.2f} % of A's area "
            f"(A too small on {100 * facts['overTolerance']:.2f} %, too large on {100 * facts['underTolerance']:.2f} %)"
        )
        lines.append("Worst point of A (LPS): " + ", ".join(f"{value:.2f}" for value in facts["worstPointLps"]) + " mm")
    for reason in facts["notMeasured"]:
        lines.append(f"Not compared: {100 * reason['areaShare']:.2f} % of A's area ({reason['reason']})")
    if other["coverage"] is not None and other["coverage"] < 1 - _ROUNDING:
        lines.append(
            f"Not compared: {100 * (1 - other['coverage']):.2f} % of B's area, nearest to a border of A: it is missing "
            "in A, or was not scanned"
        )
    for region in facts["regions"]["largest"][:5]:
        lines.append(f"Region beyond tolerance: {region['areaMm2']:.1f} mm2, worst {region['worst']:+.3f} mm")
    return "\n".join(lines)


def describeChanges(changes: dict, facts: dict) -> str:
    """What changed from B to A, in words: how much, in which places.

    :param facts: of the comparison, which may not have reached all of either surface.
    """
    compared = [share for share in (facts["coverage"], facts["reverse"]["coverage"]) if share is not None]
    whole = bool(compared) and min(compared) >= 1 - _ROUNDING
    if changes["movedShare"] == 0 and not changes["places"]:
        where = "nothing changed" if whole else "nothing changed where both could be compared"
        return f"\nFrom B to A {where}: no point has moved by more than {millimeters(changes['movedMm'])}."
    moved = f"{shareInPercent(changes['movedShare'])} of A's surface is not where B's is"
    lines = ["", f"From B to A: {moved} (beyond {millimeters(changes['movedMm'])})."]
    if changes["addedMm3"] is not None:
        lines.append(
            f"Added {cubicMillimeters(changes['addedMm3'])}, removed {cubicMillimeters(changes['removedMm3'])}; "
            f"the volume changed from {cubicMillimeters(changes['volumeMm3'] - changes['volumeChangeMm3'])} to "
            f"{cubicMillimeters(changes['volumeMm3'])}."
        )
    else:
        lines.append("A mesh is open, so nothing is said of volumes.")
    if not whole:
        lines.append("Of what could not be compared, nothing is said here.")
    if changes["placesBeyondMm"] > changes["movedMm"]:
        lines.append(
            f"Most of the surface has moved, by {millimeters(changes['medianMm'])} on median; places are what has "
            f"moved by more than {millimeters(changes['placesBeyondMm'])}."
        )
    for place in changes["places"][:10]:
        where = "at (" + ", ".join(f"{value:.1f}" for value in place["pointLps"]) + ") mm"
        volume = "" if place["volumeMm3"] is None else f"{cubicMillimeters(place['volumeMm3'])}, "
        size = f"{volume}{squareMillimeters(place['areaMm2'])}, up to {millimeters(place['largestMm'])}"
        lines.append(f"  {place['kind']:8}{size} {where}")
    if changes["placeCount"] > 10:
        lines.append(f"  and {changes['placeCount'] - 10} more places")
    return "\n".join(lines)


def _millimeters(value: float | None) -> str:
    # Adding 0.0 and rounding turns -0.0 into 0.0.
    return f"{'-':>12}" if value is None else f"{round(value, 4) + 0.0:12.4f}"
