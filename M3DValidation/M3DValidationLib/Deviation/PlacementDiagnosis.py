"""Why a model does not lie where its scan shows it: the usual mistakes, tried one by one and measured.

A mistake is named only when the model then lies at the scan's edges, does not as it is given, and no other mistake
explains it about as well. Otherwise the reason is not known, and that is what is said. Nothing is ever corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from M3DLib.Errors import noProgress
from M3DLib.NumberText import fixed, shareInPercent

from .PlacementSearch import SurfaceSample, edgeShare, sampleSurface, shifted

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

# A model with at least this share of its surface at edges of the scan needs no explanation. A model in the wrong place
# crosses edges of other things: up to a third of its surface, on phantoms and on heads.
FITS = 0.5
# What explains it must reach this share, and be better than what is given and than any other explanation by the gap.
EXPLAINS = 0.65
GAP = 0.2
# A model whose middle is this near to zero, as a share of its size, was centered there.
_CENTERED = 0.02
# Corrections that differ by less, on the average over the surface, are one.
_ONE_PLACE_MM = 1.0
_UNITS = {"inches": (25.4, "in"), "meters": (1000.0, "m"), "centimeters": (10.0, "cm"), "micrometers": (0.001, "um")}
_RAS = np.diag([-1.0, -1.0, 1.0])
_MIRRORS = {"left to right": 0, "front to back": 1, "top to bottom": 2}


@dataclass(frozen=True)
class Placement:
    """How well a model lies at the edges of its scan, and what explains it when it does not.

    :ivar share: share of the surface at an edge of the scan, 0 to 1, as the model is given.
    :ivar mistake: "" when it fits or the reason is not known; else "unit", "axes", "unit and axes", "mirrored",
        "moved", "mirrored and moved" or "centered".
    :ivar explainedShare: the same with the mistake taken back; None without one.
    :ivar matrix: float64 (4, 4), from the model as given to where it fits, LPS mm; None without a mistake.
    :ivar sentence: what is said to a person; "" when the model fits.
    """

    share: float
    mistake: str = ""
    explainedShare: float | None = None
    matrix: np.ndarray | None = None
    sentence: str = ""

    @property
    def fits(self) -> bool:
        return self.share >= FITS

    def asDict(self) -> dict:
        """As JSON values."""
        return {
            "atEdges": self.share,
            "mistake": self.mistake or None,
            "atEdgesWithoutMistake": self.explainedShare,
            "matrix": None if self.matrix is None else self.matrix.tolist(),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class _Candidate:
    mistake: str
    words: str
    matrix: np.ndarray


def placementOf(
    mesh: TriangleMesh, image: ImageVolume, progress: Callable[[float, str], None] = noProgress
) -> Placement:
    """Whether a model lies at the edges of its scan, and which usual mistake explains it when it does not.

    :param mesh: as it is given, LPS mm.
    :param image: a regular grid.
    :raises M3DError: the image is no regular grid, or the mesh has no surface.
    """
    image.requireRegular()
    sample = sampleSurface(mesh)
    share = edgeShare(sample, image)
    if share >= FITS:
        return Placement(share)
    text = "Looking why the model is not where the scan shows it"
    progress(0.0, text)
    tried = [(edgeShare(sample.moved(one.matrix), image), one) for one in _atOnce(sample)]
    found = _best(tried, share, sample)
    if found is None:
        # Where it was moved as well, the way is not known beforehand: it is looked for.
        for number, one in enumerate(_toBeShifted()):
            progress(0.2 + 0.25 * number, text)
            moved = sample.moved(one.matrix)
            shift = shifted(moved, image)
            if shift is not None:
                matrix = _translation(shift) @ one.matrix
                tried.append((edgeShare(sample.moved(matrix), image), _moved(one, matrix, sample)))
        found = _best(tried, share, sample)
    progress(1.0, text)
    if found is None:
        return Placement(share, sentence=_unknown(share, _explaining(tried, share, sample)))
    explained, one = found
    sentence = (
        f"The model fits the scan when {one.words}: {shareInPercent(explained)} of its surface then lies at an edge of "
        "the scan, "
        f"{shareInPercent(share)} as it is given."
    )
    return Placement(share, one.mistake, explained, one.matrix, sentence)


def _best(
    tried: list[tuple[float, _Candidate]], share: float, sample: SurfaceSample
) -> tuple[float, _Candidate] | None:
    """What explains it clearly; None when nothing does, or several mistakes about as well."""
    good = _explaining(tried, share, sample)
    return good[0] if len(good) == 1 else None


def _explaining(
    tried: list[tuple[float, _Candidate]], share: float, sample: SurfaceSample
) -> list[tuple[float, _Candidate]]:
    """The best explanation and all that are about as good; of those that put the model in one place the first."""
    ordered = sorted(tried, key=lambda entry: -entry[0])
    if not ordered or ordered[0][0] < max(EXPLAINS, share + GAP):
        return []
    kept: list[tuple[float, _Candidate]] = []
    for found, one in ordered:
        if found > ordered[0][0] - GAP and all(_apart(one, other, sample) for _, other in kept):
            kept.append((found, one))
    return kept


def _apart(one: _Candidate, other: _Candidate, sample: SurfaceSample) -> bool:
    """Whether two corrections put the model into different places."""
    way = sample.moved(one.matrix).points - sample.moved(other.matrix).points
    return float(np.linalg.norm(way, axis=1).mean()) > _ONE_PLACE_MM


def _unknown(share: float, good: list[tuple[float, _Candidate]]) -> str:
    start = f"Only {shareInPercent(share)} of the model's surface lies at an edge of the scan."
    if len(good) > 1:
        listed = "; ".join(f"when {one.words} ({shareInPercent(explained)})" for explained, one in good[:3])
        return f"{start} It would fit: {listed}. Which of these happened cannot be told from the shape."
    return (
        f"{start} The reason is not known: neither another unit, nor RAS instead of LPS, nor a mirrored or moved model "
        "explains it. Is it the model of this scan?"
    )


def _atOnce(sample: SurfaceSample) -> list[_Candidate]:
    """Mistakes whose correction is known beforehand."""
    ras = "its coordinates are taken as RAS instead of LPS (x and y change their sign)"
    found = [_Candidate("axes", ras, _linear(_RAS))]
    for name, (scale, option) in _UNITS.items():
        words = f"its numbers are taken as {name} (--unit {option})"
        found.append(_Candidate("unit", words, _linear(scale * np.eye(3))))
        both = f"its numbers are taken as {name} (--unit {option}), and as RAS instead of LPS"
        found.append(_Candidate("unit and axes", both, _linear(scale * _RAS)))
    for name, axis in _MIRRORS.items():
        flip = np.eye(3)
        flip[axis, axis] = -1
        found.append(
            _Candidate("mirrored", f"it is mirrored {name} (the sign of {'xyz'[axis]} changes)", _linear(flip))
        )
        middle = np.zeros(3)
        middle[axis] = 2 * sample.middle[axis]
        words = f"it is mirrored {name} in its own place"
        found.append(_Candidate("mirrored", words, _translation(middle) @ _linear(flip)))
    return found


def _toBeShifted() -> list[_Candidate]:
    mirror = np.diag([-1.0, 1.0, 1.0])
    return [
        _Candidate("moved", "it is moved by ({0}) mm (LPS)", np.eye(4)),
        _Candidate("mirrored and moved", "it is mirrored left to right and moved by ({0}) mm (LPS)", _linear(mirror)),
        _Candidate(
            "axes and moved",
            "its coordinates are taken as RAS instead of LPS and it is moved by ({0}) mm (LPS)",
            _linear(_RAS),
        ),
    ]


def _moved(one: _Candidate, matrix: np.ndarray, sample: SurfaceSample) -> _Candidate:
    way = ", ".join(fixed(value, 1) for value in matrix[:3, 3])
    words = one.words.format(way)
    if np.abs(sample.middle).max() <= _CENTERED * sample.size:
        mistake = "centered" if one.mistake == "moved" else one.mistake
        return _Candidate(mistake, f"{words}; its middle lies at zero, where many programs put it", matrix)
    return _Candidate(one.mistake, words, matrix)


def _linear(matrix: np.ndarray) -> np.ndarray:
    whole = np.eye(4)
    whole[:3, :3] = matrix
    return whole


def _translation(way: np.ndarray) -> np.ndarray:
    whole = np.eye(4)
    whole[:3, 3] = way
    return whole
