"""What the tests of the panels have in common."""

from M3DTestSupport.SlicerFixtures import application, panelApplication, scannedBall, validationPanel

__all__ = ["application", "panelApplication", "scannedBall", "validationPanel"]
