"""Exact geometry between meshes: closest points, sign, voxels inside a mesh."""
