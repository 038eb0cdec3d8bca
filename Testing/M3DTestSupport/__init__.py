"""What several tests use: grids, series, stand-ins. Not installed."""
