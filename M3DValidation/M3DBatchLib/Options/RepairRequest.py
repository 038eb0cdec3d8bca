"""Repairs as the command line asks for them, and their record: shared by ``m3d repair`` and ``m3d export``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from M3DLib.Mesh.TriangleMesh import TriangleMesh
    from M3DValidationLib.Soundness.MeshRepair import Repair, RepairOptions

# Name of each kind of repair, and the unit of its limit where it has one.
_KINDS = {"remove-useless": "", "reorient": "", "drop-specks": "MM3", "fill-holes": "MM"}


def repairOptions(text: str) -> RepairOptions:
    """What ``--repair`` asks for: kinds separated by commas, ``drop-specks=MM3`` and ``fill-holes=MM`` with a limit.

    :raises argparse.ArgumentTypeError: in one sentence, what is wrong.
    """
    from M3DValidationLib.Soundness.MeshRepair import RepairOptions

    limits: dict[str, float] = {}
    for part in text.split(","):
        kind, equals, limit = (piece.strip() for piece in part.partition("="))
        if kind not in _KINDS:
            raise argparse.ArgumentTypeError(f"'{kind}' is no kind of repair; choose of {', '.join(_KINDS)}")
        if kind in limits:
            raise argparse.ArgumentTypeError(f"'{kind}' is asked for twice")
        unit = _KINDS[kind]
        if bool(equals) != bool(unit):
            wanted = f"needs a limit, as in {kind}=10 ({unit.lower()})" if unit else "has no limit"
            raise argparse.ArgumentTypeError(f"'{kind}' {wanted}")
        limits[kind] = _positive(kind, limit) if unit else 1.0
    return RepairOptions(
        removeUseless="remove-useless" in limits,
        reorient="reorient" in limits,
        dropSpecksMm3=limits.get("drop-specks", 0.0),
        fillHolesMm=limits.get("fill-holes", 0.0),
    )


def applyRepairs(
    meshes: Sequence[TriangleMesh], options: RepairOptions | None
) -> tuple[list[TriangleMesh], list[list[Repair]]]:
    """Repaired meshes, and of each what was done; the meshes themselves when nothing was asked for."""
    if options is None:
        return list(meshes), [[] for _ in meshes]
    from M3DValidationLib.Soundness.MeshRepair import repairMesh

    repaired = [repairMesh(mesh, options) for mesh in meshes]
    return [mesh for mesh, _ in repaired], [done for _, done in repaired]


def repairRecords(done: Sequence[Repair]) -> list[dict]:
    """What was done, as JSON values."""
    return [{"kind": repair.kind, "count": repair.count, "description": repair.description} for repair in done]


def repairText(done: Sequence[Repair]) -> str:
    """What was done in words, as it can stand in an object's Algorithm Parameters; "" for nothing."""
    # A comma would begin the next parameter there, and an equals sign its value.
    sentences = (repair.description.rstrip(".").replace(",", ";").replace("=", " ") for repair in done)
    return "; ".join(f"{repair.kind}: {sentence}" for repair, sentence in zip(done, sentences, strict=True))


def _positive(kind: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"the limit of '{kind}' must be a positive number, not '{text}'")
    return value
