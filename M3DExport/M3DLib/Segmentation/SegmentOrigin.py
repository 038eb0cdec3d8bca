"""What a segmentation says of the scan it was drawn on."""

from __future__ import annotations

from ..Image.ImageVolume import ImageVolume
from .Segment import Segment


def otherSeriesRemarks(segment: Segment, image: ImageVolume) -> list[str]:
    """A sentence when a segment says that it was drawn on another series than the image, whose grid it fits."""
    drawnOn = segment.source.imageSeriesUid
    series = str(image.headers[0].get("SeriesInstanceUID", "") or "") if image.headers else ""
    if not drawnOn or not series or drawnOn == series:
        return []
    text = (
        f"The segmentation was drawn on another series ({drawnOn}) than the scan that was given ({series}): what it "
        "shows need not be what this scan shows."
    )
    return [text]
