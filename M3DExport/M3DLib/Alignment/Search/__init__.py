"""Where a surface may lie on another: a search over all rigid motions, with neither a start nor features."""
