"""How deviations are spread: shares of the measured area by distance."""

from __future__ import annotations

import numpy as np

from M3DLib.Distance.DeviationMap import DeviationMap

BINS = 40

# The histogram and the colors of the map reach this many tolerances to either side.
RANGE_IN_TOLERANCES = 2.0


def deviationHistogram(deviation: DeviationMap, tolerance: float) -> dict:
    """Shares (0 to 1) of the reliably measured area by signed distance, as JSON values.

    The bins depend on the tolerance alone, so that reports on the same tolerance can be laid over one another; the
    tolerance is always a boundary between two of them.

    :param tolerance: mm.
    :return: ``edges`` (mm, one more than bins), ``shares`` per bin, and the shares ``below`` and ``above`` all of them.
        All shares add up to 1, or are 0 when nothing was measured.
    """
    good = deviation.reliable & np.isfinite(deviation.distance)
    values, weights = deviation.distance[good].astype(np.float64), deviation.areas[good]
    reach = RANGE_IN_TOLERANCES * tolerance
    edges = np.linspace(-reach, reach, BINS + 1)
    counts = np.histogram(values, edges, weights=weights)[0]
    total = max(float(weights.sum()), 1e-30)
    return {
        "edges": [round(float(edge), 9) for edge in edges],
        "shares": [float(count) / total for count in counts],
        "below": float(weights[values < -reach].sum()) / total,
        "above": float(weights[values > reach].sum()) / total,
    }
