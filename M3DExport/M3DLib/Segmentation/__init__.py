"""Which voxels belong to a structure: from files, from a threshold, and whether they fit the scan."""
