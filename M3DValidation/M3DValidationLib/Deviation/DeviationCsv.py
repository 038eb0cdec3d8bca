"""The deviation of every point as a table for other programs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap, Quality
from M3DLib.Errors import M3DError

COLUMNS = (
    "part,x_lps_mm,y_lps_mm,z_lps_mm,deviation_mm,uncertainty95_mm,quality,area_mm2,contrast_to_noise,edge_width_mm"
)
ROWS = 50_000


def writePointsCsv(file: Path | str, maps: dict[str, DeviationMap]) -> None:
    """Write one row for each vertex; deviations that could not be measured are left empty, with the reason as quality.

    The file appears when it is complete, or not at all.

    :param maps: deviation maps by the name of their part ("mesh", "A", "B").
    :raises M3DError: the file cannot be written.
    """
    path = Path(file)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=".points-", suffix=".tmp", delete=False
        ) as stream:
            temporary = Path(stream.name)
            stream.write(COLUMNS + "\n")
            for name, deviation in maps.items():
                for start in range(0, len(deviation.distance), ROWS):
                    stream.write(_rows(name, deviation, slice(start, start + ROWS)))
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise M3DError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _rows(name: str, deviation: DeviationMap, part: slice) -> str:
    x, y, z = deviation.mesh.points[part].T.tolist()
    nothing = np.full(len(x), np.nan)
    uncertainty, contrast, width = (
        nothing if values is None else np.where(np.isfinite(deviation.distance[part]), values[part], np.nan)
        for values in (deviation.uncertainty, deviation.contrastToNoise, deviation.edgeWidth)
    )
    quality = [Quality(value).name for value in deviation.quality[part].tolist()]
    distance, areas = deviation.distance[part].tolist(), deviation.areas[part].tolist()
    name = '"' + name.replace('"', '""') + '"' if any(sign in name for sign in ',"\n\r') else name
    return "".join(
        f"{name},{a:.4f},{b:.4f},{c:.4f},{_number(d)},{_number(u)},{q},{s:.5f},{_number(r)},{_number(w)}\n"
        for a, b, c, d, u, q, s, r, w in zip(
            x, y, z, distance, uncertainty.tolist(), quality, areas, contrast.tolist(), width.tolist(), strict=True
        )
    )


def _number(value: float) -> str:
    return f"{value:.5f}" if value == value else ""  # noqa: PLR0124 - not a number is not equal to itself
