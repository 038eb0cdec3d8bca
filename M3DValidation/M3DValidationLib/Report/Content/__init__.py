"""What a report says, as plain JSON values and texts; every face is laid out from these."""
