"""The SHA-256 of a case's mesh as binary STL: what names the surface that was validated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError
from M3DLib.Mesh.StlFile import stlBytes

if TYPE_CHECKING:
    from M3DLib.Mesh.TriangleMesh import TriangleMesh

    from ...Check import Case

_KEY = "stlHash"


@contextmanager
def hashing(cases: Sequence[Case]):
    """Hash the meshes of cases in the background of what is done in the ``with`` block."""
    with ThreadPoolExecutor(1) as pool:
        begun = [(case, pool.submit(_hash, case.mesh)) for case in cases if case.mesh is not None]
        yield
        for case, hashed in begun:
            case.measurements[_KEY] = hashed.result()


def stlHash(case: Case) -> tuple[str | None, str]:
    """Hash of the mesh in mm, and "" ; or None, and why no STL can hold it."""
    if _KEY not in case.measurements:
        case.measurements[_KEY] = _hash(case.mesh)
    return case.measurements[_KEY]


def _hash(mesh: TriangleMesh) -> tuple[str | None, str]:
    try:
        return hashlib.sha256(stlBytes(mesh)).hexdigest(), ""
    except M3DError as error:
        # What no STL can hold is found by the checks; the report says that there is none.
        return None, str(error)
