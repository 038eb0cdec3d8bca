"""Where the constellations of an AMF file place its objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..Errors import M3DError
from ..FileSize import requireRoom
from ..NumberText import plural
from .MeshParts import moved

_DEEPEST = 32
_MOST_INSTANCES = 100_000
_HOLD_EACH_OTHER = "This AMF file's constellations hold each other; nothing says where its objects lie."


@dataclass
class AmfInstance:
    """An object or a constellation at a place.

    It is scaled and mirrored (as PrusaSlicer writes it; the standard knows neither), turned about x, then y, then z
    (degrees), then moved (the file's unit).
    """

    objectId: str
    deltax: float = 0.0
    deltay: float = 0.0
    deltaz: float = 0.0
    rx: float = 0.0
    ry: float = 0.0
    rz: float = 0.0
    scale: float = 1.0
    scalex: float = 1.0
    scaley: float = 1.0
    scalez: float = 1.0
    mirrorx: float = 1.0
    mirrory: float = 1.0
    mirrorz: float = 1.0

    def matrix(self) -> np.ndarray:
        """Where the object's points go, float64 (4, 4)."""
        from scipy.spatial.transform import Rotation

        matrix = np.eye(4)
        sizes = np.array([self.scalex, self.scaley, self.scalez]) * self.scale
        sizes *= np.where(np.array([self.mirrorx, self.mirrory, self.mirrorz]) < 0, -1.0, 1.0)
        matrix[:3, :3] = Rotation.from_euler("xyz", [self.rx, self.ry, self.rz], degrees=True).as_matrix() * sizes
        matrix[:3, 3] = self.deltax, self.deltay, self.deltaz
        return matrix


def placedObjects(
    bodies: dict[str, tuple[np.ndarray, np.ndarray]],
    constellations: dict[str, list[AmfInstance]],
    warnings: list[str],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points and triangles of every object at every place it has; where it stands when there is no constellation.

    :param warnings: gets a sentence when objects are in no constellation and are left out.
    :raises M3DError: a constellation names what is not there or itself, or places absurdly many objects.
    """
    if not constellations:
        return list(bodies.values())
    inner = {instance.objectId for instances in constellations.values() for instance in instances}
    outermost = [identifier for identifier in constellations if identifier not in inner]
    if not outermost:
        raise M3DError(_HOLD_EACH_OTHER)
    places: list[tuple[str, np.ndarray]] = []
    waiting = [(identifier, np.eye(4), 0) for identifier in reversed(outermost)]
    while waiting:
        identifier, matrix, depth = waiting.pop()
        if identifier in constellations:
            if depth > _DEEPEST or len(waiting) > _MOST_INSTANCES:
                raise M3DError(_HOLD_EACH_OTHER)
            inside = [(one.objectId, matrix @ one.matrix(), depth + 1) for one in constellations[identifier]]
            waiting.extend(reversed(inside))
        elif identifier in bodies:
            places.append((identifier, matrix))
        else:
            raise M3DError(f"This AMF file's constellation places the object {identifier}, which is not there.")
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
            raise M3DError("This AMF file places an object by numbers that flatten it or are not finite.")
        if len(places) > _MOST_INSTANCES:
            raise M3DError(f"This AMF file places more than {_MOST_INSTANCES} objects; that is no model.")
    lacking = [identifier for identifier, body in bodies.items() if identifier not in inner and len(body[1])]
    if lacking:
        warnings.append(
            f"{plural(len(lacking), 'object')} of the AMF file in none of its constellations left out (ids "
            f"{', '.join(lacking[:5])})."
        )
    requireRoom(sum(24 * (len(bodies[name][0]) + len(bodies[name][1])) for name, _ in places), "This AMF file")
    return [moved(*bodies[name], matrix) for name, matrix in places]
