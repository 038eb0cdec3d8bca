"""Ridges and corners too sharp for the blur: found on a surface, fitted to the voxels, and what belongs there."""
