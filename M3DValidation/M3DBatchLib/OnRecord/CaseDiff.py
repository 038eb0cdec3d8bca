"""Two versions of a model of a case: which they are, and how they differ in place, volume and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from M3DLib.CaseRecord.CaseFiles import fileHash, placeIn
from M3DLib.CaseRecord.RecordEvent import RecordEvent
from M3DLib.Errors import M3DError, noProgress
from M3DLib.NumberText import plural

# How far from the older version the figures count as within.
TOLERANCE_MM = 0.1
SIGN = "Positive: the older version lies outside the newer one (the newer is smaller there)."
_PICTURE_SIZE = (400, 300)


@dataclass
class Version:
    """A model as it is on record.

    :ivar event: that put it there. :ivar settings: of that event.
    """

    place: str
    sha256: str
    event: int
    settings: dict[str, Any]
    sopInstanceUid: str = ""

    def facts(self) -> dict[str, Any]:
        """What the JSON result says of it."""
        return {"file": self.place, "sha256": self.sha256, "event": self.event, "sopInstanceUid": self.sopInstanceUid}


def versionsOf(events: Sequence[RecordEvent], folder: Path, wanted: Sequence[str]) -> tuple[Version, Version]:
    """The two versions to compare, the older first.

    :param wanted: two of: a place in the case, a file, the number of an event, a SOP Instance UID; none for the last
        two models on record that are still there.
    :raises M3DError: there are no two, or one is not on record, or is no longer as it was.
    """
    known = _onRecord(events, folder)
    if not wanted:
        there = [one for one in known if _isThere(one, folder)]
        if len(there) < 2:
            raise M3DError(
                f"The case has {plural(len(there), 'model')} on record and still there; two are needed for a "
                "difference. "
                "A version that was written over is gone: give new versions names of their own."
            )
        return there[-2], there[-1]
    if len(wanted) != 2:
        raise M3DError("Name two versions, or none for the last two.")
    found = [_find(name, known, folder) for name in wanted]
    if found[0].sha256 == found[1].sha256:
        raise M3DError("Both versions are the same file, byte for byte.")
    first, second = found if found[0].event <= found[1].event else found[::-1]
    return first, second


def difference(
    first: Version, second: Version, folder: Path, progress: Callable[[float, str], None] = noProgress
) -> tuple[dict[str, Any], Any]:
    """How the newer version differs from the older one, as plain values, and the comparison itself (LPS mm).

    Nothing is aligned: two versions of one case lie in one coordinate system, and a shift is a difference.

    :raises M3DError: a file is no model.
    """
    from M3DLib.Distance.SurfaceDeviation import compareSurfaces
    from M3DLib.MeshFiles.MeshReader import readMesh
    from M3DValidationLib.Deviation.DeviationReport import surfaceFacts

    meshes = [readMesh(folder / one.place)[0] for one in (first, second)]
    compared = compareSurfaces(meshes[1], meshes[0], "none", progress)
    volumes = [mesh.volumeMm3 if mesh.isClosed else None for mesh in meshes]
    change = None if None in volumes else volumes[1] - volumes[0]
    names = sorted({*first.settings, *second.settings} - {"output", "versions", "json"})
    data = {
        "older": {**first.facts(), "volumeMm3": volumes[0], "triangles": len(meshes[0].triangles)},
        "newer": {**second.facts(), "volumeMm3": volumes[1], "triangles": len(meshes[1].triangles)},
        "volumeChangeMm3": change,
        "distance": surfaceFacts(compared, TOLERANCE_MM),
        "sign": SIGN,
        "settings": {
            name: [first.settings.get(name), second.settings.get(name)]
            for name in names
            if first.settings.get(name) != second.settings.get(name)
        },
        "namesPredecessor": _namesPredecessor(folder / second.place, first.sopInstanceUid),
    }
    return data, compared


def differenceText(data: dict[str, Any]) -> str:
    """The difference in words."""
    older, newer, distance = data["older"], data["newer"], data["distance"]
    lines = [
        f"Older: {older['file']} (event {older['event']})",
        f"Newer: {newer['file']} (event {newer['event']})",
        _distanceText(distance),
    ]
    if data["volumeChangeMm3"] is None:
        lines.append("Volume: not comparable, because one of the two is not closed.")
    else:
        share = 100 * data["volumeChangeMm3"] / older["volumeMm3"] if older["volumeMm3"] else 0.0
        lines.append(
            f"Volume: {older['volumeMm3']:.1f} mm3, then {newer['volumeMm3']:.1f} mm3 "
            f"({data['volumeChangeMm3']:+.1f} mm3, {share:+.2f} %)"
        )
    shown = [f"  {name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in data["settings"].items()]
    lines += ["Settings that differ:", *shown] if shown else ["Settings: the same, as far as they are on record."]
    if data["namesPredecessor"] is False:
        lines.append("The newer object does not name the older one as its predecessor.")
    return "\n".join(lines)


def _distanceText(distance: dict[str, Any]) -> str:
    low, high = distance["minSigned"], distance["maxSigned"]
    mean, most = distance["meanSigned"], distance["p95Absolute"]
    return f"Distance: mean {mean:+.3f}, 95 % within {most:.3f}, from {low:+.3f} to {high:+.3f} mm. {SIGN}"


def distanceMap(compared: Any) -> tuple[dict[str, bytes], float]:
    """Pictures of the newer version in the colors of its distance to the older one; none where nothing can render.

    Blue: the newer is larger; orange: it is smaller.

    :return: by file name, and the distance at which the color is full, mm.
    """
    import numpy as np

    from M3DLib.Mesh.Rendering import View, renderPictures
    from M3DValidationLib.Report.Pictures.ColorScale import deviationColors
    from M3DValidationLib.Report.Pictures.Pictures import SIDES, pngBytes

    forward = compared.forward
    reach = max(float(np.abs(forward.distance[forward.reliable]).max(initial=0.0)), TOLERANCE_MM)
    colors = [deviationColors(forward.distance, reach, forward.reliable)]
    views = [View(direction, _PICTURE_SIZE) for direction in SIDES.values()]
    shown = renderPictures([forward.mesh], views, pointColors=colors)
    return {f"distance-{side}.png": pngBytes(view) for side, view in zip(SIDES, shown, strict=False)}, reach


def _onRecord(events: Sequence[RecordEvent], folder: Path) -> list[Version]:
    """Every model that an event has put on record, each content once, in the order of the events."""
    found: dict[str, Version] = {}
    for event in events:
        for entry in [*event.body.get("inputs", ()), *event.body.get("outputs", ())]:
            if entry["kind"] in ("model", "released") and "path" in entry:
                settings = event.body.get("settings", {}) if entry in event.body.get("outputs", ()) else {}
                uid = entry.get("sopInstanceUid", "")
                found.setdefault(
                    entry["sha256"], Version(entry["path"], entry["sha256"], event.sequence, settings, uid)
                )
    return list(found.values())


def _isThere(one: Version, folder: Path) -> bool:
    file = folder / one.place
    return file.is_file() and fileHash(file)[1] == one.sha256 and not _isMaterial(file)


def _isMaterial(file: Path) -> bool:
    from M3DLib.EncapsulatedObj.EncapsulatedObjDocument import MTL_CLASS

    from .CaseInputs import headerOf

    return str(headerOf(file).get("SOPClassUID") or "") == MTL_CLASS


def _find(name: str, known: Sequence[Version], folder: Path) -> Version:
    place = placeIn(Path(name), folder) if Path(name).is_file() else name
    matching = [one for one in known if name in (one.place, one.sopInstanceUid, str(one.event)) or place == one.place]
    there = [one for one in matching if _isThere(one, folder)]
    if len(there) == 1:
        return there[0]
    if len(there) > 1:
        raise M3DError(f"'{name}' is said of {', '.join(one.place for one in there)}; name one of these places.")
    if matching:
        raise M3DError(f"The version '{name}' is on record, but the file is no longer there as it was.")
    raise M3DError(f"The case has no model '{name}' on record; name its place in the case, its event or its UID.")


def _namesPredecessor(file: Path, sopInstanceUid: str) -> bool | None:
    """Whether a DICOM model names another as its predecessor; None where it is no DICOM object, or the other none."""
    from M3DLib.MeshFiles.EncapsulatedModels import readEncapsulatedModel

    if not sopInstanceUid or file.suffix.lower() not in ("", ".dcm"):
        return None
    return sopInstanceUid in [one.sopInstanceUid for one in readEncapsulatedModel(file).predecessors]


def _shown(value: Any) -> str:
    return "not given" if value is None else str(value)
