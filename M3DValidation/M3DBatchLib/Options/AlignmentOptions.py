"""How ``m3d compare`` brings A onto B, and what is read of the options for it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError

from ..Terminal import Terminal

if TYPE_CHECKING:
    from M3DLib.Alignment.RigidMotion import RigidMotion
    from M3DLib.Mesh.TriangleMesh import TriangleMesh


def addAlignmentOptions(parser: argparse.ArgumentParser) -> None:
    """Add the options about alignment."""
    group = parser.add_argument_group("alignment")
    group.add_argument(
        "--register",
        action="store_true",
        help="align A to B first (rigid): from any position, or from where --register-points brings it; a doubtful "
        "alignment is no result (exit status 3)",
    )
    group.add_argument(
        "--register-near",
        action="store_true",
        help="align A to B by iterative closest points from where it is, without looking for other positions",
    )
    group.add_argument(
        "--register-points",
        type=Path,
        metavar="FILE",
        help="align A to B by pairs of points, before --register where both are given: .csv with the columns "
        "name,x1,y1,z1,x2,y2,z2,space (1 on A, 2 on B) or .json with pairs of a and b; mm, LPS unless RAS is said",
    )
    group.add_argument(
        "--datum",
        type=Path,
        metavar="FILE",
        help="fit the datum surfaces only, once the position is found: a mesh of them, or .json with balls (center, "
        "radius) or boxes (low, high) in B's coordinates",
    )
    group.add_argument(
        "--trim",
        type=float,
        default=0.1,
        metavar="F",
        help="share of the farthest points left out by iterative closest points, 0 to less than 1 (default: "
        "%(default)s)",
    )


def requireAlignmentSense(arguments: argparse.Namespace) -> None:
    """Refuse contradicting options before any file is read."""
    if not 0 <= arguments.trim < 1:
        raise M3DError(f"--trim must be at least 0 and less than 1, not {arguments.trim}.")
    if arguments.register and arguments.register_near:
        raise M3DError("Choose one of --register (from any position) and --register-near (from where A is).")
    if arguments.datum and not (arguments.register or arguments.register_near):
        raise M3DError("--datum says what an alignment is to fit; give --register or --register-near too.")


def align(
    arguments: argparse.Namespace, mesh: TriangleMesh, reference: TriangleMesh, terminal: Terminal
) -> tuple[RigidMotion | None, RigidMotion | None]:
    """What brings the mesh onto the reference: the motion from pairs of points, and the last one of all.

    :return: None for what was not asked for. Without alignment the meshes must lie together.
    :raises M3DError: a file cannot be read, or the meshes lie apart and are not to be aligned.
    """
    from M3DLib.Alignment.AnyPosition import alignFromAnywhere, settleFrom
    from M3DLib.Alignment.DatumRegion import readDatum
    from M3DLib.Alignment.Overlap import requireOverlap
    from M3DLib.Alignment.PointPairs import alignByPairs
    from M3DLib.Alignment.RigidRegistration import registerRigid

    byPoints = alignByPairs(arguments.register_points) if arguments.register_points else None
    datum = readDatum(arguments.datum, arguments.unit) if arguments.datum else None
    if arguments.register_near or (arguments.register and byPoints is not None):
        start = None if byPoints is None else byPoints.matrix
        near = registerRigid(mesh, reference, trim=arguments.trim, start=start, progress=terminal.progress)
        method = "iterative closest points from " + ("where A was" if byPoints is None else "the pairs of points")
        last = settleFrom(mesh, reference, near.matrix, method=method, tolerance=arguments.tolerance, datum=datum)
        return byPoints, last
    if arguments.register:
        last = alignFromAnywhere(
            mesh, reference, tolerance=arguments.tolerance, datum=datum, progress=terminal.progress
        )
        return None, last
    requireOverlap(mesh if byPoints is None else byPoints.apply(mesh), reference)
    return byPoints, byPoints
