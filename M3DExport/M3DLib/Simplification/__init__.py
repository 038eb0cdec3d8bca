"""Fewer triangles: edges collapsed as far as the surface stays where it was, measured in both directions."""
