"""How long the application's events have to wait during a validation, and what is being done then.

    python Testing/Benchmarks/responsiveness.py SERIES_FOLDER SEGMENTATION.seg.nrrd SEGMENT

A validation of a segment is run as the panel runs it, on stand-ins for the application; its progress callback, in
which the application would handle events, notes when it is called. Two times are given for each gap between two calls:
the wall's, which other programs on this computer lengthen, and the time that this process has computed meanwhile.
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("M3DExport", "M3DValidation", "Testing")]
_SHOWN = 12


class EventLoop:
    """Notes the gaps between calls; the progress callback of a validation."""

    def __init__(self):
        self.gaps = []
        self._last = (time.perf_counter(), time.process_time(), "begin")

    def __call__(self, fraction, text):
        """Called where the application would handle its events."""
        now = time.perf_counter(), time.process_time(), text
        self.gaps.append((now[0] - self._last[0], now[1] - self._last[1], self._last[2], text))
        self._last = now


def main(folder, segmentationFile, name):
    """Print the longest gaps."""
    import pytest

    from M3DLib.Image.ImageReader import readImage
    from M3DLib.InSlicer.SlicerSegments import vtkSegmentOf
    from M3DLib.Segmentation.SegmentReader import readSegments
    from M3DTestSupport.SceneCases import addSegmentation, addVolumeNode
    from M3DTestSupport.SlicerModules import StandInApplication

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as database:
        application = StandInApplication(patch, database)
        image = readImage(Path(folder))
        application.addToDatabase(image.files)
        volume = addVolumeNode(application, image, image.files)
        segmentation = addSegmentation(application, volume, {})
        for segment in readSegments(Path(segmentationFile)):
            segmentation.GetSegmentation().AddSegment(vtkSegmentOf(segment), segment.name)
        run(application, volume, segmentation, name)


def run(application, volume, segmentation, name):
    """Validate, keep the results, and say how long the events had to wait."""
    from M3DValidationLib.InSlicer.DeviationDisplay import showDeviation
    from M3DValidationLib.InSlicer.ResultNodes import addResults, mapsOf
    from M3DValidationLib.InSlicer.SceneValidation import validateNodes

    loop = EventLoop()
    report, _warnings = validateNodes(
        volume, segmentation, [name], database=application.database, background=True, progress=loop
    )
    loop(1.0, "Putting the results into the scene")
    node = addResults(report, application.scene, volume, segmentation, name)
    loop(1.0, "Coloring the map")
    for model in mapsOf(node):
        showDeviation(model, 2.0, 1.0)
    loop(1.0, "end")
    wall, computed = (sum(gap[column] for gap in loop.gaps) for column in (0, 1))
    print(f"{wall:.1f} s, {computed:.1f} s computed, {len(loop.gaps)} calls; the longest gaps:")
    for gap, busy, before, after in sorted(loop.gaps, key=lambda one: -one[1])[:_SHOWN]:
        print(f"{gap:7.2f} s {busy:7.2f} s computed: {before} -> {after}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
