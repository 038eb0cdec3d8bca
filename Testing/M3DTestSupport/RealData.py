"""Real scans, where they are present beside the checkout; tests skip with a reason where not."""

import pytest

from M3DTestSupport.Project import ROOT

DATA = ROOT.parent / "shared" / "data"
ONE_MM_SCAN = DATA / "phantom_ct_1mm_bone"
FIVE_MM_SCAN = DATA / "phantom_ct_5mm_brain"
SLICER_SEGMENTATION = DATA / "phantom_slicer.seg.nrrd"

needsRealData = pytest.mark.skipif(not DATA.is_dir(), reason="the real scans are not beside this checkout")
