"""Which places of a deviation are shown, in pictures and in the 3D view alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

MOST_PLACES = 4
_APART_MM = 2.0


def worstPlaces(facts: Mapping) -> list[tuple[float, list[float]]]:
    """Signed distance, mm, and place, LPS mm: the largest deviation, then the worst points of the listed regions.

    They are ordered by their distance from zero, the largest first, as the report says of all its places.

    :param facts: one kind of deviation, as it is in the report.
    """
    places = []
    if facts["worstPointLps"] is not None:
        places.append((max((facts["minSigned"], facts["maxSigned"]), key=abs), list(facts["worstPointLps"])))
    for region in worstFirst(facts["regions"]["largest"]):
        point = list(region["worstPointLps"])
        if all(np.linalg.norm(np.subtract(point, other)) > _APART_MM for _distance, other in places):
            places.append((region["worst"], point))
    return places[:MOST_PLACES]


def worstFirst(regions: Sequence[Mapping]) -> list[Mapping]:
    """Regions of a deviation, which the report lists by their area, by their distance from zero, the largest first."""
    return sorted(regions, key=lambda region: -abs(region["worst"]))
