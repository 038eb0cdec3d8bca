"""What a model file says beside its triangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..Mesh.TriangleMesh import TriangleMesh
from ..Software import NAME, VERSION

# Where the model stands: in the patient, or moved so that it lies on the plate of a printer.
PATIENT, BUILD_PLATE = "patient", "build plate"
# What has no color of its own is shown in that of bone.
DEFAULT_COLOR = (0.95, 0.84, 0.57)


@dataclass(frozen=True)
class FileFacts:
    """What a model file says beside its triangles; nothing here is filled in from a patient's headers.

    :ivar title: of the whole file.
    :ivar created: when, ISO 8601.
    :ivar metadata: further values by name, as the UID of the DICOM object and the verdict of its report.
    :ivar thumbnail: PNG, or empty for none.
    :ivar place: ``PATIENT`` (LPS mm) or ``BUILD_PLATE``.
    :ivar unit: of the numbers of formats that have none of their own.
    :ivar toPatient: float (4, 4), from the file's coordinates back to LPS mm; None where these are the same.
    """

    title: str = ""
    created: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    thumbnail: bytes = b""
    place: str = PATIENT
    toPatient: tuple[tuple[float, ...], ...] | None = None
    unit: str = "mm"

    @property
    def software(self) -> str:
        """What wrote the file."""
        return f"{NAME} {VERSION}"

    def all(self) -> dict[str, str]:
        """Everything there is to say by name, in the words of this project; empty values are left out."""
        values = {
            "Coordinates": f"{'LPS' if self.toPatient is None else 'build plate'}, {self.unit}",
            "ToPatientLps": "" if self.toPatient is None else matrixText(self.toPatient),
            **self.metadata,
        }
        return {name: value for name, value in values.items() if value}


def matrixText(matrix: Sequence[Sequence[float]]) -> str:
    """A matrix as numbers row by row, each as short as it can be without losing anything."""
    return " ".join(repr(float(value)) for row in matrix for value in row)


def onBuildPlate(meshes: Sequence[TriangleMesh], facts: FileFacts) -> tuple[list[TriangleMesh], FileFacts]:
    """The models moved together, so that they begin at the origin and lie on the plane z = 0.

    :return: the moved models, and facts that hold the way back.
    """
    low = np.min([mesh.points.min(axis=0) for mesh in meshes], axis=0).astype(np.float64)
    moved = [
        TriangleMesh(mesh.points.astype(np.float64) - low, mesh.triangles, mesh.name, mesh.color, mesh.opacity)
        for mesh in meshes
    ]
    back = np.eye(4)
    back[:3, 3] = low
    return moved, replace(facts, place=BUILD_PLATE, toPatient=tuple(map(tuple, back.tolist())))


def colorOf(mesh: TriangleMesh) -> tuple[int, int, int, int]:
    """Color and opacity of a model as four bytes, sRGB."""
    color = mesh.color if mesh.color is not None else DEFAULT_COLOR
    opacity = 1.0 if mesh.opacity is None else mesh.opacity
    red, green, blue, alpha = (round(255 * min(max(value, 0.0), 1.0)) for value in (*color, opacity))
    return red, green, blue, alpha
