"""What stands behind the panel of M3D Export, without any widget."""
