"""Where surfaces meet: boxes, triangles, exact signs, how triangles hang together."""
