"""From segments to surfaces: converted, moved to the image's edge, with no more triangles than needed."""
