"""What the M3D Validation panel shows and what its buttons do."""
