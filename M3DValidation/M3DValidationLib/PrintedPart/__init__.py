"""Is the printed part what was designed? ISO/IEC 3532-1, 6.5: the part against the model it was printed from."""
