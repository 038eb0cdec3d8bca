"""What several commands take, and what it is turned into."""
