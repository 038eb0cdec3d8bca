"""What was done to a surface after its segment was converted: figures and words for the object and the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..Distance.DeviationMap import DeviationMap
from ..NumberText import exactNumber, millimeters, plural, shareInPercent
from ..WeightedPercentiles import weightedPercentiles
from .EdgeTargets import BLURS, VOXELS, Motion

NO_EDGE = "Nowhere on it does the image show an edge that is in reach and to be trusted."
HARDLY_ANY_EDGE = "On less than a hundredth of its area does the image show an edge that is in reach and to be trusted."
ALL_STAYED = "All of it is held or left where it was."
# Of less of its area a surface is not moved: the rest would only be evened.
LEAST_MOVED = 0.01
# How often a surface is measured and moved.
ROUNDS = 3
# Vertices that went on to a ridge by less (mm) lie at the image's edge all the same.
NOTICED = 0.05


def movedSurely(motion: np.ndarray, deviation: DeviationMap) -> np.ndarray:
    """Which vertices were moved to an edge of their own that was measured reliably, bool (n,).

    :param motion: (n,) values of ``Motion``. :param deviation: the last measurement the surface was moved by.
    """
    return (motion == Motion.MOVED) & deviation.reliable


def whyNotMoved(motion: np.ndarray, deviation: DeviationMap, areas: np.ndarray) -> str:
    """Why a surface had better stay where it is although a few of its vertices could move; "" where it may move.

    :param motion: (n,) values of ``Motion``. :param deviation: the last measurement. :param areas: (n,) mm2.
    """
    if not movedSurely(motion, deviation).any():
        return NO_EDGE
    return HARDLY_ANY_EDGE if areas[motion == Motion.MOVED].sum() < LEAST_MOVED * areas.sum() else ""


def refinementRecord(
    length: np.ndarray,
    motion: np.ndarray,
    areas: np.ndarray,
    deviation: DeviationMap,
    *,
    limit: float,
    heldBack: int,
    sharedShare: float = 0.0,
    atRidges: np.ndarray | None = None,
    byMiddle: np.ndarray | None = None,
) -> dict:
    """Figures of a refined surface, plain JSON values; those of one that was not moved where nothing of it did.

    :param length: displacement of each vertex, mm, (n,). :param motion: (n,) values of ``Motion``.
    :param areas: (n,) mm2. :param deviation: the last measurement the surface was moved by.
    :param limit: farthest a vertex could go, mm. :param heldBack: number of vertices whose move was taken back, wholly
        or in part, since the surface would have passed through itself.
    :param atRidges: how far each vertex went on to a ridge after the image's edge, mm, (n,); None where none did.
    :param byMiddle: which vertices went to the middle of the edges around, having none of their own, bool (n,).
    """
    if not length.any():
        return unmoved(ALL_STAYED, motion, areas, limit)
    total = float(areas.sum())
    shares = {kind.name.lower(): float(areas[motion == kind].sum()) / total for kind in Motion}
    interval = deviation.calibration["estimate95"]
    atRidges = np.zeros(len(length)) if atRidges is None else atRidges
    return {
        "applied": True,
        "movedShare": shares["moved"],
        "heldShare": shares["held"],
        "leftShare": shares["left"],
        "sharedShare": sharedShare,
        "middleShare": 0.0 if byMiddle is None else float(areas[byMiddle & (motion == Motion.MOVED)].sum()) / total,
        "ridgeShare": float(areas[atRidges > NOTICED].sum()) / total,
        "largestAtRidge": float(atRidges.max(initial=0.0)),
        "heldBackVertices": heldBack,
        "meanDisplacement": float(np.average(length, weights=areas)),
        "p95Displacement": float(weightedPercentiles(length, areas, [95])[0]),
        "largestDisplacement": float(length.max()),
        "edgeInterval95": None if interval is None else float(interval),
        "settings": {"range": limit, "rounds": ROUNDS, "captureBlurs": BLURS, "captureVoxels": VOXELS},
        "reason": "",
    }


def unmoved(reason: str, motion: np.ndarray, areas: np.ndarray, limit: float) -> dict:
    """The record of a surface that was not moved at all.

    :param reason: one sentence. :param motion: (n,) values of ``Motion``; what could have been moved is held.
    :param areas: (n,) mm2. :param limit: farthest a vertex could have gone, mm.
    """
    left = float(areas[motion == Motion.LEFT].sum() / areas.sum())
    return {
        "applied": False,
        "movedShare": 0.0,
        "heldShare": 1 - left,
        "leftShare": left,
        "sharedShare": 0.0,
        "middleShare": 0.0,
        "ridgeShare": 0.0,
        "largestAtRidge": 0.0,
        "heldBackVertices": 0,
        "meanDisplacement": 0.0,
        "p95Displacement": 0.0,
        "largestDisplacement": 0.0,
        "edgeInterval95": None,
        "settings": {"range": limit, "rounds": 0, "captureBlurs": BLURS, "captureVoxels": VOXELS},
        "reason": reason,
    }


def refinementText(record: dict) -> str:
    """The record in one or two sentences."""
    if not record["applied"]:
        return f"The surface was not moved to the image's edge although that was asked for. {record['reason']}"
    back = record["heldBackVertices"]
    held = f", {plural(back, 'vertex', 'vertices')} held back" if back else ""
    return _movedText(record, held) + _middleText(record) + _ridgeText(record)


def _middleText(record: dict) -> str:
    """What has no edge of its own between thick slices, a sentence after others; nothing where nothing has."""
    if not record.get("middleShare"):
        return ""
    return (
        f" On {shareInPercent(record['middleShare'])} of its area, between thick slices, it was moved to the middle "
        "gray value of the edges around it: it has no edge of its own there that could be trusted."
    )


def _ridgeText(record: dict) -> str:
    """What was done at ridges, a sentence after others; nothing where nothing was."""
    # An object of before does not say.
    if not record.get("ridgeShare"):
        return ""
    return (
        f" On {shareInPercent(record['ridgeShare'])} of its area faces were continued to the ridges and grooves in "
        f"which they meet and which blur rounds off in the image, by up to {millimeters(record['largestAtRidge'])}: "
        "there it does not lie at the image's edge."
    )


def _movedText(record: dict, held: str) -> str:
    return (
        f"Then moved to the image's edge on {shareInPercent(record['movedShare'])} of its area (mean "
        f"{millimeters(record['meanDisplacement'])}, 95 % within {millimeters(record['p95Displacement'])}, largest "
        f"{millimeters(record['largestDisplacement'])}, limit {exactNumber(record['settings']['range'])} mm); "
        f"{shareInPercent(record['heldShare'])} "
        f"held where the edge is not to be trusted or the way is barred, {shareInPercent(record['leftShare'])} "
        "left where the "
        f"image shows no edge of it{held}."
    )


def simplificationText(record: dict) -> str:
    """The record of a simplified surface in a sentence or two."""
    if record["triangles"] == record["trianglesBefore"]:
        return (
            f"It keeps all of its {record['triangles']} triangles: no fewer were found that stay within "
            f"{exactNumber(record['maxError'])} mm of it."
        )
    common = " What it has in common with other surfaces was left as it is." if record.get("commonVertices") else ""
    return (
        f"Then simplified from {record['trianglesBefore']} to {record['triangles']} triangles, which changed the "
        f"surface by at most {millimeters(record['largestDistance'])} in either direction, a bound that is proved at "
        "all corners of both surfaces and all along the new edges (allowed "
        f"{exactNumber(record['maxError'])} mm).{common}"
    )


def recordTexts(record: dict) -> list[str]:
    """What was done to a surface, one sentence or two for each step in order.

    :param record: of a :class:`~..Mesh.TriangleMesh.TriangleMesh`.
    """
    texts = {"refinement": refinementText, "simplification": simplificationText}
    return [text(record[step]) for step, text in texts.items() if step in record]


_SHARES = ("movedShare", "heldShare", "leftShare")
_NOT_AT_EDGES = ("middleShare", "ridgeShare", "largestAtRidge")
_LENGTHS = ("meanDisplacement", "p95Displacement", "largestDisplacement")


def recordParameters(record: dict) -> list[tuple[str, str]]:
    """The figures as names and values for the Algorithm Parameters of a DICOM object; mm, shares of the area."""
    parameters = []
    if refinement := record.get("refinement"):
        names = ("applied", *_SHARES, "heldBackVertices", *_LENGTHS, *_NOT_AT_EDGES)
        # Of a surface that was read from an object some of it is not known.
        parameters += [(_named("refinement", name), _short(refinement[name])) for name in names if name in refinement]
        if "settings" in refinement:
            parameters.append(("refinementRange", _short(refinement["settings"]["range"])))
    if simplification := record.get("simplification"):
        names = ("trianglesBefore", "triangles", "largestDistance")
        parameters += [(_named("simplification", name), _short(simplification[name])) for name in names]
    return parameters


def refinementOf(parameters: Mapping[str, str]) -> dict | None:
    """The record of a refined surface again, from the parameters of a DICOM object; None when it was not refined.

    :param parameters: as :func:`recordParameters` names and writes them; what is not in them is not in the record.
    :raises ValueError: when the surface was refined and the figures are not there or are no numbers.
    """
    if parameters.get(_named("refinement", "applied")) != "True":
        return None
    names = (*_SHARES, *_LENGTHS)
    values = {name: float(parameters.get(_named("refinement", name), "")) for name in names}
    if not all(np.isfinite(value) and value >= 0 for value in values.values()) or values["movedShare"] > 1:
        raise ValueError("the figures of the refinement are none")
    # What older objects do not say of it is not in the record.
    more = {name: _named("refinement", name) for name in ("heldBackVertices", *_NOT_AT_EDGES)}
    known = {name: float(parameters[key]) for name, key in more.items() if key in parameters}
    if "heldBackVertices" in known:
        known["heldBackVertices"] = int(known["heldBackVertices"])
    return {"applied": True, **values, **known}


def simplificationOf(parameters: Mapping[str, str]) -> dict | None:
    """The record of a simplified surface again, from the parameters of a DICOM object; None when there is none.

    :param parameters: as :func:`recordParameters` names and writes them, and "maxError" of the surface.
    :raises ValueError: when some of the figures are missing or are no numbers.
    """
    names = {name: _named("simplification", name) for name in ("trianglesBefore", "triangles", "largestDistance")}
    if not any(key in parameters for key in names.values()):
        return None
    counts = {name: int(parameters.get(names[name], "")) for name in ("trianglesBefore", "triangles")}
    lengths = {
        "largestDistance": float(parameters.get(names["largestDistance"], "")),
        "maxError": float(parameters.get("maxError", "")),
    }
    if not all(np.isfinite(value) and value >= 0 for value in lengths.values()) or min(counts.values()) < 0:
        raise ValueError("the figures of the simplification are none")
    return {**counts, **lengths}


def _named(step: str, name: str) -> str:
    return step + name[0].upper() + name[1:]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
