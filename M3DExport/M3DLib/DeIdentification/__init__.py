"""Taking identity out of data after PS3.15 Annex E, the same everywhere, and bringing it back."""
