"""What the scan shows and the model lacks, and what the model has and the scan does not show.

The other direction of the deviation from the image: there, every place of the model looks for the image's edge; here,
the image's edge is found without the model, and every place of it looks for the model. What the model's material is,
the model's own edges tell (``Material``); everything else is read from the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..Distance.ClosestSurface import KEPT, ClosestSurface
from ..Distance.DeviationMap import DeviationMap, Quality
from ..Edge.ProfileSampling import VolumeSampler
from ..Errors import M3DError, noProgress
from ..Image.ImageVolume import ImageVolume
from ..Mesh.MeshGeometry import MeshEdges
from ..Mesh.TriangleMesh import TriangleMesh
from ..Segmentation.Segment import Segment
from .BlockImage import BlockImage, grown
from .CutFaces import IN_MATERIAL, IN_SPACE, Face, faces, surfacesWithoutEdge
from .Material import Material, materialOf
from .MissingBodies import Body, describe, pieces
from .ModelSpace import ModelSpace, Neighborhood
from .ScanDistances import markBorder, scanDistances
from .ScanSurface import scanSurface

# Bodies that do not touch the model count up to this distance.
NEAR_MM = 10.0
# Smaller faces are places where the image is unclear, not cuts.
LEAST_FACE_MM2 = 3.0
TEXT = "Looking for what the model lacks"


@dataclass
class LeftOut:
    """A body of the model's material that the model does not have.

    :ivar body: volume and place. :ivar distanceMm: from the model, 0 where it touches it.
    :ivar edgeMm2: area of its edge in the scan. :ivar alike: whether its value is one that the model's material has.
    """

    body: Body
    distanceMm: float
    edgeMm2: float
    alike: bool


@dataclass
class Completeness:
    """Both directions between a scan and a model, measured and not judged.

    :ivar deviation: at the points of the image's edge, kind "scan".
    :ivar ofLeftOut: bool (n,), which points of the image's edge are those of bodies left out.
    :ivar leftOut: bodies that touch the model or lie near it, the largest first.
    :ivar added: parts of the model where the scan shows no material and the outside reaches.
    :ivar filled: enclosed spaces of the scan that the model fills.
    :ivar cuts: surfaces within the material. :ivar bare: surfaces within outer space.
    :ivar problems: why a part could not be found out, one sentence each, by name ("bodies").
    """

    deviation: DeviationMap
    material: Material
    ofLeftOut: np.ndarray
    leftOut: list[LeftOut] = field(default_factory=list)
    added: list[Body] = field(default_factory=list)
    filled: list[Body] = field(default_factory=list)
    cuts: list[Face] = field(default_factory=list)
    bare: list[Face] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def measureCompleteness(
    mesh: TriangleMesh,
    image: ImageVolume,
    deviation: DeviationMap,
    tolerance: float,
    *,
    others: Sequence[Segment] = (),
    nearMm: float = NEAR_MM,
    notReconstructed: np.ndarray | None = None,
    progress: Callable[[float, str], None] = noProgress,
) -> Completeness:
    """Look in the image for edges and bodies of the model's material, and at the model for surfaces without an edge.

    :param mesh: the model, LPS mm. :param image: a regular grid.
    :param deviation: of the model against this image (``imageDeviation``); its mesh may be a refinement of ``mesh``.
    :param tolerance: mm; what lies nearer to the model is no body of its own.
    :param others: segments that have models of their own: theirs is not missing here.
    :param nearMm: bodies that do not touch the model count up to this distance.
    :param notReconstructed: voxels that the scan does not show, bool (k, j, i) or (1, j, i).
    :raises M3DError: the image does not allow saying, with the reason in one sentence.
    """
    progress(0.0, TEXT)
    if deviation.settings["polarity"] < 0:
        raise M3DError(
            "The model is darker in the image than what surrounds it, like a cavity; where such a model ends, the air "
            "or tissue beyond has the same values, so that what it lacks cannot be told."
        )
    sampler, blocks = VolumeSampler(image), BlockImage.of(image)
    space = ModelSpace(mesh, blocks, nearMm)
    # Only a CT shows air as black as this, should the file not say what it is.
    inHounsfield = image.modality == "CT" if image.modality else float(blocks.values.min()) < -500
    material = materialOf(deviation, sampler, blocks, space.model, space.around, inHounsfield=inHounsfield)
    closest = ClosestSurface.of(mesh)
    scene = Neighborhood.of(space, closest, blocks, material, others=others, nearMm=nearMm)
    progress(0.3, TEXT)
    surface = scanSurface(scene, sampler)
    if surface is None:
        raise M3DError("The image shows no material like the model's near it.")
    progress(0.5, TEXT)
    scanned = scanDistances(surface, closest, scene, tolerance, lambda done: progress(0.5 + 0.3 * done, TEXT))
    markBorder(scanned, image, notReconstructed)
    scanned.settings = _settings(scene)
    result = Completeness(scanned, material, np.zeros(len(scanned.distance), dtype=bool))
    if mesh.isClosed:
        _findBodies(result, scene, tolerance)
    else:
        result.problems["bodies"] = (
            "The mesh is not closed, so it has no inside to compare the scan's material with; repair it first."
        )
    mesh.drop(KEPT)
    progress(0.9, TEXT)
    edges = MeshEdges(deviation.mesh.triangles, len(deviation.distance))
    state = surfacesWithoutEdge(deviation, sampler, scene, edges)
    result.cuts = faces(deviation, state == IN_MATERIAL, LEAST_FACE_MM2, edges)
    result.bare = faces(deviation, state == IN_SPACE, LEAST_FACE_MM2, edges)
    progress(1.0, TEXT)
    return result


def _settings(scene: Neighborhood) -> dict:
    """What was used and found, as JSON values."""
    found, scale = scene.found, scene.found.scale
    return {
        "level": found.level,
        "insideValues": list(found.inside),
        "outsideValues": list(found.outside),
        "misplacedShare": found.misplaced,
        "noise": float(scale.noise),
        "edgeWidthSd": float(scale.width),
        "blockMm": [float(value) for value in scene.blocks.spacing],
        "nearMm": float(scene.nearMm),
    }


def _findBodies(result: Completeness, scene: Neighborhood, tolerance: float) -> None:
    """Fill in the bodies left out, added and filled."""
    blocks, space, scanned = scene.blocks, scene.space, result.deviation
    margin = np.maximum(np.ceil(tolerance / blocks.spacing - 0.01), 1).astype(int)
    covered = grown(space.model, margin)
    if scene.others is not None:
        covered |= grown(scene.others, (1, 1, 1))
    material = scene.nearMaterial
    labels, count = pieces(material & ~covered, material & ~space.model, margin + 1)
    at = _labelsAt(blocks, labels, scanned)
    for body in describe(blocks, labels, count, model=space.inside, material=scene.material):
        own = at == body.number
        distance = 0.0
        if not body.touchesModel:
            distance = float(np.abs(scanned.distance[own]).min()) if own.any() else np.inf
        if distance <= scene.nearMm:
            alike = scene.found.isAlike(body.value)
            result.leftOut.append(LeftOut(body, distance, float(scanned.areas[own].sum()), alike))
            result.ofLeftOut |= own
            if not alike:
                scanned.quality[own] = Quality.OTHER_MATERIAL
    empty = ~scene.material & space.inside
    beyond = empty & ~grown(scene.material, margin)
    # A thin wall may stay below the level and is there all the same; within the bone that decides nothing.
    added = beyond & scene.outside & (blocks.values < scene.found.bare)
    for name, core in (("added", added), ("filled", beyond & ~scene.outside)):
        labels, count = pieces(core, empty, margin + 1)
        found = describe(blocks, labels, count, model=space.inside, material=scene.material, filled=True)
        setattr(result, name, found)


def _labelsAt(blocks: BlockImage, labels: np.ndarray, scanned: DeviationMap) -> np.ndarray:
    """The piece whose edge each point of the scan's edge is, by the block beneath it; 0 for none."""
    found = np.zeros(len(scanned.distance), dtype=labels.dtype)
    for depth in (0.0, 0.5, 1.0):
        points = scanned.mesh.points - depth * blocks.spacing.min() * scanned.normals
        found = np.where(found == 0, blocks.at(labels, points, 0), found)
    return found
