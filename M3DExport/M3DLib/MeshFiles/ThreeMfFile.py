"""3D Manufacturing Format (3MF), read by ``lib3mf``, the library of the 3MF Consortium."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..Errors import M3DError
from ..FileSize import requireRoom
from ..NumberText import plural
from .MeshParts import MeshParts, joined, moved
from .ThreeMfPackage import inspectPackage

if TYPE_CHECKING:
    import lib3mf

# Of the library's warnings: a title given twice, missing identifiers that no shape depends on (production extension),
# and unknown attributes, of which those that could matter are found by ``ThreeMfPackage`` and named.
_HARMLESS = {32860, 32935, 32944}
_UNSUPPORTED_EXTENSION = 32914
_INVALID_UNIT = 32798
_SUPPORT_TYPES = ("Other", "Support", "SolidSupport")


def readThreeMf(path: Path) -> MeshParts:
    """Everything the build of a 3MF file asks for, each copy at its place.

    Components, copies and objects in other parts of the archive are followed. Support material and objects that are no
    part of the build are left out and named; what cannot become triangles (beam lattices, slices, implicit shapes) is
    refused, and so are extensions that the file requires and the library does not know.

    :raises M3DError: also when the package ``lib3mf`` is not installed.
    """
    if importlib.util.find_spec("lib3mf") is None:
        raise M3DError(
            "3MF files are read by the Python package 'lib3mf', which is not installed; install it (pip install "
            "'SlicerM3D[mesh-formats]'), or save the model as STL."
        )
    package = inspectPackage(path)
    import lib3mf

    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    try:
        reader.ReadFromFile(str(path))
        remarks = Counter(reader.GetWarning(number) for number in range(reader.GetWarningCount()))
        warnings = _refuseOrSay(remarks) + package.warnings()
        parts = _Build(model, warnings).parts()
    except lib3mf.ELib3MFException as error:
        # "Lib3MFException 5: ..." where the five says nothing.
        reason = str(error).partition(": ")[2] or str(error)
        raise M3DError(
            f"This 3MF file cannot be read whole: {reason}. It is damaged, or uses a part of 3MF that has no triangles "
            "(a boolean shape, for example); save it as plain triangles."
        ) from error
    parts = [part for part in parts if len(part[1])]
    if not parts:
        raise M3DError("This 3MF file's build asks for no triangles.")
    points, triangles = joined(parts)
    return MeshParts(points, triangles, package.unit or "millimeter", warnings, digits=24)


def _refuseOrSay(remarks: Counter) -> list[str]:
    """What the library ignored, in words.

    :raises M3DError: the file requires what the library does not know, so that it must not be read (3MF core, 2.3).
    """
    said = []
    for (code, text), count in remarks.items():
        if code == _UNSUPPORTED_EXTENSION:
            raise M3DError(
                "This 3MF file requires an extension of 3MF that is not known here, so it cannot be read rightly; save "
                "it as plain triangles."
            )
        if code not in _HARMLESS and code != _INVALID_UNIT:
            times = f" ({count} times)" if count > 1 else ""
            said.append(f"The 3MF library remarks: {text.rstrip('.')}{times}.")
    return said


class _Build:
    """Turns the build items of a model into points and triangles."""

    def __init__(self, model: lib3mf.Model, warnings: list[str]):
        self._model = model
        self._warnings = warnings
        self._meshes: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._used: set[int] = set()
        self._surfaces: set[int] = set()
        self._leftOut: Counter = Counter()

    def parts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Points in the model's unit, float64, and triangles of every instance."""
        wanted: list[tuple[int, np.ndarray]] = []
        for item in _all(self._model.GetBuildItems()):
            matrix = _matrix(item.GetObjectTransform()) if item.HasObjectTransform() else np.eye(4)
            wanted.extend(self._instances(item.GetObjectResource(), matrix))
        size = sum(24 * sum(map(len, self._meshes[key])) for key, _ in wanted)
        requireRoom(size, "The build of this 3MF file")
        self._sayWhatIsLeftOut()
        return [moved(*self._meshes[key], matrix) for key, matrix in wanted]

    def _instances(self, resource: Any, matrix: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Meshes under an object, with the place of each."""
        import lib3mf

        key, name = resource.GetUniqueResourceID(), resource.GetName()
        self._used.add(key)
        kind = lib3mf.ObjectType(resource.GetType()).name
        if kind in _SUPPORT_TYPES:
            self._leftOut[kind] += 1
            return
        if resource.IsMeshObject():
            if key not in self._meshes:
                self._meshes[key] = self._mesh(self._model.GetMeshObjectByID(key), name)
            if kind == "Surface":
                self._surfaces.add(key)
            yield key, matrix
        elif resource.IsComponentsObject():
            _refuseSlices(resource, name)
            holder = self._model.GetComponentsObjectByID(key)
            for number in range(holder.GetComponentCount()):
                component = holder.GetComponent(number)
                inner = _matrix(component.GetTransform()) if component.HasTransform() else np.eye(4)
                yield from self._instances(component.GetObjectResource(), matrix @ inner)
        else:
            raise M3DError(
                f"{_called(name)} of this 3MF file is an implicit shape (level set), which has no triangles."
            )

    def _mesh(self, mesh: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
        beams = mesh.BeamLattice().GetBeamCount()
        if beams:
            raise M3DError(
                f"{_called(name)} of this 3MF file is a lattice of {beams} beams, which has no triangles here; turn it "
                "into a mesh in the program it comes from."
            )
        _refuseSlices(mesh, name)
        points = np.array([tuple(vertex.Coordinates) for vertex in mesh.GetVertices()], dtype=np.float64)
        triangles = np.array([tuple(triangle.Indices) for triangle in mesh.GetTriangleIndices()], dtype=np.int64)
        if not len(triangles):
            self._warnings.append(f"{_called(name)} of the 3MF file has no triangles.")
        if mesh.GetVolumeData() is not None:
            self._warnings.append(
                f"Values within the volume of {_called(name)[0].lower()}{_called(name)[1:]} left out."
            )
        return points.reshape(-1, 3), triangles.reshape(-1, 3)

    def _sayWhatIsLeftOut(self) -> None:
        for kind, count in self._leftOut.items():
            self._warnings.append(f"{plural(count, 'object')} of the type '{kind}', no part of the model, left out.")
        if self._surfaces:
            self._warnings.append(f"{plural(len(self._surfaces), 'object')} said to be surfaces without a volume.")
        unused = [one for one in _all(self._model.GetObjects()) if one.GetUniqueResourceID() not in self._used]
        if unused:
            named = ", ".join(_called(one.GetName()) for one in unused[:3])
            self._warnings.append(f"{plural(len(unused), 'object')} not in the build, left out ({named}).")


def _all(iterator: Any) -> Iterator[Any]:
    while iterator.MoveNext():
        yield iterator.GetCurrent() if hasattr(iterator, "GetCurrent") else iterator.GetCurrentObject()


def _called(name: str) -> str:
    return f"Object '{name}'" if name else "An object without a name"


def _refuseSlices(resource: Any, name: str) -> None:
    # Also where the mesh is said to be in full resolution: the consortium's own samples say so of bare boxes.
    if resource.HasSlices(True):
        raise M3DError(
            f"{_called(name)} of this 3MF file is a stack of slices, and its triangles may be a sketch of it; save it "
            "as plain triangles."
        )


def _matrix(transform: Any) -> np.ndarray:
    """The library's rows (three of the axes, one of the shift) as float64 (4, 4)."""
    rows = np.array([list(row) for row in transform.Fields], dtype=np.float64)
    matrix = np.eye(4)
    matrix[:3] = rows.T
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise M3DError("This 3MF file places an object by a transform that flattens it or is not finite.")
    return matrix
