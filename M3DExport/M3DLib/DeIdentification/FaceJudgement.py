"""Does a model show a face? As far as that can be known; what cannot be known is said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .OriginalValues import plain

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

FACE, NO_FACE, UNKNOWN = "face", "none", "unknown"
# A face of a newborn is about 60 mm high: what is smaller in all directions is a part of one at most.
_SMALLEST_FACE_MM = 60.0
# Nose, lips and orbits are hollows of many millimeters between a face and its convex hull.
_SMALLEST_RELIEF_MM = 3.0
_HULL_POINTS = 20_000
# Skin and fat lie below this, HU: a model of what is denser shows none.
_DENSER_THAN_SKIN_HU = 150.0
_FACE_WORDS = re.compile(
    r"\b(face|faces|facial|skin|nose|nasal tip|ears?|auricle|pinna|lips?|eyelids?|eyebrows?|scalp|cheeks?|forehead|"
    r"chin|soft tissues?|body surface|outer surface|surface of (the )?(head|body)|gesicht|haut|kopfhaut|nase|ohr|ohren|"
    r"visage|peau|nez|oreille|cara|piel|nariz|oreja|volto|pelle|naso)\b"
)
_HEAD = re.compile(r"\b(head|kopf|tete|cabeza|testa)\b")
_HEAD_OF_BONE = re.compile(r"\b(femur|femoral|humer\w+|radi(us|al)|fibula\w*|rib|metatars\w+|metacarp\w+|pancrea\w+)\b")
_INNER_WORDS = re.compile(
    r"\b(skull|calvari\w+|crani\w+|bones?|osseous|mandib\w+|maxill\w+|orbit\w*|zygoma\w*|femur|femoral|tibia\w*|fibula\w*|"
    r"humer\w+|radius|ulna\w*|scapula\w*|clavic\w+|ribs?|sternum|vertebra\w*|spine|sacrum|pelvi\w+|hip|acetabul\w+|"
    r"patella\w*|calcan\w+|talus|carpal|tarsal|tooth|teeth|dent\w+|heart|aort\w*|vessels?|arter\w+|veins?|liver|"
    r"kidneys?|spleen|lungs?|bronch\w+|airways?|trachea|bladder|prostate|tumou?rs?|lesions?|brain|ventric\w+|implants?|"
    r"plates?|screws?|rods?|bars?|guides?|templates?|splints?|schadel|knochen|unterkiefer|oberkiefer|becken|wirbel\w*|"
    r"zahn|zahne|herz|leber|niere|os|crane)\b"
)


@dataclass(frozen=True)
class FaceJudgement:
    """Whether a model shows a face.

    :ivar verdict: ``FACE``, ``NO_FACE`` or ``UNKNOWN``.
    :ivar reason: how that is known, or why it is not; names nothing of the patient.
    """

    verdict: str
    reason: str


def judgeFace(dataset: Dataset | None, names: list[str], readMesh: Callable[[], TriangleMesh | None]) -> FaceJudgement:
    """Judge one model.

    What the object says of itself goes first, then what the structure is called, then how it was segmented, then its
    size and shape. A skull is no face here, although specialists can make a likeness from one.

    :param dataset: of an Encapsulated STL object; None for a loose file.
    :param names: of the structure: title, segment, description, coded meanings.
    :param readMesh: gives the mesh in LPS mm, or None where it cannot be read; called only when nothing else tells.
    """
    said = str(dataset.get("RecognizableVisualFeatures") or "").upper() if dataset is not None else ""
    if said == "YES":
        return FaceJudgement(FACE, "the object says so (Recognizable Visual Features)")
    texts = [re.sub(r"[_\W]+", " ", plain(name)) for name in names if name]
    if any(_FACE_WORDS.search(text) for text in texts):
        return FaceJudgement(FACE, "what the structure is called is a face or a part of one")
    if any(_HEAD.search(text) and not _HEAD_OF_BONE.search(text) and not _INNER_WORDS.search(text) for text in texts):
        return FaceJudgement(FACE, "the structure is called a head")
    if said == "NO":
        return FaceJudgement(NO_FACE, "the object says so (Recognizable Visual Features)")
    if any(_INNER_WORDS.search(text) for text in texts):
        return FaceJudgement(NO_FACE, "what the structure is called lies inside of the body or is a device")
    threshold = _threshold(dataset)
    if threshold is not None and threshold >= _DENSER_THAN_SKIN_HU:
        return FaceJudgement(NO_FACE, f"it was segmented above {threshold:g} HU, where there is no skin")
    judgement = _byShape(readMesh())
    if threshold is not None and judgement.verdict == NO_FACE and judgement.reason.startswith("it is convex"):
        # A smooth body may be a head all the same, when it is known to end where the air begins.
        return FaceJudgement(UNKNOWN, f"it was segmented above {threshold:g} HU, so that skin is in it")
    return judgement


def _threshold(dataset: Dataset | None) -> float | None:
    """The lower threshold that the object says it was segmented with, HU."""
    if dataset is None or str(dataset.get("Modality") or "") != "M3D":
        return None
    for item in dataset.get("DerivationAlgorithmSequence") or ():
        found = re.search(
            r"segmentation=threshold (?:from |above )?(-?\d+(?:\.\d+)?)", str(item.get("AlgorithmParameters") or "")
        )
        if found and "HU" in str(item.get("AlgorithmParameters")):
            return float(found[1])
    return None


def _byShape(mesh: TriangleMesh | None) -> FaceJudgement:
    if mesh is None or not len(mesh.points):
        return FaceJudgement(UNKNOWN, "nothing says what it shows")
    points = mesh.points[np.unique(mesh.triangles)].astype(np.float64)
    size = np.ptp(points, axis=0)
    if np.linalg.norm(size) < _SMALLEST_FACE_MM:
        return FaceJudgement(NO_FACE, f"it is smaller than a face ({size.max():.0f} mm)")
    relief = _relief(points)
    if relief is not None and relief < _SMALLEST_RELIEF_MM:
        return FaceJudgement(NO_FACE, f"it is convex within {relief:.1f} mm, as no face is")
    return FaceJudgement(UNKNOWN, "nothing says what it shows, and it is as large as a face and not convex")


def _relief(points: np.ndarray) -> float | None:
    """How deep the points lie below their convex hull at most, mm; None where there is no hull."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return None
    step = max(1, len(points) // _HULL_POINTS)
    deepest = 0.0
    # A point's depth is its distance to the nearest plane of the hull.
    for start in range(0, len(points), 256 * step):
        part = points[start : start + 256 * step : step]
        distances = -(part @ hull.equations[:, :3].T + hull.equations[:, 3])
        deepest = max(deepest, float(distances.min(axis=1).max()))
        if deepest >= _SMALLEST_RELIEF_MM:
            break
    return deepest
