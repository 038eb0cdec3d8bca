"""The ``m3d`` command line and batch runs: the only room that knows both M3DLib and M3DValidationLib."""

import ctypes
import os
import sys

# Matrices are small here. Sharing such a product among threads takes many times as long as computing it, and has to be
# switched off before numpy is loaded; whoever has set it knows better.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# By default every thread of a program gets heaps of its own from the GNU C library, up to eight per processor, and each
# keeps what it was once given. With two, validating 140 slices takes 1.3 GB for 1.4, and 5 s of the system for 8.
_ARENAS, _MOST_ARENAS = -8, 2
if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
    # Other C libraries (musl) have no such choice.
    _choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if _choose is not None:
        _choose(_ARENAS, _MOST_ARENAS)
