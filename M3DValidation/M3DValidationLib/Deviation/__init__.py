"""How far is the mesh from the image, the segment, another mesh? ISO/IEC 3532-1 clauses 6.4 and 6.5."""
