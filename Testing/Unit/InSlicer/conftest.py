"""What the tests of what meets the scene have in common."""

from M3DTestSupport.SlicerFixtures import application, ballReport, scannedBall

__all__ = ["application", "ballReport", "scannedBall"]
