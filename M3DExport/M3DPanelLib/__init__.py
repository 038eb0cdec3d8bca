"""What the panels of both modules share."""
