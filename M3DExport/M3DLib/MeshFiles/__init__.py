"""Meshes of files that others wrote, whatever the format."""
