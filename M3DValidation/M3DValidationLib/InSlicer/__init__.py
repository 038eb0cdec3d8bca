"""Validation on nodes of Slicer's scene, which are given as arguments."""
