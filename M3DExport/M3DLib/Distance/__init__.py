"""Exact geometry between meshes: closest points, sign, registration, motions, voxels inside a mesh."""
