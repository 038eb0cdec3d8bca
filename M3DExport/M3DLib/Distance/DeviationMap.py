"""Signed distances at the vertices of a mesh, with what is needed to judge them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh


class Quality(IntEnum):
    """Whether a vertex could be measured, and if not, why not."""

    RELIABLE = 0
    NO_EDGE = 1
    OUTSIDE_IMAGE = 2
    LOW_CONTRAST = 3
    THIN = 4
    POOR_FIT = 5
    SHARP = 6
    NO_SURFACE = 7
    OPEN_REFERENCE = 8
    ENCLOSED = 9
    OTHER_SEGMENT = 10
    OTHER_MATERIAL = 11
    CUT_OFF = 12


QUALITY_TEXT = {
    Quality.RELIABLE: "reliable",
    Quality.NO_EDGE: "no edge of the image within the search range",
    Quality.OUTSIDE_IMAGE: "outside the image or too near its border",
    Quality.LOW_CONTRAST: "contrast too low for the noise",
    Quality.THIN: "wall or gap too thin for the image's blur",
    Quality.POOR_FIT: "the image does not show one clear edge",
    Quality.SHARP: "ridge or corner too sharp for the image's blur",
    Quality.NO_SURFACE: "belongs to no triangle that has an area",
    Quality.OPEN_REFERENCE: "nearest to the boundary of an open reference",
    Quality.ENCLOSED: "inner surface of a space that the outside does not reach",
    Quality.CUT_OFF: "values beside the edge cut off at the end of the image's range",
    Quality.OTHER_MATERIAL: "belongs to a body of another material",
    Quality.OTHER_SEGMENT: "belongs to another segment, which has a model of its own",
}


@dataclass
class DeviationMap:
    """Signed distance of a reference from a mesh at each of its vertices.

    :ivar kind: "image", "segmentation" or "surface"; "scan" where the image's edge is measured against the model.
    :ivar mesh: the mesh that was measured (of kind "scan" the image's edge); LPS mm.
    :ivar distance: float32 (n,), mm along the outward normal, positive where the reference lies outside the mesh (the
        mesh is too small there); NaN where nothing was found.
    :ivar quality: uint8 (n,), values of :class:`Quality`; statistics use the reliable vertices only.
    :ivar areas: float64 (n,), mm2 of surface that each vertex stands for.
    :ivar uncertainty: float32 (n,), half width of the interval that holds the true distance with 95 % probability, mm;
        None where the method has no such model, or the image lies beyond what the model was fitted on.
    :ivar calibration: whether and why an uncertainty is stated (:func:`~.EdgeCalibration.calibration`); None without
        an image.
    :ivar normals: float32 (n, 3), outward; None where the method has no use for them.
    :ivar contrastToNoise: float32 (n,), step of the edge over the noise; None without an image.
    :ivar edgeWidth: float32 (n,), standard deviation of the edge's blur, mm; None without an image.
    :ivar reference: what the mesh was compared with, in words.
    :ivar signMeaning: what a positive distance means, in words.
    :ivar registration: what alignment was done before the comparison, in words.
    :ivar settings: numbers the method used or found for the whole image; plain JSON values.
    """

    kind: str
    mesh: TriangleMesh
    distance: np.ndarray
    quality: np.ndarray
    areas: np.ndarray
    uncertainty: np.ndarray | None = None
    normals: np.ndarray | None = None
    contrastToNoise: np.ndarray | None = None
    edgeWidth: np.ndarray | None = None
    reference: str = ""
    signMeaning: str = ""
    registration: str = "none"
    settings: dict = field(default_factory=dict)
    calibration: dict | None = None

    @property
    def reliable(self) -> np.ndarray:
        """Which vertices the statistics use, bool (n,)."""
        return self.quality == Quality.RELIABLE

    def qualityCounts(self) -> dict[str, int]:
        """Number of vertices of each quality that occurs, by name."""
        counts = np.bincount(self.quality, minlength=len(Quality))
        return {quality.name: int(counts[quality]) for quality in Quality if counts[quality]}
