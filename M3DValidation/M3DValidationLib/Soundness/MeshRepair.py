"""Repairs of a mesh that a user asks for, each recorded; nothing here is ever done by itself.

What was done belongs to the model's record (DICOM: the derivation algorithm's parameters), so every repair says it in
one sentence with its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from M3DLib.Errors import M3DError
from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.NumberText import cubicMillimeters, exactNumber, millimeters, plural

from .MeshSoundness import MeshSoundness


@dataclass(frozen=True)
class RepairOptions:
    """What to repair.

    :ivar removeUseless: triangles without area, doubled triangles, points without use or at the same place.
    :ivar reorient: turn triangles that face the wrong way, and shells that are inside out.
    :ivar dropSpecksMm3: remove bodies smaller than this (never the largest one), and cavities smaller than this;
        0 for none.
    :ivar fillHolesMm: close holes whose rim is at most this long; 0 for none.
    """

    removeUseless: bool = False
    reorient: bool = False
    dropSpecksMm3: float = 0.0
    fillHolesMm: float = 0.0


@dataclass(frozen=True)
class Repair:
    """One repair that changed the mesh.

    :ivar kind: "remove-useless", "fill-holes", "reorient" or "drop-specks".
    :ivar count: number of things changed.
    :ivar description: one sentence for the record.
    """

    kind: str
    count: int
    description: str


def repairMesh(mesh: TriangleMesh, options: RepairOptions) -> tuple[TriangleMesh, list[Repair]]:
    """A repaired copy of a mesh and what was done, in order; the mesh itself when nothing was to be done.

    Points that stay keep their exact coordinates. Self-intersections and edges with more than two triangles are not
    repaired: what was meant there is for a person to say.

    :raises M3DError: points without a place, or nothing is left.
    """
    if not np.isfinite(mesh.points[np.unique(mesh.triangles)]).all():
        raise M3DError(f"Mesh '{mesh.name}' has points without a place (not a number); it cannot be repaired.")
    done: list[Repair] = []
    steps = (
        (options.removeUseless, _removeUseless),
        (options.fillHolesMm > 0, lambda current: _fillHoles(current, options.fillHolesMm)),
        (options.reorient, _reorient),
        (options.dropSpecksMm3 > 0, lambda current: _dropSpecks(current, options.dropSpecksMm3)),
    )
    for wanted, step in steps:
        if wanted:
            mesh, repair = step(mesh)
            if repair is not None:
                done.append(repair)
    if not len(mesh.triangles):
        raise M3DError(f"Nothing of mesh '{mesh.name}' is left after the repair.")
    return mesh, done


def _changed(mesh: TriangleMesh, points: np.ndarray, triangles: np.ndarray) -> TriangleMesh:
    """The mesh with other triangles, without points that are used no more."""
    used = np.zeros(len(points), dtype=bool)
    used[triangles.reshape(-1)] = True
    number = np.cumsum(used) - 1
    return TriangleMesh(points[used], number[triangles], mesh.name, mesh.color, mesh.opacity, record=mesh.record)


def _removeUseless(mesh: TriangleMesh) -> tuple[TriangleMesh, Repair | None]:
    cleaned = MeshSoundness.of(mesh).cleaned
    topology = cleaned.topology
    # A needle with three different corners holds the surface together; taking it out would tear it.
    removed = len(mesh.triangles) - len(topology.triangles)
    before = len(mesh.points)
    if not removed and not len(cleaned.unreferenced) and not len(cleaned.duplicatePoints):
        return mesh, None
    result = _changed(mesh, mesh.points, topology.triangles)
    return result, Repair(
        "remove-useless",
        removed + before - len(result.points),
        " ".join(_removedSentences(removed, before - len(result.points))),
    )


def _removedSentences(triangles: int, points: int) -> list[str]:
    """What was taken out; a sentence for each kind that there was."""
    said = []
    if triangles:
        said.append(f"Removed {plural(triangles, 'triangle')} without area or on top of others.")
    if points:
        said.append(f"Removed {plural(points, 'point')} without use or at the same place as others.")
    return said


def _fillHoles(mesh: TriangleMesh, longestMm: float) -> tuple[TriangleMesh, Repair | None]:
    """Close holes by triangles between their rim's points, cutting off the corner with the smallest angle again and
    again (for three or four edges that is all there is to choose).
    """
    soundness = MeshSoundness.of(mesh)
    topology = soundness.cleaned.topology
    added, rims, left = [], [], 0
    for loop in topology.boundaryLoops:
        length = topology.lengthMm(loop)
        start, end = topology.edgeEnds(loop)
        ring = _ring(start, end)
        if length > longestMm or ring is None or np.isin(topology.patches[loop // 3], soundness.fins).any():
            left += 1
            continue
        added.extend(_ears(topology.points, ring))
        rims.append(length)
    if not added:
        return mesh, None
    triangles = np.concatenate([topology.triangles, np.array(added)])
    remark = f" Left open, since larger or branching: {plural(left, 'hole')}." if left else ""
    return _changed(mesh, mesh.points, triangles), Repair(
        "fill-holes",
        len(rims),
        f"Closed {plural(len(rims), 'hole')} with rims up to {millimeters(max(rims))} by "
        f"{plural(len(added), 'triangle')}.{remark}",
    )


def _ring(start: np.ndarray, end: np.ndarray) -> list[int] | None:
    """Points of a simple ring against the direction of its edges, so that triangles on it face as their neighbors do;
    None when it branches.
    """
    following = dict(zip(end.tolist(), start.tolist(), strict=True))
    if len(following) != len(start) or len(set(following.values())) != len(start):
        return None
    first = int(end[0])
    ring, current = [first], following[first]
    while current != first:
        ring.append(current)
        if current not in following or len(ring) > len(start):
            return None
        current = following[current]
    return ring if len(ring) == len(start) else None


def _ears(points: np.ndarray, ring: list[int]) -> list[tuple[int, int, int]]:
    """Triangles that fill a ring."""
    ring = list(ring)
    triangles = []
    # The ring's own direction tells a corner that points outward from one that points into the hole.
    place = points[ring]
    middle = place - place.mean(axis=0)
    normal = np.cross(middle, np.roll(middle, -1, axis=0)).sum(axis=0)
    while len(ring) > 3:
        place = points[ring]
        back, ahead = np.roll(place, 1, axis=0) - place, np.roll(place, -1, axis=0) - place
        turn = np.cross(ahead, back)
        sizes = np.linalg.norm(back, axis=1) * np.linalg.norm(ahead, axis=1)
        angle = np.arccos(np.clip((back * ahead).sum(axis=1) / np.where(sizes > 0, sizes, 1), -1, 1))
        angle = np.where(turn @ normal >= 0, angle, 2 * np.pi - angle)
        corner = int(angle.argmin())
        triangles.append((ring[corner - 1], ring[corner], ring[(corner + 1) % len(ring)]))
        del ring[corner]
    triangles.append(tuple(ring))
    return triangles


def _reorient(mesh: TriangleMesh) -> tuple[TriangleMesh, Repair | None]:
    soundness = MeshSoundness.of(mesh)
    topology, shells = soundness.cleaned.topology, soundness.shells
    turn = np.isin(topology.patches, shells.insideOut)
    turn[shells.turned] = ~turn[shells.turned]
    count = int(turn.sum())
    if not count:
        return mesh, None
    triangles = mesh.triangles.copy()
    numbers = topology.original[turn]
    triangles[numbers] = triangles[numbers][:, ::-1]
    repaired = TriangleMesh(mesh.points, triangles, mesh.name, mesh.color, mesh.opacity, record=mesh.record)
    sentence = f"Turned {plural(count, 'triangle')}."
    if len(shells.insideOut):
        sentence += f" Inside out before: {plural(len(shells.insideOut), 'shell')}."
    return repaired, Repair("reorient", count, sentence)


def _dropSpecks(mesh: TriangleMesh, smallestMm3: float) -> tuple[TriangleMesh, Repair | None]:
    soundness = MeshSoundness.of(mesh)
    shells, volumes = soundness.shells, soundness.bodyVolumes
    specks = [
        shell for shell, volume in zip(soundness.bodyShells[1:], volumes[1:], strict=True) if volume < smallestMm3
    ]
    bubbles = [shell for shell in shells.cavities if -shells.volume[shell] < smallestMm3]
    if not specks and not bubbles:
        return mesh, None
    keep = np.ones(len(mesh.triangles), dtype=bool)
    keep[soundness.trianglesOfShells(np.array(specks + bubbles))] = False
    small, said = exactNumber(smallestMm3), []
    for removed, nouns in ((specks, ("body", "bodies")), (bubbles, ("cavity", "cavities"))):
        if removed:
            total = cubicMillimeters(float(np.abs(shells.volume[removed]).sum()))
            said.append(f"Removed {plural(len(removed), *nouns)} below {small} mm³, in all {total}.")
    return _changed(mesh, mesh.points, mesh.triangles[keep]), Repair(
        "drop-specks",
        len(specks) + len(bubbles),
        " ".join(said),
    )
