"""Triangle meshes: from segments, as STL bytes, as pictures."""
