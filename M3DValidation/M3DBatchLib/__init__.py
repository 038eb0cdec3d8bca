"""The ``m3d`` command line and batch runs: the only room that knows both M3DLib and M3DValidationLib."""
