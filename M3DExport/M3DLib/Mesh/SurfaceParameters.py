"""How a surface is made from a segment; recorded with every mesh, in the DICOM object and in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..Errors import M3DError

FLYING_EDGES = "flying-edges"
SURFACE_NETS = "surface-nets"
METHODS = (FLYING_EDGES, SURFACE_NETS)
_NUMBERS = ("smoothing", "decimation", "refineRange", "maxError")


@dataclass(frozen=True)
class SurfaceParameters:
    """Parameters of Slicer's conversion from binary labelmap to closed surface.

    The defaults differ from the application's (smoothing 0.5) so that small parts keep their size. Measured against the
    voxels' own volume in 0.5 x 0.5 x 1 mm voxels: the mesh of a 6 mm ball loses 2.5 % at smoothing 0.2 (2.2 % with none
    at all) and 6.3 % at 0.5; from 12 mm on, all lose less than 1.2 %. Decimation shrinks more (a 24 mm ball in 1 mm
    voxels: 3 % at 0.5, 7 % at 0.8), so there is none unless asked for.

    :ivar method: "flying-edges" (vtkDiscreteFlyingEdges3D) or "surface-nets" (vtkSurfaceNets3D).
    :ivar smoothing: 0 (none) to 1; windowed sinc with pass band 10^(-4 s).
    :ivar decimation: share of the triangles to remove, 0 (none) to less than 1.
    :ivar refine: whether the surface is moved to the image's edge afterwards (``M3DLib.Surface.SurfaceRefinement``).
    :ivar refineRange: no vertex goes farther then, mm; None for the largest voxel edge.
    :ivar maxError: edges are collapsed as long as the surface stays within so many mm of what it was, in both
        directions (``M3DLib.Simplification.SurfaceSimplification``); None for no simplification.
    """

    method: str = FLYING_EDGES
    smoothing: float = 0.2
    decimation: float = 0.0
    refine: bool = False
    refineRange: float | None = None
    maxError: float | None = None

    def __post_init__(self):
        problems = []
        if self.method not in METHODS:
            problems.append(f"Surface method '{self.method}' is unknown; choose one of {', '.join(METHODS)}.")
        if not 0 <= self.smoothing <= 1:
            problems.append(f"Smoothing must be between 0 and 1, not {self.smoothing}.")
        if not 0 <= self.decimation < 1:
            problems.append(f"Decimation must be at least 0 and less than 1, not {self.decimation}.")
        if self.refineRange is not None and not (math.isfinite(self.refineRange) and self.refineRange > 0):
            problems.append(f"The range of refining must be above 0 mm, not {self.refineRange}.")
        if self.refineRange is not None and not self.refine:
            problems.append("A range of refining says nothing without refining; ask for both.")
        if self.maxError is not None and not (math.isfinite(self.maxError) and self.maxError > 0):
            problems.append(f"The largest error of the simplified surface must be above 0 mm, not {self.maxError}.")
        if problems:
            raise M3DError(problems)

    def asDict(self) -> dict:
        """Plain values for JSON and for Algorithm Parameters; what is not asked for is left out."""
        values = asdict(self)
        optional = {"refine": False, "refineRange": None, "maxError": None}
        return {name: value for name, value in values.items() if name not in optional or value != optional[name]}

    @classmethod
    def fromTexts(cls, texts: Mapping[str, str]) -> SurfaceParameters:
        """Parameters as an object's Algorithm Parameters hold them; other names are passed over.

        :raises ValueError: a value that cannot be one.
        """
        readers = {"method": str, "refine": _truth, **dict.fromkeys(_NUMBERS, float)}
        return cls(**{name: read(texts[name]) for name, read in readers.items() if name in texts})


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(f"'{text}' is neither True nor False.")
    return text == "True"
