"""Pictures, color scales and the 3D model of the deviations."""
