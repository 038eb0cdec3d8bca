"""The ``m3d`` command line and batch runs: the only room that knows both M3DLib and M3DValidationLib."""

import os

# Matrices are small here. Sharing such a product among threads takes many times as long as computing it, and has to be
# switched off before numpy is loaded; whoever has set it knows better.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
