"""Writes the deviation of every point of a mesh as a table, for whoever wants to do statistics of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from M3DLib.Errors import M3DError

from .DeviationMap import DeviationMap, Quality

_ROWS_AT_ONCE = 100_000


def writePointsCsv(file: str | Path, maps: dict[str, DeviationMap]) -> None:
    """One row per vertex: place, and for each map distance, quality and uncertainty; empty fields where there is none.

    Distances are in mm, positive where the reference lies outside the mesh; places are LPS mm.

    :param maps: by kind ("image", "segmentation", "surface"), all of the same mesh.
    :raises M3DError: the file cannot be written; nothing is left behind then.
    """
    if not maps:
        raise M3DError("There is no deviation to write: no mesh was compared with anything.")
    file = Path(file)
    mesh = next(iter(maps.values())).mesh
    names = {int(quality): quality.name.lower() for quality in Quality}
    header = ["x", "y", "z"]
    for kind in maps:
        header += [f"{kind}Distance", f"{kind}Quality", f"{kind}Uncertainty95"]
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=file.absolute().parent,
            prefix=".points-",
            suffix=".tmp",
            delete=False,
        ) as stream:
            temporary = Path(stream.name)
            stream.write(",".join(header) + "\n")
            for start in range(0, len(mesh.points), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                columns = [[f"{value:.4f}" for value in mesh.points[part, axis]] for axis in range(3)]
                for deviation in maps.values():
                    columns.append(_texts(deviation.distance[part]))
                    columns.append([names.get(int(value), str(value)) for value in deviation.quality[part]])
                    columns.append(_texts(None if deviation.uncertainty is None else deviation.uncertainty[part], part))
                stream.writelines(",".join(row) + "\n" for row in zip(*columns, strict=False))
        temporary.chmod(0o644)
        os.replace(temporary, file)
    except OSError as error:
        raise M3DError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _texts(values: np.ndarray | None, part: slice | None = None) -> list[str]:
    if values is None:
        return [""] * (part.stop - part.start)
    return [f"{value:.4f}" if np.isfinite(value) else "" for value in values]
